package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/archive"
	"github.com/mailweir/weir/gateway/internal/atomicfile"
	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/digest"
	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/identities"
	"github.com/mailweir/weir/gateway/internal/jobs"
	"github.com/mailweir/weir/gateway/internal/keeper"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/mtasts"
	"github.com/mailweir/weir/gateway/internal/nettools"
	"github.com/mailweir/weir/gateway/internal/plugnet"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/smtpd"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/gateway/internal/store/softkv"
	"github.com/mailweir/weir/gateway/internal/tasks"
	"github.com/mailweir/weir/gateway/internal/tlsrpt"
	"github.com/mailweir/weir/gateway/internal/verify"
	"github.com/mailweir/weir/policy"
)

// Options start a gateway.
type Options struct {
	Config string            // file or directory of *.hcl
	Vars   map[string]string // --var
	Log    io.Writer         // where log lines go
	Level  *slog.LevelVar    // set from the policy; nil: a new one
	Now    func() time.Time  // nil: time.Now
	// After goes with Now: the queue and the keeper wait by it. nil: time.After.
	After   func(time.Duration) <-chan time.Time
	Jitter  func() float64 // of retries, in [0,1); nil: by chance
	Version api.VersionInfo
	// NoSync switches syncing off. It loses mail and exists for the control of
	// the power-cut test alone.
	NoSync bool
	Lab    *Lab // nil but in tests
}

// Addresses are where a gateway listens, for tests and tools that let the
// kernel choose ports; it is also data_dir/run.json while the gateway runs.
type Addresses struct {
	PID       int               `json:"pid"`
	Listeners map[string]string `json:"listeners"`
	Admin     string            `json:"admin,omitempty"`
	Socket    string            `json:"socket"`
}

// Daemon is one running gateway.
type Daemon struct {
	o     Options
	log   *slog.Logger
	snaps *snapshots

	store    *badgerstore.Store
	soft     *softkv.Store
	host     *filter.Host
	net      *plugnet.Net
	engine   *deliver.Engine
	sts      *mtasts.Checker
	tlsrpt   *tlsrpt.Counts
	checker  *verify.Checker
	flow     *flow.Flow
	worker   *queue.Worker
	keeper   *keeper.Keeper
	mailings *digest.Service
	actions  *actions.Service
	lists    *lists.Lists
	archive  *archive.Archive
	senders  *identities.Book
	tasks    *tasks.Service
	tools    *nettools.Tools
	jobs     *jobs.Service
	metrics  *metrics

	dns *resolver.Client

	listeners map[string]net.Listener
	admin     net.Listener
	socket    net.Listener
	token     string
	tls       tlsCache
	listenAddrs
	outlets
	people
	fail chan error // the first error that ends the process
}

// New opens everything and binds the listeners; Run serves. An error names
// what to do. On error nothing stays open.
func New(ctx context.Context, o Options) (_ *Daemon, err error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.After == nil {
		o.After = time.After
	}
	if o.Jitter == nil {
		o.Jitter = rand.Float64
	}
	if o.Level == nil {
		o.Level = new(slog.LevelVar)
	}
	d := &Daemon{o: o, fail: make(chan error, 1), listeners: map[string]net.Listener{}}
	defer func() {
		if err != nil {
			d.close()
		}
	}()
	d.snaps = &snapshots{path: o.Config, vars: o.Vars, now: o.Now}
	p, diags, parser := d.snaps.read(ctx)
	if diags.HasErrors() {
		return nil, &diagnosed{diags, parser}
	}
	d.log = logger(o.Log, o.Level, p.Gateway())
	dir := p.Gateway().DataDir
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("creating data_dir: %w", err)
	}
	if err := d.open(ctx, p, dir); err != nil {
		return nil, err
	}
	if err := d.bind(p, dir); err != nil {
		return nil, err
	}
	return d, nil
}

// softMargin is how much more must be free for plugins' soft state than for
// mail: what a plugin writes must not be why mail is refused.
const softMargin = 64 << 20

// open makes the rooms, from the store up.
func (d *Daemon) open(ctx context.Context, p *policy.Policy, dir string) (err error) {
	g := p.Gateway()
	d.store, err = badgerstore.Open(badgerstore.Options{
		Dir: dir, IndexDir: filepath.Join(dir, "index"), Clock: d.o.Now, Logger: d.log, FreeWatermark: g.Watermark, Fatal: d.stop, NoSync: d.o.NoSync,
	})
	if err != nil {
		return err
	}
	if err = d.openPeople(dir); err != nil {
		return err
	}
	soft := softkv.Options{Clock: d.o.Now, Logger: d.log, MinFree: d.store.Watermark() + softMargin, Quota: d.quota}
	if d.soft, err = softkv.Open(filepath.Join(dir, "soft"), soft); err != nil {
		return err
	}
	if d.lists, err = lists.Open(ctx, lists.Options{Docs: d.store, Clock: d.o.Now, Logger: d.log}); err != nil {
		return err
	}
	if d.senders, err = identities.Open(ctx, identities.Options{Docs: d.store, Clock: d.o.Now}); err != nil {
		return err
	}
	if err = d.openArchive(ctx, g); err != nil {
		return err
	}
	if d.tasks, err = d.openTasks(ctx); err != nil {
		return err
	}
	d.metrics = newMetrics()
	dns := resolver.New(resolver.Options{Servers: g.Resolver, TrustAD: g.ResolverTrusted, Logger: d.log})
	d.net = plugnet.New(plugnet.Options{Resolver: dns})
	d.host = filter.NewHost(filter.Options{
		Logger: d.log, CacheDir: filepath.Join(dir, "cache"), Lists: newLists(d.snaps, d.lists), KV: pluginKV{d.soft, d.o.NoSync}, Metrics: d.metrics, Clock: d.o.Now,
		DNS: d.net, Net: d.net, Queue: d.tasks,
	})
	d.snaps.host = d.host
	if err := d.snaps.swap(ctx, p); err != nil {
		return err
	}
	if err := d.openDelivery(ctx, g, dns); err != nil {
		return err
	}
	d.watchTLS(dns)
	d.checker = verify.New(verify.Options{Logger: d.log, Prober: d.engine, Cache: verify.Soft{KV: d.soft, OnError: func(err error) { d.log.Warn("the recipient cache", "err", err) }}, Now: d.o.Now})
	notices := d.composer()
	d.flow = flow.New(flow.Options{
		Policy: d.snaps.policy, Filters: d.host, Store: d.store, Engine: d.engine, Verify: d.checker, Names: dns, Notices: notices,
		Now: d.o.Now, Jitter: d.o.Jitter, Logger: d.log, Stop: d.stop,
		Archive: d.archive, Listed: newLists(d.snaps, d.lists).listed, Override: d.override, Calls: d.tasks, Identify: d.senders.Resolve,
	})
	d.worker = queue.New(queue.Options{
		Store: d.store, Engine: d.engine, Judge: d.flow, Confirm: d.checker, Notices: notices, Policy: d.snaps.policy,
		Archive: d.archive, Now: d.o.Now, After: d.o.After, Jitter: d.o.Jitter, Logger: d.log, Stop: d.stop,
	})
	payer := d.newPayer()
	d.actions = actions.New(actions.Options{Store: d.store, Payer: payer, Clock: d.o.Now, Logger: d.log, Route: d.routeHeld, RouteTo: d.routeTo, Lists: d.lists, Told: d.flow.HoldEvent, Audit: d.audit,
		Archive: d.archive, Identities: d.senders, Train: d.tasks.Teach, DomainForce: d.domainForce, Submit: d.submit, Hosts: d.hosts,
		Manages: func(sc scope.Scope, tenant string) bool { return listService{d}.manages(sc, tenant, "") == nil }})
	if d.jobs, err = jobs.Open(ctx, jobs.Options{Docs: d.store, Verbs: d.actions, Clock: d.o.Now, Logger: d.log}); err != nil {
		return err
	}
	d.keeper = d.newKeeper(payer)
	if err := d.openMailings(dir, payer); err != nil {
		return err
	}
	d.openTools(dns)
	d.openOutlets(dns)
	d.metrics.watch(d.store, d.host)
	d.metrics.registry.MustRegister(taskCollector{d.tasks}, deliveryCollector{d}, &keepCollector{d: d})
	return nil
}

// bind opens every listener before anything is served.
func (d *Daemon) bind(p *policy.Policy, dir string) (err error) {
	for _, l := range p.Listeners() {
		if _, err := d.tls.get(l, dir, p.Gateway().Hostname, d.o.Now()); err != nil {
			return err
		}
		ln, err := net.Listen("tcp", l.Address)
		if err != nil {
			return fmt.Errorf("listener %q: %w; is another gateway running?", l.Name, err)
		}
		d.listeners[l.Name] = ln
	}
	if a := p.Admin().Address; a != "" {
		if d.token, err = api.LoadOrCreateToken(dir); err != nil {
			return err
		}
		if d.adminTLSConf, err = d.adminTLS(); err != nil {
			return err
		}
		if d.admin, err = net.Listen("tcp", a); err != nil {
			return fmt.Errorf("admin listener: %w", err)
		}
	}
	if d.socket, err = api.ListenSocket(filepath.Join(dir, "weir.sock")); err != nil {
		return err
	}
	return nil
}

// Addresses tells where the gateway listens.
func (d *Daemon) Addresses() Addresses {
	a := Addresses{PID: os.Getpid(), Listeners: map[string]string{}, Socket: filepath.Join(d.snaps.policy().Gateway().DataDir, "weir.sock")}
	for n, l := range d.listeners {
		a.Listeners[n] = l.Addr().String()
	}
	if d.admin != nil {
		a.Admin = d.admin.Addr().String()
	}
	return a
}

// stop ends the process for a reason; the first one counts.
func (d *Daemon) stop(err error) {
	select {
	case d.fail <- err:
	default:
	}
}

// Run serves until ctx ends or something fails for good, and returns when all
// of it has ended: listeners first, then sessions, attempts, the store.
func (d *Daemon) Run(ctx context.Context) error {
	defer d.close()
	runFile := filepath.Join(d.snaps.policy().Gateway().DataDir, "run.json")
	if b, err := json.Marshal(d.Addresses()); err == nil {
		if err := atomicfile.Write(runFile, b, atomicfile.Options{NoSync: true}); err != nil {
			return err
		}
		defer os.Remove(runFile)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	work, stopWork := context.WithCancel(context.Background())
	defer stopWork()
	go func() {
		select {
		case err := <-d.fail:
			stopWork() // what cannot be recorded must not be delivered on
			cancel(err)
		case <-ctx.Done():
		}
	}()
	var front, back sync.WaitGroup
	for name, ln := range d.listeners {
		srv := smtpd.NewServer(d.flow, d.log.With("listener", name), d.config(name))
		d.metrics.sessions(name, srv)
		front.Go(func() {
			if err := srv.Serve(ctx, ln); err != nil && ctx.Err() == nil {
				d.stop(fmt.Errorf("listener %q: %w", name, err))
			}
		})
	}
	for _, s := range d.httpServers() {
		front.Go(func() { d.serveHTTP(ctx, s) })
	}
	back.Go(func() { d.ran("queue", d.worker.Run(work)) })
	back.Go(func() { d.ran("keeper", d.keeper.Run(work)) })
	back.Go(func() { d.ran("digests and reports", d.mailings.Run(work)) })
	back.Go(func() { d.ran("tasks", d.tasks.Run(work)) })
	back.Go(func() { d.ran("events", d.events.Run(work)) })
	back.Go(func() { d.sweepAnswers(work) })
	back.Go(func() { d.ran("MTA-STS policies", d.sts.Run(work)) })
	back.Go(func() { d.ran("TLS reports", d.tlsrpt.Run(work)) })
	back.Go(func() { d.tools.WatchSelf(work) })
	back.Go(func() { d.watchArchive(work) })
	back.Go(func() { d.ran("accounts", d.accounts.Run(work)) })
	d.announce()
	<-ctx.Done()
	d.stopIt()
	d.log.Info("stopping", "cause", fmt.Sprint(context.Cause(ctx)))
	front.Wait()
	stopWork()
	back.Go(d.flow.Wait) // beside the queue's attempts: both have their grace
	back.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

func (d *Daemon) ran(what string, err error) {
	if err != nil && !errors.Is(err, context.Canceled) {
		d.stop(fmt.Errorf("%s: %w", what, err))
	}
}

func (d *Daemon) announce() {
	a := d.Addresses()
	for name, addr := range a.Listeners {
		d.log.Info("listening", "listener", name, "address", addr)
	}
	d.log.Info("ready", "admin", a.Admin, "socket", a.Socket, "tenants", len(d.snaps.policy().Tenants()), "policy", d.snaps.policy().Digest())
}

// config gives a listener's SMTP settings under the policy of now; nil when a
// reload took the listener away (which only a restart can do).
func (d *Daemon) config(name string) func() *smtpd.Config {
	return func() *smtpd.Config {
		p := d.snaps.policy()
		for _, l := range p.Listeners() {
			if l.Name == name {
				return d.smtpdConfig(p, l)
			}
		}
		return nil
	}
}

type httpServer struct {
	srv *http.Server
	ln  net.Listener
}

func (d *Daemon) httpServers() []httpServer {
	s := d.services()
	out := []httpServer{{api.NewServer(api.New(s), d.log), d.socket}}
	if d.admin != nil {
		srv := api.NewServer(api.NewListener(s, d.listenerAuth()), d.log)
		srv.TLSConfig = d.adminTLSConf
		out = append(out, httpServer{srv, d.admin})
	}
	return out
}

func (d *Daemon) serveHTTP(ctx context.Context, s httpServer) {
	stopped := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := s.srv.Shutdown(ctx); err != nil {
			_ = s.srv.Close()
		}
	})
	defer stopped()
	serve := s.srv.Serve
	if s.srv.TLSConfig != nil {
		serve = func(ln net.Listener) error { return s.srv.ServeTLS(ln, "", "") }
	}
	if err := serve(s.ln); err != nil && !errors.Is(err, http.ErrServerClosed) {
		d.stop(fmt.Errorf("API on %s: %w", s.ln.Addr(), err))
	}
}

// close ends what was opened, in reverse.
func (d *Daemon) close() {
	for _, l := range d.listeners {
		l.Close()
	}
	for _, l := range []net.Listener{d.admin, d.socket} {
		if l != nil {
			l.Close()
		}
	}
	d.closeOutlets()
	if d.jobs != nil {
		d.jobs.Close() // while the store is open
	}
	if d.audit != nil {
		d.audit.Close()
	}
	if d.checker != nil {
		d.checker.Close()
	}
	if d.engine != nil {
		d.engine.Close()
	}
	if d.sts != nil {
		d.sts.Close()
	}
	if d.host != nil {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if err := d.host.Close(ctx); err != nil {
			d.log.Warn("closing the plugin host", "err", err)
		}
		cancel()
		d.net.Close()
	}
	if d.soft != nil {
		if err := d.soft.Close(); err != nil {
			d.log.Warn("closing the soft store", "err", err)
		}
	}
	if d.store != nil {
		if err := d.store.Close(); err != nil {
			d.log.Error("closing the store", "err", err)
		}
	}
}
