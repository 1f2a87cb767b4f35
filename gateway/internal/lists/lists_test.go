package lists_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/sdk/abi"
)

func open(t testing.TB, st store.Store, now *time.Time) *lists.Lists {
	t.Helper()
	l, err := lists.Open(t.Context(), lists.Options{Docs: st, Clock: func() time.Time { return *now }})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func newStore(t testing.TB) store.Store {
	t.Helper()
	st, err := badgerstore.Open(badgerstore.Options{Dir: filepath.Join(t.TempDir(), "store")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { st.Close() })
	return st
}

func entry(list, key string) lists.Entry {
	return lists.Entry{Tenant: "acme", List: list, Key: key, By: "anna"}
}

func TestFind(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	st := newStore(t)
	l := open(t, st, &now)
	brief := entry("x", "brief@example.test")
	brief.Expires = now.Add(time.Hour)
	own := entry("x", "own@example.test")
	own.Mailbox = "Bob@acme.test"
	n, err := l.Add(t.Context(), entry("x", "Ann@Example.test"), entry("x", "@whole.test"), entry("x", ".deep.test"), entry("x", "192.0.2.77/24"), entry("x", "2001:db8::1"),
		entry("x", "ünï.test"), entry("x", "ann@example.test"), brief, own)
	if err != nil || n != 8 {
		t.Fatalf("added %d: %v", n, err)
	}
	check := func(when string) {
		t.Helper()
		for _, c := range []struct {
			mailbox, key string
			want         string
		}{
			{"", "ann@example.test", "ann@example.test"}, {"", "ANN@EXAMPLE.TEST", "ann@example.test"}, {"", "bob@example.test", ""},
			{"", "a@whole.test", "whole.test"}, {"", "a@sub.whole.test", ""}, {"", "a@b.deep.test", ".deep.test"}, {"", "a@deep.test", ""},
			{"", "192.0.2.1", "192.0.2.0/24"}, {"", "::ffff:192.0.2.1", "192.0.2.0/24"}, {"", "192.0.3.1", ""}, {"", "2001:db8::1", "2001:db8::1"},
			{"", "x@xn--n-xgas.test", ""}, {"", "own@example.test", ""}, {"bob@acme.test", "own@example.test", "own@example.test"}, {"eve@acme.test", "own@example.test", ""}, {"", "", ""},
			{"", "brief@example.test", map[bool]string{true: "brief@example.test"}[now.Before(brief.Expires)]},
		} {
			e, ok := l.Find("acme", "x", c.mailbox, c.key)
			if ok != (c.want != "") || e.Key != c.want {
				t.Errorf("%s: %q of %q: %q, want %q", when, c.key, c.mailbox, e.Key, c.want)
			}
		}
	}
	check("at first")
	box := "bob@acme.test"
	if all, mine := l.Count("acme", "x", nil), l.Count("acme", "x", &box); all != 8 || mine != 1 {
		t.Errorf("counts %d and %d", all, mine)
	}
	if _, ok := l.Find("other", "x", "", "ann@example.test"); ok {
		t.Error("another tenant's list")
	}
	l = open(t, st, &now)
	check("opened again")
	now = now.Add(2 * time.Hour)
	check("later")
	if n, err := l.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("swept %d: %v", n, err)
	}
	if n, err := l.Remove(t.Context(), entry("x", "192.0.2.0/24"), entry("x", "nobody@there.test")); n != 1 || err != nil {
		t.Errorf("removed %d: %v", n, err)
	}
	if _, ok := l.Find("acme", "x", "", "192.0.2.1"); ok {
		t.Error("a network that was removed")
	}
	var keys []string
	for cursor := ""; ; {
		page, next := l.Entries(lists.Query{Tenant: "acme", Limit: 2, After: cursor})
		for _, e := range page {
			keys = append(keys, e.Key)
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	if len(keys) != 6 {
		t.Errorf("pages: %q", keys)
	}
}

func TestAddRefuses(t *testing.T) {
	now := time.Now()
	l := open(t, newStore(t), &now)
	late := entry("x", "a@b.test")
	late.Expires = now.Add(-time.Second)
	for _, e := range []lists.Entry{entry("x", ""), entry("x", "a b@c.test"), entry("x", "a\nb"), {List: "x", Key: "a@b.test", By: "x"}, late, {Tenant: "acme", List: "x", Key: "a@b.test"}} {
		if _, err := l.Add(t.Context(), e); !errors.Is(err, lists.ErrInvalid) {
			t.Errorf("%+v: %v", e, err)
		}
	}
}

func TestB37Overrides(t *testing.T) {
	now := time.Now()
	st := newStore(t)
	l := open(t, st, &now)
	set := func(class, action string, admin bool) error {
		return l.SetAction(t.Context(), lists.Override{Tenant: "acme", Class: class, Action: action, By: "anna", Admin: admin})
	}
	for _, c := range []struct {
		class, action string
		admin, ok     bool
	}{
		{"spam/bulk", "deliver", false, true}, {"spam", "quarantine", false, true}, {"spam/bulk", "reject", false, true}, {"malware", "deliver", false, false}, {"malware/x", "reject", false, true},
		{"unscannable", "deliver", true, true}, {"spam", "explode", true, false},
		{"unscannable/macro", "quarantine", false, false}, {"unscannable/x", "quarantine", true, true}, {"malware/y", "quarantine", false, true}, {"unscannable/y", "stall", false, true}, {"", "reject", true, false}, {"a/b/c/d", "reject", true, false}, {"filter-error", "deliver", true, false},
	} {
		if err := set(c.class, c.action, c.admin); (err == nil) != c.ok {
			t.Errorf("%+v: %v", c, err)
		}
	}
	for range 2 {
		for _, c := range []struct{ main, sub, extra, want string }{
			{"spam", "bulk", "x", "reject"}, {"spam", "Bulk", "", "reject"}, {"spam", "other", "", "quarantine"}, {"spam", "", "", "quarantine"}, {"unscannable", "macro", "", "deliver"}, {"clean", "", "", ""},
		} {
			if o, _ := l.Action("acme", c.main, c.sub, c.extra); o.Action != c.want {
				t.Errorf("%+v: %+v", c, o)
			}
		}
		l = open(t, st, &now)
	}
	if there, err := l.ClearAction(t.Context(), "acme", "spam/bulk"); !there || err != nil {
		t.Error(there, err)
	}
	if o, _ := l.Action("acme", "spam", "bulk", ""); o.Action != "quarantine" {
		t.Errorf("cleared: %+v", o)
	}
	if got := len(l.Actions("acme")); got != 6 {
		t.Errorf("%d actions", got)
	}
}

func TestRules(t *testing.T) {
	now := time.Now()
	st := newStore(t)
	l := open(t, st, &now)
	for _, r := range []lists.Rule{
		{Tenant: "acme", Verb: "block", By: "x"}, {Tenant: "acme", Verb: "pass", By: "x", Sender: []string{"a@b.test"}}, {Tenant: "acme", Verb: "block", By: "x", Client: []string{"1.2.3"}},
		{Tenant: "acme", Verb: "block", By: "x", Subject: []string{"/re/"}}, {Tenant: "acme", Verb: "block", By: "x", Sender: []string{""}},
	} {
		if _, err := l.AddRule(t.Context(), r); !errors.Is(err, lists.ErrInvalid) {
			t.Errorf("%+v: %v", r, err)
		}
	}
	if _, _, found := l.Lookup("acme", lists.RulesList, []string{"version"}); found {
		t.Error("a version without rules")
	}
	r, err := l.AddRule(t.Context(), lists.Rule{Tenant: "acme", Verb: "block", By: "anna", SenderDomain: []string{".bad.test"}, Subject: []string{"*pills*"}, Mailbox: "Bob@acme.test", Note: "why"})
	if err != nil {
		t.Fatal(err)
	}
	_, v1, _ := l.Lookup("acme", lists.RulesList, []string{"version"})
	l = open(t, st, &now)
	_, again, _ := l.Lookup("acme", lists.RulesList, []string{"version"})
	if v1 == "" || v1 != again {
		t.Errorf("versions %q, %q", v1, again)
	}
	_, blob, _ := l.Lookup("acme", lists.RulesList, []string{"rules"})
	var v abi.Value
	if err := v.Decode([]byte(blob)); err != nil {
		t.Fatal(err)
	}
	b := v.Get("block").Items
	if len(b) != 1 || b[0].Get("mailbox").StringList()[0] != "bob@acme.test" || b[0].Get("reason").String != "added by anna: why" {
		t.Errorf("%+v", v)
	}
	now = now.Add(time.Second)
	if _, err := l.AddRule(t.Context(), lists.Rule{Tenant: "acme", Verb: "allow", By: "anna", Sender: []string{"a@b.test"}}); err != nil {
		t.Fatal(err)
	}
	if got := l.Rules("acme"); len(got) != 2 || got[0].ID != r.ID {
		t.Errorf("%+v", got)
	}
	if there, err := l.RemoveRule(t.Context(), "acme", r.ID); !there || err != nil {
		t.Error(there, err)
	}
	if there, _ := l.RemoveRule(t.Context(), "other", l.Rules("acme")[0].ID); there {
		t.Error("another tenant's rule was removed")
	}
}

// A look-up in a list of 100,000 costs what one in a list of ten does.
func BenchmarkFind(b *testing.B) {
	for _, n := range []int{10, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			l, err := lists.Open(context.Background(), lists.Options{Docs: newStore(b)})
			if err != nil {
				b.Fatal(err)
			}
			es := make([]lists.Entry, n)
			for i := range es {
				es[i] = entry("x", fmt.Sprintf("user%d@host%d.test", i, i%997))
			}
			if _, err := l.Add(context.Background(), es...); err != nil {
				b.Fatal(err)
			}
			keys := []string{"user7@host7.test", "user7@host7.test>bob@acme.test", "nobody@nowhere.test"}
			for b.Loop() {
				for _, k := range keys {
					l.Lookup("acme", "x", []string{k})
				}
			}
		})
	}
}
