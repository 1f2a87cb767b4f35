package filter

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Tiny guests, assembled by hand: weir_hook with a body of a few octets.

type imported struct {
	module, name    string
	params, results string // letters of HostCall
}

func str(s string) []byte { return append(binary.AppendUvarint(nil, uint64(len(s))), s...) }

func vec(items ...[]byte) []byte {
	b := binary.AppendUvarint(nil, uint64(len(items)))
	for _, i := range items {
		b = append(b, i...)
	}
	return b
}

func section(id byte, body []byte) []byte {
	return append(append([]byte{id}, binary.AppendUvarint(nil, uint64(len(body)))...), body...)
}

func functype(params, results string) []byte {
	b := []byte{0x60}
	for _, s := range []string{params, results} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		for i := range s {
			if s[i] == 'l' {
				b = append(b, 0x7e)
			} else {
				b = append(b, 0x7f)
			}
		}
	}
	return b
}

// module is what tiny modules are made of. Function indices: imports first,
// then 0 weir_abi_1, 1 weir_hook, then more.
type module struct {
	imports  []imported
	hook     []byte            // body of weir_hook without end; nil: i32.const 0
	more     map[string][]byte // further functions of type () -> (), exported by name; "" is recursion's, type (i32) -> (i32)
	hookType [2]string
	abi      string // name of the version export
	manifest *manifest.Manifest
	table    bool
	pages    byte

	nonconforming bool // weir_hook does the same in the conformance call
}

func (m module) bytes() []byte {
	out := []byte("\x00asm\x01\x00\x00\x00")
	if m.abi == "" {
		m.abi = abi.ExportVersion
	}
	hookType := m.hookType
	if hookType == [2]string{} {
		hookType = [2]string{"ii", "i"}
	}
	if m.hook == nil {
		m.hook = []byte{0x41, 0}
	}
	typs := [][]byte{functype("", ""), functype(hookType[0], hookType[1]), functype("i", "i")}
	var imps [][]byte
	for _, i := range m.imports {
		imps = append(imps, append(append(str(i.module), str(i.name)...), 0, byte(len(typs))))
		typs = append(typs, functype(i.params, i.results))
	}
	n := byte(len(imps))
	funcs := [][]byte{{0}, {1}}
	hook := "\x00" + string(m.hook) + "\x0b"
	if hookType == [2]string{"ii", "i"} && !m.nonconforming { // if stage == 0 return 0
		hook = "\x00\x20\x00\x45\x04\x40\x41\x00\x0f\x0b" + string(m.hook) + "\x0b"
	}
	code := [][]byte{str("\x00\x0b"), str(hook)}
	exports := [][]byte{
		append(str("memory"), 2, 0), append(str(m.abi), 0, n), append(str(abi.ExportHook), 0, n+1),
	}
	for name, body := range m.more {
		typ := byte(0)
		if name == "" {
			typ = 2
		} else {
			exports = append(exports, append(str(name), 0, n+byte(len(funcs))))
		}
		funcs = append(funcs, []byte{typ})
		code = append(code, str("\x00"+string(body)+"\x0b"))
	}
	out = append(out, section(1, vec(typs...))...)
	out = append(out, section(2, vec(imps...))...)
	out = append(out, section(3, vec(funcs...))...)
	if m.table {
		out = append(out, section(4, vec([]byte{0x70, 0, 1}))...)
	}
	out = append(out, section(5, vec([]byte{0, max(m.pages, 1)}))...)
	out = append(out, section(7, vec(exports...))...)
	out = append(out, section(10, vec(code...))...)
	if m.manifest == nil {
		m.manifest = &manifest.Manifest{Name: "tiny", Version: "1", ABI: 1, Hooks: []string{"message"}}
	}
	packed, err := manifest.Append(out, m.manifest)
	if err != nil {
		panic(err)
	}
	return packed
}

func tiny(hook []byte, imports []imported) []byte {
	return module{hook: hook, imports: imports}.bytes()
}

var resultWriteImport = imported{abi.Module, "result_write", "ii", "i"}

// Bodies.
var (
	endless = []byte{0x03, 0x40, 0x0c, 0, 0x0b, 0x41, 0} // loop br 0 end
	// exponential(n) = n ? exponential(n-1) + exponential(n-1) : 0, function 2
	exponential  = []byte{0x20, 0, 0x45, 0x04, 0x7f, 0x41, 0, 0x05, 0x20, 0, 0x41, 1, 0x6b, 0x10, 2, 0x20, 0, 0x41, 1, 0x6b, 0x10, 2, 0x6a, 0x0b}
	callExp      = []byte{0x41, 0xc0, 0, 0x10, 2} // exponential(64)
	growForEver  = []byte{0x03, 0x40, 0x41, 1, 0x40, 0, 0x1a, 0x0c, 0, 0x0b, 0x41, 0}
	growTable    = []byte{0x03, 0x40, 0xd0, 0x70, 0x41, 0xe8, 0x07, 0xfc, 0x0f, 0, 0x1a, 0x0c, 0, 0x0b, 0x41, 0}
	infiniteDeep = []byte{0x20, 0, 0x10, 2} // f(n) = f(n)
	fillForEver  = []byte{0x03, 0x40, 0x41, 0, 0x41, 1, 0x41, 0x80, 0x80, 0x04, 0xfc, 0x0b, 0, 0x0c, 0, 0x0b, 0x41, 0}
)

// loop { import0(args...); drop } for ever
func callForEver(args ...int32) []byte {
	b := []byte{0x03, 0x40}
	for _, a := range args {
		b = append(b, constI32(a)...)
	}
	return append(b, 0x10, 0, 0x1a, 0x0c, 0, 0x0b, 0x41, 0)
}

var (
	copyForEver = callForEver(0, 4<<20)
	// 1,024 vectors, made of zeroes but for the first: base 0, length 4 MiB.
	printForEver = append([]byte{0x41, 4, 0x41, 0x80, 0x80, 0x80, 0x02, 0x36, 0, 0}, callForEver(1, 0, 1024, 8192)...)
)

func constI32(v int32) []byte {
	b := []byte{0x41}
	for {
		c := byte(v & 0x7f)
		v >>= 7
		if v == 0 && c&0x40 == 0 || v == -1 && c&0x40 != 0 {
			return append(b, c)
		}
		b = append(b, c|0x80)
	}
}

// write calls import 0 with two constants and returns 0, dropping its result.
func write(p, n int32) []byte {
	return append(append(constI32(p), constI32(n)...), 0x10, 0, 0x1a, 0x41, 0)
}

func TestHostileGuests(t *testing.T) {
	garbage := append([]byte{0x41, 0, 0x41, 0x7f, 0x36, 0, 0}, write(0, 16)...) // store -1 at 0: a length of 2^32-1
	for _, c := range []struct {
		name string
		mod  module
		kind Kind
		want string
	}{
		{"endless loop", module{hook: endless}, KindDeadline, "deadline"},
		{"exponential recursion", module{hook: callExp, more: map[string][]byte{"": exponential}}, KindDeadline, "deadline"},
		{"memory grows for ever", module{hook: growForEver}, KindDeadline, "deadline"},
		{"table grows for ever", module{hook: growTable, table: true}, KindDeadline, "deadline"},
		{"fills for ever", module{hook: fillForEver}, KindDeadline, "deadline"},
		{"host calls for ever", module{hook: copyForEver, imports: []imported{{abi.Module, "parts_read", "ii", "i"}}, pages: 64}, KindDeadline, "deadline"},
		{"prints for ever", module{hook: printForEver, imports: []imported{{wasiModule, "fd_write", "iiii", "i"}}, pages: 64}, KindDeadline, "deadline"},
		{"unreachable", module{hook: []byte{0}}, KindTrap, "unreachable"},
		{"nonsense", module{hook: garbage, imports: []imported{resultWriteImport}}, KindResult, "not valid"},
		{"empty result", module{hook: write(0, 0), imports: []imported{resultWriteImport}}, KindResult, "not valid"},
		{"bad pointer", module{hook: write(-8, 16), imports: []imported{resultWriteImport}}, KindTrap, "bad pointer in result_write"},
		{"length past the end", module{hook: write(0, 65537), imports: []imported{resultWriteImport}}, KindTrap, "bad pointer"},
		{"reports failure", module{hook: []byte{0x41, 0x7e}}, KindResult, "result -2"},
		{"exit", module{hook: []byte{0x41, 3, 0x10, 0, 0x41, 0}, imports: []imported{{wasiModule, "proc_exit", "i", ""}}}, KindTrap, "exited with code 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			limit := time.Minute
			if c.kind == KindDeadline {
				limit = 100 * time.Millisecond
			}
			f.swap(t, nil, Spec{Name: "tiny", Module: c.mod.bytes(), Limits: Limits{Deadline: map[abi.Stage]time.Duration{0: limit}, Memory: 8 << 20}})
			begin := time.Now()
			_, err := f.one("tiny", "x")
			fl := failure(t, err, c.kind)
			if !strings.Contains(fl.Error(), c.want) {
				t.Errorf("%q lacks %q", fl.Error(), c.want)
			}
			if took := time.Since(begin); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// TestStackIsBounded: recursion without end, with small frames and with large
// ones, ends at maxStack and not at wazero's own limit ten times as high.
func TestStackIsBounded(t *testing.T) {
	for name, body := range map[string][]byte{"small frames": infiniteDeep, "large frames": deepLarge(200), "larger frames": deepLarge(2000)} {
		f := newFixture(t)
		mod := module{hook: callExp, more: map[string][]byte{"": body}}.bytes()
		f.swap(t, nil, Spec{Name: "tiny", Module: mod, Limits: Limits{Deadline: map[abi.Stage]time.Duration{0: time.Minute}}})
		p := &f.current.Load().plugins["tiny"].gen.pool
		in, err := p.get(t.Context(), "", 0)
		if err != nil {
			t.Fatal(err)
		}
		c := newCall(t.Context(), time.Minute, nil)
		c.stage = abi.StageMessage
		cr := in.run(c)
		if cr == nil || cr.kind != KindTrap || !strings.Contains(cr.Error(), "stack overflow: calls nested too deep") {
			t.Error(name, cr)
		}
		t.Logf("%s: ended at a stack of %.1f MiB", name, float64(in.deep.octets())/(1<<20))
		if in.deep.octets() < maxStack || in.deep.octets() > 24<<20 {
			t.Errorf("%s: the stack had %d MiB", name, in.deep.octets()>>20)
		}
		p.put(in, "", false, f.now)
	}
}

// deepLarge is f(n) = n values, each kept over a call of f.
func deepLarge(n int) []byte {
	var b []byte
	for range n {
		b = append(b, 0x20, 0, 0x10, 2)
	}
	return append(b, bytes.Repeat([]byte{0x6a}, n-1)...)
}

func TestTooLargeResultIsToldToTheGuest(t *testing.T) {
	// The body returns what result_write returned.
	hook := append(append(constI32(0), constI32(maxResult+1)...), 0x10, 0)
	f := newFixture(t)
	f.swap(t, nil, Spec{Name: "tiny", Module: module{hook: hook, imports: []imported{resultWriteImport}, pages: 8}.bytes()})
	_, err := f.one("tiny", "x")
	if fl := failure(t, err, KindResult); !strings.Contains(fl.Error(), "result -3") {
		t.Error(err)
	}
}

func TestLoadRefuses(t *testing.T) {
	kv := &manifest.Manifest{Name: "tiny", Version: "1", ABI: 1, Hooks: []string{"message"}, Grants: []manifest.Grant{{Kind: "kv", Reason: "counts"}}}
	newer := &manifest.Manifest{Name: "tiny", Version: "1", ABI: 1, Minor: abi.Minor + 1, Hooks: []string{"message"}}
	good := tiny(nil, nil)
	spin := map[string][]byte{"_initialize": endless[:5]}
	for _, c := range []struct {
		name string
		mod  []byte
		want string
	}{
		{"not wasm", []byte("MZ"), "not a WebAssembly module"},
		{"empty", nil, "not a WebAssembly module"},
		{"too large", make([]byte, 16<<20+1), "at most"},
		{"cut", good[:len(good)-1], "past the end"},
		{"ungranted import", tiny(nil, []imported{{abi.Module, "kv_delete", "ii", "i"}}), `needs grant "kv", and its manifest does not ask`},
		{"grant not given", module{manifest: kv, imports: []imported{{abi.Module, "kv_delete", "ii", "i"}}}.bytes(), "grant { kv = true }"},
		{"unknown import", tiny(nil, []imported{{abi.Module, "root_shell", "ii", "i"}}), "not in ABI"},
		{"other module", tiny(nil, []imported{{"env", "abort", "ii", ""}}), "imports env.abort"},
		{"unknown WASI", tiny(nil, []imported{{wasiModule, "fork", "", "i"}}), "no function of WASI"},
		{"import of another type", tiny(nil, []imported{{abi.Module, "event_read", "lll", "i"}}), "signature mismatch"},
		{"tick", tiny(nil, []imported{{"weir1_meter", "tick", "", ""}}), "weir1_meter"},
		{"command", module{more: map[string][]byte{"_start": nil}}.bytes(), "c-shared"},
		{"no ABI export", module{abi: "weir_abi_2"}.bytes(), "does not export weir_abi_1"},
		{"hook of another type", module{hookType: [2]string{"i", "i"}}.bytes(), "another type"},
		{"newer minor", module{manifest: newer}.bytes(), fmt.Sprintf("needs ABI 1.%d", abi.Minor+1)},
		{"endless start", module{more: spin}.bytes(), "deadline"},
		{"trap in the conformance call", module{hook: []byte{0}, nonconforming: true}.bytes(), "the conformance call: wasm error: unreachable"},
		{"endless conformance call", module{hook: endless, nonconforming: true}.bytes(), "the conformance call: stopped at its deadline"},
		{"nonsense in the conformance call", module{hook: write(0, 2), imports: []imported{resultWriteImport}, nonconforming: true}.bytes(), "its verdict is not valid"},
		{"trap at start", module{more: map[string][]byte{"_initialize": {0}}}.bytes(), "unreachable"},
		{"type error", tiny([]byte{0x42, 0}, nil), "compiling"},
		{"memory over the limit", module{pages: 100}.bytes(), "limit is 4 MiB"},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFixture(t)
			f.initTimeout = 200 * time.Millisecond
			err := f.Swap(context.Background(), []Spec{{Name: "tiny", Source: "tiny.wasm", Module: c.mod, Limits: Limits{Memory: 4 << 20}}}, nil)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.HasPrefix(err.Error(), `plugin "tiny" (tiny.wasm): `) {
				t.Errorf("%v\nlacks %q", err, c.want)
			}
		})
	}
}

// TestLoopFreezesNobody is the promise of the metering: with guests that loop
// on every processor, other goroutines, other plugins and the garbage collector
// go on, and the caller has its failure soon after the deadline. Without it, the
// first collection would wait for the guests for ever; a busy machine gets more
// than one try at the times.
func TestLoopFreezesNobody(t *testing.T) {
	f := newFixture(t)
	deadline := 700 * time.Millisecond
	looper := Spec{Name: "looper", Module: tiny(endless, nil), Limits: Limits{Deadline: map[abi.Stage]time.Duration{0: deadline}}}
	fine := Spec{Name: "fine", Module: tiny(nil, nil)}
	f.swap(t, nil, looper, fine)
	for try := range 3 {
		f.now = f.now.Add(time.Hour)
		if worst := f.besideLoops(t, deadline); worst <= 100*time.Millisecond {
			return
		} else if try == 2 {
			t.Errorf("others were held up for %v", worst)
		}
	}
}

// besideLoops runs a loop on every processor and gives the longest that others
// had to wait meanwhile.
func (f *fixture) besideLoops(t *testing.T, deadline time.Duration) time.Duration {
	type ended struct {
		took time.Duration
		err  error
	}
	loops := runtime.GOMAXPROCS(0)
	done := make(chan ended, loops)
	begin := time.Now()
	for range loops {
		go func() {
			_, err := f.one("looper", "x")
			done <- ended{time.Since(begin), err}
		}()
	}
	time.Sleep(20 * time.Millisecond)
	var gap, gc, call time.Duration
	for time.Since(begin) < deadline-100*time.Millisecond {
		at := time.Now()
		time.Sleep(time.Millisecond)
		gap = max(gap, time.Since(at))
		at = time.Now()
		runtime.GC()
		gc = max(gc, time.Since(at))
		at = time.Now()
		if _, err := f.one("fine", "x"); err != nil {
			t.Fatal(err)
		}
		call = max(call, time.Since(at))
	}
	t.Logf("with %d loops: a timer was late by at most %v, a whole GC took %v, another plugin's call %v", loops, gap, gc, call)
	for range loops {
		e := <-done
		failure(t, e.err, KindDeadline)
		t.Logf("failure %v after the deadline", e.took-deadline)
		if e.took > deadline+time.Second {
			t.Errorf("%v after a deadline of %v", e.took, deadline)
		}
	}
	return max(gap, gc, call)
}
