package policy

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// mustLoad loads a configuration that is right.
func mustLoad(t testing.TB, path string, o Options) *Policy {
	t.Helper()
	if o.Environ == nil {
		o.Environ = noEnviron
	}
	p, diags := Load(path, o)
	if p == nil {
		var b strings.Builder
		if err := WriteDiagnostics(&b, nil, diags, 100, false); err != nil {
			t.Error(err)
		}
		t.Fatalf("%s does not load:\n%s", path, b.String())
	}
	return p
}

func TestTopLevelConfig(t *testing.T) {
	p := mustLoad(t, "../config.hcl", Options{Manifests: pluginManifests(t)})
	if g := p.Gateway(); g.Hostname != "mx.weir.test" || g.DataDir != "../var" {
		t.Errorf("gateway: %+v", g)
	}
	demo, ok := p.TenantOf("Demo.test")
	if !ok || demo.Route().Hosts[0] != "127.0.0.1:2526" {
		t.Fatalf("demo: %+v", demo)
	}
	if !demo.Recipients().IsLocal("Local@demo.test") || demo.Recipients().IsLocal("other@demo.test") {
		t.Error("local recipients")
	}
	if n := len(demo.Chain(Inbound)); n != 2 {
		t.Errorf("%d filters", n)
	}
	s, _ := p.Schedule("standard")
	if want := standardSchedule(); !reflect.DeepEqual(s, want) {
		t.Errorf("the schedule written out is not the built-in one: %+v", s)
	}
}

// pluginManifests are those of the first-party plugins, from their sources.
func pluginManifests(t *testing.T) func(Gateway, Plugin) (*manifest.Manifest, error) {
	return func(g Gateway, p Plugin) (*manifest.Manifest, error) {
		b, err := os.ReadFile(filepath.Join("../plugins", strings.TrimPrefix(p.Source, builtin), "manifest.json"))
		if err != nil {
			t.Logf("plugin %s: no manifest in the tree: %v", p.Name, err)
			return testManifests(g, p)
		}
		m := &manifest.Manifest{}
		return m, json.Unmarshal(b, m)
	}
}

// TestExamples loads the runnable configurations of the examples folder.
func TestExamples(t *testing.T) {
	dirs, err := filepath.Glob("../examples/policy-*")
	if err != nil || len(dirs) == 0 {
		t.Fatalf("%d examples, %v", len(dirs), err)
	}
	for _, dir := range dirs {
		p := mustLoad(t, dir, Options{Manifests: pluginManifests(t)})
		if len(p.Listeners()) == 0 || len(p.Tenants()) == 0 {
			t.Errorf("%s would receive nothing", dir)
		}
		for name, f := range p.Files() {
			if !bytes.Equal(Format(f.Bytes), f.Bytes) {
				t.Errorf("%s is not laid out by weir fmt", name)
			}
		}
	}
}

func TestDefaults(t *testing.T) {
	p := mustLoad(t, "testdata/decide.hcl", testOptions)
	if got, want := p.Gateway(), (Gateway{Hostname: "mx.weir.test", DataDir: "testdata/var", Watermark: 640 << 20,
		Queue: QueueSettings{64, 10}, DirectInbound: 30 * time.Second, DirectOutbound: 10 * time.Second, Resolver: []string{}, DANE: true, MTASTS: true,
		BareLF: "refuse", MaxReceived: 50, LogLevel: "info", LogFormat: "text"}); !reflect.DeepEqual(got, want) {
		t.Errorf("gateway %+v\nwant    %+v", got, want)
	}
	l := p.Listeners()[0]
	if want := (ListenerLimits{50 << 20, 100, 1000, 50, 20, 50000, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 500}); l.Limits != want || l.BareLF != "refuse" || l.Auth != "none" || l.TLS != nil {
		t.Errorf("listener %+v", l)
	}
	d, _ := p.Tenant("default")
	if got, want := d.Settings(Inbound, "x@default.test"), (Settings{Encrypted: "stall", AllowEncrypted: []string{}, Schedule: "standard",
		Hold: 168 * time.Hour, KeepRejected: true}); !reflect.DeepEqual(got, want) {
		t.Errorf("inbound %+v", got)
	}
	if got := d.Settings(Outbound, ""); got.Hold != 24*time.Hour || got.Lifetime != 0 {
		t.Errorf("outbound %+v", got)
	}
	if got, want := d.Recipients(), (Recipients{Verify: "callout", ValidFor: 96 * time.Hour, InvalidFor: 2 * time.Hour, Refresh: 6 * time.Hour}); !reflect.DeepEqual(got, want) {
		t.Errorf("recipients %+v", got)
	}
	if got, want := d.Retain(), (Retain{Log: 32 * 24 * time.Hour, Quarantine: 14 * 24 * time.Hour, Failed: 7 * 24 * time.Hour}); got != want {
		t.Errorf("retain %+v", got)
	}
	if got := d.Notify().Stalled; !reflect.DeepEqual(got, []string{"postmaster@default.test"}) {
		t.Errorf("notify %v", got)
	}
	if r := d.Route(); r.Name != "tenant:default:in" || r.TLS != "opportunistic" || r.Protocol != "smtp" || r.IP != "any" || r.Connections != 0 || r.PerConnection != 0 {
		t.Errorf("route %+v", r)
	}
}

func TestFullConfig(t *testing.T) {
	p := mustLoad(t, "testdata/good/full.hcl", testOptions)
	if got, want := p.Gateway(), (Gateway{Hostname: "mx.weir.test", DataDir: "/var/lib/weir", Watermark: 2 << 30,
		Queue: QueueSettings{8, 2}, DirectInbound: 20 * time.Second, Resolver: []string{"127.0.0.1:53", "[::1]:5353"}, DANE: true, MTASTS: true,
		BareLF: "normalise", MaxReceived: 30, LogLevel: "debug", LogFormat: "json"}); !reflect.DeepEqual(got, want) {
		t.Errorf("gateway %+v\nwant    %+v", got, want)
	}
	mx, sub := p.Listeners()[0], p.Listeners()[1]
	if want := (ListenerLimits{10 << 20, 5, 20, 3, 2, 100, 30 * time.Second, time.Minute, 90 * time.Second, 100}); mx.Limits != want || mx.BareLF != "refuse" || mx.TLS.Auto != "self-signed" || len(mx.Chain) != 2 {
		t.Errorf("mx %+v", mx)
	}
	if want := []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("::1/128"), netip.MustParsePrefix("10.0.0.0/8")}; !reflect.DeepEqual(sub.Allow, want) || sub.BareLF != "normalise" {
		t.Errorf("submission %+v", sub)
	}
	rules, own := p.Plugins()[0], p.Plugins()[1]
	if !reflect.DeepEqual(rules.OnError, map[string]string{"message": "stall", "rcpt_to": "tempfail"}) || !reflect.DeepEqual(rules.Grants, map[string][]string{"lists": {}}) {
		t.Errorf("rules %+v", rules)
	}
	if own.Source != "testdata/good/own.wasm" || own.OnError[""] != "pass" || own.Mode != "observe" || own.Isolation != "message" ||
		!reflect.DeepEqual(own.Grants, map[string][]string{"dial": {"unix:/run/clamav/clamd.ctl"}, "dns": {}}) ||
		own.Limits.Deadline["message"] != 20*time.Second || own.Limits.Memory != 32<<20 || own.Limits.Instances != 2 || own.Limits.Wait != 500*time.Millisecond {
		t.Errorf("own %+v", own)
	}

	acme, _ := p.TenantOf("xn--bcher-kva.example")
	if acme == nil || acme.Name != "acme" {
		t.Fatalf("acme: %+v", acme)
	}
	if got := acme.Settings(Inbound, "x@acme.test"); !reflect.DeepEqual(got, Settings{Encrypted: "quarantine", AllowEncrypted: []string{"bank.test"},
		Schedule: "patient", Lifetime: 48 * time.Hour, Hold: 72 * time.Hour}) {
		t.Errorf("inbound %+v", got)
	}
	if got := acme.Settings(Inbound, "CEO@acme.test"); got.Encrypted != "reject" || got.Schedule != "patient" || got.Group != "board" {
		t.Errorf("board inbound %+v", got)
	}
	if got := acme.Settings(Outbound, "ceo@acme.test"); got.Schedule != "standard" || got.Lifetime != 24*time.Hour {
		t.Errorf("board outbound %+v", got)
	}
	if in, out := acme.Chain(Inbound), acme.Chain(Outbound); len(in) != 3 || len(out) != 1 || in[1].Name != "extra.own" || in[1].Mode != "enforce" {
		t.Errorf("chains of %d and %d", len(in), len(out))
	}
	for name, want := range map[string]Route{
		"tenant:acme:in": {Name: "tenant:acme:in", Hosts: []string{"127.0.0.1:2526", "mail.acme.test:25"}, TLS: "required", Port: 25,
			Helo: "out.weir.test", Source: "192.0.2.9", IP: "any", Protocol: "smtp", Connections: 4, PerConnection: 7, Rule: "testdata/good/full.hcl:148"},
		"tenant:acme:out": {Name: "tenant:acme:out", MX: "smart.test", TLS: "opportunistic", Port: 25, IP: "any", Protocol: "smtp", Rule: "testdata/good/full.hcl:173"},
		"tenant:one:in":   {Name: "tenant:one:in", Hosts: []string{"127.0.0.1:24"}, TLS: "opportunistic", Port: 25, IP: "any", Protocol: "lmtp", Rule: "testdata/good/full.hcl:193"},
		"mx":              {Name: "mx", TLS: "opportunistic", Port: 25, IP: "any", Protocol: "smtp"},
	} {
		if got, ok := p.RouteByName(name); !ok || !reflect.DeepEqual(got, want) {
			t.Errorf("route %s: %+v", name, got)
		}
	}
	for _, name := range []string{"", "tenant:acme", "tenant:acme:x", "tenant:nobody:in", "tenant:one:out", "smarthost"} {
		if r, ok := p.RouteByName(name); ok {
			t.Errorf("route %q exists: %+v", name, r)
		}
	}
	one, _ := p.Tenant("one")
	if r := p.OutboundRoute(one, "far.test"); r.Name != "mx" || r.MX != "far.test" {
		t.Errorf("outbound of one: %+v", r)
	}
	if r := p.OutboundRoute(acme, "far.test"); r.Name != "tenant:acme:out" {
		t.Errorf("outbound of acme: %+v", r)
	}
	if r := p.OutboundRoute(nil, "far.test"); r.MX != "far.test" {
		t.Errorf("outbound of nobody: %+v", r)
	}
}

func TestLists(t *testing.T) {
	p := mustLoad(t, "testdata/good/full.hcl", testOptions)
	for _, c := range []struct {
		tenant, key string
		want        bool
	}{
		{"", "a@partner.test", true}, {"", "partner.test", true}, {"", "a@sub.partner.test", false},
		{"", "x@friend.test", true}, {"", "x@file.test", true}, {"", "X@FILE2.TEST", true}, {"", "y@file2.test", false},
		{"", "198.51.100.7", true}, {"", "198.51.101.7", false}, {"", "::ffff:198.51.100.7", true}, {"", "", false},
		{"", "x@only-acme.test", false}, {"acme", "x@only-acme.test", true}, {"acme", "x@partner.test", true}, {"one", "x@only-acme.test", false},
	} {
		if got := p.Listed(c.tenant, "partners", c.key); got != c.want {
			t.Errorf("%q listed for %q: %v", c.key, c.tenant, got)
		}
	}
	if p.Listed("", "nobody", "partner.test") {
		t.Error("found in a list that is not there")
	}
	if n := len(p.Lists()); n != 2 {
		t.Errorf("%d lists", n)
	}
}

func TestPluginConfigs(t *testing.T) {
	p := mustLoad(t, "testdata/good/full.hcl", testOptions)
	by := map[uint64]FilterConfig{}
	for _, c := range p.Configs() {
		by[c.ID] = c
	}
	acme, _ := p.Tenant("acme")
	lists, own, typed := by[acme.Chain(Inbound)[0].ConfigID].Value, by[acme.Chain(Inbound)[1].ConfigID].Value, by[acme.Chain(Inbound)[2].ConfigID].Value

	block := lists.Get("block")
	if len(block.Items) != 2 || block.Items[0].Get(labelsKey).StringList()[0] != "spammers" || block.Items[1].Get(labelsKey).StringList()[0] != "more" {
		t.Errorf("blocks: %s", describe(block))
	}
	if got := describe(block.Items[0]); got != `[_labels = ["spammers"], class = "list/sender", header = [X-Spam = "yes"], sender_domain = ["spam.test"]]` {
		t.Errorf("a block with a default and a map: %s", got)
	}
	if got := lists.Get("allow").Items[0]; got.Get("list").StringList()[0] != "partners" || got.Get("waive").StringList()[0] != "*" {
		t.Errorf("an allow: %s", describe(got))
	}
	if got := describe(own); got != `[depth = 3, server = [[_labels = ["a"], hosts = ["x", "y"]], [_labels = ["b"]]]]` {
		t.Errorf("unknown schema: %s", got)
	}
	if typed.Get("wait").Number != 15*60*1000 || typed.Get("size").Number != 2048 || typed.Get("key").Kind != abi.ValueKindString {
		t.Errorf("typed: %s", describe(typed))
	}
}

func TestDirectory(t *testing.T) {
	o := testOptions
	o.Vars = map[string]string{"domain": "one.test"}
	p := mustLoad(t, "testdata/good/split", o)
	one, ok := p.TenantOf("one.test")
	if !ok || len(p.Files()) != 3 {
		t.Fatalf("files %d", len(p.Files()))
	}
	c := one.Chain(Inbound)
	if c[0].ConfigID != c[1].ConfigID || c[0].ConfigID == c[2].ConfigID || len(p.Configs()) != 2 {
		t.Errorf("equal configurations share an ID, others do not: %x %x %x", c[0].ConfigID, c[1].ConfigID, c[2].ConfigID)
	}
	if got := c[0].Rule(); got != "testdata/good/split/20-rules.hcl:4" {
		t.Errorf("rule %q", got)
	}
	// The ID is part of what is stored and cached: it must not change.
	if got := fmt.Sprintf("%016x", c[0].ConfigID); got != goldenConfigID {
		t.Errorf("ID %s, want %s", got, goldenConfigID)
	}
}

func TestVariables(t *testing.T) {
	env := func(k string) (string, bool) {
		switch k {
		case "WEIR_VAR_domain":
			return "env.test", true
		case "WEIR_VAR_networks":
			return `["192.0.2.0/24"]`, true
		}
		return "", false
	}
	p := mustLoad(t, "testdata/good/split", Options{Environ: env})
	if _, ok := p.TenantOf("env.test"); !ok {
		t.Error("the environment's value is not used")
	}
	q := mustLoad(t, "testdata/good/split", Options{Environ: env, Vars: map[string]string{"domain": "flag.test"}})
	if _, ok := q.TenantOf("flag.test"); !ok {
		t.Error("--var does not outrank the environment")
	}
	if p.Digest() == q.Digest() || len(p.Digest()) != 16 {
		t.Errorf("digests %s and %s", p.Digest(), q.Digest())
	}
	f := mustLoad(t, "testdata/good/full.hcl", Options{Environ: env})
	if a := f.Listeners()[1].Allow; a[len(a)-1].String() != "192.0.2.0/24" {
		t.Errorf("a list from the environment: %v", a)
	}
	for _, c := range []struct {
		name string
		o    Options
		want string
	}{
		{"not_given", Options{}, "Missing value"},
		{"not_declared", Options{Vars: map[string]string{"domain": "a.test", "domian": "b.test"}}, "Unknown variable"},
		{"wrong_value", Options{Vars: map[string]string{"domain": "a b"}}, "Invalid value"},
	} {
		c.o.Environ = noEnviron
		if p, diags := Load("testdata/good/split", c.o); p != nil || !strings.Contains(diags.Error(), c.want) {
			t.Errorf("%s: %v", c.name, diags)
		}
	}
	_, diags := Load("testdata/good/full.hcl", Options{Environ: noEnviron, Vars: map[string]string{"networks": "10.0.0.0/8"}})
	if !strings.Contains(diags.Error(), "not HCL") {
		t.Errorf("a value that is not HCL: %v", diags)
	}
}

func TestDigestCoversFiles(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.hcl", base+"list \"x\" { file = \"x.txt\" }\nlocals { y = file(\"y.txt\") }\n")
	write(t, dir, "x.txt", "a.test\n")
	write(t, dir, "y.txt", "1")
	first := mustLoad(t, dir, Options{}).Digest()
	if again := mustLoad(t, dir, Options{}).Digest(); again != first {
		t.Error("the digest of the same files differs")
	}
	write(t, dir, "x.txt", "b.test\n")
	second := mustLoad(t, dir, Options{}).Digest()
	write(t, dir, "y.txt", "2")
	if third := mustLoad(t, dir, Options{}).Digest(); first == second || second == third {
		t.Error("a changed file does not change the digest")
	}
}

const base = "gateway {\n  hostname = \"mx.weir.test\"\n  data_dir = \"var\"\n}\n"

func write(t testing.TB, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestTry(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "a.hcl", base+`
locals { rows = [{ name = "a", plan = "x" }, { name = "b" }] }
ruleset "x" {}
ruleset "y" {}
tenants "t" {
  for_each = local.rows
  name     = each.value.name
  domains  = ["${each.value.name}.test"]
  rulesets = [ruleset[try(each.value.plan, "y")], can(each.value.plan) ? ruleset.y : ruleset.x]
}
`)
	if p := mustLoad(t, dir, Options{}); len(p.Tenants()) != 2 {
		t.Errorf("%d tenants", len(p.Tenants()))
	}
}

func TestTooDeep(t *testing.T) {
	for _, open := range []string{"(", "[", "!", "-", "{a=", "\"${", "true ? 1 : "} {
		dir := t.TempDir()
		write(t, dir, "a.hcl", base+"locals {\n  a = "+strings.Repeat(open, 20000)+"\n}\n")
		p, diags := Load(dir, Options{})
		if p != nil || !strings.Contains(diags.Error(), "Too deeply nested") {
			t.Errorf("%q: %.200v", open, diags)
		}
	}
}

func TestNotFound(t *testing.T) {
	dir := t.TempDir()
	for _, path := range []string{filepath.Join(dir, "none.hcl"), dir} {
		if p, diags := Load(path, Options{}); p != nil || !diags.HasErrors() || !strings.Contains(diags[0].Detail, "There ") {
			t.Errorf("%s: %v", path, diags)
		}
	}
}

func TestNeedsRestart(t *testing.T) {
	dir := t.TempDir()
	load := func(s string) *Policy { write(t, dir, "a.hcl", s); return mustLoad(t, dir, Options{}) }
	listener := "listener \"%s\" {\n  address = \"%s\"\n  direction = \"inbound\"\n}\n"
	old := load(base + "admin { address = \"127.0.0.1:1\" }\n" + fmt.Sprintf(listener, "a", ":1") + fmt.Sprintf(listener, "b", ":2"))
	same := load(base + "admin { address = \"127.0.0.1:1\" }\n" + fmt.Sprintf(listener, "b", ":2") + fmt.Sprintf(listener, "a", ":1") + "tenant \"t\" { domains = [\"t.test\"] }\n")
	if got := same.NeedsRestart(old); len(got) != 0 || len(same.NeedsRestart(nil)) != 0 {
		t.Errorf("a restart for %v", got)
	}
	changed := load(strings.Replace(base, "\"var\"", "\"elsewhere\"", 1) + fmt.Sprintf(listener, "a", ":3") + fmt.Sprintf(listener, "c", ":2"))
	got := changed.NeedsRestart(old)
	for i, want := range []string{"data_dir", "admin", `listener "a": address`, `listener "c" was added`, `listener "b" was removed`} {
		if i >= len(got) || !strings.Contains(got[i], want) {
			t.Errorf("restart reasons %q, want one about %s", got, want)
		}
	}
}

// TestNeedsRestart_is_in_the_reference: it says "A change needs a restart" of what a
// reload refuses to change, and of nothing else.
func TestNeedsRestart_is_in_the_reference(t *testing.T) {
	want := map[string]bool{}
	for _, f := range fixed {
		want[strings.NewReplacer(": ", ".", " block", "", " ", ".").Replace(f.what)] = true
	}
	for _, f := range fixedOfListener {
		want["listener."+f.what] = true
	}
	see := func(path, doc string) {
		if says := strings.Contains(doc, "A change needs a restart"); says != want[path] {
			t.Errorf("%s: the reference says %q; needs a restart: %v", path, doc, want[path])
		}
		delete(want, path)
	}
	var walk func(path string, b *blockSpec)
	walk = func(path string, b *blockSpec) {
		see(path, b.doc)
		for _, a := range b.attrs {
			see(path+"."+a.name, a.doc)
		}
		for _, inner := range b.blocks {
			walk(path+"."+inner.name, inner)
		}
	}
	for _, b := range language.blocks {
		walk(b.name, b)
	}
	for path := range want {
		t.Errorf("%s needs a restart, and the reference does not know it", path)
	}
}

// customers writes a configuration with n tenants from a CSV file.
func customers(t testing.TB, n int) string {
	dir := t.TempDir()
	var csv strings.Builder
	csv.WriteString("id,domains,plan,hosts\n")
	for i := range n {
		fmt.Fprintf(&csv, "customer-%d,c%d.test mail.c%d.test,%s,10.0.%d.%d:25\n", i, i, i, []string{"gold", "silver"}[i%2], i/256, i%256)
	}
	write(t, dir, "customers.csv", csv.String())
	write(t, dir, "a.hcl", base+`
plugin "rules" { source = "builtin:rules" }
ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      block "spammers" { sender_domain = ["spam.test"] }
    }
  }
}
ruleset "gold" {
  filter "own" {
    plugin = plugin.rules
    config {
      block "spammers" { sender_domain = ["spam.test"] }
    }
  }
}
ruleset "silver" {}
tenants "customers" {
  for_each = csvdecode(file("customers.csv"))
  name     = each.value.id
  domains  = split(" ", each.value.domains)
  rulesets = [ruleset.baseline, ruleset[each.value.plan]]
  route { hosts = split(" ", each.value.hosts) }
  recipients { local = ["sales@${split(" ", each.value.domains)[0]}"] }
  inbound { encrypted = "stall" }
}
`)
	return dir
}

func TestThousandTenants(t *testing.T) {
	dir := customers(t, 1000)
	start := time.Now()
	p := mustLoad(t, dir, testOptions)
	took := time.Since(start)
	t.Logf("1,000 tenants in %v", took)
	if took > 5*time.Second {
		t.Errorf("1,000 tenants took %v", took)
	}
	if len(p.Tenants()) != 1000 || len(p.Configs()) != 1 {
		t.Errorf("%d tenants, %d configurations", len(p.Tenants()), len(p.Configs()))
	}
	last, ok := p.TenantOf("mail.c999.test")
	if !ok || last.Name != "customer-999" || last.Route().Hosts[0] != "10.0.3.231:25" || !last.Recipients().IsLocal("sales@c999.test") {
		t.Errorf("the last: %+v", last)
	}
	first := p.Tenants()[1]
	if &first.Chain(Inbound)[0] != &last.Chain(Inbound)[0] {
		t.Error("equal chains are not shared")
	}
}

func BenchmarkThousandTenants(b *testing.B) {
	dir := customers(b, 1000)
	for b.Loop() {
		mustLoad(b, dir, testOptions)
	}
}

// TestParallel is for the race detector: one policy, many goroutines.
func TestParallel(t *testing.T) {
	p := decideFixture(t)
	acme, _ := p.Tenant("acme")
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			fx := &Facts{Sender: fmt.Sprintf("a@v%d.test", i), Recipient: "b@acme.test", Helo: "x", HasAttachments: i%2 == 0}
			for range 50 {
				if _, err := acme.Decide(Inbound, fx, []Finding{one("x", "vip", "reject"), scored(one("spam", "", ""), 8)}, nil); err != nil {
					t.Error(err)
				}
				if _, err := p.DecideListener("mx", fx, []Finding{one("x", "helo", "")}, nil); err != nil {
					t.Error(err)
				}
				if ok, err := acme.Chain(Inbound)[2].Applies(fx); err != nil || ok != fx.HasAttachments {
					t.Error(ok, err)
				}
			}
		})
	}
	wg.Wait()
}

const goldenConfigID = "b55f366078c398f5"
