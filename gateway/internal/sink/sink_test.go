package sink

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type lines struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lines) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *lines) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func start(t *testing.T, o Options) (*Sink, string, *lines) {
	t.Helper()
	out := &lines{}
	o.Out = out
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	if o.Maildir == "" {
		o.Maildir = t.TempDir()
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	waitFor(t, "the start", func() bool {
		_, err := os.Stat(filepath.Join(o.Maildir, activeFile))
		return err == nil
	})
	return s, o.Maildir, out
}

func waitFor(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("never happened: " + what)
		}
	}
}

// send gives one message to the sink and returns the answers, or the error.
func send(t *testing.T, addr string, lmtp bool, to ...string) string {
	t.Helper()
	network := "tcp"
	if path, ok := strings.CutPrefix(addr, "unix:"); ok {
		network, addr = "unix", path
	}
	c, err := smtpc.Dial(t.Context(), smtpc.Options{Network: network, Addr: addr, Helo: "gw.test", LMTP: lmtp})
	if err != nil {
		return err.(*smtpc.Error).Reply.Text
	}
	defer c.Quit()
	e := smtpc.Envelope{}
	e.From, _ = mail.ParseAddress("from@a.test")
	for _, s := range to {
		a, err := mail.ParseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		e.To = append(e.To, a)
	}
	answers, err := c.Begin(t.Context(), e)
	if err == nil && c.AwaitsData() {
		var final []smtpc.Answer
		final, err = c.Data(t.Context(), strings.NewReader("Subject: hi\r\n\r\n.\r\nbody\r\n"), nil)
		for i := range answers {
			if answers[i].Reply.Success() {
				answers[i] = final[i]
			}
		}
	}
	if err != nil {
		return err.Error()
	}
	var out []string
	for _, a := range answers {
		out = append(out, fmt.Sprint(a.Reply.Code))
	}
	return strings.Join(out, " ")
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	fs, err := filepath.Glob(filepath.Join(dir, "new", "*"))
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func TestMessage_lands_in_the_maildir_byte_for_byte(t *testing.T) {
	for _, lmtp := range []bool{false, true} {
		s, dir, out := start(t, Options{LMTP: lmtp, Fsync: true, Unknown: DefaultUnknown})
		if got := send(t, s.Addr(), lmtp, "a@b.test", "unknown-x7@b.test", "Nobody@b.test", "c@b.test"); got != "250 550 550 250" {
			t.Fatal(got)
		}
		fs := files(t, dir)
		if len(fs) != 1 {
			t.Fatalf("%v", fs)
		}
		b, _ := os.ReadFile(fs[0])
		if string(b) != "Return-Path: <from@a.test>\r\nDelivered-To: a@b.test\r\nDelivered-To: c@b.test\r\nSubject: hi\r\n\r\n.\r\nbody\r\n" {
			t.Errorf("%q", b)
		}
		if tmp, _ := filepath.Glob(filepath.Join(dir, "tmp", "*")); len(tmp) > 0 {
			t.Errorf("left over: %v", tmp)
		}
		if !strings.Contains(out.String(), `accepted from=<from@a.test> to=<a@b.test>,<c@b.test> size=24 subject="hi" file=new/`) {
			t.Errorf("%q", out)
		}
	}
}

func TestJSON_lines(t *testing.T) {
	s, _, out := start(t, Options{JSON: true, Refuse: []string{"no@*"}})
	if got := send(t, s.Addr(), false, "no@b.test", "a@b.test"); got != "550 250" {
		t.Fatal(got)
	}
	var events []event
	for line := range strings.Lines(out.String()) {
		var e event
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		events = append(events, e)
	}
	if len(events) != 2 || events[0].What != "refused" || events[1].What != "accepted" || events[1].To[0] != "a@b.test" || events[1].Subject != "hi" || events[1].Size != 24 || events[1].File == "" {
		t.Errorf("%+v", events)
	}
}

func TestPatterns(t *testing.T) {
	s, dir, _ := start(t, Options{Defer: []string{"later@*"}, Refuse: []string{"*@evil.test", "no?@b.test"}})
	if got := send(t, s.Addr(), false, "later@b.test", "x@EVIL.test", "no1@b.test", "no@b.test"); got != "451 550 550 250" {
		t.Error(got)
	}
	if len(files(t, dir)) != 1 {
		t.Error(files(t, dir))
	}
}

func TestModes_change_while_it_runs(t *testing.T) {
	s, dir, out := start(t, Options{})
	for _, step := range []struct {
		mode Mode
		want string
	}{{Defer, "451"}, {Refuse, "550"}, {Down, "connection refused"}, {Accept, "250"}, {Down, "connection refused"}, {Defer, "451"}, {Accept, "250"}} {
		obeyed, err := SetMode(t.Context(), dir, step.mode, 20*time.Second)
		if err != nil || !obeyed {
			t.Fatalf("%s: %v %v", step.mode, obeyed, err)
		}
		if got := send(t, s.Addr(), false, "a@b.test"); got != step.want {
			t.Errorf("%s: got %s, want %s", step.mode, got, step.want)
		}
	}
	if len(files(t, dir)) != 2 || strings.Count(out.String(), "deferred") != 2 || strings.Count(out.String(), "refused") != 1 {
		t.Errorf("%v\n%s", files(t, dir), out)
	}
}

func TestDown_closes_open_connections(t *testing.T) {
	s, dir, _ := start(t, Options{})
	c, err := smtpc.Dial(t.Context(), smtpc.Options{Addr: s.Addr(), Helo: "gw.test"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := SetMode(t.Context(), dir, Down, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	if err := c.Reset(t.Context()); err == nil {
		t.Error("still open")
	}
}

func TestSetMode_without_a_sink_is_for_the_next_one(t *testing.T) {
	dir := t.TempDir()
	if obeyed, err := SetMode(t.Context(), dir, Down, time.Second); obeyed || err != nil {
		t.Fatalf("%v %v", obeyed, err)
	}
	s, _, out := start(t, Options{Maildir: dir})
	if got := send(t, s.Addr(), false, "a@b.test"); got != "connection refused" {
		t.Error(got)
	}
	if err := os.WriteFile(filepath.Join(dir, modeFile), []byte("nonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "accept in place of nonsense", func() bool { return send(t, s.Addr(), false, "a@b.test") == "250" })
	if strings.Count(out.String(), `"nonsense" is no mode`) != 1 {
		t.Errorf("%s", out)
	}
	if _, err := SetMode(t.Context(), dir, "x", time.Second); err == nil {
		t.Error("nonsense was set")
	}
}

func TestUnix_socket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	_, dir, _ := start(t, Options{Listen: "unix:" + path, LMTP: true})
	if got := send(t, "unix:"+path, true, "a@b.test"); got != "250" {
		t.Error(got)
	}
	for _, m := range []Mode{Down, Accept} {
		if _, err := SetMode(t.Context(), dir, m, 20*time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if got := send(t, "unix:"+path, true, "a@b.test"); got != "250" {
		t.Error(got)
	}
}

func TestMatch(t *testing.T) {
	for _, tc := range []struct {
		p, s string
		want bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a*c", "abbc", true}, {"a*c", "abb", false},
		{"*a*b*", "xaxxbx", true}, {"?", "", false}, {"nobody@*", "nobody@b.test", true}, {"nobody@*", "xnobody@b", false},
		{strings.Repeat("*a", 30) + "b", strings.Repeat("a", 5000), false},
	} {
		if got := match(tc.p, tc.s); got != tc.want {
			t.Errorf("%q %q: %v", tc.p, tc.s, got)
		}
	}
}
