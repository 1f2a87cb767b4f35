package policy

import (
	"reflect"
	"strings"
	"testing"
)

func TestB30_demanded_channel(t *testing.T) {
	p := routingFixture(t)
	acme, _ := p.Tenant("acme")
	confidential := one("confidential", "", "")
	public := one("confidential", "public", "")
	broken := one("x", "", "")
	broken.Extra = "boom"
	observed := confidential
	observed.Observed = true
	waived := confidential
	waived.Waived = "anna@acme.test"
	for _, c := range []struct {
		name                 string
		dir                  string
		fx                   Facts
		findings             []Finding
		waivers              []Waiver
		tls, otherwise, line string
		err                  string
	}{
		{name: "nothing_is_demanded", fx: Facts{Recipient: "x@far.test", Subject: "secure"}},
		{name: "by_recipient", fx: Facts{Recipient: "x@Bank.test"}, tls: "dane", otherwise: "retry", line: "146"},
		{name: "by_subject_tag", fx: Facts{Recipient: "x@far.test", Subject: "[Secure] plans"}, tls: "required", otherwise: "hold", line: "154"},
		{name: "by_class", fx: Facts{Recipient: "x@far.test"}, findings: []Finding{public, confidential}, tls: "verified", otherwise: "bounce", line: "150"},
		{name: "by_class_of_each_finding_alone", findings: []Finding{public, one("spam", "", "")}},
		{name: "by_tag", fx: Facts{Sender: "chair@acme.test", Recipient: "x@far.test"}, tls: "verified", otherwise: "bounce", line: "159"},
		{name: "by_tag_with_findings", fx: Facts{Sender: "chair@acme.test"}, findings: []Finding{one("spam", "", "")}, tls: "verified", otherwise: "bounce", line: "159"},
		{name: "first_matches", fx: Facts{Recipient: "x@bank.test", Subject: "[secure]"}, findings: []Finding{confidential}, tls: "dane", otherwise: "retry", line: "146"},
		{name: "whatever_becomes_of_the_mail", fx: Facts{Recipient: "x@bank.test"}, findings: []Finding{one("spam", "", "quarantine")}, tls: "dane", otherwise: "retry", line: "146"},
		{name: "waived_finding_demands_its_channel", findings: []Finding{confidential}, waivers: []Waiver{{Classes: []string{"*"}}}, tls: "verified", otherwise: "bounce", line: "150"},
		{name: "finding_that_an_operator_waived_demands_its_channel", findings: []Finding{waived}, tls: "verified", otherwise: "bounce", line: "150"},
		{name: "observed_finding_is_not_waived", findings: []Finding{{Main: "confidential", Observed: true, Waived: "anna"}}},
		{name: "observed_finding_demands_nothing", findings: []Finding{observed}},
		{name: "subject_is_not_known_at_rcpt", fx: Facts{Stage: "rcpt_to", Recipient: "x@far.test", Subject: "[secure]"}},
		{name: "recipient_is_known_at_rcpt", fx: Facts{Stage: "rcpt_to", Recipient: "x@bank.test"}, tls: "dane", otherwise: "retry", line: "146"},
		{name: "failure_is_an_error", fx: Facts{Helo: ""}, findings: []Finding{broken}, err: "secure broken, when"},
		{name: "inbound_has_its_own", dir: Inbound, fx: Facts{Recipient: "ceo@acme.test", Subject: "[secure]"}, tls: "required", otherwise: "retry", line: "131"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.dir == "" {
				c.dir = Outbound
			}
			d, err := acme.Decide(c.dir, &c.fx, c.findings, c.waivers)
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("%+v, %v", d.Secure, err)
				}
				return
			}
			var want *Secure
			if c.tls != "" {
				want = &Secure{TLS: c.tls, Otherwise: c.otherwise, Rule: "testdata/routing.hcl:" + c.line}
			}
			if err != nil || !reflect.DeepEqual(d.Secure, want) {
				t.Errorf("%+v, %v\nwant %+v", d.Secure, err, want)
			}
		})
	}
	d, err := p.DecideListener("mx", &Facts{Recipient: "x@bank.test"}, nil, nil)
	if err != nil || d.Secure != nil {
		t.Errorf("before a tenant is known: %+v, %v", d.Secure, err)
	}
}

// TestTagsAreSeenByLaterActions: an action sees what those before it tagged.
func TestTagsAreSeenByLaterActions(t *testing.T) {
	acme, _ := routingFixture(t).Tenant("acme")
	d, err := acme.Decide(Outbound, &Facts{Sender: "chair@acme.test"}, []Finding{one("spam", "", "")}, nil)
	if err != nil || d.Action != "quarantine" || d.Reason != "tagged board" {
		t.Errorf("%+v, %v", d, err)
	}
	d, err = acme.Decide(Outbound, &Facts{Sender: "bob@acme.test"}, []Finding{one("spam", "", "")}, nil)
	if err != nil || d.Action != "continue" {
		t.Errorf("%+v, %v", d, err)
	}
}

// TestDecisionsDoNotShareTheDemand: what one caller changes, no other sees.
func TestDecisionsDoNotShareTheDemand(t *testing.T) {
	acme, _ := routingFixture(t).Tenant("acme")
	fx := &Facts{Recipient: "x@bank.test"}
	first, err := acme.Decide(Outbound, fx, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	first.Secure.TLS = "none"
	if second, err := acme.Decide(Outbound, fx, nil, nil); err != nil || second.Secure.TLS != "dane" {
		t.Errorf("%+v, %v", second.Secure, err)
	}
}
