package actions

import (
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// happened is what plugins call what a verb does with held mail (stage
// hold_event).
var happened = map[lifecycle.Verb]string{
	lifecycle.Release: "released", lifecycle.ReleaseTrain: "released", lifecycle.Deliver: "released",
	lifecycle.Force: "forced", lifecycle.RetryStalled: "retried",
	lifecycle.RemoveQuarantined: "removed", lifecycle.DeleteStalled: "removed", lifecycle.BlockAndRemove: "removed", lifecycle.Remove: "removed",
}

// held gathers the recipients of a message that were held, while a verb
// changes them.
type held struct {
	m    *store.Message
	name string
	ns   []int
}

// add takes in a recipient as it was before the verb.
func (h *held) add(v lifecycle.Verb, was *store.Recipient) {
	if name := happened[v]; name != "" && (was.Status.Held() || was.Status == mail.StatusAccepted && was.Hold != nil) {
		h.name, h.ns = name, append(h.ns, was.N)
	}
}

// tell passes on what has become durable.
func (h *held) tell(told func(*store.Message, []int, string, string), actor string) {
	if len(h.ns) > 0 {
		told(h.m, h.ns, h.name, actor)
	}
}
