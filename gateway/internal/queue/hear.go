package queue

import (
	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Hear is what whoever made an attempt does with the result of each recipient r of m,
// before it is entered (Book.Enter): it is read by r's demand on the channel (Answer),
// the attempts say so too, and the verification of later mail learns of it. c may be nil.
func Hear(c Confirmer, m *store.Message, r *store.Recipient, attempts []mail.Attempt, res deliver.RcptResult) deliver.RcptResult {
	res = Answer(r, res)
	answered(attempts, res)
	learn(c, m, r, res)
	return res
}

// answered has the last of the attempts say what Answer made of their result: one that
// ends the mail is shown as such (B118).
func answered(attempts []mail.Attempt, res deliver.RcptResult) {
	if !res.NoSecure || res.Outcome != deliver.Failed {
		return
	}
	for i := len(attempts) - 1; i >= 0; i-- {
		for k := range attempts[i].Outcome {
			if o := &attempts[i].Outcome[k]; o.N == res.N {
				o.Reply, o.Remote = res.Reply, res.Remote
				return
			}
		}
	}
}

// learn tells what the destination says of a recipient of inbound mail (B65).
func learn(c Confirmer, m *store.Message, r *store.Recipient, res deliver.RcptResult) {
	if c == nil || m.Direction != mail.Inbound {
		return
	}
	switch res.Outcome {
	case deliver.Delivered:
		c.Delivered(r.Tenant, r.Address)
	case deliver.Failed:
		switch res.Reply.Enhanced { // no such mailbox, moved, disabled (RFC 3463 §3.2, §3.3)
		case mail.Enhanced{5, 1, 1}, mail.Enhanced{5, 1, 6}, mail.Enhanced{5, 2, 1}:
			if res.Remote {
				c.Forget(r.Tenant, r.Address)
			}
		}
	}
}
