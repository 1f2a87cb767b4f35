package jobs

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// State is where a job stands.
type State string

// The states. A job begins as Counting.
const (
	Counting  State = "counting"  // how much there is to do
	Running   State = "running"   //
	Done      State = "done"      // everything that was found was tried
	Cancelled State = "cancelled" // an operator stopped it
	Failed    State = "failed"    // the store failed; Error says how
	Stopped   State = "stopped"   // the gateway ended while it ran
)

// Over reports that nothing more comes of the job.
func (s State) Over() bool { return s != Counting && s != Running }

// Job is one verb applied to what a search finds. Counts are of recipients.
type Job struct {
	ID      string       `json:"id"`
	Verb    string       `json:"verb"`
	Filter  query.Filter `json:"filter"`
	Reason  string       `json:"reason,omitempty"`
	Actor   string       `json:"actor"`
	State   State        `json:"state"`
	Started time.Time    `json:"started"`
	Ended   time.Time    `json:"ended,omitzero"`
	Total   int          `json:"total"`   // found when it began
	Tried   int          `json:"tried"`   // of Total
	Changed int          `json:"changed"` // of Tried; the others were as asked already, or refused
	Refused int          `json:"refused"` // of Tried; their results say why
	Error   string       `json:"error,omitempty"`
	Cancels string       `json:"cancels,omitempty"` // who cancelled it
	Owner   string       `json:"owner"`             // the scope it runs in
	House   string       `json:"house,omitempty"`   // with whose jobs it is counted
	Written int          `json:"written"`           // documents of results
}

// Result is what became of one recipient.
type Result struct {
	ID        string `json:"id"`
	Recipient string `json:"rcpt,omitempty"`
	Status    string `json:"status,omitempty"`
	Changed   bool   `json:"changed,omitempty"`
	Error     string `json:"error,omitempty"`
	Note      string `json:"note,omitempty"`
}

// owner writes a scope down, to tell whose a job is after a restart.
func owner(sc scope.Scope) string {
	d := slices.Clone(sc.Domains)
	slices.Sort(d)
	return fmt.Sprintf("%s/%s/%s/%s/%s/%s/%v", sc.Level, sc.Role, sc.TenantName(), sc.Actor, strings.Join(d, ","), sc.Mailbox, sc.Everything())
}

// house is with whom a scope shares the jobs that may run and are kept: its
// tenant; its domains, where it has none; or the administrators of everything.
func house(sc scope.Scope) string {
	switch {
	case sc.TenantName() != "":
		return "tenant " + sc.TenantName()
	case sc.Mailbox != "":
		return "mailbox " + sc.Mailbox
	case len(sc.Domains) > 0:
		return "domains " + strings.Join(slices.Sorted(slices.Values(sc.Domains)), " ")
	}
	return ""
}

// sees reports whether a scope may see a job: administrators all, others their
// own.
func (j *Job) sees(sc scope.Scope) bool {
	return sc.Everything() || j.Owner == owner(sc)
}

// stops reports whether a scope may stop a job: who began it, and administrators
// whose role lets them act.
func (j *Job) stops(sc scope.Scope) bool {
	return j.Owner == owner(sc) || sc.Everything() && sc.Role == lifecycle.RoleOperator
}
