package daemon

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/hashicorp/hcl/v2"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/jobs"
	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/policy"
)

// OfflineOptions open the store of a gateway that does not run.
type OfflineOptions struct {
	Config  string // policy file or folder; it may be broken
	DataDir string
	Actor   string    // who it is, for events
	Log     io.Writer // what the store has to say
}

// Offline is the store of a gateway that does not run, with the operators'
// verbs (B96). Nothing is delivered: what is due waits for the gateway.
type Offline struct {
	d *Daemon
	// PolicyErr is why there is no policy: mail is listed, removed, frozen and
	// made due without one, but not re-routed, and no sender is told.
	PolicyErr error
	actor     string
}

// offlineError is a refusal that knows what to do.
type offlineError struct {
	err    error
	remedy string
}

func (e *offlineError) Error() string  { return e.err.Error() }
func (e *offlineError) Unwrap() error  { return e.err }
func (e *offlineError) Remedy() string { return e.remedy }

// OpenOffline opens a store that no gateway has open. The lock of the data
// directory keeps the gateway from starting until Close.
func OpenOffline(ctx context.Context, o OfflineOptions) (_ *Offline, err error) {
	info, err := os.Stat(filepath.Join(o.DataDir, "meta"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &offlineError{fmt.Errorf("there is no store in %s", o.DataDir), "name the gateway's policy with --config"}
	}
	if err != nil {
		return nil, fmt.Errorf("looking for the store: %w", err)
	}
	if st, ok := info.Sys().(*syscall.Stat_t); ok && int(st.Uid) != os.Geteuid() {
		return nil, &offlineError{fmt.Errorf("the store in %s belongs to another user (uid %d); files that this one left in it would keep the gateway from starting", o.DataDir, st.Uid),
			fmt.Sprintf("run this as the user that the gateway runs as, such as: sudo -u '#%d' weir queue --offline", st.Uid)}
	}
	d := &Daemon{o: Options{Config: o.Config, Now: time.Now}, snaps: &snapshots{path: o.Config, now: time.Now},
		log: slog.New(slog.NewTextHandler(o.Log, &slog.HandlerOptions{Level: slog.LevelWarn}))}
	off := &Offline{d: d, actor: o.Actor}
	p, diags := policy.Load(o.Config, policy.Options{})
	if p == nil || diags.HasErrors() {
		p, off.PolicyErr = nil, firstFault(diags)
	} else {
		d.snaps.current.Store(p)
	}
	so := badgerstore.Options{Dir: o.DataDir, Logger: d.log}
	if p != nil {
		so.FreeWatermark = p.Gateway().Watermark
	}
	if d.store, err = badgerstore.Open(so); err != nil {
		if errors.Is(err, badgerstore.ErrInUse) {
			return nil, &offlineError{err, "while the gateway runs, leave out --offline"}
		}
		return nil, err
	}
	if d.audit, err = d.openAudit(o.DataDir); err != nil {
		return nil, errors.Join(err, d.store.Close())
	}
	ao := actions.Options{Store: d.store, Logger: d.log, Audit: d.audit}
	if p != nil {
		notices := &queue.Composer{Store: d.store, Policy: d.snaps.policy, Now: d.o.Now, Logger: d.log}
		ao.Route, ao.RouteTo, ao.Payer = d.routeHeld, d.routeTo, notices.Payer()
		ao.KeepBody = func(m *store.Message) bool { return queue.KeepBody(p, m.Recipients) > 0 }
	}
	d.actions = actions.New(ao)
	if d.jobs, err = jobs.Open(ctx, jobs.Options{Docs: d.store, Verbs: d.actions, Logger: d.log}); err != nil {
		d.audit.Close()
		return nil, errors.Join(err, d.store.Close())
	}
	return off, nil
}

// firstFault is the first error of a policy, in short.
func firstFault(diags hcl.Diagnostics) error {
	for _, d := range diags {
		if d.Severity == hcl.DiagError && d.Subject != nil {
			return fmt.Errorf("%s:%d: %s", d.Subject.Filename, d.Subject.Start.Line, d.Summary)
		}
	}
	return diags
}

// Handler answers as the API of a running gateway does, about mail.
func (o *Offline) Handler() http.Handler {
	d := o.d
	lo := journal.Options{Store: d.store}
	if o.PolicyErr == nil {
		lo.Phases = d.phases
	}
	return api.NewFor(api.Services{
		Log: journal.New(lo), Actions: verbs{d}, Content: content{d}, Outward: api.Outward{Saved: newSaved(d)}, Jobs: jobService{d.jobs}, Queue: queueRows{d.store, d.o.Now},
		Policy: absent{}, Plugins: absent{}, PluginActions: absent{}, Lists: absent{}, Identities: noIdentities{}, Health: absent{}, Logger: d.log, Audit: d.audit, AuditLog: d.audit,
	}, o.actor)
}

// Close ends the jobs and gives the store back.
func (o *Offline) Close() error {
	o.d.jobs.Close()
	o.d.audit.Close()
	return o.d.store.Close()
}

// errOffline is the answer to whatever needs a running gateway.
var errOffline = badArgs{errors.New("this needs the running gateway")}

// absent stands for what only a running gateway has.
type absent struct{}

func (absent) Info() api.PolicyInfo { return api.PolicyInfo{} }

func (absent) Reload(context.Context, scope.Scope, bool) (api.ReloadResult, error) {
	return api.ReloadResult{}, errOffline
}

func (absent) Plugins() []api.PluginStatus { return nil }

func (absent) Actions(scope.Scope) []api.PluginAction { return nil }

func (absent) Offered(scope.Scope, *store.Message, *store.Recipient) []api.PluginAction { return nil }

func (absent) Call(context.Context, scope.Scope, api.PluginOrder) (api.PluginOutcome, error) {
	return api.PluginOutcome{}, errOffline
}

func (absent) Tasks(scope.Scope) []api.PluginTask { return nil }

func (absent) Ready(context.Context) error { return errOffline }

func (absent) Names(scope.Scope, string) ([]api.ListInfo, error) { return nil, errOffline }

func (absent) Entries(scope.Scope, lists.Query) ([]lists.Entry, string, error) {
	return nil, "", errOffline
}

func (absent) Add(context.Context, scope.Scope, []lists.Entry) (int, error) { return 0, errOffline }

func (absent) Remove(context.Context, scope.Scope, []lists.Entry) (int, error) { return 0, errOffline }

func (absent) Rules(scope.Scope, string) ([]lists.Rule, error) { return nil, errOffline }

func (absent) AddRule(context.Context, scope.Scope, lists.Rule) (lists.Rule, error) {
	return lists.Rule{}, errOffline
}

func (absent) RemoveRule(context.Context, scope.Scope, string, string) (bool, error) {
	return false, errOffline
}

func (absent) ClassActions(scope.Scope, string) ([]lists.Override, error) { return nil, errOffline }

func (absent) SetClassAction(context.Context, scope.Scope, lists.Override) error { return errOffline }

func (absent) ClearClassAction(context.Context, scope.Scope, string, string) (bool, error) {
	return false, errOffline
}
