// Package apitest is a gateway in memory for tests of the API, its client and
// the command line: a few messages, the verbs of waiting mail, a policy that
// can be told to be broken.
//
// It is for tests only, and it is no model of how the gateway works.
package apitest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Now is the instant at which the gateway in memory stands.
var Now = time.Date(2026, 11, 21, 14, 0, 0, 0, time.UTC)

// Gateway is everything the API asks for. Change its fields before use only.
type Gateway struct {
	NotReady error            // what Ready gives
	Broken   []api.Diagnostic // when set, a reload fails with them
	SearchBy error            // when set, searches fail with it

	mu       sync.Mutex
	messages []*store.Message // newest first
	attempts map[mail.ID][]mail.Attempt
	events   map[mail.ID][]mail.Event
	bodies   map[mail.ID]string
	Scopes   []scope.Scope // of every call, in order
	digest   string
	jobs     []job
}

// New holds the given messages. Later ones are taken for newer.
func New(messages ...*store.Message) *Gateway {
	g := &Gateway{attempts: map[mail.ID][]mail.Attempt{}, events: map[mail.ID][]mail.Event{}, bodies: map[mail.ID]string{}, digest: "3fa9c01d22ab17ef"}
	for _, m := range messages {
		g.messages = append([]*store.Message{m}, g.messages...)
		g.events[m.ID] = []mail.Event{{Seq: 1, At: m.Received, Type: mail.EventReception, Message: m.ID, Client: "192.0.2.7"}}
		if m.HasBody {
			g.bodies[m.ID] = "Subject: " + m.Summary.Subject + "\r\n\r\nHello\r\n"
		}
	}
	return g
}

// AddAttempt records an attempt and its event.
func (g *Gateway) AddAttempt(a mail.Attempt, e ...mail.Event) {
	g.attempts[a.Message] = append(g.attempts[a.Message], a)
	g.events[a.Message] = append(g.events[a.Message], e...)
}

// Services are the gateway as the API sees it.
func (g *Gateway) Services() api.Services {
	reg := prometheus.NewRegistry()
	up := prometheus.NewGauge(prometheus.GaugeOpts{Name: "weir_up", Help: "Always 1."})
	up.Set(1)
	reg.MustRegister(up)
	return api.Services{
		Outward: g.outward(),
		Index:   index{}, Log: g, Actions: g, Content: g, Policy: g, Plugins: g, Lists: noLists{}, Identities: noIdentities{}, Destinations: &Destinations{}, TLSReports: tlsReports{}, Exports: Exports{g}, Jobs: Jobs{g, &g.jobs}, Queue: Queue{g}, PluginActions: PluginActions{g}, Health: g, Tools: tools{g}, Metrics: reg,
		Version: api.VersionInfo{Version: "v1.2.3", Go: "go1.26", Platform: "test/test"},
	}
}

// ID makes an ID whose time is Now less ago and whose rest is n, the same in
// every run.
func ID(ago time.Duration, n byte) mail.ID {
	id := mail.DeriveID(mail.ID{}, Now.Add(-ago), strconv.Itoa(int(n)))
	return id
}

// Address parses an address that is known to be good.
func Address(s string) mail.Address {
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// Message makes a message with one recipient in each status given.
func Message(ago time.Duration, n byte, from, subject string, rcpts ...store.Recipient) *store.Message {
	m := &store.Message{
		ID: ID(ago, n), Direction: mail.Inbound, Received: Now.Add(-ago), Size: 49400, HasBody: true, Policy: "3fa9c01d22ab17ef",
		Client: mail.Client{
			Addr: netip.MustParseAddrPort("192.0.2.7:41234"), Name: "mail.partner.test", Helo: "mail.partner.test", TLS: "TLS1.3", Listener: "mx",
		},
		Summary: store.Summary{From: from, Subject: subject, MessageID: fmt.Sprintf("<%d@partner.test>", n)},
	}
	if from != "" {
		m.Sender = Address(from)
	}
	for i, r := range rcpts {
		r.N = i + 1
		if r.Tenant == "" {
			r.Tenant = "acme"
		}
		if r.Changed.IsZero() {
			r.Changed = m.Received
		}
		m.Recipients = append(m.Recipients, r)
		m.Attempts = max(m.Attempts, r.Attempts)
	}
	return m
}

func (g *Gateway) call(s scope.Scope) error {
	g.Scopes = append(g.Scopes, s)
	return s.Validate()
}

// Search matches rows with the compiled filter; the cursor is a row's number.
func (g *Gateway) Search(_ context.Context, s scope.Scope, f query.Filter, cursor string, limit int) ([]store.Row, string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.call(s); err != nil {
		return nil, "", err
	}
	if g.SearchBy != nil {
		return nil, "", g.SearchBy
	}
	match, err := query.Compile(f, Now)
	if err != nil {
		return nil, "", err
	}
	from, _ := strconv.Atoi(cursor)
	var rows []store.Row
	k := 0
	for _, m := range g.messages {
		for i := range m.Recipients {
			row := store.Row{Message: m, Recipient: &m.Recipients[i]}
			if !match.Match(row) {
				continue
			}
			k++
			if k <= from {
				continue
			}
			if len(rows) == limit {
				return rows, strconv.Itoa(k - 1), nil
			}
			rows = append(rows, row)
		}
	}
	return rows, "", nil
}

// Find is Search, which sorts nothing.
func (g *Gateway) Find(ctx context.Context, s scope.Scope, q journal.Query) (journal.Page, error) {
	rows, next, err := g.Search(ctx, s, q.Filter, q.Cursor, q.Limit)
	return journal.Page{Rows: rows, Next: next}, err
}

// Attempted gives the delivery log; a cursor is how many rows were before.
func (g *Gateway) Attempted(ctx context.Context, s scope.Scope, q journal.Query) (journal.DeliveryPage, error) {
	match, err := query.CompileDeliveries(q.Filter, Now)
	if err != nil {
		return journal.DeliveryPage{}, err
	}
	rows, _, err := g.Search(ctx, s, query.WithoutAttempts(q.Filter), "", 1<<30)
	var all []journal.Delivery
	for _, r := range rows {
		for _, a := range journal.Attempts(r.Message, g.attempts[r.Message.ID], g.events[r.Message.ID]) {
			for i := range a.Results {
				d := journal.Delivery{Row: r, Attempt: a}
				d.Attempt.Results = a.Results[i : i+1]
				if a.Results[i].N == r.Recipient.N && match.Match(d.Values()) {
					all = append(all, d)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b journal.Delivery) int { return b.Attempt.Start.Compare(a.Attempt.Start) })
	from, _ := strconv.Atoi(q.Cursor)
	p := journal.DeliveryPage{Rows: all[min(from, len(all)):]}
	if len(p.Rows) > q.Limit {
		p.Rows, p.Next = p.Rows[:q.Limit], strconv.Itoa(from+q.Limit)
	}
	return p, err
}

// Count counts what Search finds.
func (g *Gateway) Count(ctx context.Context, s scope.Scope, f query.Filter) (n int, exact bool, err error) {
	rows, _, err := g.Search(ctx, s, f, "", 1<<30)
	return len(rows), true, err
}

// Facets sums up what Search finds.
func (g *Gateway) Facets(ctx context.Context, s scope.Scope, f query.Filter, fields []string, limit int) (map[string]store.Facets, error) {
	rows, _, err := g.Search(ctx, s, f, "", 1<<30)
	out := map[string]store.Facets{}
	for _, field := range fields {
		sums := map[string]int{}
		for _, r := range rows {
			v := ""
			if vs := r.Text(field); len(vs) > 0 {
				v = vs[0]
			}
			sums[v]++
		}
		fs := store.Facets{Exact: true}
		for _, v := range slices.Sorted(maps.Keys(sums)) {
			fs.Values = append(fs.Values, store.Facet{Value: v, Count: sums[v]})
		}
		out[field] = fs
	}
	return out, err
}

// Histogram has a bar for each row that Search finds.
func (g *Gateway) Histogram(ctx context.Context, s scope.Scope, f query.Filter, step time.Duration) (bars []store.Bar, exact bool, err error) {
	rows, _, err := g.Search(ctx, s, f, "", 1<<30)
	for _, r := range rows {
		bars = append(bars, store.Bar{At: r.Message.Received.Truncate(step), Count: 1})
	}
	return bars, true, err
}

// Resolve completes a prefix.
func (g *Gateway) Resolve(_ context.Context, s scope.Scope, prefix string) (mail.ID, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.call(s); err != nil {
		return mail.ID{}, err
	}
	var found []mail.ID
	for _, m := range g.messages {
		if strings.HasPrefix(m.ID.String(), prefix) {
			found = append(found, m.ID)
		}
	}
	switch len(found) {
	case 0:
		return mail.ID{}, fmt.Errorf("resolving %s: %w", prefix, store.ErrNotFound)
	case 1:
		return found[0], nil
	}
	return mail.ID{}, fmt.Errorf("looking: %w: %q could be %s or %s", store.ErrAmbiguous, prefix, found[0], found[1])
}

// Message gives a message.
func (g *Gateway) Message(_ context.Context, s scope.Scope, id mail.ID) (*store.Message, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.call(s); err != nil {
		return nil, err
	}
	for _, m := range g.messages {
		if m.ID == id {
			return m, nil
		}
	}
	return nil, store.ErrNotFound
}

// Attempts gives a message's attempts.
func (g *Gateway) Attempts(_ context.Context, s scope.Scope, id mail.ID) ([]mail.Attempt, error) {
	return g.attempts[id], s.Validate()
}

// Events gives a message's events.
func (g *Gateway) Events(_ context.Context, s scope.Scope, id mail.ID) ([]mail.Event, error) {
	return g.events[id], s.Validate()
}

// Counts counts live recipients.
func (g *Gateway) Counts(_ context.Context, s scope.Scope) (map[mail.Status]int, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	out := map[mail.Status]int{}
	for _, m := range g.messages {
		for _, r := range m.Recipients {
			if r.Status.Live() {
				out[r.Status]++
			}
		}
	}
	return out, s.Validate()
}

// Explain uses the journal's own words where it has them ready.
func (g *Gateway) Explain(ctx context.Context, s scope.Scope, id string) (journal.Explanation, error) {
	m, n, err := s.Find(ctx, source{g, s}, id)
	if err != nil {
		return journal.Explanation{}, err
	}
	x := journal.Explanation{Message: m}
	m.Recipients = slices.DeleteFunc(m.Recipients, func(r store.Recipient) bool { return n != 0 && r.N != n })
	for i := range m.Recipients {
		r := &m.Recipients[i]
		w := journal.Recipient{Recipient: r, Plain: journal.Status(m, r, Now)}
		if last, ok := journal.LastMeaning(r); ok {
			w.Last = &last
		}
		if r.Route != "" {
			w.Where = "route " + r.Route + " to " + r.NextHop
		}
		if !r.Next.IsZero() {
			w.Next = "due 2026-11-21 14:12:00 UTC, in 12 min; attempts have failed 6 times"
		}
		if r.Rule != "" {
			w.Decision = "Decided by policy, by the rule at " + r.Rule + "."
		}
		for _, f := range r.Findings {
			w.Findings = append(w.Findings, journal.Finding{Finding: f, Plain: f.Explanation + "; " + string(f.Action) + " (" + f.Rule + ")."})
		}
		x.Recipients = append(x.Recipients, w)
	}
	for _, a := range journal.Attempts(m, g.attempts[m.ID], g.events[m.ID]) {
		if n == 0 || slices.Contains(a.Recipients, n) {
			x.Attempts = append(x.Attempts, a)
		}
	}
	for _, e := range g.events[m.ID] {
		if n == 0 || e.N == 0 || e.N == n {
			x.Events = append(x.Events, e)
		}
	}
	return x, nil
}

// source is what scope.Find looks into.
type source struct {
	g *Gateway
	s scope.Scope
}

func (f source) Resolve(ctx context.Context, prefix string) (mail.ID, error) {
	return f.g.Resolve(ctx, f.s, prefix)
}

func (f source) Search(ctx context.Context, q query.Filter, cursor string, limit int) ([]store.Row, string, error) {
	return f.g.Search(ctx, f.s, q, cursor, limit)
}

func (f source) Get(ctx context.Context, id mail.ID) (*store.Message, error) {
	return f.g.Message(ctx, f.s, id)
}

// OpenMessage gives a body.
func (g *Gateway) OpenMessage(_ context.Context, s scope.Scope, verb lifecycle.Verb, text string) (io.ReadCloser, int64, error) {
	whole, _, _ := strings.Cut(text, ".")
	id, err := mail.ParseID(whole)
	if err != nil {
		return nil, 0, err
	}
	if lifecycle.Permitted(verb, mail.Inbound, s.Level, s.Role, true) != nil {
		return nil, 0, &lifecycle.Refusal{Verb: verb, Reason: "not for you"}
	}
	b, ok := g.bodies[id]
	if !ok {
		return nil, 0, store.ErrNotFound
	}
	return io.NopCloser(strings.NewReader(b)), int64(len(b)), s.Validate()
}

// Offered asks the real table.
func (g *Gateway) Offered(s scope.Scope, m *store.Message, r *store.Recipient) []string {
	var out []string
	for _, v := range lifecycle.Offered(s.Query(m, r, true)) {
		out = append(out, string(v))
	}
	return out
}

// Verbs lists the real verbs.
func (g *Gateway) Verbs() []string {
	var out []string
	for _, v := range lifecycle.Verbs() {
		out = append(out, string(v))
	}
	return out
}

// Do moves recipients as the real table says.
func (g *Gateway) Do(_ context.Context, s scope.Scope, o api.ActionOrder) (api.ActionOutcome, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out api.ActionOutcome
	if err := g.call(s); err != nil {
		return out, err
	}
	var match *query.Matcher
	if o.Filter != nil {
		var err error
		if match, err = query.Compile(*o.Filter, Now); err != nil {
			return out, err
		}
	}
	for _, m := range g.messages {
		for i := range m.Recipients {
			r := &m.Recipients[i]
			id := fmt.Sprintf("%s.%d", m.ID, r.N)
			chosen := match != nil && match.Match(store.Row{Message: m, Recipient: r}) ||
				slices.Contains(o.IDs, id) || slices.Contains(o.IDs, m.ID.String())
			if !chosen {
				continue
			}
			out.Matched++
			item := api.ActionItem{ID: id, Recipient: r.Address.String(), Status: string(r.Status)}
			if err := lifecycle.Check(lifecycle.Verb(o.Verb), s.Query(m, r, true)); err != nil {
				item.Error = err.Error()
			} else if !o.DryRun {
				if to, ok := lifecycle.Becomes(lifecycle.Verb(o.Verb), r.Status); ok {
					r.Status = to
				}
				item.Status = string(r.Status)
				out.Changed++
			}
			out.Items = append(out.Items, item)
		}
	}
	return out, nil
}

// Info describes a policy.
func (g *Gateway) Info() api.PolicyInfo {
	return api.PolicyInfo{
		Path: "config.hcl", Digest: g.digest, Loaded: Now, Hostname: "mx.weir.test", DataDir: "var",
		Listeners: []api.ListenerInfo{{Name: "mx", Address: "127.0.0.1:2525", Direction: "inbound"}},
		Tenants:   []api.TenantInfo{{Name: "acme", Domains: []string{"acme.test"}}},
	}
}

// Reload puts a new policy in force unless Broken is set.
func (g *Gateway) Reload(_ context.Context, s scope.Scope, checkOnly bool) (api.ReloadResult, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err := g.call(s); err != nil {
		return api.ReloadResult{}, err
	}
	if len(g.Broken) > 0 {
		return api.ReloadResult{Digest: g.digest, Changed: true, Diagnostics: g.Broken}, nil
	}
	if checkOnly {
		return api.ReloadResult{Digest: g.digest, Changed: true}, nil
	}
	g.digest = "77d0a1b2c3d4e5f6"
	return api.ReloadResult{Reloaded: true, Changed: true, Digest: g.digest}, nil
}

// Plugins gives two plugins.
func (g *Gateway) Plugins() []api.PluginStatus {
	return []api.PluginStatus{
		{
			Name: "rules", Version: "1.0.0", Description: "Word and sender lists.", Source: "builtin:rules", Hooks: []string{"mail_from", "rcpt_to", "message"},
			Grants: []string{"lists"}, Instances: 4, Idle: 3, Calls: 12345, Verdicts: map[string]uint64{"continue": 12000, "reject": 300, "tempfail": 45},
			P50: 0.2, P99: 1.75, Fuel: 431_000_000, Memory: 29 << 20, MemoryPeak: 41 << 20, MemoryLimit: 64 << 20,
			Loaded: time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC), LoadTime: 41.5, State: "ok",
		},
		{
			Name: "stall", Version: "1.0.0", Source: "builtin:stall", Hooks: []string{"message"}, Actions: []string{"unlock"}, Instances: 2, Calls: 4100,
			Verdicts: map[string]uint64{"continue": 4000, "stall": 96}, Failures: map[string]uint64{"trap": 3, "breaker": 1}, Traps: 3, P50: 1.1, P99: 12.5,
			Fuel: 98_400_000_000, Memory: 14 << 20, MemoryPeak: 64 << 20, MemoryLimit: 64 << 20, State: "open: 3 failures in a row, tried again in 30 s",
		},
	}
}

// Ready gives NotReady.
func (g *Gateway) Ready(context.Context) error { return g.NotReady }

// ErrSecret is a fault whose text must never reach a caller.
var ErrSecret = errors.New("badger: /secret/path: checksum mismatch")
