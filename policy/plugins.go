package policy

import (
	"crypto/ed25519"
	"encoding/base64"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/sdk/abi/grant"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// builtin is the prefix of sources that are part of the binary.
const builtin = "builtin:"

// pluginDecl is a plugin block with what its manifest says.
type pluginDecl struct {
	plugin   Plugin
	manifest *manifest.Manifest // nil: unknown

	ownConfig bool // the block has a config block
}

// pluginBlocks evaluates the plugin blocks.
func (l *loader) pluginBlocks() {
	for _, n := range l.root.blocks["plugin"] {
		d := l.plugin(n)
		l.plugins[n.label] = d
		l.ownConfig(d, n)
		l.p.plugins = append(l.p.plugins, d.plugin)
	}
}

func (l *loader) plugin(n *node) *pluginDecl {
	v := l.eval(n, pluginSpec, l.ctx)
	m := l.eval(n.one("limits"), pluginSpec.block("limits"), l.ctx)
	p := Plugin{
		Name: n.label, Source: get[string](v, "source"), Digest: get[string](v, "digest"), Mode: get[string](v, "mode"),
		Isolation: get[string](v, "isolation"), OnError: get[map[string]string](v, "on_error"), Range: n.head,
		Limits: PluginLimits{Memory: get[int64](m, "memory"), KV: get[int64](m, "kv"), Deadline: get[map[string]time.Duration](m, "deadline"),
			Instances: get[int](m, "instances"), Wait: get[time.Duration](m, "wait")},
		Grants: map[string][]string{}, Offer: get[string](v, "offer"),
	}
	if name, ok := strings.CutPrefix(p.Source, builtin); ok && !validName(name) {
		l.fail("Invalid value", v.at("source"), &n.head, "source: %q names no built-in plugin. Write builtin:NAME, such as builtin:rules.", clip(p.Source))
		v.bad["source"] = true
	} else if scheme, _, remote := strings.Cut(p.Source, "://"); remote {
		if !slices.Contains([]string{"https", "oci", "http"}, scheme) {
			l.fail("Invalid value", v.at("source"), &n.head, "source: %q cannot be fetched. Write builtin:NAME, a path, https://… or oci://….", clip(p.Source))
			v.bad["source"] = true
		}
	} else if !ok && p.Source != "" {
		p.Source = l.resolve(p.Source)
	}
	if p.Digest != "" && !validDigest(p.Digest) {
		l.fail("Invalid value", v.at("digest"), &n.head, `digest: it must be "sha256:" and 64 hexadecimal digits. Copy it from "weir plugin list".`)
	}
	p.SignedBy = l.keys(n, v, "signed_by")
	if len(p.SignedBy) == 0 && !strings.HasPrefix(p.Source, builtin) {
		p.SignedBy = l.trusted
	}
	g := l.eval(n.one("grant"), pluginSpec.block("grant"), l.ctx)
	for name := range g.set {
		if x := get[[]string](g, name); x != nil {
			p.Grants[name] = x
		}
	}
	d := &pluginDecl{plugin: p}
	if !v.bad["source"] && p.Source != "" {
		d.manifest = l.manifest(n, v, g, &p)
	}
	return d
}

// trust reads the keys that apply to every plugin that is not built in.
func (l *loader) trust() {
	n := l.root.one("trust")
	if n == nil {
		return
	}
	v := l.eval(n, trustSpec, l.ctx)
	l.trusted = l.keys(n, v, "keys")
	if len(l.trusted) == 0 && !v.bad["keys"] {
		l.fail("Invalid value", v.at("keys"), &n.head, "keys: there is none, so no plugin could be loaded. Add the public key of who signs your plugins, or remove the block.")
	}
}

// keys checks public keys and drops the blanks around them, as file() leaves.
func (l *loader) keys(n *node, v *values, name string) []string {
	var out []string
	for _, k := range get[[]string](v, name) {
		k = strings.TrimSpace(k)
		b64, ok := strings.CutPrefix(k, "ed25519:")
		if b, err := base64.StdEncoding.DecodeString(b64); !ok || err != nil || len(b) != ed25519.PublicKeySize {
			l.fail("Invalid value", v.at(name), &n.head, `%s: %q is no public key. Write what "weir plugin keygen" printed, "ed25519:" and 44 characters, or file("NAME.pub").`, name, clip(k))
			v.bad[name] = true
			continue
		}
		out = append(out, k)
	}
	return out
}

func validDigest(s string) bool {
	hex, ok := strings.CutPrefix(s, "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}

// manifest asks for a plugin's manifest, whose error names its own remedy, and checks the grants against it.
func (l *loader) manifest(n *node, v, g *values, p *Plugin) *manifest.Manifest {
	if l.opts.Manifests == nil {
		return nil
	}
	m, err := l.opts.Manifests(l.p.gateway, *p)
	if err != nil {
		l.fail("Plugin cannot be loaded", v.at("source"), &n.head, "source: %s", sentence(upperFirst(err.Error())))
		return nil
	}
	if m == nil {
		return nil
	}
	var asked []string
	for _, w := range m.Grants {
		asked = append(asked, w.Kind)
		if _, ok := p.Grants[w.Kind]; !ok && !w.Optional && !strings.HasPrefix(p.Source, builtin) && !g.bad[w.Kind] {
			l.fail("Missing grant", n.head, nil, "Plugin %q needs %s: %s Add grant { %s } if you agree.", n.label, w.Kind, sentence(w.Reason), grant.Example(w.Kind))
		}
	}
	for _, kind := range sortedKeys(p.Grants) {
		if !slices.Contains(asked, kind) {
			l.fail("Grant is not asked for", g.at(kind), &n.head, "The manifest of plugin %q does not ask for %s. Remove the grant.", n.label, kind)
		}
	}
	return m
}
