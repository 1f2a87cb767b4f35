package matrix

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/lists"
)

// Number is the behaviour that a verb of the fixture is.
var Number = map[string]string{
	"add-allow-rule": "B31", "add-block-rule": "B32", "allow-sender": "B33", "block-recipient": "B34", "block-sender": "B35", "block-sender-remove": "B36",
	"change-action": "B37_B38", "delivery-log": "B39", "audit-log": "B40", "download-quarantined": "B41", "export-csv": "B42", "recipient-callout": "B43",
	"sender-callout": "B44", "smtp-test": "B45", "bounce": "B46", "retry": "B47", "compose-reply": "B48", "download-queued": "B49", "remove": "B50",
	"view": "B51", "release": "B52", "remove-quarantined": "B53", "release-train": "B54", "remove-train": "B55", "train-spam": "B56",
	"delete-archived": "B57", "download-archived": "B58", "export-archived": "B59", "redeliver-archived": "B60",
	"freeze": "B80", "thaw": "B24", "flush": "B131", "reroute": "B93_B94", "clear-routes": "B91", "copy": "B130", "deliver": "B113",
	"add-identity": "B61", "lock-identity": "B62", "lock-user": "B63", "retry-stalled": "B147", "force": "B148", "delete-stalled": "B149",
}

// Consumes are the verbs after which a message is not what it was.
var Consumes = []string{
	"retry", "remove", "bounce", "release", "remove-quarantined", "release-train", "remove-train", "block-sender-remove",
	"retry-stalled", "force", "delete-stalled", "delete-archived", "freeze", "thaw", "flush", "reroute", "clear-routes", "deliver",
}

// Outcome is the answer to a verb.
type Outcome struct {
	Code  int
	Error string // of the request or of the item
	Item  struct {
		ID     string `json:"id"`
		Status string `json:"status"`
		Error  string `json:"error"`
		Note   string `json:"note"`
		See    string `json:"see"`
	}
	Changed int
}

// Args are what a verb needs beside.
func Args(verb string, m *Message) map[string]string {
	args := map[string]string{"reason": "the matrix"}
	switch verb {
	case "force":
		args["confirmed"] = "yes"
	case "change-action":
		args["to"], args["class"] = "quarantine", "matrix/"+strings.Fields(m.Subject)[0]
	case "add-allow-rule", "add-block-rule":
		args["subject"] = m.Subject
	case "reroute", "copy":
		args["to"] = m.elsewhere(verb)
	}
	return args
}

// elsewhere is an address that takes mail, and that no other message is for.
func (m *Message) elsewhere(verb string) string {
	domain := "far.test"
	if m.Inbound {
		domain = m.Tenant + ".test"
	}
	return verb + "-" + strings.TrimPrefix(strings.Fields(m.Subject)[0], "m") + "@" + domain
}

// Do applies a verb through POST /v1/actions.
func (h *House) Do(token, verb string, m *Message) Outcome {
	var out Outcome
	for range 50 {
		code, b := h.Call(token, http.MethodPost, "/v1/actions", map[string]any{"verb": verb, "ids": []string{m.ID}, "args": Args(verb, m)})
		out = Outcome{Code: code}
		var ok struct {
			Changed int               `json:"changed"`
			Items   []json.RawMessage `json:"items"`
			Detail  string            `json:"detail"`
		}
		if err := json.Unmarshal(b, &ok); err != nil {
			out.Error = string(b)
			return out
		}
		out.Changed, out.Error = ok.Changed, ok.Detail
		if len(ok.Items) == 1 {
			if err := json.Unmarshal(ok.Items[0], &out.Item); err != nil {
				out.Error = err.Error()
			}
			out.Error = out.Item.Error
		}
		if !strings.Contains(out.Error, "attempt is under way") { // of a retry before
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return out
}

// ends is the status that verbs bring a message to at once.
var ends = map[string]string{
	"remove": "queue-removed", "bounce": "queue-bounced", "remove-quarantined": "quarantine-removed", "remove-train": "queue-removed",
	"block-sender-remove": "quarantine-removed", "delete-stalled": "quarantine-removed", "freeze": "queue-frozen",
}

// Effect judges what a verb that was done has done. nil: what it is to do.
func (h *House) Effect(token, verb string, m *Message, level string, before Case, out Outcome) error {
	if want := ends[verb]; want != "" {
		if got := h.Row(m).Status; got != want || out.Item.Status != want {
			return fmt.Errorf("it is %s (said: %s), not %s", got, out.Item.Status, want)
		}
	}
	switch verb {
	case "release", "release-train", "force", "deliver":
		if err := h.becomes(m, "released"); err != nil {
			return err
		}
		if err := h.happened(m, "Release"); err != nil {
			return err
		}
	case "freeze":
		if next := h.Row(m).Next; !next.IsZero() {
			return fmt.Errorf("it is frozen, and due at %s", next)
		}
		return h.happened(m, "Freeze")
	case "thaw":
		if err := h.happened(m, "Thaw"); err != nil {
			return err
		}
		return h.attempted(m)
	case "flush":
		if err := h.happened(m, "Retry"); err != nil {
			return err
		}
		return h.attempted(m) // a quarter of an hour before its turn
	case "clear-routes":
		if err := h.happened(m, "Rebind"); err != nil {
			return err
		}
		if h.Row(m).Route == "" {
			return fmt.Errorf("it has no route now")
		}
		return h.attempted(m)
	case "reroute":
		if err := h.happened(m, "Rebind"); err != nil {
			return err
		}
		if got, want := h.Row(m).Recipient, m.elsewhere(verb); got != want {
			return fmt.Errorf("its recipient is %s, not %s", got, want)
		}
		return h.becomes(m, "delivered")
	case "copy":
		if err := h.happened(m, "Copy"); err != nil {
			return err
		}
		if got := h.Row(m); got.Status != before.Status || got.Recipient != m.Recipient {
			return fmt.Errorf("the message itself is %s to %s now", got.Status, got.Recipient)
		}
		return h.copied(m)
	case "retry":
		if err := h.happened(m, "Retry", "Thaw"); err != nil {
			return err
		}
		return h.attempted(m)
	case "retry-stalled":
		return h.happened(m, "Retry")
	case "bounce":
		return h.happened(m, "AdminBounce")
	}
	if slices.Contains([]string{"release-train", "remove-train", "train-spam"}, verb) {
		if !strings.Contains(out.Item.Note, "bayes") || strings.Contains(out.Item.Note, "not learnt") {
			return fmt.Errorf("no plugin says that it learnt: %q", out.Item.Note)
		}
		return nil
	}
	if err := h.taught(verb, m, level); err != nil {
		return err
	}
	return h.shown(token, verb, m, level, before, out)
}

// becomes waits for a status.
func (h *House) becomes(m *Message, want string) error {
	got := ""
	for range 200 {
		if got = h.Row(m).Status; got == want {
			return nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("it is %s, not %s", got, want)
}

// attempted waits for a further attempt.
func (h *House) attempted(m *Message) error {
	for range 200 {
		es, err := h.Admin.Events(context.Background(), m.ID)
		if err != nil {
			return err
		}
		asked := false
		for _, e := range es { // oldest first
			switch e.Type {
			case "Retry", "Thaw", "Rebind":
				asked = asked || e.Actor != ""
			case "TransientFailure", "Delivery", "Bounce", "Expiration":
				if asked {
					return nil
				}
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("no attempt followed")
}

// copied waits for the copy of a message to be delivered.
func (h *House) copied(m *Message) error {
	to, found := m.elsewhere("copy"), ""
	for range 200 {
		page, err := h.Admin.Search(context.Background(), client.Search{Q: "recipient:" + to})
		if err != nil {
			return err
		}
		for _, r := range page.Items {
			if found = r.Status; found == "delivered" && r.Subject == m.Subject {
				return nil
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	return fmt.Errorf("the copy to %s is %q", to, found)
}

// happened looks for an event that an operator caused.
func (h *House) happened(m *Message, types ...string) error {
	es, err := h.Admin.Events(context.Background(), m.ID)
	if err != nil {
		return err
	}
	for _, e := range es {
		if slices.Contains(types, e.Type) && e.Actor != "" {
			return nil
		}
	}
	return fmt.Errorf("no event %v in its history", types)
}

// taught looks for what the verbs about lists and senders write.
func (h *House) taught(verb string, m *Message, level string) error {
	ctx := context.Background()
	own := ""
	if level == "mailbox" {
		own = m.Mailbox
		if !m.Inbound {
			own = m.Mailbox
		}
	}
	entry := func(list, key, mailbox string) error {
		es, _, err := h.Admin.ListEntries(ctx, lists.Query{Tenant: m.Tenant, List: list, Prefix: key})
		if err != nil {
			return err
		}
		if !slices.ContainsFunc(es, func(e lists.Entry) bool { return e.Key == key && e.Mailbox == mailbox && e.By != "" }) {
			return fmt.Errorf("%s is not on list %s for %q: %+v", key, list, mailbox, es)
		}
		return nil
	}
	switch verb {
	case "allow-sender":
		return entry("operator.allow-sender", m.Sender, own)
	case "block-sender", "block-sender-remove":
		return entry("operator.block-sender", m.Sender, own)
	case "block-recipient":
		return entry("operator.block-recipient", m.Mailbox, "")
	case "add-allow-rule", "add-block-rule":
		rs, err := h.Admin.Rules(ctx, m.Tenant)
		if err != nil {
			return err
		}
		want := strings.Split(verb, "-")[1]
		if !slices.ContainsFunc(rs, func(r lists.Rule) bool {
			return r.Verb == want && r.Mailbox == own && slices.Contains(r.Subject, m.Subject)
		}) {
			return fmt.Errorf("there is no such rule among %d", len(rs))
		}
	case "change-action":
		as, err := h.Admin.ClassActions(ctx, m.Tenant)
		if err != nil {
			return err
		}
		class := Args(verb, m)["class"]
		if !slices.ContainsFunc(as, func(o lists.Override) bool { return o.Class == class && o.Action == "quarantine" }) {
			return fmt.Errorf("no action was chosen for class %s", class)
		}
	case "add-identity", "lock-identity":
		is, err := h.Admin.Identities(ctx, m.Tenant)
		if err != nil {
			return err
		}
		for _, i := range is {
			if i.Name == h.Row(m).Identity {
				if verb == "lock-identity" && i.Lock == nil {
					return fmt.Errorf("identity %s is not locked", i.Name)
				}
				return nil
			}
		}
		return fmt.Errorf("there is no identity %s", h.Row(m).Identity)
	case "lock-user":
		us, err := h.Admin.LockedUsers(ctx, m.Tenant)
		if err != nil {
			return err
		}
		if len(us) == 0 || us[0].User != "[127.0.0.1]" {
			return fmt.Errorf("locked users: %+v", us)
		}
	}
	return nil
}
