package daemon

import (
	"context"
	"io"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/wire"
)

// services is the gateway as the API sees it.
func (d *Daemon) services() api.Services {
	log := journal.New(journal.Options{Store: d.store, Clock: d.o.Now, Phases: d.phases})
	return api.Services{
		Log: log, Actions: verbs{d}, Content: content{d}, Policy: policyService{d}, Plugins: plugins{d.host}, Jobs: jobService{d.jobs}, Queue: queueRows{d.store, d.o.Now}, PluginActions: pluginActions{d.tasks}, Lists: listService{d}, Identities: identityService{d}, Destinations: destinations{d}, TLSReports: tlsReports{d}, Exports: exports{d, log}, Archive: archiveService{d}, Mailings: d.mailings,
		Index: d.store, Health: health{d}, Tools: d.tools, Version: d.o.Version, Metrics: d.metrics.registry, Logger: d.log,
		Outward: d.outward(), Accounts: d.accounts, Audit: d.audit, AuditLog: d.audit, MetricsFree: func() bool { return d.adminBlock().Local },
	}
}

// phases are those of a retry schedule, for the words about the next attempt.
func (d *Daemon) phases(name string) []journal.Phase {
	s, ok := d.snaps.policy().Schedule(name)
	if !ok {
		return nil
	}
	out := make([]journal.Phase, len(s.Phases))
	for i, p := range s.Phases {
		out[i] = journal.Phase{Until: p.Until, Every: p.Every, Factor: p.Factor}
	}
	return out
}

// verbs adapts package actions.
type verbs struct{ d *Daemon }

func (v verbs) Verbs() []string {
	var out []string
	for _, x := range actions.Verbs() {
		out = append(out, string(x))
	}
	return out
}

func (v verbs) Offered(s scope.Scope, m *store.Message, r *store.Recipient) []string {
	var out []string
	for _, x := range v.d.actions.Offered(s, m, r) {
		if slices.Contains(actions.Verbs(), x) {
			out = append(out, string(x))
		}
	}
	return out
}

func (v verbs) Do(ctx context.Context, s scope.Scope, o api.ActionOrder) (api.ActionOutcome, error) {
	args, err := actions.ArgsFrom(o.Args)
	if err != nil {
		return api.ActionOutcome{}, badArgs{err}
	}
	args.DryRun = o.DryRun
	sel := actions.Selection{IDs: o.IDs}
	if o.Filter != nil {
		sel.Filter, sel.All = *o.Filter, true // the API has refused an empty request
	}
	res, err := v.d.actions.Do(ctx, s, lifecycle.Verb(o.Verb), sel, args)
	out := api.ActionOutcome{Matched: res.Matched, Changed: res.Changed}
	for _, it := range res.Items {
		out.Items = append(out.Items, api.ActionItem{ID: it.ID, Recipient: it.Recipient, Status: string(it.Status), Error: it.Error, Note: it.Note, See: it.See})
	}
	return out, err
}

// badArgs marks an error of the arguments as the caller's.
type badArgs struct{ error }

func (badArgs) Mistake() bool { return true }

// content opens messages for a download.
type content struct{ d *Daemon }

func (c content) OpenMessage(ctx context.Context, s scope.Scope, verb lifecycle.Verb, id string) (io.ReadCloser, int64, error) {
	m, body, err := c.d.actions.Open(ctx, s, verb, id)
	if err != nil {
		return nil, 0, err
	}
	r, err := wire.Message{Trace: m.Trace, Body: body, Size: body.Size()}.Reader()
	if err != nil {
		body.Close()
		return nil, 0, err
	}
	return readCloser{r, body}, body.Size() + int64(len(m.Trace)), nil
}

func (c content) ComposeReply(ctx context.Context, s scope.Scope, id string) (*actions.Reply, error) {
	return c.d.actions.ComposeReply(ctx, s, id)
}

func (c content) SendReply(ctx context.Context, s scope.Scope, id string, o actions.ReplyOrder) (mail.ID, error) {
	return c.d.actions.SendReply(ctx, s, id, o)
}

type readCloser struct {
	io.Reader
	io.Closer
}

// policyService shows and reloads the policy.
type policyService struct{ d *Daemon }

func (s policyService) Info() api.PolicyInfo {
	p := s.d.snaps.policy()
	info := api.PolicyInfo{
		Path: s.d.o.Config, Digest: p.Digest(), Loaded: time.Unix(s.d.snaps.loaded.Load(), 0).UTC(),
		Hostname: p.Gateway().Hostname, DataDir: p.Gateway().DataDir,
	}
	at := s.d.Addresses()
	for _, l := range p.Listeners() {
		info.Listeners = append(info.Listeners, api.ListenerInfo{Name: l.Name, Address: at.Listeners[l.Name], Direction: l.Direction})
	}
	for _, t := range p.Tenants() {
		info.Tenants = append(info.Tenants, api.TenantInfo{Name: t.Name, Domains: t.Domains})
	}
	return info
}

func (s policyService) Reload(ctx context.Context, sc scope.Scope, checkOnly bool) (api.ReloadResult, error) {
	r, err := s.d.reload(ctx, sc.Actor, checkOnly)
	out := api.ReloadResult{Digest: r.digest, Changed: r.changed, Reloaded: !checkOnly && err == nil && r.refused == nil, Diagnostics: []api.Diagnostic{}}
	if r.refused != nil {
		out.Diagnostics = api.Diagnostics(r.refused.diags, r.refused.parser.Files())
	}
	return out, err
}

// Mistake and Remedy tell the API what to say of a change only a restart makes.
func (n *needsRestart) Mistake() bool { return true }

// Remedy implements api.Remedied.
func (n *needsRestart) Remedy() string { return "restart the gateway to put it in force" }

// health tells whether mail can be taken.
type health struct{ d *Daemon }

func (h health) Ready(ctx context.Context) error {
	return h.d.store.Admit(ctx, 0)
}
