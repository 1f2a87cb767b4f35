package api

import (
	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

func replyOf(r *mail.Reply) *Reply {
	if r == nil || r.IsZero() && r.Text == "" {
		return nil
	}
	return &Reply{Code: r.Code, Enhanced: r.Enhanced.String(), Text: r.Text}
}

func clientOf(c mail.Client) Client {
	out := Client{Name: c.Name, Helo: c.Helo, TLS: c.TLS, Cipher: c.Cipher, User: c.User, Listener: c.Listener}
	if c.Addr.IsValid() {
		out.Address = c.Addr.String()
	}
	return out
}

func clientIP(c mail.Client) string {
	if !c.Addr.IsValid() {
		return ""
	}
	return c.Addr.Addr().Unmap().String()
}

// rowOf flattens one recipient of one message.
func rowOf(m *store.Message, r *store.Recipient) Row {
	row := store.Row{Message: m, Recipient: r}
	delay, _ := row.Delay()
	return Row{
		To:        m.Summary.To,
		Cc:        m.Summary.Cc,
		MessageID: m.Summary.MessageID,
		Attached:  len(m.Summary.Attachments),
		Kind:      m.Kind,
		Name:      m.Client.Name,
		Helo:      m.Client.Helo,
		TLS:       m.Client.TLS,
		User:      m.Client.User,
		Listener:  m.Client.Listener,
		Identity:  r.Identity,
		Explained: row.Explanation(),
		LastAddr:  r.LastAddr,
		Delay:     delay.Seconds(),
		Archived:  r.Archived,
		Tags:      r.Tags,
		Policy:    m.Policy,
		ID:        recipientID(m.ID, r.N),
		Received:  m.Received,
		Direction: string(m.Direction),
		Status:    string(r.Status),
		Sender:    m.Sender.String(),
		Recipient: r.Address.String(),
		Original:  r.Original.String(),
		Tenant:    r.Tenant,
		Subject:   m.Summary.Subject,
		From:      m.Summary.From,
		Size:      m.Size,
		Client:    clientIP(m.Client),
		Class:     r.Class.String(),
		Score:     r.Score,
		Reason:    r.Reason,
		Rule:      r.Rule,
		Route:     r.Route,
		Mark:      journal.Mark(r),
		State:     string(r.State()),
		NextHop:   r.NextHop,
		Next:      r.Next,
		Failures:  r.Failures,
		Attempts:  r.Attempts,
		Last:      replyOf(r.Last),
		LastHost:  r.LastHost,
		Changed:   r.Changed,
		Expires:   r.Expires,
		HasBody:   m.HasBody,
	}
}

func messageOf(m *store.Message) Message {
	out := Message{
		ID:          m.ID.String(),
		Direction:   string(m.Direction),
		Received:    m.Received,
		Client:      clientOf(m.Client),
		Sender:      m.Sender.String(),
		Size:        m.Size,
		SHA256:      m.SHA256,
		From:        m.Summary.From,
		To:          m.Summary.To,
		Cc:          m.Summary.Cc,
		Subject:     m.Summary.Subject,
		MessageID:   m.Summary.MessageID,
		Attachments: m.Summary.Attachments,
		Policy:      m.Policy,
		Parent:      m.Parent.String(),
		Kind:        m.Kind,
		Ret:         m.Params.Ret,
		EnvelopeID:  m.Params.EnvID,
		HasBody:     m.HasBody,
		Attempts:    m.Attempts,
		Recipients:  make([]Recipient, 0, len(m.Recipients)),
	}
	for i := range m.Recipients {
		out.Recipients = append(out.Recipients, recipientOf(m, &m.Recipients[i]))
	}
	return out
}

func recipientOf(m *store.Message, r *store.Recipient) Recipient {
	out := Recipient{
		N:            r.N,
		Address:      r.Address.String(),
		Original:     r.Original.String(),
		Tenant:       r.Tenant,
		Status:       string(r.Status),
		State:        string(r.State()),
		Throttled:    r.Throttled,
		Origin:       string(r.Origin),
		Class:        r.Class.String(),
		Score:        r.Score,
		Tags:         r.Tags,
		Notes:        r.Notes,
		Rule:         r.Rule,
		Reason:       r.Reason,
		Notify:       r.DSN.Notify.String(),
		Local:        r.Local,
		Route:        r.Route,
		Schedule:     r.Schedule,
		NextHop:      r.NextHop,
		Next:         r.Next,
		FirstFailure: r.FirstFailure,
		Failures:     r.Failures,
		Attempts:     r.Attempts,
		Last:         replyOf(r.Last),
		LastRemote:   r.LastRemote,
		LastHost:     r.LastHost,
		LastAddress:  r.LastAddr,
		Changed:      r.Changed,
		Expires:      r.Expires,
	}
	for _, f := range r.Findings {
		out.Findings = append(out.Findings, Finding{
			Filter: f.Filter, Plugin: f.Plugin, Stage: f.Stage, Class: f.Class.String(), Score: f.Score,
			Explanation: f.Explanation, Part: f.Part, Path: f.Path, Recommended: string(f.Recommended),
			Reply: replyOf(f.Reply), Action: string(f.Action), Rule: f.Rule, Waived: f.Waived, Observed: f.Observed,
		})
	}
	out.Filters = filtersOf(r)
	for _, w := range r.Waivers {
		out.Waivers = append(out.Waivers, waiverOf(r, w))
	}
	for _, e := range m.Edits(r) {
		out.PartEdits = append(out.PartEdits, PartEdit{Op: e.Op, Part: e.Name, Type: e.Type, Filename: e.Filename, Octets: e.Octets, Filter: e.Filter})
	}
	out.Kept = r.Kept
	if h := r.Hold; h != nil {
		out.Hold = &Hold{Until: h.Until, Filter: h.Filter, Reason: h.Reason, Key: h.Key, Since: h.Since, Count: h.Count}
	}
	for _, e := range r.Edits {
		out.Edits = append(out.Edits, HeaderEdit{Op: e.Op, Name: e.Name, Index: e.Index, Value: e.Value})
	}
	return out
}

func attemptOf(m *store.Message, a journal.Attempt) Attempt {
	out := Attempt{
		Message:    m.ID.String(),
		K:          a.K,
		Start:      a.Start,
		Took:       a.Took,
		Sender:     m.Sender.String(),
		Direction:  string(m.Direction),
		Route:      a.Route,
		Host:       a.Host,
		Address:    a.Addr,
		TLS:        a.TLS,
		Verified:   a.Verified,
		Reused:     a.Reused,
		Outcome:    make([]AttemptRcpt, 0, len(a.Results)),
		Transcript: a.Transcript,
		KeyLines:   a.Key,
	}
	for _, o := range a.Results {
		r := AttemptRcpt{N: o.N, Recipient: o.Recipient, Result: o.Outcome, Remote: o.Remote, Meaning: meaningOf(o.Meaning)}
		if p := replyOf(&o.Reply); p != nil {
			r.Reply = *p
		}
		out.Outcome = append(out.Outcome, r)
	}
	return out
}

func meaningOf(m *journal.Meaning) *Meaning {
	if m == nil {
		return nil
	}
	return &Meaning{Key: m.Key, Cause: m.Cause, Actor: string(m.Actor), Advice: m.Advice, Provider: m.Provider, By: m.By, Note: m.Note}
}

func eventOf(e mail.Event) Event {
	return Event{
		Seq: e.Seq, At: e.At, Type: string(e.Type), Message: e.Message.String(), N: e.N, Tenant: e.Tenant,
		Direction: string(e.Direction), Sender: e.Sender, Recipient: e.Recipient, Client: e.Client,
		Status: string(e.Status), Actor: e.Actor, Class: e.Class, Host: e.Host, Attempt: e.Attempt,
		Reply: replyOf(e.Reply), Next: e.Next, Text: e.Text,
	}
}
