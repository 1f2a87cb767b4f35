package filter

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// goGuest is testdata/guest built to Wasm, once per run of the tests.
var goGuest = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "weir-guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, "./testdata/guest")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOFLAGS=")
	if msg, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("building the guest: %w\n%s", err, msg)
	}
	code, err := os.ReadFile(out)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile("testdata/guest/manifest.json")
	if err != nil {
		return nil, err
	}
	m, err := manifest.Parse(text)
	if err != nil {
		return nil, err
	}
	return manifest.Append(code, m)
})

// cacheDir is shared by the tests of one run: compiling the Go guest takes half
// a second of CPU.
var cacheDir = sync.OnceValue(func() string {
	dir, err := os.MkdirTemp("", "weir-cache")
	if err != nil {
		panic(err)
	}
	return dir
})

func TestMain(m *testing.M) {
	code := m.Run()
	os.RemoveAll(cacheDir())
	os.Exit(code)
}

func guestSpec(t testing.TB) Spec {
	t.Helper()
	mod, err := goGuest()
	if err != nil {
		t.Fatal(err)
	}
	return Spec{Name: "guest", Source: "testdata/guest", Module: mod, Grants: map[string][]string{"lists": nil, "kv": nil}}
}

// journal is a log that tests read.
type journal struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.b.String()
}

type fixture struct {
	*Host
	log *journal
	now time.Time // of the breaker
}

func newFixture(t testing.TB) *fixture {
	f := &fixture{log: &journal{}, now: time.Unix(1_000_000_000, 0)}
	f.Host = NewHost(Options{
		Logger:   slog.New(slog.NewTextHandler(f.log, nil)),
		CacheDir: cacheDir(), Lists: testLists{}, KV: newTestKV(), Metrics: &counters{m: map[string]int64{}},
		Clock: func() time.Time { return f.now },
	})
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		if err := f.Close(ctx); err != nil {
			t.Error(err)
		}
	})
	return f
}

func (f *fixture) swap(t testing.TB, configs []Config, specs ...Spec) {
	t.Helper()
	if err := f.Swap(context.Background(), specs, configs); err != nil {
		t.Fatal(err)
	}
}

// one calls the guest at stage message with what it shall do.
func (f *fixture) one(plugin, what string) (*abi.Verdict, error) {
	return f.Call(context.Background(), plugin, &abi.Event{Stage: abi.StageMessage, ID: "m1", Tenant: "acme", Sender: what}, testMessage())
}

func failure(t testing.TB, err error, kind Kind) *Failure {
	t.Helper()
	var fl *Failure
	if !errors.As(err, &fl) {
		t.Fatalf("error %v is no *Failure", err)
	}
	if fl.Kind != kind {
		t.Fatalf("kind %s, want %s: %v", fl.Kind, kind, err)
	}
	if s := fl.Error(); strings.Contains(s, "\n") || len(s) > 600 {
		t.Errorf("not short: %q", s)
	}
	return fl
}

// message is a MessageView over byte slices.
type message struct {
	headers []abi.Header
	types   []string
	bodies  [][]byte
	raw     []byte
	err     error
}

func testMessage() *message {
	return &message{
		headers: []abi.Header{{Name: "Subject", Value: "prize 42"}, {Name: "X", Value: "0"}, {Name: "x", Value: "1"}},
		types:   []string{"text/plain", "application/zip"},
		bodies:  [][]byte{[]byte("hello prize"), bytes.Repeat([]byte("PK zip! "), 10_000)},
		raw:     []byte("Subject: prize 42\r\n\r\nhello"),
	}
}

func (m *message) Headers() []abi.Header { return m.headers }

func (m *message) Parts() abi.PartList {
	var l abi.PartList
	for i, t := range m.types {
		l.Parts = append(l.Parts, abi.Part{Index: uint32(i), Type: t, Size: uint64(len(m.bodies[i]))})
	}
	return l
}

func (m *message) ReadPart(part int, off int64, p []byte) (int, error) {
	if m.err != nil {
		return 0, m.err
	}
	b := m.raw
	if part >= 0 {
		b = m.bodies[part]
	}
	if off >= int64(len(b)) {
		return 0, io.EOF
	}
	return copy(p, b[off:]), nil
}

type testLists struct{}

func (testLists) Lookup(_ context.Context, tenant, list string, keys []string) (string, string, bool, error) {
	if tenant != "acme" || list != "block" {
		return "", "", false, ErrNoList
	}
	for _, k := range keys {
		if k == "bad@spam.test" {
			return k, "by hand", true, nil
		}
	}
	return "", "", false, nil
}

type counters struct {
	mu sync.Mutex
	m  map[string]int64
}

func (c *counters) Count(plugin, name string, delta int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.m[plugin+"."+name] += delta
}

// testKV keeps values for ever.
type testKV struct {
	mu sync.Mutex
	m  map[string][]byte
}

func newTestKV() *testKV { return &testKV{m: map[string][]byte{}} }

func (k *testKV) Get(_ context.Context, plugin, tenant, key string) ([]byte, bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, ok := k.m[plugin+"/"+tenant+"/"+key]
	return v, ok, nil
}

func (k *testKV) Set(_ context.Context, plugin, tenant, key string, v []byte, _ time.Duration) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.m[plugin+"/"+tenant+"/"+key] = v
	return nil
}

func (k *testKV) CompareAndSwap(_ context.Context, plugin, tenant, key string, old, v []byte, _ time.Duration) (bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := plugin + "/" + tenant + "/" + key
	have, ok := k.m[id]
	if ok != (old != nil) || !bytes.Equal(have, old) {
		return false, nil
	}
	k.m[id] = v
	return true, nil
}

func (k *testKV) Delete(_ context.Context, plugin, tenant, key string) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.m, plugin+"/"+tenant+"/"+key)
	return nil
}

func (k *testKV) Add(_ context.Context, plugin, tenant, key string, delta int64, _ time.Duration) (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	id := plugin + "/" + tenant + "/" + key
	if v := k.m[id]; len(v) == 8 {
		delta += int64(binary.LittleEndian.Uint64(v))
	}
	k.m[id] = binary.LittleEndian.AppendUint64(nil, uint64(delta))
	return delta, nil
}

func (k *testKV) Batch(ctx context.Context, plugin, tenant string, ops []abi.KVRequest) ([]abi.KVResult, error) {
	out := make([]abi.KVResult, len(ops))
	for i, o := range ops {
		ttl := time.Duration(o.TTLMs) * time.Millisecond
		var err error
		switch r := &out[i]; o.Op {
		case abi.KVOpGet:
			r.Value, r.Found, err = k.Get(ctx, plugin, tenant, o.Key)
		case abi.KVOpSet:
			err = k.Set(ctx, plugin, tenant, o.Key, o.Value, ttl)
		case abi.KVOpDelete:
			err = k.Delete(ctx, plugin, tenant, o.Key)
		case abi.KVOpAdd:
			r.Number, err = k.Add(ctx, plugin, tenant, o.Key, o.Delta, ttl)
		}
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}
