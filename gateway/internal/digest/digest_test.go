package digest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/signed"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/policy"
)

const testPolicy = `
gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}
admin {
  address = "127.0.0.1:8080"
  url     = "https://links.weir.test"
}
tenant "acme" {
  domains = ["acme.test"]
  notify { language = "fr" }
  digest {
    at       = ["07:00"]
    statuses = ["quarantined", "stalled"]
    most     = 2
    search   = "not subject:secret"
  }
  report "all" {
    at      = ["07:00"]
    to      = ["boss@acme.test"]
    search  = "tenant:acme"
    columns = ["id", "subject"]
    attach  = "1KiB"
  }
}
`

type clock struct{ now time.Time }

func (c *clock) Now() time.Time                                  { return c.now }
func (c *clock) Wait(ctx context.Context, _ time.Duration) error { <-ctx.Done(); return ctx.Err() }

// entries is an audit log in memory.
type entries struct {
	all    []audit.Entry
	broken error
}

func (e *entries) Record(_ context.Context, x audit.Entry) error {
	if e.broken != nil {
		return e.broken
	}
	e.all = append(e.all, x)
	return nil
}

type table []string

func (c table) Cells(r store.Row) []string {
	return []string{r.Message.ID.String(), r.Message.Summary.Subject}
}
func (c table) Object(r store.Row) any { return r.Message.ID.String() }

type world struct {
	*Service
	t     *testing.T
	store *badgerstore.Store
	clk   *clock
	log   *entries
}

func start(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.hcl")
	if err := os.WriteFile(file, []byte(testPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := policy.Load(file, policy.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	clk := &clock{time.Date(2026, 11, 23, 6, 0, 0, 0, time.UTC)}
	quiet := slog.New(slog.NewTextHandler(io.Discard, nil))
	s, err := badgerstore.Open(badgerstore.Options{Dir: filepath.Join(dir, "var"), Clock: clk.Now, Logger: quiet, NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	signer, err := signed.New([]byte(strings.Repeat("k", 32)), clk.Now)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, store: s, clk: clk, log: &entries{}}
	payer := &notify.Payer{Store: s, Clock: clk.Now, Hostname: func() string { return "mx.weir.test" }, Style: func(string) notify.Style { return notify.Style{Language: "fr"} }}
	w.Service = New(Options{
		Policy: func() *policy.Policy { return p }, Log: journal.New(journal.Options{Store: s, Clock: clk.Now}), Docs: s,
		Verbs: actions.New(actions.Options{Store: s, Clock: clk.Now, Logger: quiet}), Payer: payer, Signer: signer, Audit: w.log, Clock: clk, Logger: quiet,
		Table: func(c []string, _ *time.Location) Table { return table(c) },
	})
	return w
}

// hold puts a held message into the store.
func (w *world) hold(subject string, r store.Recipient) string {
	w.t.Helper()
	a, err := mail.ParseAddress("ann@acme.test")
	if err != nil {
		w.t.Fatal(err)
	}
	if r.Address.IsNull() {
		r.Address = a
	}
	from, err := mail.ParseAddress("eve@far.test")
	if err != nil {
		w.t.Fatal(err)
	}
	r.N, r.Tenant, r.Changed, r.Reason = 1, "acme", w.clk.now, "odd"
	m := &store.Message{ID: mail.NewID(w.clk.now), Direction: mail.Inbound, Received: w.clk.now, Sender: from, HasBody: true, Size: 4, Summary: store.Summary{Subject: subject}, Recipients: []store.Recipient{r}}
	d, err := w.store.NewDraft(w.t.Context(), 4)
	if err != nil {
		w.t.Fatal(err)
	}
	defer d.Discard()
	if _, err := d.Write([]byte("x\r\n\r\n")); err != nil {
		w.t.Fatal(err)
	}
	if _, err := w.store.Enqueue(w.t.Context(), &store.Admission{Message: m, Draft: d}); err != nil {
		w.t.Fatal(err)
	}
	return m.ID.String() + ".1"
}

// sent are the messages that were made, newest first.
func (w *world) sent() (out []*store.Message) {
	w.t.Helper()
	rows, _, err := w.store.Search(w.t.Context(), query.Where("kind", query.Is, "notice"), "", 100)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, r := range rows {
		out = append(out, r.Message)
	}
	return out
}

func (w *world) letter(m *store.Message) Letter {
	w.t.Helper()
	b, err := w.store.OpenBody(w.t.Context(), m.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	defer b.Close()
	text, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
	if err != nil {
		w.t.Fatal(err)
	}
	l, err := letterOf(text)
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) tokenFor(verb lifecycle.Verb, id, mailbox string) string {
	w.t.Helper()
	token, err := w.o.Signer.Token(purposes[verb], says{id, mailbox}, w.clk.now.Add(time.Hour))
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

// What is listed, with which links; once for each time, also after a crash
// between the sending and the note of it.
func TestDigestIsMadeOncePerTime(t *testing.T) {
	w := start(t)
	w.Pass(t.Context()) // the policy is new: nothing is due
	w.hold("first", store.Recipient{Status: mail.StatusQuarantined})
	w.clk.now = w.clk.now.Add(time.Second)
	w.hold("stuck", store.Recipient{Status: mail.StatusStalled})
	w.hold("a secret", store.Recipient{Status: mail.StatusQuarantined})
	w.hold("kept original", store.Recipient{Status: mail.StatusQuarantined, Kept: true})
	w.clk.now = time.Date(2026, 11, 23, 7, 0, 30, 0, time.UTC)
	w.Pass(t.Context())
	if n := len(w.sent()); n != 0 {
		t.Fatalf("%d messages before what was held just now is in the journal", n)
	}
	w.clk.now = time.Date(2026, 11, 23, 7, 1, 0, 0, time.UTC)
	w.Pass(t.Context())
	if n := len(w.sent()); n != 2 {
		t.Fatalf("%d messages, want a digest and a report", n)
	}
	var l Letter
	for _, m := range w.sent() {
		if !m.Sender.IsNull() || m.Recipients[0].Status != mail.StatusQueued {
			t.Errorf("%+v", m)
		}
		if m.Recipients[0].Address.String() == "ann@acme.test" {
			l = w.letter(m)
		}
	}
	if l.Subject != "Messages retenus : 2" || !strings.Contains(l.Text, "first") || !strings.Contains(l.Text, "stuck") || strings.Contains(l.Text, "secret") || strings.Contains(l.Text, "original") {
		t.Errorf("%s\n%s", l.Subject, l.Text)
	}
	if n := strings.Count(l.Text, "https://links.weir.test/link/"); n != 2 { // none for what is stalled
		t.Errorf("%d links", n)
	}
	// The note of it is lost, as by a crash.
	k, rev, err := w.mark(t.Context(), "digest/acme")
	if err != nil || !k.Done.Equal(time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)) {
		t.Fatalf("%+v, %v", k, err)
	}
	if err := w.put(t.Context(), "digest/acme", mark{Done: k.Done.Add(-24 * time.Hour)}, rev); err != nil {
		t.Fatal(err)
	}
	w.clk.now = w.clk.now.Add(time.Minute)
	w.Pass(t.Context())
	if n := len(w.sent()); n != 2 {
		t.Errorf("%d messages after a crash", n)
	}
	// The next tells of what is new alone, and of how much there is beyond what it lists.
	for i := range 5 {
		w.hold(fmt.Sprint("later ", i), store.Recipient{Status: mail.StatusQuarantined})
	}
	w.clk.now = time.Date(2026, 11, 24, 7, 1, 0, 0, time.UTC)
	w.Pass(t.Context())
	l = Letter{}
	for _, m := range w.sent() {
		if m.Recipients[0].Address.String() == "ann@acme.test" && m.ID.Time().Day() == 24 {
			l = w.letter(m)
		}
	}
	if l.Subject != "Messages retenus : 5" || strings.Contains(l.Text, "first") || strings.Count(l.Text, "later") != 2 || !strings.Contains(l.Text, "3 autres sont retenus.") {
		t.Errorf("%s\n%s", l.Subject, l.Text)
	}
}

// A link does what the lifecycle table lets its mailbox do, and no more.
func TestLinksActWithTheMailboxsRights(t *testing.T) {
	w := start(t)
	other, _ := mail.ParseAddress("bob@acme.test")
	for name, c := range map[string]struct {
		r       store.Recipient
		mailbox string
		verb    lifecycle.Verb
		state   string
		err     error
		entry   string // what the audit log says of a refusal
	}{
		"quarantined":         {store.Recipient{Status: mail.StatusQuarantined}, "ann@acme.test", lifecycle.Release, StateReleased, nil, ""},
		"removed":             {store.Recipient{Status: mail.StatusQuarantined}, "ann@acme.test", lifecycle.RemoveQuarantined, StateRemoved, nil, ""},
		"stalled":             {store.Recipient{Status: mail.StatusStalled}, "ann@acme.test", lifecycle.Release, StateStays, nil, "not for the mailbox to decide"},
		"stalled_not_deleted": {store.Recipient{Status: mail.StatusStalled}, "ann@acme.test", lifecycle.RemoveQuarantined, StateStays, nil, "not for the mailbox to decide"},
		"kept_original":       {store.Recipient{Status: mail.StatusQuarantined, Kept: true}, "ann@acme.test", lifecycle.Release, StateStays, nil, "not for the mailbox to decide"},
		"somebody_elses":      {store.Recipient{Status: mail.StatusQuarantined, Address: other}, "ann@acme.test", lifecycle.Release, "", ErrLink, ""},
		"redirected":          {store.Recipient{Status: mail.StatusQuarantined, Address: other, Original: addr(t, "ann@acme.test")}, "ann@acme.test", lifecycle.Release, StateReleased, nil, ""},
		"not_by_the_second":   {store.Recipient{Status: mail.StatusQuarantined, Address: other, Original: addr(t, "ann@acme.test")}, "bob@acme.test", lifecycle.Release, "", ErrLink, ""},
		"another_verb":        {store.Recipient{Status: mail.StatusQuarantined}, "ann@acme.test", lifecycle.Force, "", ErrLink, ""},
	} {
		t.Run(name, func(t *testing.T) {
			w.log.all = nil
			id := w.hold(name, c.r)
			k, err := w.Act(t.Context(), c.verb, w.tokenFor(c.verb, id, c.mailbox), "192.0.2.9")
			if !errors.Is(err, c.err) || k.State != c.state || k.Done != (c.state == StateReleased || c.state == StateRemoved) {
				t.Fatalf("%+v, %v", k, err)
			}
			switch {
			case c.err != nil && len(w.log.all) != 0, c.err == nil && len(w.log.all) != 1:
				t.Fatalf("%+v", w.log.all)
			case c.err == nil:
				if e := w.log.all[0]; e.Actor != c.mailbox || e.Source != "192.0.2.9" || e.Target != id || e.Action != string(c.verb) || e.Refused != c.entry || e.Tenant != "acme" {
					t.Errorf("%+v", e)
				}
			}
		})
	}
}

// What cannot be recorded is not done.
func TestLinkThatCannotBeRecordedDoesNothing(t *testing.T) {
	w := start(t)
	id := w.hold("x", store.Recipient{Status: mail.StatusQuarantined})
	w.log.broken = errors.New("the disk is full")
	if _, err := w.Act(t.Context(), lifecycle.Release, w.tokenFor(lifecycle.Release, id, "ann@acme.test"), ""); err == nil || errors.Is(err, ErrLink) {
		t.Fatalf("%v", err)
	}
	k, err := w.Look(t.Context(), lifecycle.Release, w.tokenFor(lifecycle.Release, id, "ann@acme.test"))
	if err != nil || k.State != StateHeld {
		t.Errorf("%+v, %v", k, err)
	}
}

// A token holds for what it was made for, and for its time.
func TestTokensOfLinks(t *testing.T) {
	w := start(t)
	id := w.hold("x", store.Recipient{Status: mail.StatusQuarantined, Expires: w.clk.now.Add(30 * time.Minute)})
	m, _, err := scope.Admin("test").Find(t.Context(), w.store, id)
	if err != nil {
		t.Fatal(err)
	}
	token, err := w.token(lifecycle.Release, store.Row{Message: m, Recipient: &m.Recipients[0]}, "ann@acme.test", w.clk.now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Look(t.Context(), lifecycle.RemoveQuarantined, token); !errors.Is(err, ErrLink) {
		t.Errorf("for another action: %v", err)
	}
	signIn, err := w.o.Signer.Token("sign-in", says{id, "ann@acme.test"}, w.clk.now.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Look(t.Context(), lifecycle.Release, signIn); !errors.Is(err, ErrLink) {
		t.Errorf("of another purpose: %v", err)
	}
	if k, err := w.Look(t.Context(), lifecycle.Release, token); err != nil || k.State != StateHeld || k.Language != "fr" {
		t.Errorf("%+v, %v", k, err)
	}
	w.clk.now = w.clk.now.Add(30 * time.Minute) // with the message
	if _, err := w.Look(t.Context(), lifecycle.Release, token); !errors.Is(err, ErrLinkOver) {
		t.Errorf("over: %v", err)
	}
}

// A result too large to attach is summed up.
func TestLargeReportIsSummedUp(t *testing.T) {
	w := start(t)
	r := w.o.Policy().Reports()[0]
	for i := range 200 {
		w.hold(fmt.Sprintf("%d %x", i, mail.NewID(w.clk.now)), store.Recipient{Status: mail.StatusQuarantined})
	}
	out := notify.ReportMail{Name: r.Name, Tenant: r.Tenant, Due: w.clk.now, Search: r.Search, Zone: time.UTC}
	if err := w.gather(t.Context(), r, &out); err != nil {
		t.Fatal(err)
	}
	if out.Rows != 200 || !out.TooLarge || out.Attachment != "" || len(out.Content) != 0 || len(out.Statuses) != 1 || out.Statuses[0].N != 200 {
		t.Errorf("%+v", out)
	}
	r.Attach = 1 << 20
	out = notify.ReportMail{Name: r.Name, Tenant: r.Tenant, Due: w.clk.now, Search: r.Search, Zone: time.UTC}
	if err := w.gather(t.Context(), r, &out); err != nil || out.TooLarge || out.Attachment != "all-2026-11-23.zip" || len(out.Content) < 1024 {
		t.Errorf("%v, %q of %d octets", err, out.Attachment, len(out.Content))
	}
}

func addr(t *testing.T, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
