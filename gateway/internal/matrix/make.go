package matrix

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
)

// Message is one recipient of one message, brought to a status.
type Message struct {
	Inbound bool
	Status  string
	Plain   bool   // of a mailbox without an archive
	Null    bool   // its sender is <>
	Held    bool   // a filter holds it for a later look
	Tenant  string // "" acme
	For     string // what it was made for, for failures

	ID        string // ID.n
	Subject   string // no other has it
	Sender    string
	Recipient string
	Mailbox   string // whose it is
}

// Direction is the message's.
func (m *Message) Direction() string {
	if m.Inbound {
		return "inbound"
	}
	return "outbound"
}

// words are what has the policy bring a message to a status.
var words = map[string]string{
	"quarantined": "quarantine", "released": "quarantine", "quarantine-removed": "quarantine", "quarantine-expired": "quarantine",
	"stalled": "stall", "auto-released": "rescan", "blackholed": "blackhole", "rejected": "reject", "not-accepted": "defer",
	"secure-delivered": "secure",
}

// first is the status that a message is in before the steps that bring it where
// it is to be.
var first = map[string]string{
	"queue-frozen": "queued", "queue-removed": "queued", "queue-bounced": "queued", "queue-expired": "queued", "bounced": "queued", "delivery-failed": "queued",
	"released": "quarantined", "quarantine-removed": "quarantined", "quarantine-expired": "quarantined", "auto-released": "stalled",
}

// Make hands messages in and brings each to its status: through the listeners,
// the policy, the destinations and time, and by the verbs of an administrator.
// It is called once.
func (h *House) Make(ms []*Message) {
	h.tb.Helper()
	for _, m := range ms {
		h.address(m)
	}
	old := pick(ms, "queue-expired", "quarantine-expired")
	h.sendAll(old)
	h.until(old, func(m *Message) string { return first[m.Status] })
	h.clock.jump(16 * 24 * time.Hour)
	h.until(old, func(m *Message) string { return m.Status })

	rest := slices.DeleteFunc(slices.Clone(ms), func(m *Message) bool { return slices.Contains(old, m) })
	h.sendAll(rest)
	h.until(rest, func(m *Message) string {
		if s := first[m.Status]; s != "" {
			return s
		}
		return m.Status
	})
	h.act("freeze", pick(ms, "queue-frozen"))
	h.act("remove", pick(ms, "queue-removed"))
	h.act("bounce", pick(ms, "queue-bounced"))
	h.act("release", pick(ms, "released"))
	h.act("remove-quarantined", pick(ms, "quarantine-removed"))
	h.refuse.Store(true)
	h.act("retry", pick(ms, "bounced", "delivery-failed"))
	if list := pick(ms, "auto-released"); len(list) > 0 {
		if _, err := h.Admin.AddEntries(context.Background(), "passed", api.ListChange{Tenant: "acme", Keys: []string{"all@passed.test"}}); err != nil {
			h.tb.Fatal(err)
		}
		h.act("retry-stalled", list)
	}
	h.until(rest, func(m *Message) string { return m.Status })
}

func pick(ms []*Message, statuses ...string) (out []*Message) {
	for _, m := range ms {
		if slices.Contains(statuses, m.Status) {
			out = append(out, m)
		}
	}
	return out
}

// address gives a message its envelope: the mailbox and the destination's
// recipient are called after the status.
func (h *House) address(m *Message) {
	n := h.n.Add(1)
	if m.Tenant == "" {
		m.Tenant = "acme"
	}
	m.Mailbox = m.Status
	if m.Plain {
		m.Mailbox += ".p"
	}
	m.Mailbox += "@" + m.Tenant + ".test"
	m.Subject = strings.TrimSpace(fmt.Sprintf("m%d %s", n, words[m.Status]))
	if m.Held {
		m.Subject += " sandbox slow"
		m.Mailbox = "sandbox@" + m.Tenant + ".test"
	}
	m.Sender, m.Recipient = fmt.Sprintf("s-%d@far.test", n), m.Mailbox
	if m.fromHosted() {
		m.Sender = fmt.Sprintf("s-%d@beta.test", n)
	}
	if !m.Inbound {
		m.Sender, m.Recipient = m.Mailbox, fmt.Sprintf("%s-%d@far.test", m.Status, n)
		if m.Held {
			m.Recipient = fmt.Sprintf("sandbox-%d@far.test", n)
		}
	}
	if m.Null {
		m.Sender = ""
	}
}

// fromHosted reports whether a message has to come from another tenant's
// client: of what comes from strangers nobody is told, so it never bounces.
func (m *Message) fromHosted() bool { return m.Inbound && m.Status == "bounced" }

func (h *House) sendAll(ms []*Message) {
	h.tb.Helper()
	var g errgroup.Group
	g.SetLimit(16)
	for _, m := range ms {
		g.Go(func() error { return h.send(m) })
	}
	if err := g.Wait(); err != nil {
		h.tb.Fatal(err)
	}
}

func (h *House) send(m *Message) error {
	rcpt := "<" + m.Recipient + ">"
	if m.Status == "delivery-failed" || m.Status == "queue-expired" {
		rcpt += " NOTIFY=NEVER" // no DSN is owed (RFC 3461)
	}
	rcpts := []string{rcpt}
	addr, filler := h.mx, "<filler@"+m.Tenant+".test>"
	if !m.Inbound {
		addr, filler = h.submission, "<filler@far.test>"
	}
	if m.fromHosted() {
		addr = h.submission
	}
	if m.Status == "accepted" && !m.Held { // it is taken for the sake of another recipient
		rcpts = append(rcpts, filler)
	}
	from := m.Sender
	if from == "" {
		from = "postmaster@" + m.Tenant + ".test"
	}
	reply, err := h.smtp(addr, m.Sender, rcpts, "From: "+from+"\r\nTo: "+m.Recipient+"\r\nSubject: "+m.Subject+
		"\r\nDate: Mon, 02 Nov 2026 10:00:00 +0000\r\nMessage-ID: <"+strings.Fields(m.Subject)[0]+"@client.test>\r\n\r\nHello from the matrix.\r\n")
	if err != nil {
		return fmt.Errorf("%s %s: %w", m.Status, m.Subject, err)
	}
	want := "250"
	switch m.Status {
	case "rejected":
		want = "550"
	case "not-accepted":
		want = "451"
	}
	if !strings.HasPrefix(reply, want) {
		return fmt.Errorf("%s %s: %s, want %s", m.Status, m.Subject, reply, want)
	}
	return nil
}

// act is an administrator's.
func (h *House) act(verb string, ms []*Message) {
	h.tb.Helper()
	for some := range slices.Chunk(ms, 500) {
		req := api.ActionRequest{Verb: verb, Args: map[string]string{"reason": "the matrix"}}
		for _, m := range some {
			req.IDs = append(req.IDs, m.ID)
		}
		res, err := h.Admin.Act(context.Background(), req)
		if err != nil {
			h.tb.Fatal(verb, err)
		}
		if res.Changed != len(some) {
			for _, it := range res.Items {
				if it.Error != "" {
					h.tb.Error(verb, it.ID, it.Error)
				}
			}
			h.tb.Fatalf("%s: %d of %d", verb, res.Changed, len(some))
		}
	}
}

// until waits until all messages have the status they are to have.
func (h *House) until(ms []*Message, want func(*Message) string) {
	h.tb.Helper()
	var missing []string
	for end := time.Now().Add(90 * time.Second); time.Now().Before(end); time.Sleep(150 * time.Millisecond) {
		at := map[string]*Message{}
		for _, m := range ms {
			at[m.Subject] = m
		}
		missing = missing[:0]
		for row, err := range h.Admin.All(context.Background(), client.Search{Limit: 500}, 0) {
			if err != nil {
				h.tb.Fatal(err)
			}
			m := at[row.Subject]
			if m == nil || row.Recipient != m.Recipient || (row.Direction == "inbound") != m.Inbound || row.Sender != m.Sender {
				continue
			}
			m.ID = row.ID
			if row.Status == want(m) {
				delete(at, row.Subject)
			} else {
				missing = append(missing, fmt.Sprintf("%s is %s, not %s: %s", row.Subject, row.Status, want(m), row.Reason))
			}
		}
		if len(at) == 0 {
			return
		}
		for s := range at {
			missing = append(missing, s)
		}
	}
	h.tb.Fatalf("%d of %d messages did not come where they were to be, such as %q", len(missing), len(ms), missing[:min(6, len(missing))])
}

// Row is what the log says of a message now.
func (h *House) Row(m *Message) api.Row {
	h.tb.Helper()
	page, err := h.Admin.Search(context.Background(), client.Search{Q: "id:" + strings.Split(m.ID, ".")[0]})
	if err != nil {
		h.tb.Error(err)
		return api.Row{}
	}
	for _, r := range page.Items {
		if r.ID == m.ID {
			return r
		}
	}
	h.tb.Errorf("%s: no row", m.ID)
	return api.Row{}
}

// Case is what the fixture is asked about a message as it is now.
func (h *House) Case(m *Message, level, role string) Case {
	r := h.Row(m)
	hold := false
	if m.Held {
		whole, err := h.Admin.Message(context.Background(), strings.Split(m.ID, ".")[0])
		if err != nil {
			h.tb.Error(err)
			return Case{}
		}
		hold = whole.Recipients[0].Hold != nil
	}
	return Case{
		Inbound: m.Inbound, Status: r.Status, Level: level, Role: role, Archived: r.Archived, Sender: r.Sender != "", Body: r.HasBody,
		Attempt: r.Attempts > 0, Identity: r.Identity != "", Hold: hold, DomainForce: m.Tenant == "acme",
	}
}

// TokenOf is the token of a level and role that sees a message.
func (h *House) TokenOf(m *Message, level, role string) string {
	switch {
	case level == "admin":
		return h.Token(level, role, "")
	case level == "domain" && m.Tenant == "acme":
		return h.Token(level, role, "")
	}
	return h.Token(level, role, m.Mailbox)
}
