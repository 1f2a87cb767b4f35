package filter

import (
	"context"
	"runtime"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// stateful is a plugin that answers -1 the first time and -2 from then on, as
// far as it can tell by a global and by its memory. more stands at the end of
// its hook.
func stateful(more ...byte) []byte {
	// if stage == 0 return 0; if global 0 != 0 or mem[70000] != 0 return -2; set both; more; -1
	body := []byte{0, 0x20, 0, 0x45, 0x04, 0x40, 0x41, 0, 0x0f, 0x0b,
		0x23, 0, 0x41, 0xf0, 0xa2, 0x04, 0x28, 0, 0, 0x72, 0x04, 0x40, 0x41, 0x7e, 0x0f, 0x0b,
		0x41, 1, 0x24, 0, 0x41, 0xf0, 0xa2, 0x04, 0x41, 1, 0x36, 0, 0}
	body = append(append(body, more...), 0x41, 0x7f, 0x0b)
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, vec(functype("", ""), functype("ii", "i")))...)
	out = append(out, section(3, vec([]byte{0}, []byte{1}))...)
	out = append(out, section(4, vec([]byte{0x70, 0, 4}))...)
	out = append(out, section(5, vec([]byte{0, 2}))...)
	out = append(out, section(6, vec([]byte{0x7f, 1, 0x41, 0, 0x0b}))...)
	out = append(out, section(7, vec(append(str("memory"), 2, 0), append(str(abi.ExportVersion), 0, 0), append(str(abi.ExportHook), 0, 1)))...)
	out = append(out, section(10, vec(str("\x00\x0b"), str(string(body))))...)
	packed, err := manifest.Append(out, &manifest.Manifest{Name: "stateful", Version: "1", ABI: 1, Hooks: []string{"message"}})
	if err != nil {
		panic(err)
	}
	return packed
}

// TestIsolation: no call of an isolated plugin sees what an earlier one left,
// whether its instance was put back or is another one.
func TestIsolation(t *testing.T) {
	grow := []byte{0x41, 1, 0x40, 0, 0x1a}
	tableSet := []byte{0x41, 0, 0xd0, 0x70, 0x26, 0}
	for _, c := range []struct {
		name     string
		module   []byte
		isolated bool
		used     bool // the same instance is used again
		want     string
	}{
		{"not isolated", stateful(), false, true, "result -2"},
		{"by an image", stateful(), true, runtime.GOOS == "linux", "result -1"},
		{"memory that grew", stateful(grow...), true, false, "result -1"},
		{"a table that changed", stateful(tableSet...), true, false, "result -1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.swap(t, nil, Spec{Name: "stateful", Module: c.module, Isolated: c.isolated, Limits: Limits{Instances: 1}})
			p := &f.current.Load().plugins["stateful"].gen.pool
			instance := func() *instance {
				p.mu.Lock()
				defer p.mu.Unlock()
				if len(p.idle) == 0 {
					return nil
				}
				return p.idle[0]
			}
			_, err := f.one("stateful", "x")
			failure(t, err, KindResult)
			before := instance()
			for range 3 {
				_, err = f.one("stateful", "x")
				if fl := failure(t, err, KindResult); fl.Err.Error() != "the plugin reported a failure: "+c.want+", and no log line of level error" {
					t.Error(fl)
				}
			}
			if again := before != nil && instance() == before; again != c.used {
				t.Errorf("the same instance again: %v", again)
			}
		})
	}
}

// TestImageOfAGoGuest: a guest with a runtime, a heap and caches of its own is
// put back many times and does the same each time.
func TestImageOfAGoGuest(t *testing.T) {
	f := newFixture(t)
	s := guestSpec(t)
	s.Isolated, s.Limits.Instances = true, 1
	f.swap(t, []Config{{ID: 1, Plugin: "guest", Value: words("pri.e")}}, s)
	var addresses int64
	for i := range 100 {
		v, err := f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageMessage, ConfigID: 1, Sender: "message", PartCount: 2}, testMessage())
		if err != nil {
			t.Fatal(i, err)
		}
		if len(v.Findings) != 1 {
			t.Fatal(i, v.Findings)
		}
		if v, err := f.one("guest", "calls"); err != nil || v.Tags[0] != "1" {
			t.Fatal(i, v, err)
		}
		if i == 10 {
			addresses, _ = statusKiB("VmSize:")
		}
	}
	if now, ok := statusKiB("VmSize:"); ok && now-addresses > 300<<10 {
		t.Errorf("%d MiB of addresses are gone", (now-addresses)>>10)
	}
}
