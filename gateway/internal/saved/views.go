package saved

import "slices"

// Sources of a search's rows.
const (
	Messages   = "messages"   // a row for each recipient
	Deliveries = "deliveries" // a row for each attempt and recipient
)

// views are the searches that are there for everybody.
var views = []Search{
	{
		Name: "mail-in", Title: "Mail In", Source: Messages, // B133
		Help:    "every message that entered",
		Query:   "kind:ordinary",
		Columns: []string{"received", "sender", "recipient", "subject", "status"},
	}, {
		Name: "pending", Title: "Pending", Source: Messages, // B134, B135: what is decided is not in it any more
		Help:    "what is being filtered, waits for delivery, or cannot be delivered until somebody decides",
		Query:   "status:accepted,queued,queue-frozen,stalled",
		Columns: []string{"received", "status", "state", "sender", "recipient", "next", "reply"},
	}, {
		Name: "delivery", Title: "Delivery", Source: Deliveries, // B138; only what passed the filters is ever tried (B139)
		Help:    "every attempt, with failures and deferrals",
		Query:   "attempts:>0",
		Columns: []string{"attempt_time", "direction", "attempt_result", "status", "sender", "recipient", "attempt_host", "attempt_reply"},
	}, {
		Name: "queue", Title: "Queue", Source: Messages, // B6
		Help:    "what the destination refused, for now or for good",
		Query:   "status:queued,delivery-failed",
		Columns: []string{"received", "direction", "status", "state", "sender", "recipient", "attempts", "next", "reply"},
	}, {
		Name: "quarantine", Title: "Quarantine", Source: Messages, // B146
		Help:    "what is held: by policy, or because it could not be inspected",
		Query:   "status:quarantined,stalled",
		Columns: []string{"received", "status", "sender", "recipient", "subject", "reason", "expires"},
	}, {
		Name: "refused", Title: "Bounced and rejected", Source: Messages, // B132
		Help:    "what came to nothing; it can be queued again while the content is kept",
		Query:   "status:bounced,delivery-failed,queue-bounced,queue-expired,rejected",
		Columns: []string{"received", "direction", "status", "has_body", "sender", "recipient", "reply"},
	},
}

// Views are the searches that are there for everybody.
func Views() []Search {
	out := slices.Clone(views)
	for i := range out {
		out[i].BuiltIn = true
		out[i].Columns = slices.Clone(out[i].Columns)
	}
	return out
}

func view(name string) (Search, bool) {
	for _, v := range Views() {
		if v.Name == name {
			return v, true
		}
	}
	return Search{}, false
}
