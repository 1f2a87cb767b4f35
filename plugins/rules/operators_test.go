package main

import (
	"testing"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

func withLists(t *testing.T, cfg abi.Value, lists map[string]map[string]string) *sdktest.Host {
	t.Helper()
	books = map[string]book{}
	h := host(t, cfg)
	h.Lists = map[string]map[string]string{listAllowSender: {}, listBlockSender: {}, listBlockRecipient: {}, listRules: {}}
	for name, m := range lists {
		h.Lists[name] = m
	}
	return h
}

// B33–B35: what operators put on the lists, for the tenant and for a mailbox.
func TestB33B35OperatorLists(t *testing.T) {
	for _, s := range []string{"s@out.test", `"a>b"@out.test`} {
		operatorLists(t, s)
	}
}

func operatorLists(t *testing.T, s string) {
	const r, o = "r@acme.test", "o@acme.test"
	type m = map[string]map[string]string
	for _, c := range []struct {
		name  string
		lists m
		rcpts []string
		want  string
	}{
		{"nothing", nil, []string{r}, ""},
		{"allowed", m{listAllowSender: {s: "x"}}, []string{r}, "waive"},
		{"blocked", m{listBlockSender: {s: "x"}}, []string{r}, "spam/blocked-sender"},
		{"both", m{listBlockSender: {s: "x"}, listAllowSender: {s: "x"}}, []string{r}, "waive"},
		{"mailbox allows what the tenant blocks", m{listBlockSender: {s: "x"}, listAllowSender: {s + ">" + r: "x"}}, []string{r}, "spam/blocked-sender"},
		{"mailbox blocks what the tenant allows", m{listBlockSender: {s + ">" + r: "x"}, listAllowSender: {s: "x"}}, []string{r}, "spam/blocked-sender"},
		{"mailbox blocks", m{listBlockSender: {s + ">" + r: "x"}}, []string{r}, "spam/blocked-sender"},
		{"another mailbox blocks", m{listBlockSender: {s + ">" + o: "x"}}, []string{r}, ""},
		{"one of two mailboxes blocks", m{listBlockSender: {s + ">" + o: "x"}}, []string{r, o}, "o@acme.test quarantine"},
		{"recipient blocked", m{listBlockRecipient: {r: "x"}}, []string{r}, "spam/blocked-recipient"},
	} {
		for _, st := range []abi.Stage{abi.StageRcptTo, abi.StageMessage} {
			if st == abi.StageRcptTo && len(c.rcpts) > 1 {
				continue
			}
			ev := &abi.Event{Stage: st, Sender: s, Tenant: "acme", Recipients: c.rcpts}
			if st == abi.StageRcptTo {
				ev.Recipient, ev.Recipients = c.rcpts[0], nil
			}
			v := withLists(t, config(), c.lists).Run(ev)
			got := ""
			for _, f := range v.Findings {
				got += f.Main + "/" + f.Sub
				if f.Action != abi.ActionQuarantine || f.Score < 6 {
					t.Errorf("%s: %+v", c.name, f)
				}
			}
			if len(v.Waivers) > 0 {
				got += "waive"
			}
			for _, x := range v.Recipients {
				got += x.Recipient + " " + x.Action.String()
			}
			if got != c.want {
				t.Errorf("%s at %s: %q, want %q", c.name, st, got, c.want)
			}
		}
	}
}

func TestOperatorListsOff(t *testing.T) {
	cfg := config()
	cfg.Set("operator_lists", abi.Bool(false))
	h := withLists(t, cfg, map[string]map[string]string{listBlockSender: {"s@out.test": "x"}})
	if v := h.Run(&abi.Event{Stage: abi.StageMessage, Sender: "s@out.test", Recipients: []string{"r@acme.test"}}); len(v.Findings) > 0 {
		t.Errorf("%+v", v.Findings)
	}
	h = host(t, config()) // no such lists: nothing is granted
	if v := h.Run(&abi.Event{Stage: abi.StageMessage, Sender: "s@out.test", Recipients: []string{"r@acme.test"}}); len(v.Findings) > 0 {
		t.Errorf("%+v", v.Findings)
	}
}

// B31, B32: rules with several conditions; a new version takes force at once.
func TestB31OperatorRules(t *testing.T) {
	rule := func(attrs ...any) string {
		b := abi.Object()
		b.Set("_labels", abi.Strings("operator 1"))
		b.Set("class", abi.String("spam/operator-rule"))
		b.Set("action", abi.String("quarantine"))
		for i := 0; i < len(attrs); i += 2 {
			b.Set(attrs[i].(string), abi.Strings(attrs[i+1].(string)))
		}
		all := abi.Object()
		all.Set("allow", abi.List())
		all.Set("block", abi.List(b))
		return string(all.Append(nil))
	}
	ev := &abi.Event{Stage: abi.StageMessage, Sender: "s@sub.bad.test", Tenant: "acme", Recipients: []string{"r@acme.test"}}
	h := withLists(t, config(), map[string]map[string]string{listRules: {"version": "1", "rules": rule("sender_domain", ".bad.test", "subject", "*PILLS*", "mailbox", "r@acme.test")}})
	h.AddHeader("Subject", "cheap pills here")
	if v := h.Run(ev); len(v.Findings) != 1 || v.Findings[0].Sub != "operator-rule" {
		t.Errorf("%+v", v)
	}
	other := *ev
	other.Recipients = []string{"o@acme.test"}
	if v := h.Run(&other); len(v.Findings) != 0 {
		t.Errorf("another mailbox: %+v", v)
	}
	h.Lists[listRules] = map[string]string{"version": "2", "rules": rule("subject", "something else")}
	if v := h.Run(ev); len(v.Findings) != 0 {
		t.Errorf("after a change: %+v", v)
	}
}

func TestWildcard(t *testing.T) {
	for _, c := range []struct {
		p, s string
		want bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a*c", "abbc", true}, {"a*c", "abb", false}, {"?", "a", true}, {"?", "", false}, {"*a*b*", "xxaxxbxx", true},
		{"*a*b*", "xxbxxaxx", false}, {"a**b", "ab", true}, {"*aab", "aaab", true},
	} {
		if got := wildcard(c.p, c.s); got != c.want {
			t.Errorf("%q %q: %v", c.p, c.s, got)
		}
	}
}
