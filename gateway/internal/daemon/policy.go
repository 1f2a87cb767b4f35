package daemon

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/artifact"
	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// keepConfigs is of how many earlier policies the plugin configurations stay
// known, for sessions that began under them.
const keepConfigs = 8

// Resolver finds the modules of the policy at config. client fetches those that
// are remote and not stored yet; nil: they are an error.
func Resolver(config string, g policy.Gateway, client *artifact.Client) *artifact.Resolver {
	return &artifact.Resolver{Config: config, Store: artifact.Store{Dir: filepath.Join(g.DataDir, "plugins")}, Builtin: builtin.Module, Client: client}
}

// Want is a plugin of a policy as its resolver takes it.
func Want(p policy.Plugin) artifact.Want {
	w := artifact.Want{Name: p.Name, Source: p.Source, Digest: p.Digest}
	for _, k := range p.SignedBy {
		w.Signers = append(w.Signers, artifact.PublicKey(k))
	}
	return w
}

// Manifests reads what plugins say of themselves, for policy.Options.
func Manifests(ctx context.Context, config string, client *artifact.Client) func(policy.Gateway, policy.Plugin) (*manifest.Manifest, error) {
	return func(g policy.Gateway, p policy.Plugin) (*manifest.Manifest, error) {
		b, err := Resolver(config, g, client).Module(ctx, Want(p))
		if err != nil {
			return nil, err
		}
		return filter.ReadManifest(b)
	}
}

// snapshots holds the policy in force and swaps it.
type snapshots struct {
	path string
	vars map[string]string
	host *filter.Host
	now  func() time.Time

	mu      sync.Mutex // one reload at a time
	current atomic.Pointer[policy.Policy]
	loaded  atomic.Int64 // unix seconds
	earlier [][]filter.Config
}

func (s *snapshots) policy() *policy.Policy { return s.current.Load() }

// diagnosed is a policy that was refused, with everything that is wrong.
type diagnosed struct {
	diags  hcl.Diagnostics
	parser *hclparse.Parser
}

func (d *diagnosed) Error() string {
	var b strings.Builder
	_ = policy.WriteDiagnostics(&b, d.parser.Files(), d.diags, 80, false)
	return strings.TrimRight(b.String(), "\n")
}

// needsRestart is a change that a reload cannot make.
type needsRestart struct{ what []string }

func (n *needsRestart) Error() string {
	return "this change needs a restart: " + strings.Join(n.what, "; ")
}

// read loads the policy from its files.
func (s *snapshots) read(ctx context.Context) (*policy.Policy, hcl.Diagnostics, *hclparse.Parser) {
	parser := hclparse.NewParser()
	p, diags := policy.Load(s.path, policy.Options{Vars: s.vars, Manifests: Manifests(ctx, s.path, &artifact.Client{}), CheckSearch: CheckSearch, Columns: api.ExportColumns(), Parser: parser})
	return p, diags, parser
}

// swap puts a policy in force: plugins first, then the pointer. On an error
// the old one stays, whole.
func (s *snapshots) swap(ctx context.Context, p *policy.Policy) error {
	specs, err := s.specs(ctx, p)
	if err != nil {
		return err
	}
	mine := configs(p)
	all := append([]filter.Config(nil), mine...)
	seen := map[uint64]bool{}
	for _, c := range mine {
		seen[c.ID] = true
	}
	declared := map[string]bool{}
	for _, sp := range specs {
		declared[sp.Name] = true
	}
	for _, old := range s.earlier {
		for _, c := range old {
			if !seen[c.ID] && declared[c.Plugin] {
				seen[c.ID], c.Earlier = true, true
				all = append(all, c)
			}
		}
	}
	if err := s.host.Swap(ctx, specs, all); err != nil {
		return configFaults(p, err)
	}
	s.earlier = append([][]filter.Config{mine}, s.earlier...)
	if len(s.earlier) > keepConfigs {
		s.earlier = s.earlier[:keepConfigs]
	}
	s.current.Store(p)
	s.loaded.Store(s.now().Unix())
	return nil
}

// reload reads the files anew; with checkOnly nothing changes.
func (s *snapshots) reload(ctx context.Context, checkOnly bool) (*policy.Policy, hcl.Diagnostics, *hclparse.Parser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, diags, parser := s.read(ctx)
	if diags.HasErrors() {
		return nil, diags, parser, nil
	}
	if what := p.NeedsRestart(s.policy()); len(what) > 0 {
		return p, diags, parser, &needsRestart{what}
	}
	if checkOnly {
		return p, diags, parser, nil
	}
	err := s.swap(ctx, p)
	var m *misconfigured
	if errors.As(err, &m) {
		return nil, m.diags, parser, nil
	}
	return p, diags, parser, err
}

// misconfigured are filters whose plugins cannot use their configuration.
type misconfigured struct{ diags hcl.Diagnostics }

func (m *misconfigured) Error() string {
	var out []string
	for _, d := range m.diags {
		out = append(out, fmt.Sprintf("%s:%d: %s", d.Subject.Filename, d.Subject.Start.Line, d.Detail))
	}
	return strings.Join(out, "\n")
}

// configFaults says where the configurations stand that plugins refused, when
// there is nothing else wrong.
func configFaults(p *policy.Policy, err error) error {
	var out misconfigured
	for _, e := range unjoined(err) {
		var c *filter.ConfigError
		if !errors.As(e, &c) {
			return err
		}
		for _, f := range p.Configs() {
			if f.ID == c.ID && f.Plugin == c.Plugin {
				out.diags = append(out.diags, &hcl.Diagnostic{
					Severity: hcl.DiagError, Summary: "Unusable configuration", Detail: "Plugin " + c.Plugin + ": " + c.Text + ".", Subject: &f.Range,
				})
			}
		}
	}
	if len(out.diags) == 0 {
		return err
	}
	return &out
}

// unjoined are the errors that errors.Join made one of.
func unjoined(err error) []error {
	j, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var out []error
	for _, e := range j.Unwrap() {
		out = append(out, unjoined(e)...)
	}
	return out
}

func configs(p *policy.Policy) []filter.Config {
	var out []filter.Config
	for _, c := range p.Configs() {
		out = append(out, filter.Config{ID: c.ID, Plugin: c.Plugin, Value: c.Value})
	}
	return out
}

func (s *snapshots) specs(ctx context.Context, p *policy.Policy) ([]filter.Spec, error) {
	var out []filter.Spec
	modules := Resolver(s.path, p.Gateway(), &artifact.Client{})
	for _, pl := range p.Plugins() {
		mod, err := modules.Module(ctx, Want(pl))
		if err != nil {
			return nil, fmt.Errorf("plugin %q: %w", pl.Name, err)
		}
		sp := filter.Spec{
			Name: pl.Name, Source: pl.Source, Module: mod, Digest: pl.Digest, Grants: pl.Grants,
			Isolated: pl.Isolation == "message", Trusted: strings.HasPrefix(pl.Source, "builtin:"),
			Limits: filter.Limits{
				Memory: pl.Limits.Memory, Instances: pl.Limits.Instances, Wait: pl.Limits.Wait, Deadline: deadlines(pl.Limits.Deadline),
			},
			OnError: onError(pl.OnError),
		}
		out = append(out, sp)
	}
	return out, nil
}

func deadlines(by map[string]time.Duration) map[abi.Stage]time.Duration {
	if len(by) == 0 {
		return nil
	}
	out := map[abi.Stage]time.Duration{}
	for name, d := range by {
		st, _ := abi.ParseStage(name) // "" is stage 0: every other
		out[st] = d
	}
	return out
}

func onError(by map[string]string) filter.OnErrorFunc {
	return func(st abi.Stage) filter.OnError {
		if v, ok := by[st.String()]; ok {
			return filter.OnError(v)
		}
		if v, ok := by[""]; ok {
			return filter.OnError(v)
		}
		return filter.Tempfail
	}
}
