package policy

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/hashicorp/hcl/v2/hclsyntax"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

const runPolicy = `gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}
plugin "hook" {
  source = "builtin:hook"
  config { url = "http://hooks.test/" }
}
plugin "bare" { source = "builtin:hook" }
plugin "other" {
  source = "builtin:hook"
  offer  = "all"
}
ruleset "one" {
  filter "plain" { plugin = plugin.hook }
  filter "own" {
    plugin = plugin.hook
    config { url = "http://own.test/" }
  }
  action "tell" {
    when = finding.main == "malware"
    run = [
      call(plugin.bare, "post", { text = "from ${sender.address}: ${finding.sub}", wait = "15m" }),
      call(plugin.bare, "post", { text = upper(recipient.address), tries = message.size, level = "alert" }),
    ]
  }
  action "hold" {
    when = finding.main == "malware" || finding.main == "spam"
    do   = quarantine("held")
    run  = score > 5 ? [call(plugin.bare, "post", { text = "much" })] : []
  }
  action "never" {
    when = finding.main == "malware"
    run  = [call(plugin.bare, "post", { text = "not asked: the one above decides" })]
  }
  action "quiet" {
    when = finding.main == ""
    run  = [call(plugin.bare, "post", { text = "clean" })]
  }
}
tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.one]
}
tenant "beta" { domains = ["beta.test"] }
`

func loadText(t *testing.T, text string) *Policy {
	t.Helper()
	name := filepath.Join(t.TempDir(), "p.hcl")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := Load(name, testOptions)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	return p
}

func TestRunOfMatchingBlocks(t *testing.T) {
	p := loadText(t, runPolicy)
	acme, _ := p.Tenant("acme")
	decide := func(fs ...Finding) (Decision, []string) {
		t.Helper()
		d, err := acme.Decide(Inbound, &Facts{Stage: "message", Sender: "eve@x.test", Recipient: "bob@acme.test", Size: 7}, fs, nil)
		if err != nil {
			t.Fatal(err)
		}
		var texts []string
		for _, c := range d.Calls {
			if c.Plugin != "bare" || c.Action != "post" || !strings.Contains(c.Rule, "p.hcl:") {
				t.Errorf("call %+v", c)
			}
			texts = append(texts, c.Block+": "+c.Params.Get("text").String)
		}
		return d, texts
	}
	d, got := decide(Finding{Main: "malware", Sub: "eicar", Score: 9, Action: "continue"}, Finding{Main: "malware", Sub: "second", Action: "reject"})
	want := []string{"one.tell: from eve@x.test: eicar", "one.tell: BOB@ACME.TEST", "one.hold: much"}
	if !reflect.DeepEqual(got, want) || d.Action != "quarantine" {
		t.Errorf("%s, %q; want %q", d.Action, got, want)
	}
	if v := d.Calls[0].Params; v.Get("tries").Number != 3 || v.Get("wait").Number != 15*60*1000 {
		t.Errorf("defaults and types: %+v", v)
	}
	if v := d.Calls[1].Params; v.Get("tries").Number != 7 {
		t.Errorf("a fact as a number: %+v", v)
	}
	if d, got := decide(Finding{Main: "spam", Score: 1, Action: "continue"}); d.Action != "quarantine" || got != nil {
		t.Errorf("%s, %q", d.Action, got)
	}
	if d, got := decide(); d.Action != "continue" || !reflect.DeepEqual(got, []string{"one.quiet: clean"}) {
		t.Errorf("%s, %q", d.Action, got)
	}
	waived, err := acme.Decide(Inbound, &Facts{}, []Finding{{Main: "malware", Action: "reject"}}, []Waiver{{Classes: []string{"malware"}}})
	if err != nil || len(waived.Calls) != 1 || waived.Calls[0].Block != "one.quiet" {
		t.Errorf("what is waived calls nothing: %+v, %v", waived.Calls, err)
	}
	// A value that only the message shows to be wrong is a failure, not silence.
	if _, err := acme.Decide(Inbound, &Facts{Sender: strings.Repeat("x", maxParams)}, []Finding{{Main: "malware", Action: "reject"}}, nil); err == nil {
		t.Error("parameters over the limit passed")
	}
}

func TestPluginsOwnConfig(t *testing.T) {
	p := loadText(t, runPolicy)
	by := map[string]Plugin{}
	for _, x := range p.Plugins() {
		by[x.Name] = x
	}
	value := func(id uint64) string {
		for _, c := range p.Configs() {
			if c.ID == id {
				return c.Value.Get("url").String
			}
		}
		return "?"
	}
	acme, _ := p.Tenant("acme")
	chain := acme.Chain(Inbound)
	for what, got := range map[string]string{
		"http://hooks.test/": value(by["hook"].ConfigID), "none": value(by["bare"].ConfigID), "http://own.test/": value(chain[1].ConfigID),
	} {
		if what != got {
			t.Errorf("config %q, want %q", got, what)
		}
	}
	if chain[0].ConfigID != by["hook"].ConfigID {
		t.Error("a filter without a config block has not the plugin's")
	}
	beta, _ := p.Tenant("beta")
	if !acme.Uses("hook") || !acme.Uses("bare") || acme.Uses("other") || beta.Uses("hook") || by["other"].Offer != "all" || by["hook"].Offer != "used" {
		t.Error("who uses what")
	}
	if len(by["hook"].Actions) != 2 {
		t.Errorf("actions %v", by["hook"].Actions)
	}
}

func TestParams(t *testing.T) {
	schema := []manifest.Attr{
		{Name: "text", Type: "string", Required: true}, {Name: "n", Type: "number", Default: 3.0}, {Name: "on", Type: "bool"},
		{Name: "to", Type: "list(string)", OneOf: []string{"a", "b"}}, {Name: "wait", Type: "duration", Default: "1m"}, {Name: "key", Type: "duration", Secret: true},
	}
	v, errs := Params(schema, map[string]any{"text": "hi", "n": "5", "on": "true", "to": []any{"b"}, "key": "5s"})
	if len(errs) > 0 || v.Get("n").Number != 5 || !v.Get("on").Bool || v.Get("to").StringList()[0] != "b" || v.Get("wait").Number != 60000 || v.Get("key").Number != 5000 {
		t.Errorf("%+v, %v", v, errs)
	}
	_, errs = Params(schema, map[string]any{"n": "five", "to": []any{"c"}, "key": "hunter2", "nn": 1.0, "on": nil})
	var names []string
	for _, e := range errs {
		names = append(names, e.Name)
		if strings.Contains(e.Text, "hunter2") {
			t.Error("a secret is shown: " + e.Text)
		}
	}
	if want := []string{"text", "n", "to", "key", "nn"}; !reflect.DeepEqual(names, want) {
		t.Errorf("%v, want %v: %v", names, want, errs)
	}
	if v, errs := Params(nil, nil); len(errs) > 0 || v.Kind != abi.ValueKindObject {
		t.Errorf("%+v, %v", v, errs)
	}
}

// TestParsedIsNotKept: of what was parsed a policy keeps what it evaluates.
func TestParsedIsNotKept(t *testing.T) {
	gone := make(chan struct{})
	o := testOptions
	o.Parser = hclparse.NewParser()
	name := filepath.Join(t.TempDir(), "p.hcl")
	if err := os.WriteFile(name, []byte(runPolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := Load(name, o)
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	runtime.AddCleanup(o.Parser.Files()[filepath.ToSlash(name)].Body.(*hclsyntax.Body), func(c chan struct{}) { close(c) }, gone)
	o.Parser = nil
	for range 100 {
		runtime.GC()
		select {
		case <-gone:
			if text := p.Files()[filepath.ToSlash(name)].Bytes; string(text) != runPolicy {
				t.Errorf("the source is %q", text)
			}
			return
		case <-time.After(10 * time.Millisecond):
		}
	}
	t.Fatal("the syntax tree is kept")
}
