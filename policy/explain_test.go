package policy

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func explainFixture(t *testing.T) *Policy { return mustLoad(t, "testdata/explain.hcl", testOptions) }

func explain(t *testing.T, e Envelope) *Explanation {
	t.Helper()
	x, err := explainFixture(t).Explain(e)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// clause is the verdict on a block, with what it depends on.
func clause(t *testing.T, in []Clause, name string) string {
	t.Helper()
	i := slices.IndexFunc(in, func(c Clause) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("there is no %s among %+v", name, in)
	}
	return strings.TrimSpace(in[i].Verdict + " " + strings.Join(in[i].Depends, " ") + in[i].Wrong)
}

func TestExplainClauses(t *testing.T) {
	bad, spam := "bad.test", &Finding{Main: "spam", Score: 7}
	for _, tt := range []struct {
		name, clause, want string
		e                  Envelope
	}{
		{"no_condition", "baseline.always", "yes", Envelope{Sender: "a@far.test"}},
		{"listed", "baseline.partners", "yes", Envelope{Sender: "a@partner.test"}},
		{"not_listed", "baseline.partners", "no", Envelope{Sender: "a@far.test"}},
		{"what_is_known_decides", "baseline.attached", "no", Envelope{Sender: "a@bank.test"}},
		{"what_is_not_known_is_named", "baseline.attached", "depends message.has_attachments header()", Envelope{Sender: "a@far.test"}},
		{"nothing_found_yet", "baseline.spam", "depends finding.main score", Envelope{}},
		{"found", "baseline.spam", "yes", Envelope{Finding: spam}},
		{"found_little", "baseline.spam", "no", Envelope{Finding: &Finding{Main: "spam", Score: 1}}},
		{"recipient", "baseline.boss", "yes", Envelope{Recipient: "boss@acme.test"}},
		{"listener_unknown_helo", "early.helo", "depends helo", Envelope{Listener: "mx"}},
		{"listener_helo", "early.helo", "yes", Envelope{Listener: "mx", Helo: &bad}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if tt.e.Recipient == "" {
				tt.e.Recipient = "bob@acme.test"
			}
			x := explain(t, tt.e)
			if got := clause(t, append(x.Listener, x.Clauses...), tt.clause); got != tt.want {
				t.Errorf("%s: %q, want %q", tt.clause, got, tt.want)
			}
		})
	}
}

// TestExplainAgreesWithWhatRuns: a verdict of yes or no is what Applies gives.
func TestExplainAgreesWithWhatRuns(t *testing.T) {
	p := explainFixture(t)
	acme, _ := p.Tenant("acme")
	for _, sender := range []string{"", "a@far.test", "a@partner.test", "a@bank.test"} {
		x := explain(t, Envelope{Sender: sender, Recipient: "bob@acme.test"})
		for _, f := range acme.Chain(Inbound) {
			runs, err := f.Applies(&Facts{Tenant: "acme", Direction: Inbound, Sender: sender, Recipient: "bob@acme.test"})
			if err != nil {
				t.Fatal(err)
			}
			if got := clause(t, x.Clauses, f.Name); got == Applies && !runs || got == AppliesNot && runs {
				t.Errorf("%s of %q: explained %q, runs: %v", f.Name, sender, got, runs)
			}
		}
	}
}

func TestExplainWhatElseApplies(t *testing.T) {
	x := explain(t, Envelope{Sender: "a@bank.test", Recipient: "Boss@ACME.test"})
	if x.Direction != Inbound || x.Tenant.Name != "acme" || !x.Allowed || x.Local || x.Settings.Encrypted != "quarantine" {
		t.Errorf("inbound: %+v", x)
	}
	if !x.Routed || x.Route.Name != "route:slow" || x.Schedule != "quick" || x.Lifetime != 30*time.Minute {
		t.Errorf("way: %+v, %s for %v", x.Route, x.Schedule, x.Lifetime)
	}
	if x := explain(t, Envelope{Recipient: "sales@acme.test"}); !x.Local || x.Allowed || x.Schedule != "standard" {
		t.Errorf("a local recipient: %+v", x)
	}
	x = explain(t, Envelope{Sender: "ann@acme.test", Recipient: "bo@bank.test"})
	i := slices.IndexFunc(x.Clauses, func(c Clause) bool { return c.Kind == "secure" })
	if x.Direction != Outbound || i < 0 || x.Clauses[i].Verdict != Applies || !strings.Contains(x.Clauses[i].Does, "tls verified") || x.Clauses[i].When != `recipient.domain == "bank.test"` {
		t.Errorf("outbound: %+v", x)
	}
	if x := explain(t, Envelope{Sender: "a@far.test", Recipient: "b@farther.test"}); x.Tenant != nil || x.Direction != Outbound {
		t.Errorf("nobody's: %+v", x)
	}
	if x := explain(t, Envelope{Listener: "mx", Recipient: "b@farther.test"}); x.Routed {
		t.Errorf("inbound for nobody here: %+v", x)
	}
}

func TestExplainMistakes(t *testing.T) {
	for want, e := range map[string]Envelope{
		`no listener "smtp"`: {Listener: "smtp"}, `listener "mx" is inbound`: {Listener: "mx", Direction: Outbound},
	} {
		e.Recipient = "bob@acme.test"
		if _, err := explainFixture(t).Explain(e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}
