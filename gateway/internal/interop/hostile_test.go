package interop_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// guests are the plugins of testdata, built once per run of the tests.
var guests = sync.OnceValues(func() (dir string, err error) {
	if dir, err = os.MkdirTemp("", "weir-guests-"); err != nil {
		return "", err
	}
	guestDir = dir
	for _, name := range []string{"hostile", "nonsense"} {
		out := filepath.Join(dir, name+".wasm")
		cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/"+name)
		cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=", "CGO_ENABLED=0")
		if msg, err := cmd.CombinedOutput(); err != nil {
			return dir, fmt.Errorf("building the guest %s: %w\n%s", name, err, msg)
		}
		code, err := os.ReadFile(out)
		if err != nil {
			return dir, err
		}
		text, err := os.ReadFile(filepath.Join("testdata", name, "manifest.json"))
		if err != nil {
			return dir, err
		}
		m, err := manifest.Parse(text)
		if err != nil {
			return dir, err
		}
		packed, err := manifest.Append(code, m)
		if err != nil {
			return dir, err
		}
		if err := os.WriteFile(out, packed, 0o600); err != nil {
			return dir, err
		}
	}
	return dir, nil
})

var guestDir string // "": not built

func TestMain(m *testing.M) {
	code := m.Run()
	if guestDir != "" {
		os.RemoveAll(guestDir)
	}
	os.Exit(code)
}

// misbehaviour is a way to fail and what the log calls it.
type misbehaviour struct {
	name  string
	guest string
	kinds []string
}

var misbehaviours = []misbehaviour{
	{"loop", "hostile", []string{"deadline"}},
	{"recurse", "hostile", []string{"deadline"}},
	{"deep", "hostile", []string{"deadline", "trap", "memory"}}, // whichever limit is first
	{"grow", "hostile", []string{"deadline", "trap", "memory"}},
	{"panic", "hostile", []string{"trap"}},
	{"exit", "hostile", []string{"trap"}},
	{"error", "hostile", []string{"result"}},
	{"crlf", "hostile", []string{"result"}},
	{"large", "hostile", []string{"result"}},
	{"nonsense", "nonsense", []string{"result"}},
}

// guestDeadline is that of every hostile plugin. A busy machine starts guests slowly.
const guestDeadline = 500 * time.Millisecond

// hostilePolicy has, for each name of users, a plugin "NAME" of its own with a
// tenant "NAME" that uses it for mail to NAME.test; and a tenant calm that
// uses none.
func hostilePolicy(t *testing.T, dest string, users map[string]struct{ guest, onError string }) string {
	t.Helper()
	dir, err := guests()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, `
gateway {
  hostname = "mx.weir.test"
  data_dir = "./data"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
tenant "calm" {
  domains = ["calm.test"]
  route { hosts = [%[1]q] }
  recipients {
    verify = "local"
    local  = ["*@calm.test"]
  }
}
`, dest)
	for name, u := range users {
		fmt.Fprintf(&b, `
plugin %[1]q {
  source   = %[2]q
  on_error = %[3]q
  limits {
    deadline = "%[4]s"
    memory   = "32MiB"
  }
}
ruleset %[1]q {
  filter "inspect" { plugin = plugin.%[1]s }
}
tenant %[1]q {
  domains  = ["%[1]s.test"]
  rulesets = [ruleset.%[1]s]
  route { hosts = [%[5]q] }
  recipients {
    verify = "local"
    local  = ["*@%[1]s.test"]
  }
}
`, name, filepath.Join(dir, u.guest+".wasm"), u.onError, guestDeadline, dest)
	}
	return b.String()
}

// notUnderRace: compiling a Go guest takes half a minute under the race
// detector, and times mean nothing there. Package filter's tests run under it.
func notUnderRace(t *testing.T) {
	t.Helper()
	if raceEnabled {
		t.Skip("compiling a Go guest takes too long under the race detector")
	}
}

// A plugin may fail in every way there is: the message gets its on_error, the
// log says which plugin it was, and nothing is lost.
func TestHostilePluginGetsItsOnError(t *testing.T) {
	notUnderRace(t)
	dest, maildir := startDestination(t)
	users := map[string]struct{ guest, onError string }{}
	for _, m := range misbehaviours {
		users[m.name+"-tempfail"] = struct{ guest, onError string }{m.guest, "tempfail"}
		users[m.name+"-stall"] = struct{ guest, onError string }{m.guest, "stall"}
	}
	users["panic-pass"] = struct{ guest, onError string }{"hostile", "pass"}
	users["loop-reject"] = struct{ guest, onError string }{"hostile", "reject"}
	g := startGateway(t, hostilePolicy(t, dest, users))
	stalled := 0
	for _, m := range misbehaviours {
		for _, onError := range []string{"tempfail", "stall", "pass", "reject"} {
			name := m.name + "-" + onError
			if _, ok := users[name]; !ok {
				continue
			}
			reply, took := g.timed(t, m.name+"@client.test", "box@"+name+".test", "Subject: "+name+"\r\n\r\nbody of "+name+"\r\n")
			want := map[string]string{"tempfail": "451 4.3.0", "stall": "250 2.", "pass": "250 2.0.0 Ok: delivered", "reject": "550 5.3.0"}[onError]
			expect(t, name, reply, want)
			if onError == "stall" {
				stalled++
			}
			// The deadline and a second; and as much again for a busy machine.
			if took > guestDeadline+2*time.Second {
				t.Errorf("%s was answered after %s", name, took)
			}
			line := g.logged("msg=\"a filter failed\"", "plugin="+name+" ")
			if !slices.ContainsFunc(m.kinds, func(k string) bool { return strings.Contains(line, " kind="+k+" ") }) {
				t.Errorf("%s: the log says %q, want a kind of %v", name, line, m.kinds)
			}
			t.Logf("%-18s %-8s %s", name, took.Round(time.Millisecond), reply)
		}
	}
	delivered := func() (subjects []string) {
		for _, m := range mailbox(t, maildir) {
			_, rest, _ := strings.Cut(m, "\r\nSubject: ")
			s, _, _ := strings.Cut(rest, "\r\n")
			if !strings.HasPrefix(s, "Stalled: ") { // a notice to the postmaster
				subjects = append(subjects, s)
			}
		}
		return subjects
	}
	if got := delivered(); !slices.Equal(got, []string{"panic-pass"}) {
		t.Errorf("delivered: %q, want what a failing plugin may pass alone", got)
	}
	// What is stalled is whole, and an operator can have it delivered.
	rows := g.rows(t, "status:stalled")
	if len(rows) != stalled {
		t.Errorf("%d are stalled, want %d", len(rows), stalled)
	}
	var ids []string
	for _, r := range rows {
		ids = append(ids, r.ID)
		id, _, _ := strings.Cut(r.ID, ".")
		body, err := g.api.Body(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(body)
		body.Close()
		if err != nil || !strings.Contains(string(b), "\r\nbody of "+r.Tenant+"\r\n") {
			t.Errorf("what is kept of %s: %q, %v", r.Tenant, b, err)
		}
	}
	if res, err := g.api.Act(t.Context(), api.ActionRequest{Verb: "force", IDs: ids, Args: map[string]string{"confirmed": "yes"}}); err != nil || res.Changed != stalled {
		t.Fatalf("force: %+v, %v", res, err)
	}
	await(t, patience, "what was forced is delivered", func() bool { return len(delivered()) == stalled+1 })
	g.idle(t)
}

// The same before there is a message: the recipient gets the on_error.
func TestHostilePluginAtARecipient(t *testing.T) {
	notUnderRace(t)
	dest, maildir := startDestination(t)
	users := map[string]struct{ guest, onError string }{}
	for _, onError := range []string{"tempfail", "stall", "pass", "reject"} {
		users[onError] = struct{ guest, onError string }{"hostile", onError}
	}
	g := startGateway(t, hostilePolicy(t, dest, users))
	for onError, want := range map[string]struct{ rcpt, end string }{
		"tempfail": {"451 4.3.0", ""},
		"reject":   {"550 5.3.0", ""},
		"pass":     {"250 ", "250 2.0.0 Ok: delivered"},
		"stall":    {"250 ", "250 2.0.0 Ok: queued"},
	} {
		for _, how := range []string{"loop", "panic", "crlf"} {
			name := how + ", " + onError
			d := call(t, g.listener("mx"))
			d.must("250", "EHLO client.test")
			d.must("250", "MAIL FROM:<early-"+how+"@client.test>")
			begin := time.Now()
			expect(t, name, d.say("RCPT TO:<box@"+onError+".test>"), want.rcpt)
			if took := time.Since(begin); took > guestDeadline+2*time.Second {
				t.Errorf("%s: answered after %s", name, took)
			}
			// Nobody else in the transaction is touched by it.
			expect(t, name+", another recipient", d.say("RCPT TO:<box@calm.test>"), "250")
			if want.end != "" {
				d.must("250", "RSET")
				reply, _ := g.timed(t, "early-"+how+"@client.test", "box@"+onError+".test", "Subject: "+name+"\r\n\r\n")
				expect(t, name+", the message", reply, want.end)
			}
			d.must("221", "QUIT")
		}
		if line := g.logged("msg=\"a filter failed\"", "plugin="+onError+" ", "stage=rcpt_to"); line == "" {
			t.Errorf("the log does not say that %s failed", onError)
		}
	}
	if n := len(g.rows(t, "status:stalled")); n != 3 {
		t.Errorf("%d are stalled, want 3", n)
	}
	n := 0
	for _, m := range mailbox(t, maildir) {
		if strings.Contains(m, "Delivered-To: box@pass.test") {
			n++
		}
	}
	if n != 3 {
		t.Errorf("%d of what is passed arrived, want 3", n)
	}
}

// timed sends a message and returns the reply and how long it took from the
// end of data.
func (g *gateway) timed(t testing.TB, from, to, content string) (string, time.Duration) {
	t.Helper()
	d := call(t, g.listener("mx"))
	defer d.c.Close()
	d.must("250", "EHLO client.test")
	d.must("250", "MAIL FROM:<"+from+">")
	d.must("250", "RCPT TO:<"+to+">")
	d.must("354", "DATA")
	begin := time.Now()
	r := d.say(content + ".")
	return r, time.Since(begin)
}

// logged is the first line of the log that has all of the words.
func (g *gateway) logged(words ...string) string {
	for line := range strings.Lines(g.log.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			return line
		}
	}
	return ""
}

// While guests loop, twice as many as there are processors, who does not use them does not notice.
func TestHostilePluginHoldsNobodyElseUp(t *testing.T) {
	notUnderRace(t)
	dest, _ := startDestination(t)
	loops := 2 * runtime.GOMAXPROCS(0)
	users := map[string]struct{ guest, onError string }{}
	for i := range 3 * loops {
		users[fmt.Sprintf("loop%d", i)] = struct{ guest, onError string }{"hostile", "tempfail"}
	}
	g := startGateway(t, hostilePolicy(t, dest, users))
	// A busy machine gets more than one try. The aim is 100 ms.
	const most = 500 * time.Millisecond
	for try := range 3 {
		commands, ends, own := g.besideLoops(t, try*loops, loops)
		t.Logf("beside %d loops: a command was answered within %s, a whole message within %s; the loops' own within %s, deadline %s", loops, commands, ends, own, guestDeadline)
		if commands < most && ends < most && own < guestDeadline+time.Second {
			return
		}
	}
	t.Errorf("others were held up for more than %s", most)
}

// besideLoops sends messages to plugins that loop, and others meanwhile. It
// returns the longest that a reply took to a command, to an end of data, and
// to a message of the loops.
func (g *gateway) besideLoops(t *testing.T, first, loops int) (commands, ends, own time.Duration) {
	var wg sync.WaitGroup
	took := make(chan time.Duration, loops)
	for i := range loops {
		wg.Go(func() {
			r, d := g.timed(t, "loop@client.test", fmt.Sprintf("box@loop%d.test", first+i), "Subject: x\r\n\r\n")
			if !strings.HasPrefix(r, "451 4.3.0") {
				t.Errorf("a looping plugin's message was answered %q", r)
			}
			took <- d
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	time.Sleep(50 * time.Millisecond)
	n := 0
	for run := true; run; n++ {
		select {
		case <-done:
			run = false
			continue
		default:
		}
		d := call(t, g.listener("mx"))
		for _, line := range []string{"EHLO client.test", "MAIL FROM:<a@client.test>", "RCPT TO:<b@calm.test>", "DATA"} {
			begin := time.Now()
			d.must(map[bool]string{true: "354", false: "250"}[line == "DATA"], line)
			commands = max(commands, time.Since(begin))
		}
		begin := time.Now()
		d.must("250", "Subject: calm\r\n\r\n.")
		ends = max(ends, time.Since(begin))
		d.c.Close()
	}
	if n < 3 {
		t.Errorf("only %d messages beside the loops", n)
	}
	close(took)
	for d := range took {
		own = max(own, d)
	}
	return commands, ends, own
}
