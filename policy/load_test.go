package policy

import (
	"strings"
	"testing"
)

// mustLoad loads a configuration that is right.
func mustLoad(t testing.TB, path string, o Options) *Policy {
	t.Helper()
	if o.Environ == nil {
		o.Environ = func(string) (string, bool) { return "", false }
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
	p := mustLoad(t, "../config.hcl", Options{})
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
	fx := &Facts{Sender: "a@x.test", Recipients: []string{"b@demo.test"}}
	d, err := demo.Decide(Inbound, fx, []Finding{{Filter: "baseline.lists", Plugin: "rules", Main: "spam", Score: 7, Action: "reject"}}, nil)
	if err != nil || d.Action != "quarantine" || d.Reason != "spam score 7" {
		t.Errorf("%+v, %v", d, err)
	}
}
