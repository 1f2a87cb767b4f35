package policy

import "testing"

// B37: what an operator chose for a class outranks action blocks and what the
// plugin recommends; other classes stay.
func TestB37Override(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "config.hcl", base+`
ruleset "base" {
  action "spam" {
    when = finding.main == "spam"
    do   = quarantine("spam")
  }
}
tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.base]
  route { hosts = ["127.0.0.1:2526"] }
}
`)
	acme, ok := mustLoad(t, dir, testOptions).Tenant("acme")
	if !ok {
		t.Fatal("no tenant")
	}
	fx := &Facts{Recipient: "a@acme.test", Override: func(main, sub, _ string) (Override, bool) {
		switch main + "/" + sub {
		case "spam/bulk":
			return Override{Action: "continue", By: "anna"}, true
		case "spam/phish":
			return Override{Action: "reject", By: "anna"}, true
		}
		return Override{}, false
	}}
	for _, c := range []struct {
		sub, action, rule string
		code              int
	}{{"bulk", "continue", "", 0}, {"phish", "reject", "override by anna", 550}, {"other", "quarantine", "", 0}} {
		d, err := acme.Decide(Inbound, fx, []Finding{{Main: "spam", Sub: c.sub, Action: "stall"}}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if d.Action != c.action || d.Code != c.code || c.rule != "" && d.Rule != c.rule {
			t.Errorf("%s: %+v", c.sub, d)
		}
	}
}
