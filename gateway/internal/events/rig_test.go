package events_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/events/egress"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/plugnet"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var ctx = context.Background()

var key = []byte("a key of thirty-two octets, or so")

// journal is a real store with a real journal.
type journal struct {
	*testing.T
	dir string
	s   *badgerstore.Store
}

func open(t *testing.T) *journal {
	j := &journal{T: t, dir: t.TempDir()}
	j.open()
	t.Cleanup(func() { _ = j.s.Close() })
	return j
}

func (j *journal) open() {
	j.Helper()
	s, err := badgerstore.Open(badgerstore.Options{Dir: j.dir, NoSync: true, Logger: slog.New(slog.DiscardHandler), Fatal: func(err error) { j.Error(err) }})
	if err != nil {
		j.Fatal(err)
	}
	j.s = s
}

func (j *journal) restart() {
	j.Helper()
	if err := j.s.Close(); err != nil {
		j.Fatal(err)
	}
	j.open()
}

func address(s string) mail.Address {
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// delivered records messages to a tenant, each with one recipient and one
// Delivery, and waits until they are durable.
func (j *journal) delivered(n int, tenant string, at time.Time) []mail.ID {
	j.Helper()
	ids := make([]mail.ID, n)
	for i := range ids {
		m := &store.Message{
			ID: mail.NewID(at), Direction: mail.Inbound, Received: at, Sender: address("from@sender.test"), Summary: store.Summary{Subject: "no. " + strconv.Itoa(i)},
			Recipients: []store.Recipient{{N: 1, Address: address("someone@" + tenant + ".test"), Tenant: tenant, Status: mail.StatusDelivered, Changed: at}},
		}
		ids[i] = m.ID
		j.s.Record(m, nil, mail.Event{At: at, Type: mail.EventDelivery, Message: m.ID, N: 1, Tenant: tenant, Recipient: "someone@" + tenant + ".test", Status: mail.StatusDelivered})
	}
	if err := j.s.Sync(ctx); err != nil {
		j.Fatal(err)
	}
	return ids
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// waits are the times that receivers wait; none of them takes longer than a
// few milliseconds.
type waits struct {
	mu  sync.Mutex
	all []time.Duration
}

func (w *waits) after(d time.Duration) <-chan time.Time {
	w.mu.Lock()
	w.all = append(w.all, d)
	w.mu.Unlock()
	return time.After(min(d, 2*time.Millisecond))
}

func (w *waits) longest() time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Max(append([]time.Duration{0}, w.all...))
}

// service runs receivers until the test, or stop, ends them.
type service struct {
	*events.Service
	t    *testing.T
	w    *waits
	c    *clock
	stop func()
}

func (j *journal) run(docs store.Docs, c *clock, sinks ...events.Sink) *service {
	w := &waits{}
	if docs == nil {
		docs = j.s
	}
	s := events.New(events.Options{Source: j.s, Docs: docs, Clock: c.now, After: w.after, Jitter: func() float64 { return 0 }, Logger: slog.New(slog.DiscardHandler)})
	s.Apply(sinks)
	run, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(run); !errors.Is(err, context.Canceled) {
			j.Errorf("run ended with %v", err)
		}
	}()
	out := &service{Service: s, t: j.T, w: w, c: c, stop: sync.OnceFunc(func() { cancel(); <-done })}
	j.Cleanup(out.stop)
	out.until("begun", func() bool { return len(s.Status()) == len(sinks) && j.placed(docs, sinks) })
	return out
}

// placed reports that every receiver has a durable place.
func (j *journal) placed(docs store.Docs, sinks []events.Sink) bool {
	for _, k := range sinks {
		if _, err := docs.GetDoc(ctx, "", "events-cursor", k.Name); err != nil {
			return false
		}
	}
	return true
}

func (s *service) until(what string, ok func() bool) {
	s.t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		if ok() {
			return
		}
	}
	s.t.Fatalf("not %s in time: %+v", what, s.Status())
}

func (s *service) is(name string) events.Status {
	for _, st := range s.Status() {
		if st.Name == name {
			return st
		}
	}
	return events.Status{}
}

// receiver is a webhook's other side.
type receiver struct {
	*httptest.Server
	t      *testing.T
	mu     sync.Mutex
	got    []events.Event
	ids    []string
	posts  int
	answer func(n int, w http.ResponseWriter, r *http.Request) bool // false: it answered; n counts from 1
}

func receive(t *testing.T) *receiver {
	r := &receiver{t: t}
	r.Server = httptest.NewTLSServer(http.HandlerFunc(r.serve))
	r.Server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) serve(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	id, at := req.Header.Get("webhook-id"), req.Header.Get("webhook-timestamp")
	if got := req.Header.Get("webhook-signature"); got != events.Sign(id, at, body, key) {
		r.t.Errorf("signature %q of %s is wrong", got, id)
	}
	r.mu.Lock()
	r.posts++
	n, answer := r.posts, r.answer
	r.mu.Unlock()
	if answer != nil && !answer(n, w, req) {
		return
	}
	var p struct {
		Type string
		Data struct {
			Sink   string
			Events []events.Event
		}
	}
	if err := json.Unmarshal(body, &p); err != nil || p.Type != "mail.events" || len(p.Data.Events) == 0 {
		r.t.Errorf("body %s: %v", body, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.got = append(r.got, p.Data.Events...)
	r.ids = append(r.ids, id)
	w.WriteHeader(http.StatusNoContent)
}

func (r *receiver) answers(f func(n int, w http.ResponseWriter, r *http.Request) bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiver) asked() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.posts
}

// seqs are the numbers of what was taken, as it came.
func (r *receiver) seqs() []uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []uint64
	for _, e := range r.got {
		if e.Type != events.TypeLost {
			out = append(out, e.Seq)
		}
	}
	return out
}

func (r *receiver) lost() (n uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.got {
		n += e.Lost
	}
	return n
}

// whole checks that from..to came, each at least once, and that the first
// coming of each was in order.
func (r *receiver) whole(from, to uint64) error {
	next := from
	for _, s := range r.seqs() {
		if s > next {
			return fmt.Errorf("%d came before %d", s, next)
		}
		if s == next {
			next++
		}
	}
	if next != to+1 {
		return fmt.Errorf("came up to %d of %d", next-1, to)
	}
	return nil
}

// hook is a receiver as the policy would have it. trust: its certificate is
// known, and its address opened.
func (r *receiver) hook(t *testing.T, name string, batch int, trust bool) events.Sink {
	o := plugnet.Options{Resolver: literal{}, Strict: true}
	var private []netip.AddrPort
	if trust {
		o.Roots = r.Server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
		private = append(private, netip.MustParseAddrPort(strings.TrimPrefix(r.URL, "https://")))
	}
	return r.over(t, o, private, name, batch)
}

func (r *receiver) over(t *testing.T, o plugnet.Options, private []netip.AddrPort, name string, batch int) events.Sink {
	net := plugnet.New(o)
	t.Cleanup(net.Close)
	return events.Sink{
		Name: name, Kind: "webhook", To: r.URL, Keep: 24 * time.Hour, Batch: batch, Print: name + r.URL + strconv.Itoa(batch),
		Open: events.Webhook{URL: r.URL + "/hook", Keys: [][]byte{key}, Timeout: 300 * time.Millisecond, Post: egress.Over(net, private)}.Open,
	}
}

// literal resolves addresses, and one name of the public DNS that leads home.
type literal struct{}

func (literal) Addrs(_ context.Context, host string) ([]netip.Addr, error) {
	if host == "hook.example" || host == "hook.internal" {
		return []netip.Addr{netip.MustParseAddr("127.0.0.1")}, nil
	}
	a, err := netip.ParseAddr(host)
	return []netip.Addr{a}, err
}

func (literal) Records(context.Context, string, string) (resolver.Records, error) {
	return resolver.Records{}, errors.New("not asked for")
}
