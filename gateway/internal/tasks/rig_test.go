package tasks

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

var t0 = time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)

// seen is one call of the plugin host.
type seen struct {
	plugin string
	ev     abi.Event
	header string // Subject, where the message could be read
}

// host is a plugin host that says what a test wants.
type host struct {
	mu    sync.Mutex
	calls []seen
	gone  map[string]bool
	say   func(ctx context.Context, ev *abi.Event, v *abi.Verdict) error
}

func (h *host) Loaded(p string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return !h.gone[p]
}

func (h *host) Hooks(p string, s abi.Stage) bool {
	return h.Loaded(p) && (s == abi.StageAction || s == abi.StageSchedule && p != "mute")
}

func (h *host) Call(ctx context.Context, plugin string, ev *abi.Event, msg filter.MessageView) (*abi.Verdict, error) {
	c := seen{plugin: plugin, ev: *ev}
	if msg != nil {
		for _, x := range msg.Headers() {
			if x.Name == "Subject" {
				c.header = x.Value
			}
		}
	}
	h.mu.Lock()
	h.calls = append(h.calls, c)
	say := h.say
	h.mu.Unlock()
	v := &abi.Verdict{}
	if say != nil {
		if err := say(ctx, ev, v); err != nil {
			return nil, &filter.Failure{Plugin: plugin, Stage: ev.Stage, Kind: filter.KindResult, Err: err}
		}
	}
	return v, nil
}

func (h *host) taken() []seen {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := h.calls
	h.calls = nil
	return out
}

// still is a clock that stands until it is moved.
type still struct {
	mu  sync.Mutex
	now time.Time
}

func (c *still) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *still) Timer(time.Duration) (<-chan time.Time, func()) { return nil, func() {} }

func (c *still) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// rig is a service over a real store.
type rig struct {
	*Service
	t     testing.TB
	st    *badgerstore.Store
	dir   string
	h     *host
	clock *still
	p     *policy.Policy
	acts  *actions.Service
	lim   Limits
}

const rigPolicy = `gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}
plugin "hook" { source = "builtin:hook" }
plugin "mute" { source = "builtin:hook" }
plugin "far" {
  source = "builtin:hook"
  offer  = "all"
}
ruleset "base" {
  filter "hook" { plugin = plugin.hook }
  action "tell" {
    when = finding.main == "malware"
    run  = [call(plugin.mute, "post", { text = "bad mail from ${sender.address}" })]
  }
}
tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.base]
  route { hosts = ["127.0.0.1:2526"] }
}
tenant "beta" {
  domains = ["beta.test"]
  route { hosts = ["127.0.0.1:2527"] }
}
`

func rigManifest(policy.Gateway, policy.Plugin) (*manifest.Manifest, error) {
	return &manifest.Manifest{Name: "hook", Version: "1", ABI: 1, Hooks: []string{"action", "schedule", "message"}, Actions: []manifest.Action{
		{Name: "post", Title: "Post it", Params: []manifest.Attr{{Name: "text", Type: "string", Required: true, Doc: "What to post"}, {Name: "n", Type: "number", Default: 2.0}}},
		{Name: "unlock", Statuses: []string{"stalled"}, Body: true, Level: "email", Params: []manifest.Attr{{Name: "password", Type: "string", Secret: true, Required: true}}},
		{Name: "purge", Level: "admin"},
		{Name: "spam", Train: "spam", Level: "email", Body: true, Params: []manifest.Attr{{Name: "weight", Type: "number", Default: 5.0}}},
	}}, nil
}

func newRig(t testing.TB, lim Limits) *rig {
	t.Helper()
	r := &rig{t: t, dir: t.TempDir(), h: &host{gone: map[string]bool{}}, clock: &still{now: t0}, lim: lim}
	name := filepath.Join(t.TempDir(), "p.hcl")
	if err := os.WriteFile(name, []byte(rigPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := policy.Load(name, policy.Options{Manifests: rigManifest})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	r.p = p
	r.open()
	t.Cleanup(func() { r.st.Close() })
	return r
}

// open opens the store and a service over it, as a start of the gateway does.
func (r *rig) open() {
	r.t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	st, err := badgerstore.Open(badgerstore.Options{Dir: r.dir, Clock: r.clock.Now, Logger: quiet, FreeWatermark: 1, BallastSize: -1})
	if err != nil {
		r.t.Fatal(err)
	}
	r.st = st
	r.acts = actions.New(actions.Options{
		Store: st, Clock: r.clock.Now, Logger: quiet,
		Payer: &notify.Payer{Store: st, Hostname: func() string { return "mx.weir.test" }, Clock: r.clock.Now},
		Route: func(_ *store.Message, rc *store.Recipient) error { rc.Route = "tenant:acme:in"; return nil },
	})
	r.Service, err = Open(r.t.Context(), Options{
		Store: st, Host: func() Host { return r.h }, Policy: func() *policy.Policy { return r.p }, Actions: func() *actions.Service { return r.acts },
		Clock: r.clock, Limits: r.lim,
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// restart is a crash and a start: what is in memory alone is lost.
func (r *rig) restart() {
	r.t.Helper()
	if err := r.st.Close(); err != nil {
		r.t.Fatal(err)
	}
	r.open()
}

// step makes every call that is due, and returns them.
func (r *rig) step() []seen {
	r.t.Helper()
	for {
		r.mu.Lock()
		e, _ := r.idx.take(r.clock.Now(), 1<<30)
		r.mu.Unlock()
		if e == nil {
			return r.h.taken()
		}
		r.do(r.t.Context(), e)
	}
}

// after moves the clock and steps.
func (r *rig) after(d time.Duration) []seen {
	r.t.Helper()
	r.clock.advance(d)
	return r.step()
}

func addr(t testing.TB, s string) mail.Address {
	t.Helper()
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// put stores a message with recipients "address status".
func (r *rig) put(dir mail.Direction, sender string, rcpts ...string) *store.Message {
	r.t.Helper()
	r.clock.advance(time.Second)
	now := r.clock.Now()
	m := &store.Message{ID: mail.NewID(now), Direction: dir, Received: now, Sender: addr(r.t, sender), HasBody: true, Summary: store.Summary{Subject: "hello", MessageID: "<1@x.test>"}}
	for i, x := range rcpts {
		a, st, _ := strings.Cut(x, " ")
		rc := store.Recipient{N: i + 1, Address: addr(r.t, a), Status: mail.Status(st), Route: "tenant:acme:in", NextHop: "127.0.0.1:2526", Changed: now}
		rc.Tenant, _, _ = strings.Cut(rc.Address.Domain(), ".")
		if dir == mail.Outbound {
			rc.Tenant, _, _ = strings.Cut(m.Sender.Domain(), ".")
		}
		if rc.Status.Due() {
			rc.Next = now.Add(6 * time.Hour)
		}
		if rc.Status.Held() {
			rc.Expires = now.Add(14 * 24 * time.Hour)
			rc.Findings = []mail.Finding{{Filter: "base.hook", Plugin: "hook", Class: mail.Class{Main: "unscannable", Sub: "zip"}, Recommended: mail.ActionStall, Action: mail.ActionStall}}
		}
		rc.Notes = map[string]string{"hook.seen": "yes", "other.x": "no"}
		m.Recipients = append(m.Recipients, rc)
	}
	d, err := r.st.NewDraft(r.t.Context(), 0)
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(d, "Subject: hello\r\n\r\nbody\r\n"); err != nil {
		r.t.Fatal(err)
	}
	m.Size = d.Size()
	if _, err := r.st.Enqueue(r.t.Context(), &store.Admission{Message: m, Draft: d}); err != nil {
		r.t.Fatal(err)
	}
	return m
}

func (r *rig) get(id mail.ID) *store.Message {
	r.t.Helper()
	m, err := r.st.Get(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// events are a message's events as "type n actor: text".
func (r *rig) events(id mail.ID, types ...mail.EventType) []string {
	r.t.Helper()
	if err := r.st.Sync(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	es, err := r.st.Events(r.t.Context(), id)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		r.t.Fatal(err)
	}
	var out []string
	for _, e := range es {
		for _, want := range types {
			if e.Type == want {
				out = append(out, fmt.Sprintf("%s %d %s: %s", e.Type, e.N, e.Actor, e.Text))
			}
		}
	}
	return out
}

func (r *rig) docs() int {
	r.t.Helper()
	ds, err := r.st.ListDocs(r.t.Context(), "", kindDoc, "")
	if err != nil {
		r.t.Fatal(err)
	}
	return len(ds)
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}
