package lists_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/store"
)

// A '>' within a quoted local part names no mailbox: neither does it hide a
// sender from a list, nor does it get into a mailbox's own.
func TestKeysWithQuotedLocalParts(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := open(t, newStore(t), &now)
	own := entry("x", "friend@bank.test")
	own.Mailbox = `"a>b"@acme.test`
	other := entry("x", "friend@bank.test")
	other.Mailbox = "ann@acme.test"
	if _, err := l.Add(t.Context(), entry("x", "spam.test"), own, other); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]bool{
		"x@spam.test":                                true,
		`"a>b"@spam.test`:                            true,
		`"a\">b"@spam.test`:                          true,
		`"a>b"@evil.test`:                            false,
		`friend@bank.test>"a>b"@acme.test`:           true,
		`friend@bank.test>ann@acme.test`:             true,
		`friend@bank.test>ANN@acme.test`:             true,
		`friend@bank.test>bob@acme.test`:             false,
		`friend@bank.test>`:                          false,
		`friend@bank.test`:                           false,
		`"friend@bank.test>ann@acme.test"@evil.test`: false,
		`"friend@bank.test>ann"@acme.test`:           false,
	} {
		if _, _, found := l.Lookup("acme", "x", []string{key}); found != want {
			t.Errorf("%s: %v", key, found)
		}
	}
}

// Networks are found as fast among many as among few, and until the last of
// them is gone.
func TestManyNetworks(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := open(t, newStore(t), &now)
	var es []lists.Entry
	for i := range 3000 {
		es = append(es, entry("x", fmt.Sprintf("10.%d.%d.0/24", i/256, i%256)))
	}
	es = append(es, entry("x", "2001:db8::/32"), entry("x", "192.0.2.0/25"), entry("x", "0.0.0.0/32"))
	if _, err := l.Add(t.Context(), es...); err != nil {
		t.Fatal(err)
	}
	find := func(ip string) string {
		e, _ := l.Find("acme", "x", "", ip)
		return e.Key
	}
	for ip, want := range map[string]string{
		"10.11.7.9": "10.11.7.0/24", "10.12.0.1": "", "::ffff:10.0.0.1": "10.0.0.0/24", "2001:db8:1::1": "2001:db8::/32", "2001:db9::1": "",
		"192.0.2.127": "192.0.2.0/25", "192.0.2.128": "", "0.0.0.0": "0.0.0.0/32", "fe80::1%eth0": "",
	} {
		if got := find(ip); got != want {
			t.Errorf("%s: %q, want %q", ip, got, want)
		}
	}
	ip := netip.MustParseAddr("192.0.2.128").String()
	begin := time.Now()
	for range 2000 {
		find(ip)
	}
	if d := time.Since(begin); d > 200*time.Millisecond {
		t.Errorf("%v for 2,000 look-ups among 3,000 networks", d)
	}
	if _, err := l.Remove(t.Context(), entry("x", "10.11.7.0/24"), entry("x", "2001:db8::/32")); err != nil {
		t.Fatal(err)
	}
	if find("10.11.7.9") != "" || find("2001:db8:1::1") != "" || find("10.11.6.9") == "" {
		t.Error("what was removed is found, or what was not is lost")
	}
}

// A rule that says the same as one that is there is that one.
func TestRuleIsAddedOnce(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := open(t, newStore(t), &now)
	rule := lists.Rule{Tenant: "acme", Verb: "block", By: "anna", Sender: []string{"x@spam.test"}}
	first, err := l.AddRule(t.Context(), rule)
	if err != nil {
		t.Fatal(err)
	}
	rule.By, rule.Note = "bert", "again"
	if again, err := l.AddRule(t.Context(), rule); err != nil || again.ID != first.ID {
		t.Errorf("%+v, %v", again, err)
	}
	rule.Mailbox = "ann@acme.test"
	if other, err := l.AddRule(t.Context(), rule); err != nil || other.ID == first.ID {
		t.Errorf("%+v, %v", other, err)
	}
	if n := len(l.Rules("acme")); n != 2 {
		t.Errorf("%d rules", n)
	}
}

// An entry is found however it was written; one that could never be found is
// refused, as nobody would notice.
func TestEntriesInAnyForm(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := open(t, newStore(t), &now)
	for entered, key := range map[string]string{
		"2001:0DB8:0:0::1":        "2001:db8::1",
		"::ffff:192.0.2.1":        "192.0.2.1",
		"::ffff:198.51.100.0/120": "198.51.100.9",
		"spam.test.":              "x@spam.test",
		"Someone@Far.Test.":       "someone@far.test",
		"*@all.test":              "x@all.test",
		"*.all.test":              "x@deep.all.test",
		"@ünï.test":               "x@xn--n-nga1b.test",
	} {
		if _, err := l.Add(t.Context(), entry("x", entered)); err != nil {
			t.Fatalf("%s: %v", entered, err)
		}
		if _, ok := l.Find("acme", "x", "", key); !ok {
			t.Errorf("%s is not found by %s", entered, key)
		}
		if n, err := l.Remove(t.Context(), entry("x", entered)); n != 1 || err != nil {
			t.Errorf("%s: removed %d, %v", entered, n, err)
		}
	}
	for _, bad := range []string{"x@*.spam.test", "x@", "*", ".", "@."} {
		if _, err := l.Add(t.Context(), entry("x", bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
	own := entry("x", "spam.test")
	own.Mailbox = `"Ann"@ACME.test`
	if _, err := l.Add(t.Context(), own); err != nil {
		t.Fatal(err)
	}
	if _, ok := l.Find("acme", "x", "ann@acme.test", "x@spam.test"); !ok {
		t.Error("a mailbox written with quotes is another one")
	}
	if n, err := l.Remove(t.Context(), own); n != 1 || err != nil {
		t.Errorf("removed %d, %v", n, err)
	}
	own.Mailbox = "no mailbox"
	if _, err := l.Add(t.Context(), own); err == nil {
		t.Error("a mailbox that is none is taken")
	}
}

// pausing calls before a document is deleted.
type pausing struct {
	store.Docs
	before func()
}

func (p *pausing) DeleteDoc(ctx context.Context, tenant, kind, key string, rev uint64) error {
	p.before()
	return p.Docs.DeleteDoc(ctx, tenant, kind, key, rev)
}

// An entry that is given a new end while what has expired is swept stays.
func TestSweepLeavesWhatWasRenewed(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	docs := &pausing{Docs: newStore(t), before: func() {}}
	l, err := lists.Open(t.Context(), lists.Options{Docs: docs, Clock: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	var es []lists.Entry
	for i := range 2500 { // three times what is removed at once
		e := entry("x", fmt.Sprintf("%d@a.test", i))
		e.Expires = now.Add(time.Hour)
		es = append(es, e)
	}
	if n, err := l.Add(t.Context(), es...); n != 2500 || err != nil {
		t.Fatal(n, err)
	}
	now = now.Add(2 * time.Hour)
	for i := range es {
		es[i].Expires = time.Time{}
	}
	renewed := make(chan error, 1)
	var once sync.Once
	docs.before = func() {
		once.Do(func() {
			go func() {
				_, err := l.Add(context.Background(), es...)
				renewed <- err
			}()
			time.Sleep(10 * time.Millisecond) // who has waited so long gets the lock at the next turn
		})
	}
	swept, err := l.Sweep(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := <-renewed; err != nil {
		t.Fatal(err)
	}
	if n := l.Count("acme", "x", nil); n != 2500 {
		t.Errorf("%d are left after %d were swept", n, swept)
	}
}

// One mailbox does not fill what is there for the tenant.
func TestMailboxesHaveBounds(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	l := open(t, newStore(t), &now)
	rule := lists.Rule{Tenant: "acme", Verb: "block", By: "ann", Mailbox: "ann@acme.test"}
	for i := range lists.MaxOwnRules + 1 {
		rule.Subject = []string{fmt.Sprint(i)}
		if _, err := l.AddRule(t.Context(), rule); (err != nil) != (i == lists.MaxOwnRules) {
			t.Fatalf("rule %d: %v", i, err)
		}
	}
	rule.Mailbox = "bob@acme.test"
	if _, err := l.AddRule(t.Context(), rule); err != nil {
		t.Errorf("another mailbox: %v", err)
	}
	var es []lists.Entry
	for i := range lists.MaxOwn + 1 {
		e := entry("x", fmt.Sprintf("%d@a.test", i))
		e.Mailbox = "ann@acme.test"
		es = append(es, e)
	}
	if _, err := l.Add(t.Context(), es...); !errors.Is(err, lists.ErrInvalid) {
		t.Errorf("one entry too many: %v", err)
	}
	if n, err := l.Add(t.Context(), es[:10]...); n != 10 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
}
