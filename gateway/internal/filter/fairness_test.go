package filter

import (
	"context"
	"encoding/binary"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// TestConfigGraceIsGivenOnce: reading a configuration for the first time gives
// a call a second more. A guest must not get it again with each of thousands.
func TestConfigGraceIsGivenOnce(t *testing.T) {
	f := newFixture(t)
	hook := []byte{
		0x03, 0x40, // for ever:
		0x41, 0xe4, 0, 0x41, 0xc0, 0x84, 0x3d, 0x36, 2, 0, // mem[100] = 1,000,000
		0x03, 0x40, 0x41, 0xe4, 0, 0x41, 0xe4, 0, 0x28, 2, 0, 0x41, 1, 0x6b, 0x36, 2, 0, 0x41, 0xe4, 0, 0x28, 2, 0, 0x0d, 0, 0x0b, // count it down
		0x41, 0, 0x41, 0, 0x29, 3, 0, 0x42, 1, 0x7c, 0x37, 3, 0, // mem[0]++
		0x41, 0, 0x29, 3, 0, 0x41, 0xc0, 0, 0x41, 0x80, 8, 0x10, 0, 0x1a, // config_read(mem[0], 64, 1024)
		0x0c, 0, 0x0b, 0x41, 0,
	}
	var configs []Config
	for id := uint64(1); id <= 20_000; id++ {
		configs = append(configs, Config{ID: id, Plugin: "tiny", Value: abi.Object()})
	}
	f.swap(t, configs, Spec{Name: "tiny", Module: tiny(hook, []imported{{abi.Module, "config_read", "lii", "i"}}), Limits: Limits{Deadline: map[abi.Stage]time.Duration{0: 50 * time.Millisecond}}})
	begin := time.Now()
	_, err := f.one("tiny", "x")
	failure(t, err, KindDeadline)
	if took := time.Since(begin); took > configGrace+2*time.Second || took < configGrace/2 {
		t.Errorf("stopped after %v", took)
	}
}

// TestOneTenantLeavesRoom: while one tenant's mail has a plugin at work as much
// as it may, another's is served.
func TestOneTenantLeavesRoom(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, Spec{Name: "looper", Module: tiny(endless, nil), Limits: Limits{
		Instances: 3, Wait: 20 * time.Second, Deadline: map[abi.Stage]time.Duration{0: 300 * time.Millisecond}}})
	call := func(tenant string) error {
		_, err := f.Call(context.Background(), "looper", &abi.Event{Stage: abi.StageMessage, Tenant: tenant}, testMessage())
		return err
	}
	const flood = 8
	done := make(chan error, flood)
	for range flood {
		go func() { done <- call("loud") }()
	}
	p := &f.current.Load().plugins["looper"].gen.pool
	for waiting := 0; waiting < flood-3; {
		time.Sleep(time.Millisecond)
		p.mu.Lock()
		waiting = len(p.waiters)
		p.mu.Unlock()
	}
	f.now = f.now.Add(time.Hour) // keeps the breaker out of it
	begin := time.Now()
	failure(t, call("quiet"), KindDeadline) // it loops as well, but at once
	if took := time.Since(begin); took > 800*time.Millisecond {
		t.Errorf("waited for %v behind another tenant", took)
	}
	for range flood {
		<-done
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.held) != 0 || len(p.waiters) != 0 || p.total > p.max || p.total != len(p.idle) {
		t.Errorf("held %v, %d waiters, %d of %d, %d idle", p.held, len(p.waiters), p.total, p.max, len(p.idle))
	}
}

// TestPoolServesTheFewest: of those who wait, the tenant that has the fewest
// instances is next, then the one who came first.
func TestPoolServesTheFewest(t *testing.T) {
	p := pool{max: 3, total: 3, held: map[string]int{"a": 2, "b": 1}}
	for _, tenant := range []string{"a", "a", "b", "c"} {
		p.waiters = append(p.waiters, waiter{tenant, make(chan *instance, 1)})
	}
	var got string
	for {
		w, ok := p.next()
		if !ok {
			break
		}
		got += w.tenant
	}
	if got != "cbaa" {
		t.Error(got)
	}
}

// TestFailedStartLeavesNothing: a module whose start section traps gives back
// the memory it was started with, each time.
func TestFailedStartLeavesNothing(t *testing.T) {
	before, ok := mapped()
	if !ok {
		t.Skip("no /proc/self/status here")
	}
	f := newFixture(t)
	mod := module{more: map[string][]byte{"x": {0}}}.bytes()
	at := 8
	for mod[at] != 10 { // the start section stands before the code
		n, k := binary.Uvarint(mod[at+1:])
		at += 1 + k + int(n)
	}
	mod = slices.Insert(mod, at, section(8, []byte{2})...)
	for range 40 {
		err := f.Swap(context.Background(), []Spec{{Name: "tiny", Module: mod, Limits: Limits{Memory: MaxMemory}}}, nil)
		if err == nil || !strings.Contains(err.Error(), "unreachable") {
			t.Fatal(err)
		}
	}
	if after, _ := mapped(); after-before > 10<<20 {
		t.Errorf("%d MiB of addresses are gone", (after-before)>>10)
	}
}

// mapped is the size of the process's address space, in KiB.
func mapped() (kib int64, ok bool) {
	b, _ := os.ReadFile("/proc/self/status") // not there off Linux: ok is false
	for line := range strings.Lines(string(b)) {
		if size, found := strings.CutPrefix(line, "VmSize:"); found {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")), 10, 64)
			return kib, err == nil
		}
	}
	return 0, false
}
