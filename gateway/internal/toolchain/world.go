package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

// world is what the plugin sees of everything but the mail: the fixtures, and
// what it has changed of them. It implements the seams of the plugin host.
type world struct {
	mu        sync.Mutex
	fx        fixtures
	now       time.Time
	tenant    string // of the fixture kv
	kv        map[kvKey]kvValue
	counters  map[string]int64
	lines     []string
	scheduled []schedule
	submitted []abi.Submission
	orders    []string
	requests  []string
	conns     []*fakeConn
}

type schedule struct {
	at      time.Time
	request abi.ScheduleRequest
}

func newWorld(sc *Scenario) *world {
	w := &world{fx: sc.Setup.clone(), now: sc.Start, tenant: defaultSession().tenant, kv: map[kvKey]kvValue{}, counters: map[string]int64{}}
	for _, st := range sc.Steps {
		w.tenant = st.Session.tenant
		break
	}
	for k, v := range sc.Setup.kv {
		w.kv[kvKey{w.tenant, k}] = kvValue{value: v}
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// rig is the plugin host of a scenario with its world, which can be set anew.
type rig struct {
	host *filter.Host
	mu   sync.Mutex
	w    *world
	tick time.Time // the breaker's clock: hours apart, so that it never opens

	spec    filter.Spec // what the host runs, to load it again
	configs []filter.Config
}

func (r *rig) world() *world {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.w
}

// reset puts the world back to the scenario's beginning.
func (r *rig) reset(sc *Scenario) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.w = newWorld(sc)
}

func (r *rig) breakerClock() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.tick = r.tick.Add(time.Hour)
	return r.tick
}

// Lookup implements filter.Lists.
func (r *rig) Lookup(_ context.Context, _, list string, keys []string) (string, string, bool, error) {
	entries, ok := r.world().fx.lists[list]
	if !ok {
		return "", "", false, filter.ErrNoList
	}
	for _, k := range keys {
		if v, ok := entries[k]; ok {
			return k, v, true, nil
		}
	}
	return "", "", false, nil
}

// Query implements filter.DNS: what no fixture names does not exist.
func (r *rig) Query(_ context.Context, qs []abi.DNSQuestion) []abi.DNSAnswer {
	fx := r.world().fx.dns
	out := make([]abi.DNSAnswer, len(qs))
	for i, q := range qs {
		a, ok := fx[abi.DNSQuestion{Name: strings.ToLower(strings.TrimSuffix(q.Name, ".")), Type: q.Type}]
		if !ok {
			a = abi.DNSAnswer{Code: abi.DNSCodeNotFound}
		}
		out[i] = a
	}
	return out
}

// Count implements filter.Metrics.
func (r *rig) Count(_, name string, delta int64) {
	w := r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.counters[name] += delta
}

// faultOf makes an error of a fixture's fault.
func faultOf(fault string) error {
	switch fault {
	case "timeout":
		return context.DeadlineExceeded
	case "refused":
		return filter.ErrRefused
	case "":
		return nil
	}
	return errors.New("the other side is not there")
}

// Fetch implements filter.Net.
func (r *rig) Fetch(_ context.Context, q *abi.HTTPRequest, body io.Reader, _ int64, _ []string) (*abi.HTTPResponse, error) {
	w := r.world()
	sent := q.Body
	if body != nil {
		b, err := io.ReadAll(body)
		if err != nil {
			return nil, err
		}
		sent = b
	}
	method := q.Method
	if method == "" {
		method = "GET"
	}
	asked := plainURL(q.URL)
	w.mu.Lock()
	line := method + " " + asked
	if len(sent) > 0 {
		line += " " + string(sent)
	}
	w.requests = append(w.requests, line)
	w.mu.Unlock()
	for _, h := range w.fx.http {
		if h.method != method || plainURL(h.url) != asked {
			continue
		}
		if err := faultOf(h.fault); err != nil {
			return nil, err
		}
		limit := int(q.MaxBody)
		if limit == 0 {
			limit = 64 << 10
		}
		return &abi.HTTPResponse{Status: h.status, Headers: h.headers, Body: h.body[:min(len(h.body), limit)], Truncated: len(h.body) > limit}, nil
	}
	return nil, fmt.Errorf("no fixture http %q %q answers", method, asked)
}

// plainURL is a URL without the port that its scheme has anyway, and with a
// path: as people write it, where the host has spelt it out.
func plainURL(s string) string {
	u, err := url.Parse(s)
	if err != nil {
		return s
	}
	if port := u.Port(); u.Scheme == "https" && port == "443" || u.Scheme == "http" && port == "80" {
		u.Host = strings.TrimSuffix(u.Host, ":"+port)
	}
	if u.Path == "" {
		u.Path = "/"
	}
	return u.String()
}

// Dial implements filter.Net.
func (r *rig) Dial(_ context.Context, address string, _ []string) (net.Conn, error) {
	w := r.world()
	for _, c := range w.fx.conns {
		if c.address == address {
			if err := faultOf(c.fault); err != nil {
				return nil, err
			}
			f := &fakeConn{turns: c.turns, address: address}
			w.mu.Lock()
			w.conns = append(w.conns, f)
			w.mu.Unlock()
			return f, nil
		}
	}
	return nil, fmt.Errorf("no fixture connection %q answers", address)
}

// fakeConn is a server that answers in turns.
type fakeConn struct {
	address string
	turns   []turn
	mu      sync.Mutex
	wrote   bytes.Buffer // since the last reply
	reply   []byte
	wrong   *turn // what was written does not match
}

// Read gives the reply of the turn whose pattern matches what was written; at
// the end of the turns, and when it does not match, the connection is over.
func (c *fakeConn) Read(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.reply) == 0 {
		if len(c.turns) == 0 {
			return 0, io.EOF
		}
		t := c.turns[0]
		if t.wants != nil && !t.wants.Match(c.wrote.Bytes()) {
			c.wrong = &t
			return 0, io.EOF
		}
		c.turns = c.turns[1:]
		c.reply = t.reply
		c.wrote.Reset()
		if len(c.reply) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, c.reply)
	c.reply = c.reply[n:]
	return n, nil
}

func (c *fakeConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.wrote.Write(p)
}

func (c *fakeConn) Close() error                     { return nil }
func (c *fakeConn) LocalAddr() net.Addr              { return fakeAddr(c.address) }
func (c *fakeConn) RemoteAddr() net.Addr             { return fakeAddr(c.address) }
func (c *fakeConn) SetDeadline(time.Time) error      { return nil }
func (c *fakeConn) SetReadDeadline(time.Time) error  { return nil }
func (c *fakeConn) SetWriteDeadline(time.Time) error { return nil }

type fakeAddr string

func (fakeAddr) Network() string  { return "fixture" }
func (a fakeAddr) String() string { return string(a) }

// Schedule implements filter.Queue.
func (r *rig) Schedule(_ context.Context, _, _ string, _ uint64, q abi.ScheduleRequest) error {
	w := r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.scheduled = slices.DeleteFunc(w.scheduled, func(o schedule) bool { return o.request.Name == q.Name && o.request.Key == q.Key })
	if q.AtUnixMs != 0 {
		w.scheduled = append(w.scheduled, schedule{time.UnixMilli(int64(q.AtUnixMs)).UTC(), q})
	}
	return nil
}

// take removes what was scheduled under a name and a key.
func (w *world) take(name, key string) *schedule {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, s := range w.scheduled {
		if s.request.Name == name && (key == "" || s.request.Key == key) {
			w.scheduled = slices.Delete(w.scheduled, i, i+1)
			return &s
		}
	}
	return nil
}

// Message implements filter.Queue.
func (r *rig) Message(_ context.Context, tenant, id string) (*abi.MessageInfo, error) {
	rec := r.world().fx.records[id]
	if rec == nil || rec.tenant != tenant {
		return nil, filter.ErrNoMessage
	}
	i := rec.info
	return &i, nil
}

// orderStatus is what a verb makes of a recipient.
var orderStatus = map[string]string{"release": "released", "reject": "rejected", "delete": "quarantine-removed"}

// Order implements filter.Queue.
func (r *rig) Order(_ context.Context, verb, _, tenant string, o abi.MessageOrder) (int, error) {
	w := r.world()
	rec := w.fx.records[o.ID]
	if rec == nil || rec.tenant != tenant {
		return 0, filter.ErrNoMessage
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	changed := 0
	next := *rec
	next.info.Recipients = slices.Clone(rec.info.Recipients)
	for i := range next.info.Recipients {
		if p := &next.info.Recipients[i]; (o.Recipient == 0 || o.Recipient == p.N) && p.Status != orderStatus[verb] {
			p.Status = orderStatus[verb]
			changed++
		}
	}
	w.fx.records[o.ID] = &next
	line := verb + " " + o.ID
	if o.Recipient != 0 {
		line += fmt.Sprintf(".%d", o.Recipient)
	}
	w.orders = append(w.orders, line)
	return changed, nil
}

// Submit implements filter.Queue.
func (r *rig) Submit(_ context.Context, _, _ string, s abi.Submission) (string, error) {
	w := r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.submitted = append(w.submitted, s)
	return fmt.Sprintf("notice-%d", len(w.submitted)), nil
}

// journal keeps the guest's log lines.
type journal struct{ r *rig }

func (j journal) Enabled(context.Context, slog.Level) bool { return true }
func (j journal) WithAttrs([]slog.Attr) slog.Handler       { return j }
func (j journal) WithGroup(string) slog.Handler            { return j }
func (j journal) Handle(_ context.Context, rec slog.Record) error {
	text, guest := strings.CutPrefix(rec.Message, "plugin: ")
	if !guest {
		return nil
	}
	w := j.r.world()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines = append(w.lines, strings.ToLower(rec.Level.String())+": "+text)
	return nil
}

// forget drops what a step left behind but state: the next looks at its own.
func (w *world) forget() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lines, w.submitted, w.orders, w.requests, w.conns = nil, nil, nil, nil, nil
	w.counters = map[string]int64{}
}

// check says how a step's effects differ from what it says.
func (x *effects) check(where, tenant string, w *world) []Mismatch {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Mismatch
	miss := func(name, want, have string) {
		if want != have {
			out = append(out, Mismatch{x.at[name], where, name, want, have})
		}
	}
	for _, k := range slices.Sorted(maps.Keys(x.kv)) {
		have := ""
		if v, ok := w.get(kvKey{tenant, k}); ok {
			have = shownKV(v)
		}
		miss("kv", k+" = "+orNone(x.kv[k]), k+" = "+orNone(have))
	}
	for _, k := range slices.Sorted(maps.Keys(x.counters)) {
		miss("counters", k+" = "+x.counters[k], fmt.Sprintf("%s = %d", k, w.counters[k]))
	}
	for _, l := range x.log {
		if !slices.ContainsFunc(w.lines, l.re.MatchString) {
			miss("log", l.text, strings.Join(w.lines, "\n          "))
		}
	}
	var planned, notices []string
	for _, s := range w.scheduled {
		planned = append(planned, strings.TrimSpace(s.request.Name+" "+s.request.Key)+" in "+s.at.Sub(w.now).Round(time.Second).String())
	}
	for _, s := range w.submitted {
		notices = append(notices, strings.Join(s.To, " ")+": "+s.Subject)
	}
	for _, f := range []struct {
		name       string
		want, have []string
	}{{"scheduled", x.scheduled, planned}, {"submitted", x.submitted, notices}, {"orders", x.orders, w.orders}, {"requests", x.requests, w.requests}} {
		if x.has[f.name] {
			miss(f.name, words(f.want), words(f.have))
		}
	}
	return out
}

// strangers are connections on which the guest wrote what no turn wants.
func (w *world) strangers(where string) []Mismatch {
	w.mu.Lock()
	defer w.mu.Unlock()
	var out []Mismatch
	for _, c := range w.conns {
		c.mu.Lock()
		if c.wrong != nil {
			out = append(out, Mismatch{c.wrong.at, where, "connection " + c.address, c.wrong.wants.String(), fmt.Sprintf("%q", c.wrote.String())})
		}
		c.mu.Unlock()
	}
	return out
}
