package filter

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Arguments that are no pointers into a memory of one page, or no lengths.
var badWords = []int32{-1, -8, -1 << 31, 1<<31 - 1, 65535, 65536, 65537}

// pointerCase is one call of a host function with something bad.
type pointerCase struct {
	fn   int     // in pointerFuncs
	args []int64 // of the function
}

// pointerFuncs are the host functions that are to be called, of both modules.
func pointerFuncs() (fs []imported) {
	for _, h := range abi.HostCalls {
		if !h.Later {
			fs = append(fs, imported{abi.Module, h.Name, h.Params, h.Results})
		}
	}
	for name, w := range wasiFuncs {
		if name != "proc_exit" {
			fs = append(fs, imported{wasiModule, name, w.params, w.result})
		}
	}
	slices.SortFunc(fs, func(a, b imported) int { return strings.Compare(a.module+a.name, b.module+b.name) })
	return fs
}

// pointerCases has for each function: every argument bad, each way; one of
// them bad and the others harmless; and all harmless.
func pointerCases(fs []imported) (cases []pointerCase) {
	harmless := []int64{0, 1, 16}
	for i, f := range fs {
		n := len(f.params)
		add := func(args []int64) { cases = append(cases, pointerCase{i, args}) }
		for _, h := range harmless {
			add(slices.Repeat([]int64{h}, n))
			for k := range n {
				for _, w := range badWords {
					args := slices.Repeat([]int64{h}, n)
					args[k] = int64(w)
					add(args)
				}
			}
		}
		for _, w := range badWords {
			add(slices.Repeat([]int64{int64(w)}, n))
		}
		// A pair that begins inside and ends outside, at each place.
		for k := range max(n-1, 0) {
			args := slices.Repeat([]int64{16}, n)
			args[k], args[k+1] = 65530, 7
			add(args)
		}
	}
	return cases
}

func constI64(v int64) []byte {
	b := []byte{0x42}
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// pointerModule makes the call whose number is the event's length less base:
// one function a case, and a table of them.
func pointerModule(fs []imported, cases []pointerCase, base int) []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	types := [][]byte{functype("", ""), functype("ii", "i")}
	var imps, funcs, bodies, elems [][]byte
	for _, f := range fs {
		imps = append(imps, append(append(str(f.module), str(f.name)...), 0, byte(len(types))))
		types = append(types, functype(f.params, f.results))
	}
	n := uint64(len(imps))
	uleb := func(v uint64) []byte { return binary.AppendUvarint(nil, v) }
	// 0: weir_abi_1; 1: weir_hook: if stage { table[len-base]() } ; 0
	hook := append([]byte{0, 0x20, 0, 0x04, 0x40, 0x20, 1}, constI32(int32(base))...)
	hook = append(hook, 0x6b, 0x11, 0, 0, 0x0b, 0x41, 0, 0x0b)
	funcs = append(funcs, []byte{0}, []byte{1})
	bodies = append(bodies, str("\x00\x0b"), str(string(hook)))
	for i, c := range cases {
		body := []byte{0}
		for k, a := range c.args {
			if fs[c.fn].params[k] == 'l' {
				body = append(body, constI64(a)...)
			} else {
				body = append(body, constI32(int32(a))...)
			}
		}
		body = append(append(body, 0x10), uleb(uint64(c.fn))...)
		if fs[c.fn].results != "" {
			body = append(body, 0x1a)
		}
		funcs, bodies = append(funcs, []byte{0}), append(bodies, str(string(append(body, 0x0b))))
		elems = append(elems, uleb(n+2+uint64(i)))
	}
	out = append(out, section(1, vec(types...))...)
	out = append(out, section(2, vec(imps...))...)
	out = append(out, section(3, vec(funcs...))...)
	out = append(out, section(4, vec(append([]byte{0x70, 0}, uleb(uint64(len(cases)))...)))...)
	out = append(out, section(5, vec([]byte{0, 1}))...)
	out = append(out, section(7, vec(append(str("memory"), 2, 0), append(append(str(abi.ExportVersion), 0), uleb(n)...), append(append(str(abi.ExportHook), 0), uleb(n+1)...)))...)
	out = append(out, section(9, vec(append([]byte{0, 0x41, 0, 0x0b}, vec(elems...)...)))...)
	out = append(out, section(10, vec(bodies...))...)
	m := &manifest.Manifest{Name: "pointers", Version: "1", ABI: 1, Hooks: []string{"message"}}
	for _, kind := range manifest.GrantKinds {
		m.Grants = append(m.Grants, manifest.Grant{Kind: kind, Reason: "all of them"})
	}
	packed, err := manifest.Append(out, m)
	if err != nil {
		panic(err)
	}
	return packed
}

// world is what lies behind the grants: everything is there.
type world struct{}

func (world) Query(_ context.Context, qs []abi.DNSQuestion) []abi.DNSAnswer {
	return make([]abi.DNSAnswer, len(qs))
}

func (world) Dial(context.Context, string, []string) (net.Conn, error) {
	a, b := net.Pipe()
	b.Close()
	return a, nil
}

func (world) Fetch(context.Context, *abi.HTTPRequest, io.Reader, int64, []string) (*abi.HTTPResponse, error) {
	return &abi.HTTPResponse{Status: 200}, nil
}

func (world) Schedule(context.Context, string, string, uint64, abi.ScheduleRequest) error { return nil }

func (world) Message(_ context.Context, _, id string) (*abi.MessageInfo, error) {
	return &abi.MessageInfo{ID: id}, nil
}

func (world) Order(context.Context, string, string, string, abi.MessageOrder) (int, error) {
	return 1, nil
}

func (world) Submit(context.Context, string, string, abi.Submission) (string, error) {
	return "01", nil
}

// TestBadPointers gives every host function, of the ABI and of WASI, pointers
// and lengths that point nowhere. Each call ends with a result or with a trap
// that names the function; no function faults; and each that takes a pointer is
// seen to refuse one.
func TestBadPointers(t *testing.T) {
	f := newFixture(t)
	f.opts.DNS, f.opts.Net, f.opts.Queue = world{}, world{}, world{}
	fs := pointerFuncs()
	cases := pointerCases(fs)
	event := func(i int) *abi.Event {
		return &abi.Event{Stage: abi.StageMessage, ID: "m1", Tenant: "acme", Sender: strings.Repeat("x", i)}
	}
	base := len(event(0).Append(nil))
	grants := map[string][]string{}
	for _, kind := range manifest.GrantKinds {
		grants[kind] = nil
	}
	grants["dial"], grants["http"] = []string{"unix:/x"}, []string{"http://127.0.0.1/"}
	f.swap(t, []Config{{ID: 1, Plugin: "pointers", Value: abi.Object()}}, Spec{Name: "pointers", Module: pointerModule(fs, cases, base), Grants: grants, Limits: Limits{Deadline: map[abi.Stage]time.Duration{0: 200 * time.Millisecond}}})

	trapped := make([]int, len(fs))
	ended := map[Kind]int{}
	for i, c := range cases {
		fn := fs[c.fn]
		f.now = f.now.Add(time.Hour) // keeps the breaker out of it
		_, err := f.Call(context.Background(), "pointers", event(i), testMessage())
		if err == nil {
			ended[""]++
			continue
		}
		var fl *Failure
		if !errors.As(err, &fl) {
			t.Fatal(err)
		}
		ended[fl.Kind]++
		name := fmt.Sprintf("%s%v", fn.name, c.args)
		switch {
		case strings.Contains(err.Error(), "runtime error"):
			t.Errorf("%s: a fault of the host: %v", name, err)
		case fl.Kind == KindTrap && strings.Contains(err.Error(), "bad pointer in "+fn.name):
			trapped[c.fn]++
		case fl.Kind == KindResult && fn.name == "result_write": // zeroes are no verdict
		case fl.Kind == KindResult && fn.name == "body_write": // the verdict has no use for what was staged
		case fl.Kind == KindDeadline && fn.name == "poll_oneoff": // it slept
		default:
			t.Errorf("%s: %v", name, err)
		}
	}
	t.Logf("%d calls of %d functions: %v", len(cases), len(fs), ended)
	for i, fn := range fs {
		if takesPointer(fn) && trapped[i] == 0 {
			t.Errorf("%s%s never saw a bad pointer", fn.name, fn.params)
		}
		if !takesPointer(fn) && trapped[i] > 0 {
			t.Errorf("%s takes a pointer, and this test does not know", fn.name)
		}
	}
}

// takesPointer: all functions with two words or more do, but for those of
// WASI that answer whatever is asked.
func takesPointer(f imported) bool {
	if f.module == abi.Module {
		if f.name == "conn_send" { // a connection and a part
			return false
		}
		return strings.Count(f.params, "i") >= 2
	}
	switch f.name {
	case "args_sizes_get", "environ_get", "environ_sizes_get", "clock_res_get", "clock_time_get", "random_get", "fd_write", "fd_fdstat_get", "poll_oneoff":
		return true
	}
	return false
}
