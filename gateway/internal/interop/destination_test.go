package interop_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/sink"
)

const askFirst = `recipients {
    verify = "callout"
    local  = ["local@dest.test"]
  }`

// startDestination runs a destination whose mode can be set, to the end of the
// test, and returns its address and maildir.
func startDestination(t testing.TB) (addr, maildir string) {
	t.Helper()
	return startSlowDestination(t, 0)
}

// startSlowDestination is one that takes its time behind each end of data.
func startSlowDestination(t testing.TB, delay time.Duration) (addr, maildir string) {
	t.Helper()
	maildir = t.TempDir()
	s, err := sink.New(sink.Options{Listen: "127.0.0.1:0", Maildir: maildir, Unknown: sink.DefaultUnknown, Delay: delay})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	setMode(t, maildir, sink.Accept)
	return s.Addr(), maildir
}

func setMode(t testing.TB, maildir string, m sink.Mode) {
	t.Helper()
	// A sink that has just started may not have said yet that it is there.
	await(t, patience, "the destination is "+string(m), func() bool {
		ok, err := sink.SetMode(t.Context(), maildir, m, patience)
		if err != nil {
			t.Fatal(err)
		}
		return ok
	})
}

// mailbox reads what a destination has taken.
func mailbox(t testing.TB, maildir string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(maildir, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for _, n := range names {
		b, err := os.ReadFile(n)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all
}

// rcpt is the reply to one recipient, in a session of its own.
func rcpt(t testing.TB, addr, to string) string {
	t.Helper()
	d := call(t, addr)
	defer d.c.Close()
	d.must("250", "EHLO client.test")
	d.must("250", "MAIL FROM:<sender@client.test>")
	r := d.say("RCPT TO:<" + to + ">")
	d.must("221", "QUIT")
	return r
}

func expect(t testing.TB, what, got, want string) {
	t.Helper()
	if !strings.HasPrefix(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func (g *gateway) counts(t testing.TB) map[string]int {
	t.Helper()
	s, err := g.api.Summary(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return s.Counts
}

func (g *gateway) rows(t testing.TB, q string) []api.Row {
	t.Helper()
	p, err := g.api.Search(t.Context(), client.Search{Q: q, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	return p.Items
}

// B65 to B69: while the destination is away its known and local recipients
// are queued for, others come back later; then all of it is delivered once.
func TestDestinationThatIsDownAndComesBack(t *testing.T) {
	t.Parallel()
	dest, maildir := startDestination(t)
	g := startGateway(t, relayPolicy(dest, "5s", askFirst))
	mx := g.listener("mx")
	expect(t, "a message, destination up", send(t, mx, []string{"known@dest.test"}, "Subject: first\r\n\r\nbody\r\n"), "250 2.0.0 Ok: delivered")
	expect(t, "an unknown recipient, destination up", rcpt(t, mx, "nobody@dest.test"), "550 5.1.1")
	if n := len(mailbox(t, maildir)); n != 1 {
		t.Fatalf("%d messages at the destination, want 1", n)
	}

	setMode(t, maildir, sink.Down)
	expect(t, "a local recipient", send(t, mx, []string{"local@dest.test"}, "Subject: to-local\r\n\r\nbody\r\n"), "250 2.0.0 Ok: queued")
	expect(t, "a known recipient", send(t, mx, []string{"known@dest.test"}, "Subject: to-known\r\n\r\nbody\r\n"), "250 2.0.0 Ok: queued")
	expect(t, "both", send(t, mx, []string{"known@dest.test", "local@dest.test"}, "Subject: to-both\r\n\r\nbody\r\n"), "250 2.0.0 Ok: queued")
	expect(t, "a recipient never heard of", rcpt(t, mx, "stranger@dest.test"), "451 4.")
	if got := g.counts(t); got["queued"] != 4 {
		t.Errorf("%v recipients, want 4 queued", got)
	}
	rows := g.rows(t, "status:queued")
	if len(rows) != 4 {
		t.Errorf("%d rows are queued, want 4", len(rows))
	}
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
		if r.Next.IsZero() || r.NextHop == "" || r.Tenant != "dest" {
			t.Errorf("the queue says little about %+v", r)
		}
	}

	// An attempt that fails leaves them where they are.
	if res, err := g.api.Act(t.Context(), api.ActionRequest{Verb: "retry", IDs: ids}); err != nil || res.Changed != 4 {
		t.Fatalf("retry: %+v, %v", res, err)
	}
	await(t, patience, "each was tried", func() bool {
		for _, r := range g.rows(t, "status:queued") {
			if r.Last == nil || r.Attempts < 1 {
				return false
			}
		}
		return g.counts(t)["queued"] == 4
	})

	setMode(t, maildir, sink.Accept)
	if res, err := g.api.Act(t.Context(), api.ActionRequest{Verb: "flush", Q: "status:queued"}); err != nil || res.Matched != 4 {
		t.Fatalf("flush: %+v, %v", res, err)
	}
	g.idle(t)
	subjects := map[string]int{}
	for _, m := range mailbox(t, maildir) {
		_, rest, _ := strings.Cut(m, "\r\nSubject: ")
		s, _, _ := strings.Cut(rest, "\r\n")
		subjects[s] += strings.Count(m, "Delivered-To:")
	}
	if want := (map[string]int{"first": 1, "to-local": 1, "to-known": 1, "to-both": 2}); fmt.Sprint(subjects) != fmt.Sprint(want) {
		t.Errorf("recipients at the destination %v, want %v", subjects, want)
	}
	if n := len(g.rows(t, "status:delivered")); n != 5 {
		t.Errorf("%d recipients are called delivered, want 5", n)
	}
	// Callouts leave a destination that gave no answer alone for a second.
	await(t, patience, "the recipient never heard of is taken", func() bool {
		return strings.HasPrefix(rcpt(t, mx, "stranger@dest.test"), "250")
	})
}

// A destination that is slow to answer the end of data does not get the mail
// twice: the client is answered in time, and the attempt goes on by itself.
func TestSlowDestinationGetsItOnce(t *testing.T) {
	t.Parallel()
	dest, maildir := startSlowDestination(t, 4*time.Second)
	g := startGateway(t, relayPolicy(dest, "300ms", askFirst))
	begin := time.Now()
	expect(t, "a message", send(t, g.listener("mx"), []string{"local@dest.test"}, "Subject: slow\r\n\r\n"), "250 2.0.0 Ok: queued")
	if took := time.Since(begin); took > 3900*time.Millisecond {
		t.Errorf("the client waited %s, as long as the destination took", took)
	}
	await(t, patience, "it is called delivered", func() bool { return len(g.rows(t, "status:delivered")) == 1 })
	g.idle(t)
	if n := len(mailbox(t, maildir)); n != 1 {
		t.Errorf("it arrived %d times", n)
	}
	rows := g.rows(t, "")
	if len(rows) != 1 || rows[0].Attempts != 1 {
		t.Errorf("the log has %+v, want one attempt", rows)
	}
}

// B66: what the destination says to the message is what the client hears.
func TestDestinationThatDefersAndRefuses(t *testing.T) {
	t.Parallel()
	dest, maildir := startDestination(t)
	g := startGateway(t, relayPolicy(dest, "5s", askFirst))
	mx := g.listener("mx")
	const content = "Subject: x\r\n\r\nbody\r\n"

	setMode(t, maildir, sink.Refuse)
	expect(t, "a message that is refused", send(t, mx, []string{"someone@dest.test"}, content), "550 5.7.1 Refused by the sink's mode")
	expect(t, "to two", send(t, mx, []string{"someone@dest.test", "local@dest.test"}, content), "550 5.7.1 Refused by the sink's mode")
	if got := g.counts(t); got["queued"] != 0 {
		t.Errorf("%v, want nothing queued of what was refused", got)
	}
	if rows := g.rows(t, "status:queued"); len(rows) != 0 {
		t.Errorf("queued: %+v", rows)
	}

	setMode(t, maildir, sink.Defer)
	expect(t, "a message that is deferred", send(t, mx, []string{"local@dest.test"}, content), "250 2.0.0 Ok: queued")
	if rows := g.rows(t, "status:queued"); len(rows) != 1 || rows[0].Last == nil || rows[0].Last.Code != 451 || !strings.Contains(rows[0].Last.Text, "Deferred by the sink's mode") {
		t.Errorf("the queue has %+v", rows)
	}
	setMode(t, maildir, sink.Accept)
	if _, err := g.api.Act(t.Context(), api.ActionRequest{Verb: "flush", Q: "status:queued"}); err != nil {
		t.Fatal(err)
	}
	g.idle(t)
	if n := len(mailbox(t, maildir)); n != 1 {
		t.Errorf("%d messages at the destination, want 1", n)
	}
}

// The same with other people's servers as destinations, at every stage.
func TestClientHearsTheDestinationsRefusal(t *testing.T) {
	t.Parallel()
	const says = "550 5.7.9 Not on a Sunday, says smtp-sink"
	for _, stage := range []string{"mail", "rcpt", "data", "."} {
		t.Run(stage, func(t *testing.T) {
			s := startSink(t, "-f", stage, "-B", says)
			for _, verify := range []string{"callout", "none"} {
				want := says
				if stage == "mail" && verify == "callout" {
					// It refused the callout's null sender, which says nothing of the recipient.
					want = "451 "
				}
				hears(t, s.addr, verify, want)
			}
			if n := s.count(t); stage != "." && n != 0 { // smtp-sink keeps what it refuses at the end
				t.Errorf("%d messages arrived", n)
			}
		})
	}
	t.Run("postfix and exim", func(t *testing.T) {
		for i, p := range startPeers(t, "127.0.0.1:9", func(string) string { return "elsewhere.test" }) {
			for _, verify := range []string{"callout", "none"} {
				// Exim gives no enhanced code: the class stands for it.
				hears(t, p.Addr, verify, []string{"554 5.7.1 <someone@dest.test>: Relay access denied", "550 5.0.0 not relayed here"}[i])
			}
		}
	})
}

// hears checks what a client is told of a recipient, or else of a message to
// it, and that nothing is queued then.
func hears(t *testing.T, dest, verify, want string) {
	t.Helper()
	g := startGateway(t, relayPolicy(dest, "5s", `recipients { verify = "`+verify+`" }`))
	reply := rcpt(t, g.listener("mx"), "someone@dest.test")
	if strings.HasPrefix(reply, "250") {
		reply = send(t, g.listener("mx"), []string{"someone@dest.test"}, "Subject: x\r\n\r\n")
	}
	expect(t, "with recipients verified by "+verify, reply, want)
	if n := len(g.rows(t, "status:queued")); n != 0 {
		t.Errorf("%d recipients queued of a message that was refused", n)
	}
}
