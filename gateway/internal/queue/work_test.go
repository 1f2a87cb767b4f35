package queue

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/policy"
)

// dest is a destination that answers as told.
type dest struct {
	addr  string
	say   func(verb, line string) string // "" is 250; verbs are those of SMTP and "."
	taken atomic.Int32                   // final dots answered with 250
	mu    sync.Mutex
	open  int // transactions under way
	most  int
	heard chan string // verbs, as they come; nobody has to listen
}

func newDest(t *testing.T, say func(verb, line string) string) *dest {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &dest{addr: ln.Addr().String(), say: say, heard: make(chan string, 1000)}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go d.serve(c)
		}
	}()
	return d
}

func (d *dest) busy(by int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.open += by
	d.most = max(d.most, d.open)
}

func (d *dest) serve(c net.Conn) {
	defer c.Close()
	in := bufio.NewReader(c)
	io.WriteString(c, "220 dest\r\n")
	data, inMail := false, false
	defer func() {
		if inMail {
			d.busy(-1)
		}
	}()
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		if data {
			if line != "." {
				continue
			}
			verb, data = ".", false
		}
		if verb == "MAIL" {
			inMail = true
			d.busy(1)
		}
		select {
		case d.heard <- verb:
		default:
		}
		reply := ""
		if d.say != nil {
			reply = d.say(verb, line)
		}
		switch {
		case reply == "" && verb == "DATA":
			reply, data = "354 go", true
		case reply == "":
			reply = "250 ok"
		}
		if verb == "." || verb == "RSET" {
			if verb == "." && strings.HasPrefix(reply, "250") {
				d.taken.Add(1)
			}
			if inMail {
				inMail = false
				d.busy(-1)
			}
		}
		if _, err := io.WriteString(c, reply+"\r\n"); err != nil || verb == "QUIT" {
			return
		}
	}
}

// hears waits for a verb.
func (d *dest) hears(t *testing.T, verb string) {
	t.Helper()
	limit := time.After(10 * time.Second)
	for {
		select {
		case v := <-d.heard:
			if v == verb {
				return
			}
		case <-limit:
			t.Fatalf("the destination never heard %s", verb)
		}
	}
}

// judges is flow as a test wants it.
type judges struct {
	rejudge func(m *store.Message, ns []int) (store.Outcome, error)
	inject  func(m *store.Message, ns []int) []deliver.RcptResult
}

func (j *judges) Rejudge(_ context.Context, m *store.Message, ns []int, _ store.Body) (store.Outcome, error) {
	return j.rejudge(m, ns)
}

func (j *judges) Inject(_ context.Context, m *store.Message, ns []int, _ store.Body) []deliver.RcptResult {
	return j.inject(m, ns)
}

func (j *judges) Attempted(context.Context, *store.Message, Entry) {}

func (j *judges) Judged(context.Context, *store.Message, store.Outcome) {}

// bench is a worker over a real store.
type bench struct {
	t      *testing.T
	st     store.Store
	w      *Worker
	policy atomic.Pointer[policy.Policy]
	stop   context.CancelFunc
	ended  chan struct{}
	wrap   func(Engine) Engine // nil: the engine as it is
}

const benchPolicy = `gateway {
  hostname = "mx.test"
  data_dir = "./var"
  queue {
    workers = %d
    per_hop = %d
  }
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
`

func benchTenant(name string, hosts string) string {
	return fmt.Sprintf("tenant %q {\n  domains = [\"%s.test\"]\n%s}\n", name, name, hosts)
}

func route(d *dest) string {
	r := fmt.Sprintf("route {\n    hosts = [%q]\n    tls = \"none\"\n  }\n", d.addr)
	return "  " + r + "  outbound {\n " + r + "}\n"
}

// newBench opens a store; start runs the worker.
func newBench(t *testing.T, workers, perHop int, tenants ...string) *bench {
	t.Helper()
	b := &bench{t: t}
	b.load(workers, perHop, tenants...)
	st, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler), FreeWatermark: 100 << 20, BallastSize: -1, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	b.st = st
	t.Cleanup(func() { st.Close() })
	return b
}

func (b *bench) load(workers, perHop int, tenants ...string) {
	b.t.Helper()
	b.policy.Store(load(b.t, fmt.Sprintf(benchPolicy, workers, perHop)+strings.Join(tenants, "")))
}

func (b *bench) start(j Judge, lease time.Duration) {
	b.t.Helper()
	log := slog.New(slog.DiscardHandler)
	engine := deliver.New(deliver.Options{Hostname: "mx.test", Cooldown: -1})
	var e Engine = engine
	if b.wrap != nil {
		e = b.wrap(e)
	}
	b.w = New(Options{
		Store: b.st, Engine: e, Judge: j, Policy: b.policy.Load, Now: time.Now, Logger: log,
		Notices: &Composer{Store: b.st, Policy: b.policy.Load, Now: time.Now, Logger: log},
		Stop:    func(err error) { b.t.Errorf("the process was stopped: %v", err) },
	})
	if lease > 0 {
		b.w.lease = lease
	}
	ctx, stop := context.WithCancel(context.Background())
	b.ended = make(chan struct{})
	go func() {
		defer close(b.ended)
		if err := b.w.Run(ctx); err != nil {
			b.t.Error(err)
		}
	}()
	b.stop = stop
	b.t.Cleanup(func() {
		stop()
		<-b.ended
		engine.Close()
	})
}

// put queues a message; change may alter it before.
func (b *bench) put(tenant, to string, change func(*store.Message)) mail.ID {
	b.t.Helper()
	now := time.Now()
	m := &store.Message{ID: mail.NewID(now), Direction: mail.Inbound, Received: now, Sender: address(b.t, "s@sender.test")}
	m.Recipients = []store.Recipient{{N: 1, Address: address(b.t, to), Tenant: tenant, Status: mail.StatusQueued, Schedule: "standard", Next: now, Changed: now}}
	if change != nil {
		change(m)
	}
	for i := range m.Recipients {
		AssignOf(b.policy.Load(), m, &m.Recipients[i])
	}
	d, err := b.st.NewDraft(b.t.Context(), 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer d.Discard()
	if _, err := io.WriteString(d, "Subject: x\r\n\r\nhello\r\n"); err != nil {
		b.t.Fatal(err)
	}
	if _, err := b.st.Enqueue(b.t.Context(), &store.Admission{Message: m, Draft: d}); err != nil {
		b.t.Fatal(err)
	}
	return m.ID
}

// until waits for a recipient to be as wanted.
func (b *bench) until(id mail.ID, what string, ok func(r *store.Recipient) bool) *store.Message {
	b.t.Helper()
	var m *store.Message
	var err error
	for range 1500 {
		if m, err = b.st.Get(b.t.Context(), id); err == nil && ok(&m.Recipients[0]) {
			return m
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Fatalf("it never was %s: %+v", what, m.Recipients[0])
	return nil
}

func is(s mail.Status) func(*store.Recipient) bool {
	return func(r *store.Recipient) bool { return r.Status == s }
}

// A next hop that is slow holds at most PerHop slots; others are served.
func TestSlowHopDoesNotHoldOthersUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	slow := newDest(t, func(verb, _ string) string {
		if verb == "RCPT" {
			<-release
		}
		return ""
	})
	quick := newDest(t, nil)
	b := newBench(t, 6, 2, benchTenant("acme", route(slow)), benchTenant("other", route(quick)))
	var slowIDs, quickIDs []mail.ID
	for i := range 12 {
		slowIDs = append(slowIDs, b.put("acme", fmt.Sprintf("r%d@acme.test", i), nil))
	}
	for i := range 6 {
		quickIDs = append(quickIDs, b.put("other", fmt.Sprintf("r%d@other.test", i), nil))
	}
	b.start(&judges{}, 0)
	for _, id := range quickIDs {
		b.until(id, "delivered beside a slow hop", is(mail.StatusDelivered))
	}
	slow.mu.Lock()
	most := slow.most
	slow.mu.Unlock()
	if most != 2 {
		t.Errorf("%d attempts at the slow hop, want 2", most)
	}
	close(release)
	for _, id := range slowIDs {
		b.until(id, "delivered", is(mail.StatusDelivered))
	}
	if n := slow.taken.Load(); n != 12 {
		t.Errorf("%d messages taken, want 12", n)
	}
}

// A lease lasts as long as the attempt it is for: one delivery, one dot.
func TestLeaseIsExtended(t *testing.T) {
	t.Parallel()
	d := newDest(t, func(verb, _ string) string {
		if verb == "." {
			time.Sleep(2 * time.Second)
		}
		return ""
	})
	b := newBench(t, 4, 4, benchTenant("acme", route(d)))
	id := b.put("acme", "r@acme.test", nil)
	b.start(&judges{}, 900*time.Millisecond)
	m := b.until(id, "delivered", is(mail.StatusDelivered))
	if n := d.taken.Load(); n != 1 || m.Attempts != 1 {
		t.Errorf("taken %d times in %d attempts", n, m.Attempts)
	}
}

// lostLease is a store that takes leases away.
type lostLease struct{ store.Store }

func (lostLease) Extend(context.Context, store.Lease, time.Time) (store.Lease, error) {
	return store.Lease{}, store.ErrLeaseLost
}

// Whoever has lost a lease stops where that is still possible.
func TestLostLeaseStopsTheAttempt(t *testing.T) {
	t.Parallel()
	closed := make(chan struct{})
	d := newDest(t, func(verb, _ string) string {
		if verb == "RCPT" {
			<-closed
		}
		return ""
	})
	defer close(closed)
	b := newBench(t, 1, 1, benchTenant("acme", route(d)))
	id := b.put("acme", "r@acme.test", nil)
	b.st = lostLease{b.st}
	b.start(&judges{}, 150*time.Millisecond)
	b.until(id, "given up", func(r *store.Recipient) bool { return r.Attempts > 0 })
	if d.taken.Load() != 0 {
		t.Error("the message went out")
	}
}

// In-process mail keeps its lease while the receiver's filters take their time.
func TestInjectKeepsItsLease(t *testing.T) {
	t.Parallel()
	b := newBench(t, 4, 4, benchTenant("acme", ""), benchTenant("other", ""))
	id := b.put("acme", "r@other.test", func(m *store.Message) { m.Direction = mail.Outbound })
	var calls atomic.Int32
	b.start(&judges{inject: func(_ *store.Message, ns []int) []deliver.RcptResult {
		calls.Add(1)
		time.Sleep(2 * time.Second)
		return []deliver.RcptResult{{N: ns[0], Outcome: deliver.Delivered, Reply: *mail.NewReply(250, "2.0.0", "ok")}}
	}}, 900*time.Millisecond)
	b.until(id, "delivered", is(mail.StatusDelivered))
	if n := calls.Load(); n != 1 {
		t.Errorf("injected %d times", n)
	}
}

// Stopping is no failure: what was broken off keeps its state, and a DSN is
// not frozen for it.
func TestStopBeforeTheDot(t *testing.T) {
	t.Parallel()
	held := make(chan struct{})
	d := newDest(t, func(verb, _ string) string {
		if verb == "RCPT" {
			<-held
		}
		return ""
	})
	defer close(held)
	b := newBench(t, 2, 2, benchTenant("acme", route(d)))
	id := b.put("acme", "r@acme.test", func(m *store.Message) { m.Kind = KindDSN })
	b.start(&judges{}, 0)
	d.hears(t, "RCPT")
	b.stop()
	select {
	case <-b.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the worker does not stop")
	}
	m, err := b.st.Get(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if r := m.Recipients[0]; r.Status != mail.StatusQueued || r.Failures != 0 || !r.FirstFailure.IsZero() {
		t.Errorf("%+v", r)
	}
	cs, err := b.st.Claim(t.Context(), store.ClaimRequest{Now: time.Now(), Limit: 1, For: time.Minute})
	if err != nil || len(cs) != 1 {
		t.Errorf("it is not due again at once: %v, %v", cs, err)
	}
}

// Past the final dot the answer is waited for, and recorded.
func TestStopPastTheDot(t *testing.T) {
	t.Parallel()
	d := newDest(t, func(verb, _ string) string {
		if verb == "." {
			time.Sleep(500 * time.Millisecond)
		}
		return ""
	})
	b := newBench(t, 2, 2, benchTenant("acme", route(d)))
	id := b.put("acme", "r@acme.test", nil)
	b.start(&judges{}, 0)
	d.hears(t, ".")
	b.stop()
	<-b.ended
	m, err := b.st.Get(t.Context(), id)
	if err != nil || m.Recipients[0].Status != mail.StatusDelivered {
		t.Errorf("%+v, %v", m, err)
	}
}

// At shutdown an attempt whose host refuses the dot does not begin with the
// next host.
func TestStopDoesNotGoOnToTheNextHost(t *testing.T) {
	t.Parallel()
	first := newDest(t, func(verb, _ string) string {
		if verb == "." {
			time.Sleep(500 * time.Millisecond)
			return "451 no"
		}
		return ""
	})
	held := make(chan struct{})
	defer close(held)
	next := newDest(t, func(verb, _ string) string {
		<-held
		return ""
	})
	b := newBench(t, 2, 2, benchTenant("acme", fmt.Sprintf("  route {\n    hosts = [%q, %q]\n    tls = \"none\"\n  }\n", first.addr, next.addr)))
	b.put("acme", "r@acme.test", nil)
	b.start(&judges{}, 0)
	first.hears(t, ".")
	b.stop()
	select {
	case <-b.ended:
	case <-time.After(10 * time.Second):
		t.Fatal("the worker does not stop")
	}
}

// A panic in a filter costs one try: the lease is over, and an operator can act.
func TestPanicInAFilter(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2, 2, benchTenant("acme", ""))
	id := b.put("acme", "r@acme.test", func(m *store.Message) {
		m.Recipients[0].Status, m.Recipients[0].Unjudged = mail.StatusAccepted, true
	})
	b.start(&judges{rejudge: func(*store.Message, []int) (store.Outcome, error) { panic("a bug") }}, 300*time.Millisecond)
	b.until(id, "put off", func(r *store.Recipient) bool { return time.Until(r.Next) > time.Minute })
	err := b.st.Update(t.Context(), id, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Status = mail.StatusQueueRemoved
		return nil, nil
	})
	if err != nil {
		t.Errorf("an operator cannot remove it: %v", err)
	}
}

func TestRejudgedMailIsDelivered(t *testing.T) {
	t.Parallel()
	d := newDest(t, nil)
	b := newBench(t, 2, 2, benchTenant("acme", route(d)))
	id := b.put("acme", "r@acme.test", func(m *store.Message) {
		m.Recipients[0].Status, m.Recipients[0].Unjudged = mail.StatusAccepted, true
	})
	b.start(&judges{rejudge: func(m *store.Message, ns []int) (store.Outcome, error) {
		r := m.Recipients[0]
		r.Unjudged, r.Status, r.Next = false, mail.StatusQueued, time.Now()
		return store.Outcome{Recipients: []store.Recipient{r}}, nil
	}}, 0)
	b.until(id, "delivered", is(mail.StatusDelivered))
}

// bounced sends outbound mail that is refused, and returns its DSN's fate.
func TestDSNGoesOutAndFreezes(t *testing.T) {
	t.Parallel()
	for how, want := range map[string]mail.Status{"": mail.StatusDelivered, "451 later": mail.StatusQueueFrozen, "550 never": mail.StatusQueueFrozen} {
		t.Run("dsn "+how, func(t *testing.T) {
			home := newDest(t, func(verb, _ string) string {
				if verb == "RCPT" {
					return how
				}
				return ""
			})
			refuses := newDest(t, func(verb, _ string) string {
				if verb == "RCPT" {
					return "550 5.1.1 no such user"
				}
				return ""
			})
			hosts := strings.Replace(route(home), "outbound {\n route {\n    hosts = [\""+home.addr, "outbound {\n route {\n    hosts = [\""+refuses.addr, 1)
			b := newBench(t, 4, 4, benchTenant("acme", hosts))
			id := b.put("acme", "x@elsewhere.test", func(m *store.Message) {
				m.Direction, m.Sender = mail.Outbound, address(t, "me@acme.test")
			})
			b.start(&judges{}, 0)
			b.until(id, "bounced", is(mail.StatusBounced))
			b.until(b.child(id), string(want), is(want))
		})
	}
}

// child waits for the message that was made about another.
func (b *bench) child(parent mail.ID) mail.ID {
	b.t.Helper()
	for range 500 {
		events, err := b.st.Events(b.t.Context(), parent)
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range events {
			if f := strings.Fields(e.Text); e.Type == mail.EventNotice && len(f) > 1 {
				id, err := mail.ParseID(f[1])
				if err != nil {
					b.t.Fatal(err)
				}
				return id
			}
		}
		time.Sleep(10 * time.Millisecond)
	}
	b.t.Fatal("no notice was made")
	return mail.ID{}
}

// tight has no room for a DSN beside an outcome.
type tight struct {
	store.Store
	tries atomic.Int32
}

func (s *tight) Settle(ctx context.Context, l store.Lease, o store.Outcome) error {
	if len(o.Spawn) > 0 {
		s.tries.Add(1)
		return store.ErrFull
	}
	return s.Store.Settle(ctx, l, o)
}

// What the destination said is recorded though its DSN does not fit; the DSN
// is owed, and the body stays for it.
func TestDSNThatDoesNotFitIsOwed(t *testing.T) {
	t.Parallel()
	refuses := newDest(t, func(verb, _ string) string {
		if verb == "RCPT" {
			return "550 5.1.1 no such user"
		}
		return ""
	})
	b := newBench(t, 2, 2, benchTenant("acme", route(refuses)))
	id := b.put("acme", "x@elsewhere.test", func(m *store.Message) {
		m.Direction, m.Sender = mail.Outbound, address(t, "me@acme.test")
	})
	full := &tight{Store: b.st}
	b.st = full
	b.start(&judges{}, 0)
	m := b.until(id, "bounced", is(mail.StatusBounced))
	if !notify.Owes(m) || !m.HasBody || full.tries.Load() != 1 {
		t.Errorf("owes %v, body %v, tries %d", notify.Owes(m), m.HasBody, full.tries.Load())
	}
}

// Mail that came when its tenant had no route goes once it has one.
func TestUnroutedMailTakesARouteGivenLater(t *testing.T) {
	t.Parallel()
	b := newBench(t, 2, 2, benchTenant("acme", ""))
	id := b.put("acme", "r@acme.test", nil)
	b.start(&judges{}, 0)
	b.until(id, "put off as unrouted", func(r *store.Recipient) bool { return r.Failures == 1 })
	d := newDest(t, nil)
	b.load(2, 2, benchTenant("acme", route(d)))
	err := b.st.Update(t.Context(), id, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Next = time.Now()
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	m := b.until(id, "delivered", is(mail.StatusDelivered))
	if got := m.Recipients[0].Route; got != "tenant:acme:in" {
		t.Errorf("route %q", got)
	}
}

// confirmed notes what a Confirmer is told.
type confirmed []string

func (c *confirmed) Delivered(_ string, a mail.Address) { *c = append(*c, "takes "+a.String()) }
func (c *confirmed) Forget(_ string, a mail.Address)    { *c = append(*c, "forget "+a.String()) }

// What destinations say of recipients goes into the verification of later mail (B65).
func TestB65_deliveries_teach(t *testing.T) {
	m := message(t, mail.Inbound, "s@sender.test")
	r := &m.Recipients[0]
	said := func(o deliver.Outcome, remote bool, code int, enhanced string) string {
		var c confirmed
		Hear(&c, m, r, nil, deliver.RcptResult{N: 1, Outcome: o, Remote: remote, Reply: *mail.NewReply(code, enhanced, "x")})
		return strings.Join(c, "; ")
	}
	to := r.Address.String()
	for _, c := range []struct {
		o        deliver.Outcome
		remote   bool
		code     int
		enhanced string
		want     string
	}{
		{deliver.Delivered, true, 250, "2.0.0", "takes " + to},
		{deliver.Failed, true, 550, "5.1.1", "forget " + to},
		{deliver.Failed, false, 550, "5.1.1", ""}, // our own word
		{deliver.Failed, true, 550, "5.7.1", ""},  // about the message
		{deliver.Deferred, true, 450, "4.1.1", ""},
	} {
		if got := said(c.o, c.remote, c.code, c.enhanced); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
	m.Direction = mail.Outbound
	if got := said(deliver.Delivered, true, 250, "2.0.0"); got != "" {
		t.Errorf("outbound: %q", got)
	}
}
