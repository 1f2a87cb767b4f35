package toolchain

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/tetratelabs/wazero"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/filter/meter"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Report is what a module is, asks for and costs.
type Report struct {
	Source   string             `json:"source"`
	Size     int                `json:"size"` // octets
	Digest   string             `json:"digest"`
	Signers  []string           `json:"signers,omitempty"` // keys whose signatures are good
	Manifest *manifest.Manifest `json:"manifest,omitempty"`
	Grants   []GrantUse         `json:"grants"`
	Imports  []string           `json:"imports"`
	Exports  []string           `json:"exports"`
	Caps     []Cap              `json:"caps"`
	Problems []string           `json:"problems"` // the gateway would refuse it
	Warnings []string           `json:"warnings"`
	Snippet  string             `json:"snippet,omitempty"` // HCL to paste
}

// GrantUse is a grant that the manifest asks for and the host calls behind it.
type GrantUse struct {
	Kind     string   `json:"kind"`
	Reason   string   `json:"reason"`
	Optional bool     `json:"optional"`
	Imports  []string `json:"imports"` // of the module; none: the grant is not used
}

// Cap is one limit of the loader and how near the module is to it.
type Cap struct {
	Name string `json:"name"`
	Have int64  `json:"have"`
	Max  int64  `json:"max"`
}

// OK says that the gateway would load it.
func (r *Report) OK() bool { return len(r.Problems) == 0 }

// Check looks at a module as the gateway would, with every grant that it asks
// for, and starts one instance of it. It fails only where it cannot look.
func Check(ctx context.Context, source string, module []byte) *Report {
	d := sha256.Sum256(module)
	r := &Report{Source: source, Size: len(module), Digest: "sha256:" + hex.EncodeToString(d[:])}
	m, err := filter.ReadManifest(module)
	if err != nil {
		r.problem("%v", err)
	}
	r.Manifest = m
	metered, shape, err := meter.Instrument(module, meter.Options{})
	if err != nil {
		r.problem("%v", err)
		return r
	}
	r.caps(&shape)
	if err := r.names(ctx, metered); err != nil {
		r.problem("%v", err)
		return r
	}
	if m == nil {
		return r
	}
	r.grants(m)
	r.hooks(m)
	r.config(m)
	r.load(ctx, module, m)
	r.Snippet = snippet(m, r.Digest)
	return r
}

func (r *Report) problem(f string, a ...any) { r.Problems = append(r.Problems, fmt.Sprintf(f, a...)) }
func (r *Report) warn(f string, a ...any)    { r.Warnings = append(r.Warnings, fmt.Sprintf(f, a...)) }

func (r *Report) caps(s *meter.Report) {
	for _, c := range []struct {
		name      string
		have, max int64
	}{
		{"size", int64(s.Size), meter.MaxModule}, {"functions", int64(s.Functions), meter.MaxFunctions}, {"largest function", int64(s.Body), meter.MaxBody},
		{"locals", int64(s.Locals), meter.MaxLocals}, {"nesting", int64(s.Nesting), meter.MaxNesting},
		{"effort of compiling", s.Effort, meter.MaxEffort}, {"effort of one function", s.EffortBody, meter.MaxEffortBody},
		{"memory at start", int64(s.MemoryMin) << 16, filter.DefaultMemory},
	} {
		r.Caps = append(r.Caps, Cap{c.name, c.have, c.max})
		if c.have > c.max*3/4 {
			r.warn("%s: %d of %d allowed", c.name, c.have, c.max)
		}
	}
}

// names lists imports and exports, without making machine code.
func (r *Report) names(ctx context.Context, metered []byte) error {
	rt := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter())
	defer rt.Close(ctx) //nolint:errcheck // nothing runs
	cm, err := rt.CompileModule(ctx, metered)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return fmt.Errorf("not a valid module: %s", first)
	}
	for _, f := range cm.ImportedFunctions() {
		mod, name, _ := f.Import()
		if mod != meter.Module {
			r.Imports = append(r.Imports, mod+"."+name)
		}
	}
	r.Exports = slices.Sorted(maps.Keys(cm.ExportedFunctions()))
	return nil
}

func (r *Report) grants(m *manifest.Manifest) {
	uses := map[string][]string{}
	for _, name := range r.Imports {
		call, ok := strings.CutPrefix(name, abi.Module+".")
		i := slices.IndexFunc(abi.HostCalls, func(h abi.HostCall) bool { return ok && h.Name == call })
		if i >= 0 && abi.HostCalls[i].Grant != "" {
			uses[abi.HostCalls[i].Grant] = append(uses[abi.HostCalls[i].Grant], call)
		}
	}
	for _, g := range m.Grants {
		r.Grants = append(r.Grants, GrantUse{g.Kind, g.Reason, g.Optional, uses[g.Kind]})
		if len(uses[g.Kind]) == 0 && g.Kind != "accept" {
			r.warn("grant %q is asked for and never used: the module imports none of its host calls", g.Kind)
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(uses)) {
		if _, ok := m.Grant(kind); !ok {
			r.problem("imports %s, which needs grant %q; add it to the manifest with a reason", strings.Join(uses[kind], ", "), kind)
		}
	}
}

func (r *Report) hooks(m *manifest.Manifest) {
	if len(m.Classes) == 0 && slices.ContainsFunc(m.Hooks, func(h string) bool { s, _ := abi.ParseStage(h); return s <= abi.StageMessage }) {
		r.warn("the manifest lists no classes, so nobody can complete or look them up")
	}
	if m.Description == "" {
		r.warn("the manifest has no description")
	}
	if m.License == "" {
		r.warn("the manifest names no license")
	}
}

func (r *Report) config(m *manifest.Manifest) {
	var walk func(where string, b *manifest.Block)
	walk = func(where string, b *manifest.Block) {
		for _, a := range b.Attrs {
			if a.Doc == "" {
				r.warn("config: %s%s has no doc", where, a.Name)
			}
			if _, ok := m.Grant(a.Grant); a.Grant != "" && !ok {
				r.problem("config: %s%s needs grant %q, which the manifest does not ask for", where, a.Name, a.Grant)
			}
		}
		for i := range b.Blocks {
			if b.Blocks[i].Doc == "" {
				r.warn("config: %s%s has no doc", where, b.Blocks[i].Name)
			}
			walk(where+b.Blocks[i].Name+".", &b.Blocks[i].Block)
		}
	}
	walk("", &m.Config)
}

// load runs the gateway's whole load pipeline.
func (r *Report) load(ctx context.Context, module []byte, m *manifest.Manifest) {
	h := filter.NewHost(filter.Options{Logger: slog.New(slog.DiscardHandler)})
	defer h.Close(ctx) //nolint:errcheck // nothing runs
	err := h.Swap(ctx, []filter.Spec{{Name: m.Name, Source: r.Source, Module: module, Grants: AllGrants(m), Limits: filter.Limits{Instances: 1}}}, nil)
	if err != nil {
		text := strings.TrimPrefix(err.Error(), fmt.Sprintf("plugin %q (%s): ", m.Name, r.Source))
		if !slices.Contains(r.Problems, text) {
			r.problem("%s", text)
		}
	}
}

// unreachable stands for a place in a grant that must name one: it is
// reserved, so nobody is there (RFC 6761 §6.4).
const unreachable = "weir.invalid"

// AllGrants gives a manifest everything that it asks for.
func AllGrants(m *manifest.Manifest) map[string][]string {
	out := map[string][]string{}
	for _, g := range m.Grants {
		out[g.Kind] = []string{}
		switch g.Kind {
		case "http":
			out[g.Kind] = []string{"https://" + unreachable + "/"}
		case "dial":
			out[g.Kind] = []string{unreachable + ":1"}
		}
	}
	return out
}
