package policy

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

func decideFixture(t testing.TB) *Policy { return mustLoad(t, "testdata/decide.hcl", testOptions) }

// one is the least a finding has.
func one(main, sub, action string) Finding {
	return Finding{Filter: "baseline.lists", Plugin: "rules", Main: main, Sub: sub, Action: action, Explanation: "because"}
}

func scored(f Finding, score float64) Finding { f.Score = score; return f }

func TestDecide(t *testing.T) {
	p := decideFixture(t)
	star := []Waiver{{Classes: []string{"*"}, By: "baseline.lists"}}
	waive := func(c ...string) []Waiver { return []Waiver{{Classes: c, By: "operator"}} }
	reply := one("list", "sender", "reject")
	reply.Code, reply.Enhanced, reply.Text = 571, "5.7.13", "You are\r\n250 listed"
	wrongReply := one("x", "", "reject")
	wrongReply.Code, wrongReply.Enhanced = 250, "2.0.0"
	redirect := one("x", "", "redirect")
	redirect.Redirect = []string{"a@b.test"}
	watched := one("spam", "", "reject")
	watched.Filter = "baseline.watch"
	extra := func(f Finding, s string) Finding { f.Extra = s; return f }

	for _, c := range []struct {
		name     string
		tenant   string
		dir      string
		fx       Facts
		findings []Finding
		waivers  []Waiver
		action   string
		code     int
		text     string // part of Text or Reason
		finding  int
		err      string
	}{
		{name: "nothing_found_passes", action: "continue", finding: -1},
		{name: "recommendation_stands", findings: []Finding{one("list", "sender", "reject")}, action: "reject", code: 550, text: "because"},
		{name: "recommendation_to_continue_decides_nothing", findings: []Finding{one("list", "sender", "")}, action: "continue", finding: -1},
		{name: "most_severe_wins", findings: []Finding{one("a", "", "quarantine"), one("b", "", "tempfail"), one("c", "", "stall")}, action: "tempfail", code: 451, finding: 1},
		{name: "disconnect_is_most_severe", findings: []Finding{one("a", "", "reject"), one("b", "", "disconnect")}, action: "disconnect", code: 554, finding: 1},
		{name: "reject_over_discard", findings: []Finding{one("a", "", "discard"), one("b", "", "reject")}, action: "reject", code: 550, finding: 1},
		{name: "discard_over_stall", findings: []Finding{one("a", "", "stall"), one("b", "", "discard")}, action: "discard", finding: 1},
		{name: "quarantine_over_redirect", findings: []Finding{redirect, one("b", "", "quarantine")}, action: "quarantine", finding: 1},
		{name: "first_of_equals_wins", findings: []Finding{one("a", "", "stall"), one("b", "", "stall")}, action: "stall"},
		{name: "redirect", findings: []Finding{redirect}, action: "redirect"},
		{name: "redirect_to_nowhere_is_a_failure", findings: []Finding{one("x", "", "redirect")}, action: "tempfail", code: 451},
		{name: "unknown_recommendation_is_temporary", findings: []Finding{one("a", "", "pass")}, action: "tempfail", code: 451},
		{name: "reply_of_the_plugin_on_one_line", findings: []Finding{reply}, action: "reject", code: 571, text: "You are  250 listed"},
		{name: "wrong_code_is_put_right", findings: []Finding{wrongReply}, action: "reject", code: 550},

		{name: "waived_finding_is_dropped", findings: []Finding{one("spam", "", "reject")}, waivers: star, action: "continue", finding: -1},
		{name: "star_does_not_cover_malware", findings: []Finding{one("malware", "virus", "reject")}, waivers: star, action: "reject", code: 550},
		{name: "star_does_not_cover_malware_in_capitals", findings: []Finding{one("Malware", "virus", "reject")}, waivers: star, action: "reject", code: 550},
		{name: "star_does_not_cover_unscannable", findings: []Finding{one("unscannable", "", "stall")}, waivers: star, action: "stall"},
		{name: "malware_by_name", findings: []Finding{one("malware", "virus", "reject")}, waivers: waive("malware"), action: "continue", finding: -1},
		{name: "unscannable_by_name", findings: []Finding{one("unscannable", "macro", "stall")}, waivers: waive("unscannable/macro"), action: "continue", finding: -1},
		{name: "main_covers_subs", findings: []Finding{one("list", "sender", "reject")}, waivers: waive("list"), action: "continue", finding: -1},
		{name: "sub_covers_only_itself", findings: []Finding{one("list", "helo", "reject")}, waivers: waive("list/sender"), action: "reject", code: 550},
		{name: "sub_does_not_cover_main", findings: []Finding{one("list", "", "reject")}, waivers: waive("list/sender"), action: "reject", code: 550},
		{name: "extra_covers_only_itself", findings: []Finding{extra(one("list", "sender", "reject"), "b")}, waivers: waive("list/sender/a"), action: "reject", code: 550},
		{name: "prefix_is_no_class", findings: []Finding{one("spammy", "", "reject")}, waivers: waive("spam"), action: "reject", code: 550},
		{name: "empty_class_covers_nothing", findings: []Finding{one("", "", "reject")}, waivers: waive(""), action: "reject", code: 550},
		{name: "waived_score_does_not_count", findings: []Finding{scored(one("list", "x", ""), 5), scored(one("spam", "", ""), 5)}, waivers: waive("list"), action: "continue", finding: -1},
		{name: "waiver_leaves_the_others", findings: []Finding{one("spam", "", "reject"), one("list", "", "quarantine")}, waivers: waive("spam"), action: "quarantine", finding: 1},

		{name: "action_replaces_recommendation", findings: []Finding{scored(one("spam", "", "reject"), 7)}, action: "quarantine", text: "spam score 7"},
		{name: "scores_add_up", findings: []Finding{scored(one("spam", "a", ""), 3), scored(one("other", "", ""), 3.5)}, action: "quarantine", text: "spam score 6.5"},
		{name: "below_the_limit", findings: []Finding{scored(one("spam", "", "stall"), 5.9)}, action: "stall"},
		{name: "first_action_wins", findings: []Finding{one("attachment", "executable", "")}, action: "reject", code: 550, text: "Executables"},
		{name: "action_softens_one_finding_only", findings: []Finding{one("harmless", "", "reject"), one("list", "", "stall")}, action: "stall", finding: 1},
		{name: "accept_lets_pass", findings: []Finding{one("harmless", "", "reject")}, action: "accept"},
		{name: "tag_leaves_the_recommendation", findings: []Finding{one("bulk", "newsletter", "quarantine")}, action: "quarantine"},
		{name: "waiver_comes_before_action", findings: []Finding{scored(one("spam", "", "reject"), 9)}, waivers: star, action: "continue", finding: -1},
		{name: "action_with_the_message", fx: Facts{Size: 2000000}, findings: []Finding{one("x", "", "")}, action: "tempfail", code: 452, text: "Too large for now: 2000000"},
		{name: "action_without_a_finding", fx: Facts{Size: 2000000}, action: "tempfail", code: 452, finding: -1},
		{name: "empty_finding_once_all_are_waived", fx: Facts{Size: 2000000}, findings: []Finding{one("spam", "", "")}, waivers: star, action: "tempfail", code: 452, finding: -1},
		{name: "message_is_not_known_at_rcpt", fx: Facts{Size: 2000000, Stage: "rcpt_to"}, action: "continue", finding: -1},
		{name: "header", fx: Facts{Header: func(n string) []string { return map[string][]string{"X-Catch": {"yes", "no"}}[n] }}, action: "redirect", finding: -1},
		{name: "run_time_failure_is_an_error", findings: []Finding{extra(one("x", "boom", ""), "NaN")}, err: "baseline.broken"},
		{name: "bad_code_at_run_time_is_an_error", findings: []Finding{extra(one("x", "dynamic", ""), "250")}, err: "baseline.bad-reply"},
		{name: "good_code_at_run_time", findings: []Finding{extra(one("x", "dynamic", ""), "553")}, action: "reject", code: 553},
		{name: "listed_domain", fx: Facts{Sender: "a@VIP.test"}, findings: []Finding{one("x", "vip", "reject")}, action: "accept"},
		{name: "listed_address", fx: Facts{Sender: "Boss@friend.test"}, findings: []Finding{one("x", "vip", "reject")}, action: "accept"},
		{name: "listed_below", fx: Facts{Sender: "x@a.b.deep.test"}, findings: []Finding{one("x", "vip", "reject")}, action: "accept"},
		{name: "not_listed", fx: Facts{Sender: "x@friend.test"}, findings: []Finding{one("x", "vip", "reject")}, action: "reject", code: 550},
		{name: "listed_by_the_caller", fx: Facts{Sender: "x@friend.test", Listed: func(l, k string) bool { return l == "vip" && k == "x@friend.test" }}, findings: []Finding{one("x", "vip", "reject")}, action: "accept"},

		{name: "observed_is_never_acted_on", findings: []Finding{watched}, action: "continue", finding: -1},
		{name: "observed_does_not_score", findings: []Finding{scored(watched, 50), scored(one("spam", "", ""), 1)}, action: "continue", finding: -1},

		{name: "unscannable_stalls_by_default", findings: []Finding{one("unscannable", "macro", "")}, action: "stall"},
		{name: "default_leaves_the_more_severe", findings: []Finding{one("unscannable", "macro", "reject")}, action: "reject", code: 550},
		{name: "default_raises_the_less_severe", findings: []Finding{one("unscannable", "macro", "quarantine")}, action: "stall"},
		{name: "written_stall_replaces", tenant: "acme", findings: []Finding{one("unscannable", "macro", "reject")}, action: "stall"},
		{name: "allowed_domain_inbound", tenant: "acme", fx: Facts{Sender: "teller@Bank.test"}, findings: []Finding{one("unscannable", "encrypted-archive", "stall")}, action: "continue", finding: -1},
		{name: "allowed_pattern_inbound", tenant: "acme", fx: Facts{Sender: "x@post.test"}, findings: []Finding{one("unscannable", "", "stall")}, action: "continue", finding: -1},
		{name: "subdomain_is_not_allowed", tenant: "acme", fx: Facts{Sender: "x@evil.bank.test"}, findings: []Finding{one("unscannable", "", "stall")}, action: "stall"},
		{name: "null_sender_is_not_allowed", tenant: "acme", findings: []Finding{one("unscannable", "", "")}, action: "stall"},
		{name: "allowed_party_does_not_cover_malware", tenant: "acme", fx: Facts{Sender: "x@bank.test"}, findings: []Finding{one("unscannable", "", ""), one("malware", "", "reject")}, action: "reject", code: 550, finding: 1},
		{name: "allow_inbound_names_the_sender", tenant: "acme", fx: Facts{Sender: "x@evil.test", Recipient: "y@bank.test"}, findings: []Finding{one("unscannable", "", "")}, action: "stall"},
		{name: "reject_outbound", tenant: "acme", dir: Outbound, fx: Facts{Sender: "a@acme.test", Recipients: []string{"x@bank.test"}}, findings: []Finding{one("unscannable", "", "stall")}, action: "reject", code: 550, text: "cannot be inspected"},
		{name: "allowed_recipient_outbound", tenant: "acme", dir: Outbound, fx: Facts{Sender: "a@acme.test", Recipient: "lawyer@bank.test"}, findings: []Finding{one("unscannable", "", "stall")}, action: "continue", finding: -1},
		{name: "all_recipients_must_be_allowed", tenant: "acme", dir: Outbound, fx: Facts{Sender: "a@acme.test", Recipients: []string{"lawyer@bank.test", "x@evil.test"}}, findings: []Finding{one("unscannable", "", "stall")}, action: "reject", code: 550},
		{name: "recipients_of_several_groups_get_the_tenants_settings", tenant: "acme", fx: Facts{Recipients: []string{"lab@acme.test", "x@acme.test"}}, findings: []Finding{one("unscannable", "", "reject")}, action: "stall"},
		{name: "group_quarantines", tenant: "acme", fx: Facts{Recipient: "CEO@acme.test"}, findings: []Finding{one("unscannable", "", "stall")}, action: "quarantine"},
		{name: "group_by_pattern", tenant: "acme", fx: Facts{Recipients: []string{"audit-board@acme.test"}}, findings: []Finding{one("unscannable", "", "stall")}, action: "quarantine"},
		{name: "group_inherits_the_allowed", tenant: "acme", fx: Facts{Recipient: "ceo@acme.test", Sender: "x@bank.test"}, findings: []Finding{one("unscannable", "", "stall")}, action: "continue", finding: -1},
		{name: "group_allows", tenant: "acme", fx: Facts{Recipient: "lab@acme.test"}, findings: []Finding{one("unscannable", "", "stall")}, action: "continue", finding: -1},
		{name: "nan_score_counts_nothing", findings: []Finding{scored(one("spam", "", ""), math.NaN()), scored(one("spam", "", ""), 7)}, action: "quarantine", text: "spam score 7", finding: 0},
		{name: "infinite_score", findings: []Finding{scored(one("spam", "", ""), math.Inf(1))}, action: "quarantine"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.tenant == "" {
				c.tenant = "default"
			}
			if c.dir == "" {
				c.dir = Inbound
			}
			tenant, ok := p.Tenant(c.tenant)
			if !ok {
				t.Fatal("no tenant")
			}
			before := append([]Finding(nil), c.findings...)
			d, err := tenant.Decide(c.dir, &c.fx, c.findings, c.waivers)
			if !reflect.DeepEqual(before, c.findings) && c.name != "nan_score_counts_nothing" {
				t.Error("the findings given were changed")
			}
			if c.err != "" {
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Fatalf("error %v, want one about %s", err, c.err)
				}
				if d.Action != "" {
					t.Errorf("an action beside an error: %+v", d)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if d.Action != c.action || d.Code != c.code || d.Finding != c.finding {
				t.Errorf("%s %d by finding %d, want %s %d by %d\n%+v", d.Action, d.Code, d.Finding, c.action, c.code, c.finding, d)
			}
			if c.text != "" && !strings.Contains(d.Text+"|"+d.Reason, c.text) {
				t.Errorf("text %q, reason %q, want %q", d.Text, d.Reason, c.text)
			}
			if (d.Code != 0) != (d.Enhanced != "") {
				t.Errorf("code %d with enhanced code %q", d.Code, d.Enhanced)
			}
		})
	}
}

func TestDecisionTellsWhy(t *testing.T) {
	p := decideFixture(t)
	tenant, _ := p.Tenant("default")
	findings := []Finding{scored(one("spam", "newsletter", "reject"), 7), one("list", "sender", "reject"), {Filter: "baseline.watch", Main: "x", Action: "reject"}}
	d, err := tenant.Decide(Inbound, &Facts{}, findings, []Waiver{{Classes: []string{"list"}, By: "baseline.lists"}})
	if err != nil {
		t.Fatal(err)
	}
	spam, listed, watched := d.Findings[0], d.Findings[1], d.Findings[2]
	if spam.Recommended != "reject" || spam.Action != "quarantine" || !strings.HasPrefix(spam.Rule, "testdata/decide.hcl:") {
		t.Errorf("spam: %+v", spam)
	}
	if listed.Waived != "baseline.lists" || listed.Action != "continue" || listed.Recommended != "reject" {
		t.Errorf("listed: %+v", listed)
	}
	if !watched.Observed || watched.Action != "continue" || watched.Recommended != "reject" {
		t.Errorf("watched: %+v", watched)
	}
	if d.Rule != spam.Rule || d.Score != 7 || !reflect.DeepEqual(d.Tags, []string{"newsletter"}) {
		t.Errorf("decision: %+v", d)
	}
	// Without an action block, the rule is the filter's place.
	d, err = tenant.Decide(Inbound, &Facts{}, []Finding{one("list", "sender", "reject")}, nil)
	if err != nil || d.Rule != tenant.Chain(Inbound)[0].Rule() {
		t.Errorf("rule %q, %v", d.Rule, err)
	}
}

func TestDecideListener(t *testing.T) {
	p := decideFixture(t)
	for _, c := range []struct {
		name, listener string
		fx             Facts
		findings       []Finding
		action         string
	}{
		{"matching_helo", "mx", Facts{Stage: "helo", Helo: "localhost"}, []Finding{one("x", "helo", "")}, "reject"},
		{"other_helo", "mx", Facts{Stage: "helo", Helo: "a.test"}, []Finding{one("x", "helo", "")}, "continue"},
		{"helo_is_not_known_at_connect", "mx", Facts{Stage: "connect", Helo: "localhost"}, []Finding{one("x", "helo", "")}, "continue"},
		{"lan_without_finding", "mx", Facts{Stage: "connect", ClientIP: "10.1.2.3"}, nil, "discard"},
		{"mapped_address", "mx", Facts{Stage: "connect", ClientIP: "::ffff:10.1.2.3"}, nil, "discard"},
		{"no_address", "mx", Facts{Stage: "connect", ClientIP: "unknown"}, nil, "continue"},
		{"unscannable_is_the_tenants", "mx", Facts{}, []Finding{one("unscannable", "", "")}, "continue"},
		{"unknown_listener", "nope", Facts{ClientIP: "10.1.2.3"}, []Finding{one("x", "", "reject")}, "reject"},
	} {
		d, err := p.DecideListener(c.listener, &c.fx, c.findings, nil)
		if err != nil || d.Action != c.action {
			t.Errorf("%s: %s, %v, want %s", c.name, d.Action, err, c.action)
		}
	}
}

func TestFilterApplies(t *testing.T) {
	p := decideFixture(t)
	tenant, _ := p.Tenant("default")
	f := tenant.Chain(Inbound)[2]
	for _, c := range []struct {
		name string
		fx   Facts
		want bool
	}{
		{"with_attachments", Facts{HasAttachments: true}, true},
		{"without", Facts{}, false},
		{"uncertain_structure_counts", Facts{Malformed: true}, true},
		{"not_known_at_rcpt", Facts{Stage: "rcpt_to", HasAttachments: true}, false},
		{"known_when_queued", Facts{Stage: "queued", HasAttachments: true}, true},
	} {
		if got, err := f.Applies(&c.fx); err != nil || got != c.want {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
	}
	if ok, err := tenant.Chain(Inbound)[0].Applies(&Facts{Stage: "connect"}); err != nil || !ok {
		t.Errorf("a filter without when: %v, %v", ok, err)
	}
}

func BenchmarkDecide(b *testing.B) {
	p := decideFixture(b)
	tenant, _ := p.Tenant("acme")
	fx := &Facts{Sender: "a@x.test", Recipient: "b@acme.test", Size: 4096, Subject: "hello"}
	findings := []Finding{scored(one("spam", "", "reject"), 7)}
	for b.Loop() {
		if _, err := tenant.Decide(Inbound, fx, findings, nil); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDecideClean(b *testing.B) {
	p := decideFixture(b)
	tenant, _ := p.Tenant("acme")
	fx := &Facts{Sender: "a@x.test", Recipient: "b@acme.test", Size: 4096, Subject: "hello"}
	for b.Loop() {
		if _, err := tenant.Decide(Inbound, fx, nil, nil); err != nil {
			b.Fatal(err)
		}
	}
}
