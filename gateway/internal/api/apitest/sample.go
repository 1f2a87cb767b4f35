package apitest

import (
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Sample is a gateway with mail in every place where mail waits, and some that
// is done with.
func Sample() *Gateway {
	queued := Message(90*time.Minute, 1, "anna.longname@accounts.partner.test", "Invoice for October",
		store.Recipient{
			Address: Address("bob@acme.test"), Status: mail.StatusQueued, Route: "tenant:acme:in", NextHop: "127.0.0.1:2526", Schedule: "standard",
			Next: Now.Add(12 * time.Minute), FirstFailure: Now.Add(-90 * time.Minute), Failures: 6, Attempts: 6, Local: true,
			Last: mail.NewReply(452, "4.2.2", "The mailbox you are trying to reach is over quota; please try again when some space was made"), LastRemote: true, LastHost: "mail.acme.test",
			LastAddr: "127.0.0.1:2526", Expires: Now.Add(4*24*time.Hour - 90*time.Minute),
			Findings: []mail.Finding{{
				Filter: "baseline.lists", Plugin: "rules", Stage: "mail_from", Class: mail.Class{Main: "list", Sub: "sender"},
				Explanation: "the sender matches *@accounts.partner.test in allow \"partners\"", Recommended: mail.ActionAccept, Action: mail.ActionAccept, Rule: "config.hcl:62",
			}},
			Rule: "config.hcl:62",
		},
		store.Recipient{
			Address: Address("accounts-payable-department@subsidiary.acme.test"), Status: mail.StatusDelivered, Route: "tenant:acme:in", NextHop: "127.0.0.1:2526",
			Attempts: 1, Last: mail.NewReply(250, "2.0.0", "Ok: queued as 4F1"), LastRemote: true, LastHost: "mail.acme.test",
		})
	frozen := Message(5*time.Hour, 2, "", "Undelivered Mail Returned to Sender",
		store.Recipient{Address: Address("someone@elsewhere.test"), Status: mail.StatusQueueFrozen, Attempts: 2, Reason: "the bounce could not be delivered"})
	frozen.Direction, frozen.Kind, frozen.Parent = mail.Outbound, "dsn", queued.ID
	frozen.Client = mail.Client{}
	stalled := Message(26*time.Hour, 3, "billing@unknown.test", "Your documents",
		store.Recipient{
			Address: Address("carol@acme.test"), Status: mail.StatusStalled, Class: mail.Class{Main: "unscannable", Sub: "encrypted-archive"},
			Reason: "documents.zip is encrypted and cannot be inspected", Rule: "config.hcl:81", Expires: Now.Add(6 * 24 * time.Hour), Score: 0,
			Findings: []mail.Finding{{
				Filter: "baseline.unscannable", Plugin: "stall", Stage: "message", Class: mail.Class{Main: "unscannable", Sub: "encrypted-archive"},
				Explanation: "documents.zip is encrypted and cannot be inspected", Part: "2 documents.zip", Path: "documents.zip", Recommended: mail.ActionStall, Action: mail.ActionStall, Rule: "config.hcl:81",
			}},
		})
	stalled.Summary.Attachments = []string{"documents.zip"}
	held := Message(2*time.Hour, 4, "win@spam.test", "You \x1b[31mwon\u202e!", store.Recipient{
		Address: Address("bob@acme.test"), Status: mail.StatusQuarantined, Class: mail.Class{Main: "spam", Sub: "content"}, Score: 8.5,
		Reason: "spam score 8.5", Rule: "config.hcl:70", Expires: Now.Add(14 * 24 * time.Hour),
	})
	refused := Message(3*time.Hour, 5, "x@spam.test", "", store.Recipient{
		Address: Address("bob@acme.test"), Status: mail.StatusRejected, Class: mail.Class{Main: "list", Sub: "sender"}, Rule: "config.hcl:66",
		Last: mail.NewReply(550, "5.7.1", "Not wanted here"),
	})
	refused.HasBody = false
	g := New(stalled, frozen, refused, held, queued)

	g.AddAttempt(mail.Attempt{
		Message: queued.ID, K: 1, Recipients: []int{1, 2}, Start: queued.Received.Add(time.Second), Took: 41, Route: "tenant:acme:in",
		Host: "mail.acme.test", Addr: "127.0.0.1:2526", TLS: "TLS1.3",
		Outcome: []mail.RcptReply{
			{N: 1, Reply: *mail.NewReply(452, "4.2.2", "The mailbox you are trying to reach is over quota; please try again when some space was made"), Remote: true},
			{N: 2, Reply: *mail.NewReply(250, "2.0.0", "Ok: queued as 4F1"), Remote: true},
		},
		Transcript: "* connected to 127.0.0.1:2526\n< 220 mail.acme.test ESMTP\n> EHLO mx.weir.test\n< 250-mail.acme.test\n< 250 PIPELINING\n" +
			"> MAIL FROM:<anna.longname@accounts.partner.test>\n> RCPT TO:<bob@acme.test>\n< 250 2.1.0 Ok\n" +
			"< 452 4.2.2 The mailbox you are trying to reach is over quota; please try again when some space was made\n> DATA\n< 354 Go ahead\n* 49400 octets sent\n< 250 2.0.0 Ok: queued as 4F1\n",
	}, mail.Event{At: queued.Received.Add(time.Second), Type: mail.EventTransientFailure, Message: queued.ID, N: 1, Status: mail.StatusQueued, Host: "mail.acme.test",
		Reply: mail.NewReply(452, "4.2.2", "over quota")},
		mail.Event{At: queued.Received.Add(time.Second), Type: mail.EventDelivery, Message: queued.ID, N: 2, Status: mail.StatusDelivered, Host: "mail.acme.test",
			Reply: mail.NewReply(250, "2.0.0", "Ok: queued as 4F1")})
	g.AddAttempt(mail.Attempt{
		Message: queued.ID, K: 2, Recipients: []int{1}, Start: Now.Add(-3 * time.Minute), Took: 30021, Route: "tenant:acme:in",
		Host: "mail.acme.test", Addr: "127.0.0.1:2526",
		Outcome:    []mail.RcptReply{{N: 1, Reply: mail.Reply{Code: 451, Enhanced: mail.Enhanced{4, 4, 1}, Text: "connection timed out"}}},
		Transcript: "* connection timed out after 30s\n",
	}, mail.Event{At: Now.Add(-3 * time.Minute), Type: mail.EventTransientFailure, Message: queued.ID, N: 1, Status: mail.StatusQueued, Host: "mail.acme.test",
		Next: Now.Add(12 * time.Minute), Text: "connection timed out"})
	return g
}

// Many makes n queued messages, oldest first.
func Many(n int) []*store.Message {
	out := make([]*store.Message, n)
	for i := range out {
		m := Message(0, 0, "sender@partner.test", "Many", store.Recipient{Address: Address("bob@acme.test"), Status: mail.StatusQueued})
		m.ID = mail.DeriveID(mail.ID{}, Now.Add(time.Duration(i-n)*time.Second), "many", strconv.Itoa(i))
		out[i] = m
	}
	return out
}
