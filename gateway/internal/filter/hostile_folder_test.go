package filter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/heap"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// A hostile case is a module, and how it must end. Those of testdata/hostile
// say so in comments at the top of their text:
//
//	;; expect: deadline | trap: TEXT | memory | result: TEXT | reported: TEXT | load: TEXT | ok
//	;; asks: KIND…      grants that the manifest asks for; with "?" as optional
//	;; grants: KIND…    grants that it gets
//	;; flags: …         of wat2wasm
type hostileCase struct {
	name   string
	module []byte // packed
	grants map[string][]string
	expect string
	slow   bool // to compile
}

const hostileFolder = "testdata/hostile"

func directive(text, name string) string {
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, ";; "+name+": "); ok {
			return strings.TrimSpace(rest)
		}
	}
	return ""
}

func hostileFiles(t *testing.T) (cases []hostileCase) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(hostileFolder, "*.wat"))
	if err != nil || len(files) < 70 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wasm, err := os.ReadFile(strings.TrimSuffix(file, ".wat") + ".wasm")
		if err != nil {
			t.Fatal(err)
		}
		m := &manifest.Manifest{Name: "hostile", Version: "1", ABI: 1, Hooks: []string{"message"}}
		for _, kind := range strings.Fields(directive(string(text), "asks")) {
			kind, optional := strings.CutSuffix(kind, "?")
			m.Grants = append(m.Grants, manifest.Grant{Kind: kind, Reason: "to do harm", Optional: optional})
		}
		c := hostileCase{name: strings.TrimSuffix(filepath.Base(file), ".wat"), expect: directive(string(text), "expect"), grants: map[string][]string{}}
		for _, kind := range strings.Fields(directive(string(text), "grants")) {
			c.grants[kind] = nil
		}
		if c.module, err = manifest.Append(wasm, m); err != nil {
			t.Fatal(err)
		}
		cases = append(cases, c)
	}
	return cases
}

// TestHostileFolderIsAssembled: what is beside a text is what it says.
func TestHostileFolderIsAssembled(t *testing.T) {
	if _, err := exec.LookPath("wat2wasm"); err != nil {
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal(err)
		}
		t.Skip("no wat2wasm (Debian: wabt)")
	}
	files, _ := filepath.Glob(filepath.Join(hostileFolder, "*.wat"))
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out := filepath.Join(t.TempDir(), "out.wasm")
		args := append(strings.Fields(directive(string(text), "flags")), "-o", out, file)
		if msg, err := exec.Command("wat2wasm", args...).CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, msg)
		}
		want, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		have, err := os.ReadFile(strings.TrimSuffix(file, ".wat") + ".wasm")
		if err != nil || !bytes.Equal(have, want) {
			t.Errorf("%s is not what its text says (%v): wat2wasm %s", file, err, strings.Join(args, " "))
		}
	}
	wasms, _ := filepath.Glob(filepath.Join(hostileFolder, "*.wasm"))
	if len(wasms) != len(files) {
		t.Errorf("%d texts, %d modules", len(files), len(wasms))
	}
}

// manifestCases are modules whose manifests are not what they should be.
func manifestCases() []hostileCase {
	with := func(bodies ...string) []byte {
		b := bare()
		for _, body := range bodies {
			b = append(b, section(0, append(str(manifest.Section), body...))...)
		}
		return b
	}
	ok := `{"name":"hostile","version":"1","abi":1,"hooks":["message"],"config":{}}`
	return []hostileCase{
		{name: "manifest absent", module: with(), expect: "load: no manifest section"},
		{name: "manifest twice", module: with(ok, ok), expect: "load: more than one manifest section"},
		{name: "manifest too large", module: with(ok + strings.Repeat(" ", manifest.MaxSize)), expect: "load: manifest of"},
		{name: "manifest not JSON", module: with("MZ"), expect: "load: manifest: invalid character"},
		{name: "manifest nested", module: with(strings.Repeat("[", 1<<19)), expect: "load: manifest: "},
		{name: "manifest of another type", module: with(`{"name":7}`), expect: "load: manifest: json: cannot unmarshal"},
		{name: "manifest with unknown members", module: with(`{"name":"hostile","trusted":true}`), expect: `load: unknown field "trusted"`},
		{name: "manifest twice in one", module: with(ok + ok), expect: "load: text after the JSON object"},
		{name: "manifest with a hook that is none", module: with(strings.Replace(ok, `"message"`, `"mesage"`, 1)), expect: `load: "mesage"`},
		{name: "manifest without hooks", module: with(strings.Replace(ok, `["message"]`, `[]`, 1)), expect: "load: hooks"},
		{name: "manifest with a hook twice", module: with(strings.Replace(ok, `"message"`, `"message","message"`, 1)), expect: "load: stands twice"},
		{name: "manifest with a forged name", module: with(strings.Replace(ok, `"hostile"`, `"rules\u0000"`, 1)), expect: "load: name"},
		{name: "manifest with a grant that is none", module: with(strings.Replace(ok, `"config"`, `"grants":[{"kind":"root","reason":"why not"}],"config"`, 1)), expect: `load: "root"`},
		{name: "manifest of another ABI", module: with(strings.Replace(ok, `"abi":1`, `"abi":9`, 1)), expect: "load: abi is 9"},
		{name: "manifest of a later minor", module: with(strings.Replace(ok, `"abi":1`, fmt.Sprintf(`"abi":1,"minor":%d`, abi.Minor+1), 1)), expect: "load: needs ABI 1."},
		{name: "manifest in a section name that goes on", module: append(bare(), section(0, append(str(manifest.Section+"s"), ok...))...), expect: "load: no manifest section"},
	}
}

// bare is a good module without its manifest.
func bare() []byte {
	b := module{}.bytes()
	at := 8
	for at < len(b) {
		n, k := uvarint(b[at+1:])
		if b[at] == 0 {
			return b[:at:at]
		}
		at += 1 + k + n
	}
	return b
}

func uvarint(b []byte) (v, n int) {
	for n = 0; ; n++ {
		v |= int(b[n]&0x7f) << (7 * n)
		if b[n] < 0x80 {
			return v, n + 1
		}
	}
}

// largeCases are modules too large to stand in a folder.
func largeCases() []hostileCase {
	good := &manifest.Manifest{Name: "hostile", Version: "1", ABI: 1, Hooks: []string{"message"}}
	pack := func(b []byte) []byte {
		out, err := manifest.Append(b, good)
		if err != nil {
			panic(err)
		}
		return out
	}
	small := bare()
	return []hostileCase{
		{name: "module of 17 MiB", module: pack(append(slices.Clone(small), section(0, append(str("padding"), make([]byte, 17<<20)...))...)), expect: "load: octets; at most"},
		{name: "module of 15 MiB of nothing", module: pack(append(slices.Clone(small), section(0, append(str("padding"), make([]byte, 15<<20)...))...)), expect: "ok"},
		{name: "data of 15 MiB", module: pack(largeData(15 << 20)), expect: "ok"},
		{name: "a body of 1 MiB", module: module{hook: append(bytes.Repeat([]byte{0x01}, 1<<20), 0x41, 0)}.bytes(), expect: "load: body of"},
		{name: "compile bomb: results", module: pack(bombModule(10_000, 1, 0x10, 2)), expect: "load: compiling the function takes"},
		{name: "compile bomb: functions", module: pack(bombModule(300, 100, 0x10, 2)), expect: "load: compiling the functions up to"},
		{name: "compile bomb: loops", module: pack(bombModule(20_000, 1, 0x03, 0x40, 0x0b)), expect: "load: compiling the function takes"},
		{name: "compile bomb that is let through", module: pack(bombModule(300, 20, 0x03, 0x40, 0x0b)), expect: "ok", slow: true},
		{name: "compile bomb of values that is let through", module: pack(bombModule(200, 5, 0x10, 2)), expect: "ok", slow: true},
	}
}

// bombModule is a plugin with k more functions in which code stands n times;
// function 2 has a thousand results.
func bombModule(n, k int, code ...byte) []byte {
	thousand := append(append([]byte{0x60, 0}, 0xe8, 0x07), bytes.Repeat([]byte{0x7e}, 1000)...)
	funcs := [][]byte{{0}, {1}, {2}}
	bodies := [][]byte{str("\x00\x0b"), str("\x00\x41\x00\x0b"), str("\x00\x00\x0b")}
	for range k {
		body := append([]byte{0}, bytes.Repeat(code, n)...)
		funcs, bodies = append(funcs, []byte{0}), append(bodies, str(string(append(body, 0x00, 0x0b))))
	}
	out := []byte("\x00asm\x01\x00\x00\x00")
	out = append(out, section(1, vec(functype("", ""), functype("ii", "i"), thousand))...)
	out = append(out, section(3, vec(funcs...))...)
	out = append(out, section(5, vec([]byte{0, 1}))...)
	out = append(out, section(7, vec(append(str("memory"), 2, 0), append(str(abi.ExportVersion), 0, 0), append(str(abi.ExportHook), 0, 1)))...)
	return append(out, section(10, vec(bodies...))...)
}

// largeData is a plugin that begins with n octets in its memory.
func largeData(n int) []byte {
	b := bombModule(0, 0)
	at := bytes.Index(b, section(5, vec([]byte{0, 1})))
	b[at+4] = 0x7f // 127 pages, 8 MiB
	n = min(n, 127<<16)
	return append(b, section(11, vec(append([]byte{0, 0x41, 0, 0x0b}, str(string(bytes.Repeat([]byte{7}, n)))...)))...)
}

// bystander is a well-behaved plugin that other sessions call all the time.
type bystander struct {
	mu    sync.Mutex
	worst time.Duration
	calls int
	stop  chan struct{}
	done  chan struct{}
}

func (f *fixture) bystander(t *testing.T, name string) *bystander {
	b := &bystander{stop: make(chan struct{}), done: make(chan struct{})}
	go func() {
		defer close(b.done)
		for {
			select {
			case <-b.stop:
				return
			default:
			}
			begin := time.Now()
			time.Sleep(time.Millisecond)
			if _, err := f.one(name, "typical"); err != nil {
				t.Error("another session:", err)
				return
			}
			b.mu.Lock()
			b.worst, b.calls = max(b.worst, time.Since(begin)-time.Millisecond), b.calls+1
			b.mu.Unlock()
		}
	}()
	return b
}

// since gives the longest that a session has waited since it was last asked.
func (b *bystander) since() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	w := b.worst
	b.worst = 0
	return w
}

// residentPeak resets and reads the peak of this process's resident memory.
type residentPeak struct{ base int64 }

func startResident() (r residentPeak, ok bool) {
	debug.FreeOSMemory()
	if os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) != nil {
		return r, false
	}
	r.base, ok = statusKiB("VmRSS:")
	return r, ok
}

func (r residentPeak) growth() int64 {
	peak, _ := statusKiB("VmHWM:")
	return (peak - r.base) << 10
}

func statusKiB(name string) (kib int64, ok bool) {
	b, _ := os.ReadFile("/proc/self/status") // not there off Linux: ok is false
	for line := range strings.Lines(string(b)) {
		if size, found := strings.CutPrefix(line, name); found {
			kib, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(size), "kB")), 10, 64)
			return kib, err == nil
		}
	}
	return 0, false
}

// How much a hostile module may take from the process and from others. The
// second target is what is measured on an idle machine, WEIR_STRICT=1 asserts
// it; the bound leaves room for one where other tests run.
const (
	hostileMemory      = DefaultMemory + 32<<20
	hostileStall       = time.Second
	hostileStallTarget = 100 * time.Millisecond
)

// TestHostileModules runs everything that is hostile in a host where a
// well-behaved plugin is called all the time: each ends as it should, what it
// takes of the process's memory is bounded, and nobody else waits for it.
func TestHostileModules(t *testing.T) {
	defer heap.Spare()() // as the gateway does
	f := newFixture(t)
	f.initTimeout = 300 * time.Millisecond
	other := guestSpec(t)
	f.swap(t, nil, other)
	b := f.bystander(t, other.Name)
	stall := hostileStall
	if os.Getenv("WEIR_STRICT") != "" {
		stall = hostileStallTarget
	}
	var worstMemory, worstStall struct {
		name string
		n    int64
	}
	cases := slices.Concat(hostileFiles(t), manifestCases(), largeCases())
	for i, c := range cases {
		if underRace && i%6 != 0 {
			continue // a second for each to compile
		}
		t.Run(c.name, func(t *testing.T) {
			mem, measured := startResident()
			b.since()
			ended := f.provoke(t, other, c)
			if !strings.HasPrefix(ended, c.expect) && !matches(ended, c.expect) {
				t.Errorf("ended with %q, want %q", ended, c.expect)
			}
			if n := mem.growth(); measured {
				if n > worstMemory.n {
					worstMemory.name, worstMemory.n = c.name, n
				}
				if n > hostileMemory && !underRace {
					t.Errorf("took %.1f MiB of the process's memory, at most %d", float64(n)/(1<<20), hostileMemory>>20)
				}
			}
			if c.expect == "deadline" { // once more, on every processor
				var wg sync.WaitGroup
				for range runtime.GOMAXPROCS(0) {
					wg.Go(func() { _, _ = f.one("hostile", "x") }) // it ended right above
				}
				wg.Wait()
			}
			d := b.since()
			t.Logf("stall %v", d)
			if d > time.Duration(worstStall.n) {
				worstStall.name, worstStall.n = c.name, int64(d)
			}
		})
	}
	close(b.stop)
	<-b.done
	t.Logf("%d hostile modules, %d calls of other sessions meanwhile", len(cases), b.calls)
	t.Logf("most resident memory: %.1f MiB by %q (limit %d MiB each)", float64(worstMemory.n)/(1<<20), worstMemory.name, DefaultMemory>>20)
	t.Logf("worst stall of others: %v by %q", time.Duration(worstStall.n).Round(10*time.Microsecond), worstStall.name)
	if d := time.Duration(worstStall.n); d > stall && !underRace {
		t.Errorf("other sessions were held up for %v", d)
	}
}

// provoke loads a module beside another and calls it, and says how that ended.
func (f *fixture) provoke(t *testing.T, other Spec, c hostileCase) string {
	deadline := time.Minute
	if c.expect == "deadline" {
		deadline = 60 * time.Millisecond
	}
	s := Spec{Name: "hostile", Source: c.name, Module: c.module, Grants: c.grants, Limits: Limits{Deadline: map[abi.Stage]time.Duration{0: deadline}}}
	if err := f.Swap(context.Background(), []Spec{other, s}, nil); err != nil {
		text := err.Error()
		if !strings.HasPrefix(text, `plugin "hostile" (`+c.name+`): `) || strings.Contains(text, "\n") {
			t.Errorf("does not name the plugin in one line: %q", text)
		}
		return "load: " + text
	}
	begin := time.Now()
	_, err := f.one("hostile", "x")
	if took := time.Since(begin); took > deadline+5*time.Second {
		t.Errorf("took %v at a deadline of %v", took, deadline)
	}
	var fl *Failure
	switch {
	case err == nil:
		return "ok"
	case !errors.As(err, &fl):
		return "no failure: " + err.Error()
	case strings.Contains(err.Error(), "runtime error"):
		return "a fault of the host: " + err.Error()
	case fl.Kind == KindResult && strings.Contains(err.Error(), "reported a failure"):
		return "reported: " + err.Error()
	}
	return string(fl.Kind) + ": " + err.Error()
}

// matches: the kind is the same, and what ended contains the text.
func matches(ended, expect string) bool {
	kind, text, _ := strings.Cut(expect, ": ")
	return strings.HasPrefix(ended, kind+": ") && strings.Contains(ended, text)
}
