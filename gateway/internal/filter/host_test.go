package filter

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

func words(ws ...string) abi.Value {
	v := abi.Object()
	v.Set("words", abi.Strings(ws...))
	return v
}

func TestGuestSeesTheMessage(t *testing.T) {
	f := newFixture(t)
	f.swap(t, []Config{{ID: 9, Plugin: "guest", Value: words("pri.e", "absent", "zip!")}}, guestSpec(t))
	msg := testMessage()
	ev := &abi.Event{
		Stage: abi.StageMessage, ConfigID: 9, Sender: "message", Size: uint64(len(msg.raw)), PartCount: 2,
		Notes: []abi.Pair{{Key: "earlier", Value: "word"}},
	}
	for range 2 { // the second time from the guest's caches
		v, err := f.Call(context.Background(), "guest", ev, msg)
		if err != nil {
			t.Fatal(err, f.log)
		}
		a, b := sha256.Sum256(msg.bodies[0]), sha256.Sum256(msg.bodies[1])
		want := []string{
			"subject=prize 42", "x1=1", "headers=3",
			"text/plain=11:hello", fmt.Sprint("sum=", a[0]),
			"application/zip=80000:PK zi", fmt.Sprint("sum=", b[0]),
			"raw=Subj",
		}
		if !slices.Equal(v.Tags, want) {
			t.Errorf("tags %q\nwant %q", v.Tags, want)
		}
		if len(v.Findings) != 2 || v.Findings[0].Explanation != "pri.e" || v.Findings[1].Explanation != "zip!" || v.Findings[1].Part != 2 || v.Findings[0].Score != 1.5 {
			t.Errorf("findings %+v", v.Findings)
		}
		if len(v.Notes) != 1 || v.Notes[0].Value != "word!" || v.Edits[0].Name != "X-Guest" || v.Waivers[0].Classes[0] != "spam" {
			t.Errorf("%+v", v)
		}
	}
	if n := f.opts.Metrics.(*counters).m["guest.messages"]; n != 2 {
		t.Errorf("counted %d", n)
	}
}

func TestListsAndKV(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	v, err := f.one("guest", "data")
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"list=bad@spam.test:by hand", "n=-2"}; !slices.Equal(v.Tags, want) {
		t.Errorf("%q, want %q", v.Tags, want)
	}
	if _, ok := f.opts.KV.(*testKV).m["guest/acme/n"]; !ok {
		t.Error("the namespace is plugin and tenant")
	}
	t.Run("optional grant not given", func(t *testing.T) {
		s := guestSpec(t)
		delete(s.Grants, "kv")
		f.swap(t, nil, s)
		if v, err := f.one("guest", "data"); err != nil || !slices.Contains(v.Tags, "kv=denied") {
			t.Error(v, err)
		}
	})
	t.Run("list not named by the grant", func(t *testing.T) {
		s := guestSpec(t)
		s.Grants["lists"] = []string{"other"}
		f.swap(t, nil, s)
		_, err := f.one("guest", "data")
		if fl := failure(t, err, KindResult); !strings.Contains(fl.Error(), "denied") {
			t.Error(err)
		}
	})
	t.Run("required grant not given", func(t *testing.T) {
		s := guestSpec(t)
		s.Grants = nil
		err := f.Swap(context.Background(), []Spec{s}, nil)
		if err == nil || !strings.Contains(err.Error(), "grant { lists = true }") {
			t.Error(err)
		}
	})
}

func TestGuestFailures(t *testing.T) {
	f := newFixture(t)
	s := guestSpec(t)
	s.Limits.Instances = 2
	limit := func(d time.Duration) { // makes no new generation
		s.Limits.Deadline = map[abi.Stage]time.Duration{abi.StageMessage: d}
		f.swap(t, nil, s)
	}
	s.OnError = func(st abi.Stage) OnError {
		if st == abi.StageMessage {
			return Stall
		}
		return ""
	}
	for _, c := range []struct {
		what string
		kind Kind
		want string
		log  string
	}{
		{"loop", KindDeadline, "deadline", ""},
		{"recurse", KindDeadline, "deadline", ""},
		{"sleep", KindDeadline, "deadline", ""},
		{"grow", KindMemory, "out of memory", "out of memory"},
		{"panic", KindTrap, "panic: the plugin said no", "in two lines"},
		{"exit", KindTrap, "exited with code 7", ""},
		{"deadlock", KindTrap, "deadlock", ""},
		{"error", KindResult, "cannot judge this", ""},
		{"large", KindResult, "too large", ""},
		{"crlf", KindResult, "line break", ""},
		{"message", KindResult, "not found", ""}, // it has no configuration
	} {
		t.Run(c.what, func(t *testing.T) {
			f.now = f.now.Add(time.Hour) // keeps the breaker out of it
			limit(time.Minute)
			if c.kind == KindDeadline {
				limit(200 * time.Millisecond)
			}
			begin := time.Now()
			_, err := f.one("guest", c.what)
			took := time.Since(begin)
			fl := failure(t, err, c.kind)
			if fl.OnError != Stall || fl.Plugin != "guest" || fl.Stage != abi.StageMessage {
				t.Errorf("%+v", fl)
			}
			if !strings.Contains(fl.Error(), c.want) || !strings.Contains(f.log.String(), c.log) {
				t.Errorf("%q lacks %q, or the log %q", fl.Error(), c.want, c.log)
			}
			if took > 3*time.Second {
				t.Errorf("took %v", took)
			}
			limit(time.Minute)
			if v, err := f.one("guest", "typical"); err != nil || v.Tags[0] != "seen" {
				t.Errorf("the call after it: %v", err)
			}
		})
	}
	if !strings.Contains(f.log.String(), "plugin=guest") {
		t.Error("the log does not say which plugin")
	}
	st := f.Plugins()[0]
	if st.Failures[KindDeadline] != 3 || st.Failures[KindTrap] != 3 || st.Breaker != "closed" || st.Fuel == 0 || st.P99 < st.P50 || st.P50 == 0 {
		t.Errorf("%+v", st)
	}
}

func TestStagesAndUnknownPlugins(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	if !f.Hooks("guest", abi.StageRcptTo) || f.Hooks("guest", abi.StageHelo) || f.Hooks("nobody", abi.StageMessage) {
		t.Error("Hooks")
	}
	if v, err := f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageHelo, Sender: "panic"}, nil); err != nil || v.Action != abi.ActionContinue {
		t.Error("a stage without hook gives an empty verdict:", err)
	}
	_, err := f.one("nobody", "x")
	if fl := failure(t, err, KindLoad); fl.OnError != Tempfail {
		t.Error(fl.OnError)
	}
	_, err = f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageRcptTo, Sender: "typical"}, nil)
	if fl := failure(t, err, KindResult); !strings.Contains(fl.Error(), "unavailable") {
		t.Error(err)
	}
}

func TestGuestHasNoFiles(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	if v, err := f.one("guest", "files"); err != nil || !slices.Equal(v.Tags, []string{"true", "1"}) { // one word of environment, for Go's runtime
		t.Error(v, err)
	}
	begin := time.Now()
	if _, err := f.one("guest", "nap"); err != nil || time.Since(begin) < 20*time.Millisecond {
		t.Error("sleeping:", err, time.Since(begin))
	}
}

func TestLogIsBounded(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	if _, err := f.one("guest", "print"); err != nil {
		t.Fatal(err)
	}
	log := f.log.String()
	if n := strings.Count(log, "plugin: "); n != maxLines {
		t.Errorf("%d lines of the guest's", n)
	}
	for _, want := range []string{"plugin: to stdout", "plugin: to stderr", "plugin: line 61", "logs too much", "message=m1"} {
		if !strings.Contains(log, want) {
			t.Errorf("no %q", want)
		}
	}
}

func TestCallerGivesUp(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	for _, what := range []string{"loop", "sleep"} {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		begin := time.Now()
		_, err := f.Call(ctx, "guest", &abi.Event{Stage: abi.StageMessage, Sender: what}, testMessage())
		cancel()
		failure(t, err, KindDeadline)
		if !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) > time.Second {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	}
}

func TestUnreadablePartIsAnErrorOfTheGuest(t *testing.T) {
	f := newFixture(t)
	f.swap(t, []Config{{ID: 1, Plugin: "guest", Value: words("x")}}, guestSpec(t))
	msg := testMessage()
	msg.err = errors.New("disk on fire")
	_, err := f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageMessage, Sender: "message", ConfigID: 1}, msg)
	failure(t, err, KindResult)
}

// sleeper keeps an instance of the guest busy until its stop is called.
func (f *fixture) sleeper(t *testing.T) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	pool := &f.current.Load().plugins["guest"].gen.pool
	done := make(chan error, 1)
	go func() {
		_, err := f.Call(ctx, "guest", &abi.Event{Stage: abi.StageMessage, Sender: "sleep"}, testMessage())
		done <- err
	}()
	for {
		if total, idle := pool.size(); total > idle {
			break
		}
		time.Sleep(time.Millisecond)
	}
	return func() error {
		cancel()
		return <-done
	}
}

func TestPoolIsBounded(t *testing.T) {
	f := newFixture(t)
	s := guestSpec(t)
	s.Limits = Limits{Instances: 1, Wait: 30 * time.Millisecond, Deadline: map[abi.Stage]time.Duration{0: time.Minute}}
	f.swap(t, nil, s)
	stop := f.sleeper(t)
	_, err := f.one("guest", "typical")
	failure(t, err, KindUnavailable)
	served := make(chan error)
	s.Limits.Wait = time.Minute
	f.swap(t, nil, s)
	go func() {
		_, err := f.one("guest", "typical") // waits for the room that the sleeper leaves
		served <- err
	}()
	failure(t, stop(), KindDeadline)
	if err := <-served; err != nil {
		t.Error(err)
	}
	if n := f.Plugins()[0].Instances; n != 1 {
		t.Errorf("%d instances", n)
	}
}

func TestInstancesAreRecycled(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	count := func() string {
		t.Helper()
		v, err := f.one("guest", "calls")
		if err != nil {
			t.Fatal(err)
		}
		return v.Tags[0]
	}
	if count() != "1" || count() != "2" {
		t.Error("an instance is used again")
	}
	if _, err := f.one("guest", "fat"); err != nil {
		t.Fatal(err)
	}
	if n := count(); n != "1" {
		t.Errorf("past half the memory, instance at call %s", n)
	}
	in, err := f.current.Load().plugins["guest"].gen.pool.get(context.Background(), "", 0)
	if err != nil {
		t.Fatal(err)
	}
	in.calls = recycleCalls - 1
	in.gen.pool.put(in, "", true, f.now)
	if n := count(); n != "2" {
		t.Errorf("call %s", n)
	}
	if n := count(); n != "1" {
		t.Errorf("after %d calls, instance at call %s", recycleCalls, n)
	}
	t.Run("isolated", func(t *testing.T) {
		s := guestSpec(t)
		s.Isolated = true
		f.swap(t, nil, s)
		if first, again := count(), count(); first != "1" || again != "1" {
			t.Error("an instance was used again")
		}
	})
}

func TestFirstConfigMayTakeLonger(t *testing.T) {
	f := newFixture(t)
	s := guestSpec(t)
	s.Limits.Deadline = map[abi.Stage]time.Duration{0: 250 * time.Millisecond}
	f.swap(t, []Config{{ID: 1, Plugin: "guest", Value: words("x")}}, s)
	ev := &abi.Event{Stage: abi.StageRcptTo, Sender: "slow config", ConfigID: 1}
	for try := 0; ; try++ { // a busy machine gets more than one
		_, first := f.Call(context.Background(), "guest", ev, nil)  // builds it
		_, second := f.Call(context.Background(), "guest", ev, nil) // has it
		if first == nil && second == nil {
			break
		}
		if try == 4 {
			t.Fatal(first, second)
		}
		f.now = f.now.Add(time.Hour)
	}
	_, err := f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageRcptTo, Sender: "loop", ConfigID: 1}, nil)
	failure(t, err, KindDeadline)
}

func TestSwap(t *testing.T) {
	f := newFixture(t)
	s := guestSpec(t)
	f.swap(t, []Config{{ID: 1, Plugin: "guest", Value: words("x")}}, s)
	gen := func() *generation { return f.current.Load().plugins["guest"].gen }
	first := gen()

	t.Run("config only", func(t *testing.T) {
		s.Limits.Deadline = map[abi.Stage]time.Duration{0: time.Second}
		f.swap(t, []Config{{ID: 2, Plugin: "guest", Value: words("prize")}}, s)
		if gen() != first {
			t.Error("another generation")
		}
		call := func(id uint64) error {
			_, err := f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageMessage, Sender: "message", ConfigID: id, PartCount: 2}, testMessage())
			return err
		}
		if err := call(2); err != nil {
			t.Error(err)
		}
		failure(t, call(1), KindResult)
		if len(first.sets) != 1 {
			t.Errorf("%d pattern sets", len(first.sets))
		}
		f.swap(t, nil, s)
		if len(first.sets) != 0 || first.setsSize != 0 {
			t.Errorf("%d pattern sets stay, %d octets", len(first.sets), first.setsSize)
		}
	})
	t.Run("all or nothing", func(t *testing.T) {
		bad := s
		bad.Name, bad.Digest = "bad", "sha256:00"
		none := Spec{Name: "none", Module: []byte("\x00asm\x01\x00\x00\x00")}
		changed := s
		changed.Limits.Memory = 32 << 20
		err := f.Swap(context.Background(), []Spec{bad, changed, none, changed}, nil)
		if err == nil {
			t.Fatal("no error")
		}
		for _, want := range []string{`plugin "bad"`, "pins sha256:00", `plugin "none"`, "plugin pack", "stands twice"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q lacks %q", err, want)
			}
		}
		if gen() != first {
			t.Error("the old generation is gone")
		}
		if err := f.Swap(context.Background(), []Spec{s}, []Config{{ID: 1, Plugin: "other"}}); err == nil {
			t.Error("a config for nobody")
		}
	})
	t.Run("drain", func(t *testing.T) {
		s.Limits.Deadline = map[abi.Stage]time.Duration{0: time.Minute}
		f.swap(t, nil, s)
		stop := f.sleeper(t)
		s.Limits.Memory = 32 << 20
		f.swap(t, nil, s)
		if gen() == first {
			t.Fatal("the same generation")
		}
		if v, err := f.one("guest", "typical"); err != nil || len(v.Tags) != 1 {
			t.Error("a call beside the draining one:", err)
		}
		select {
		case <-first.gone:
			t.Error("closed under a running call")
		default:
		}
		failure(t, stop(), KindDeadline)
		<-first.gone
	})
	t.Run("digest", func(t *testing.T) {
		s.Digest = strings.ToUpper(digestOf(s.Module))
		s.Digest = "sha256:" + s.Digest[len("sha256:"):]
		now := gen()
		f.swap(t, nil, s)
		if gen() != now {
			t.Error("a right pin is no change")
		}
	})
}

func TestCallsDuringSwaps(t *testing.T) {
	f := newFixture(t)
	s := Spec{Name: "tiny", Module: tiny(nil, nil)}
	f.swap(t, nil, s)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if _, err := f.one("tiny", "x"); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for i := range 30 {
		s.Limits.Memory = int64(32+i%2) << 20
		f.swap(t, nil, s)
	}
	close(stop)
	wg.Wait()
}

func TestBreaker(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	for range 10 { // what a plugin reports in order does not count
		_, err := f.one("guest", "error")
		failure(t, err, KindResult)
	}
	for range breakerFailures {
		_, err := f.one("guest", "exit")
		failure(t, err, KindTrap)
	}
	_, err := f.one("guest", "typical")
	failure(t, err, KindBreaker)
	if s := f.Plugins()[0]; s.Breaker != "open" || s.Instances != 0 {
		t.Errorf("%+v", s)
	}
	f.now = f.now.Add(breakerPause)
	_, err = f.one("guest", "exit") // the probe
	failure(t, err, KindTrap)
	f.now = f.now.Add(breakerPause)
	_, err = f.one("guest", "typical") // the pause has doubled
	failure(t, err, KindBreaker)
	f.now = f.now.Add(breakerPause)
	if _, err := f.one("guest", "typical"); err != nil {
		t.Error(err)
	}
	if s := f.Plugins()[0]; s.Breaker != "closed" {
		t.Errorf("%+v", s)
	}
	if !strings.Contains(f.log.String(), "not called for a while") {
		t.Error("the log does not say so")
	}
}

func TestCloseWaitsForCalls(t *testing.T) {
	f := newFixture(t)
	s := guestSpec(t)
	s.Limits.Deadline = map[abi.Stage]time.Duration{0: time.Minute}
	f.swap(t, nil, s)
	stop := f.sleeper(t)
	short, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := f.Close(short); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	failure(t, stop(), KindDeadline)
	if err := f.Swap(context.Background(), nil, nil); err == nil {
		t.Error("a closed host takes no plugins")
	}
}

// TestCompilerCannotStart: a stranger's module is refused then, the gateway's
// own is compiled here; and one that ends the compiler ends nothing else.
func TestCompilerCannotStart(t *testing.T) {
	h := NewHost(Options{})
	defer h.Close(context.Background())
	h.program = "/nowhere/weir"
	s := Spec{Name: "t", Source: "t.wasm", Module: tiny(nil, nil)}
	err := h.Swap(context.Background(), []Spec{s}, nil)
	if err == nil || !strings.Contains(err.Error(), `plugin "t" (t.wasm): the compiler process cannot be started`) {
		t.Error(err)
	}
	s.Trusted = true
	if err := h.Swap(context.Background(), []Spec{s}, nil); err != nil {
		t.Error(err)
	}
	if _, err := h.Call(context.Background(), "t", &abi.Event{Stage: abi.StageMessage}, testMessage()); err != nil {
		t.Error(err)
	}
	h.program = filepath.Join(t.TempDir(), "crash")
	if err := os.WriteFile(h.program, []byte("#!/bin/sh\nkill -SEGV $$\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	s.Module = tiny([]byte{0x41, 1}, nil)
	err = h.Swap(context.Background(), []Spec{s}, nil)
	if err == nil || !strings.Contains(err.Error(), "ended the compiler: signal: segmentation fault") {
		t.Error(err)
	}
	if !h.Loaded("t") {
		t.Error("the old plugin is gone")
	}
}

func TestCacheFolderIsPrivate(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	h := NewHost(Options{CacheDir: dir})
	defer h.Close(context.Background())
	if err := h.Swap(context.Background(), []Spec{{Name: "t", Module: tiny(nil, nil)}}, nil); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) == 0 {
		t.Error("nothing was cached")
	}
	file := dir + "/file"
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := NewHost(Options{CacheDir: file}).Swap(context.Background(), []Spec{{Name: "t", Module: tiny(nil, nil)}}, nil); err == nil {
		t.Error("a file as cache folder")
	}
}
