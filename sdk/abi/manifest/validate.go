package manifest

import (
	"errors"
	"fmt"
	"regexp"
	"slices"

	"github.com/mailweir/weir/sdk/abi"
)

// GrantKinds are the capabilities there are, with what HCL grants.
var GrantKinds = []string{"lists", "kv", "dns", "http", "dial", "queue", "accept"}

// Types are the types an attribute may have.
var Types = []string{
	"string", "number", "bool", "duration", "bytes", "any",
	"list(string)", "list(number)", "set(string)", "map(string)",
}

// Statuses are those a recipient may have, as Action.Statuses names them.
var Statuses = []string{
	"accepted", "queued", "queue-frozen", "stalled", "quarantined", "delivered", "secure-delivered", "released", "auto-released",
	"delivery-failed", "bounced", "queue-bounced", "queue-expired", "queue-removed", "blackholed", "quarantine-removed",
	"quarantine-expired", "rejected", "not-accepted",
}

var (
	pluginName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,63}$`)
	identifier = regexp.MustCompile(`^[a-z][a-z0-9_]{0,63}$`)
)

// Validate checks a manifest; it reports all errors together.
func (m *Manifest) Validate() error {
	v := &validator{}
	if v.texts(m); len(v.errs) > 0 { // the others quote what they are about
		return fmt.Errorf("manifest: %w", errors.Join(v.errs...))
	}
	if !pluginName.MatchString(m.Name) {
		v.add("name %q: lower-case letters, digits, _ and - only", m.Name)
	}
	if m.Version == "" {
		v.add("version is missing")
	}
	if m.ABI != abi.Major {
		v.add("abi is %d; this version of weir speaks %d", m.ABI, abi.Major)
	}
	if m.Minor < 0 {
		v.add("minor is negative")
	}
	if len(m.Hooks) == 0 {
		v.add("hooks: none, so the plugin would never run")
	}
	for i, h := range m.Hooks {
		if _, ok := abi.ParseStage(h); !ok {
			v.add("hooks: no stage is called %q", h)
		}
		if slices.Contains(m.Hooks[:i], h) {
			v.add("hooks: %q stands twice", h)
		}
	}
	for i, g := range m.Grants {
		if !slices.Contains(GrantKinds, g.Kind) {
			v.add("grants: no capability is called %q", g.Kind)
		}
		if g.Reason == "" {
			v.add("grants: %q gives no reason", g.Kind)
		}
		if slices.ContainsFunc(m.Grants[:i], func(o Grant) bool { return o.Kind == g.Kind }) {
			v.add("grants: %q stands twice", g.Kind)
		}
	}
	v.block("config", &m.Config, 0)
	if len(m.Actions) > 0 && !slices.Contains(m.Hooks, abi.StageAction.String()) {
		v.add("actions: the hook %q is missing, so no action would ever run", abi.StageAction.String())
	}
	for i, a := range m.Actions {
		if !identifier.MatchString(a.Name) {
			v.add("actions: %q is no identifier", a.Name)
		}
		if slices.ContainsFunc(m.Actions[:i], func(o Action) bool { return o.Name == a.Name }) {
			v.add("actions: %q stands twice", a.Name)
		}
		v.attrs("actions."+a.Name, a.Params, map[string]bool{})
		if !slices.Contains([]string{"", "admin", "domain", "email"}, a.Level) {
			v.add("actions.%s: level %q; it is admin, domain or email", a.Name, a.Level)
		}
		for _, s := range a.Statuses {
			if !slices.Contains(Statuses, s) {
				v.add("actions.%s: no status is called %q", a.Name, s)
			}
		}
		if !slices.Contains([]string{"", "spam", "ham"}, a.Train) {
			v.add("actions.%s: train %q; it is spam or ham", a.Name, a.Train)
		}
	}
	if err := errors.Join(v.errs...); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	return nil
}

// Grant gives the manifest's request for a kind of grant.
func (m *Manifest) Grant(kind string) (Grant, bool) {
	for _, g := range m.Grants {
		if g.Kind == kind {
			return g, true
		}
	}
	return Grant{}, false
}

// Subscribes reports whether the plugin has a hook at a stage.
func (m *Manifest) Subscribes(s abi.Stage) bool { return slices.Contains(m.Hooks, s.String()) }

type validator struct{ errs []error }

func (v *validator) add(f string, a ...any) { v.errs = append(v.errs, fmt.Errorf(f, a...)) }

func (v *validator) attrs(where string, as []Attr, seen map[string]bool) {
	for _, a := range as {
		at := where + "." + a.Name
		if !identifier.MatchString(a.Name) {
			v.add("%s: %q is no identifier", where, a.Name)
		}
		if seen[a.Name] {
			v.add("%s stands twice", at)
		}
		seen[a.Name] = true
		if !slices.Contains(Types, a.Type) {
			v.add("%s: no type is called %q", at, a.Type)
		}
		if a.Names != "" && a.Names != "list" {
			v.add("%s: names %q; it is list", at, a.Names)
		}
		if a.Required && a.Default != nil {
			v.add("%s: required and with a default", at)
		}
	}
}

const maxBlockDepth = 8

func (v *validator) block(where string, b *Block, depth int) {
	if depth > maxBlockDepth {
		v.add("%s: blocks nest more than %d deep", where, maxBlockDepth)
		return
	}
	seen := map[string]bool{}
	v.attrs(where, b.Attrs, seen)
	for i := range b.Blocks {
		t := &b.Blocks[i]
		at := where + "." + t.Name
		if !identifier.MatchString(t.Name) {
			v.add("%s: %q is no identifier", where, t.Name)
		}
		if seen[t.Name] {
			v.add("%s stands twice", at)
		}
		seen[t.Name] = true
		if t.Min < 0 || t.Max < 0 || t.Max > 0 && t.Min > t.Max {
			v.add("%s: min %d, max %d", at, t.Min, t.Max)
		}
		v.block(at, &t.Block, depth+1)
	}
}
