package actions

import (
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// What is taught for a tenant holds for all of its domains: who has some of
// them only teaches for a mailbox.
func TestTeachingStaysWithinTheScope(t *testing.T) {
	h := newHouse(t)
	l, err := lists.Open(t.Context(), lists.Options{Docs: h.st})
	if err != nil {
		t.Fatal(err)
	}
	h.Lists = l
	h.Manages = func(sc Scope, _ string) bool { return len(sc.Domains) == 2 }
	some, all := scope.Domain("sam", "acme.test"), scope.Domain("ann", "acme.test", "acme.example")
	m := h.put(mail.Inbound, "x@far.test", "a@acme.test quarantined")
	try := func(sc Scope, v lifecycle.Verb, a Args) Result {
		t.Helper()
		res, err := h.Do(t.Context(), sc, v, Selection{IDs: []string{rid(m, 1)}}, a)
		if err != nil {
			t.Fatal(err)
		}
		return res
	}
	taught := func() (n int) {
		for _, list := range lists.Own {
			n += l.Count("acme", list, nil)
		}
		return n + len(l.Rules("acme")) + len(l.Actions("acme"))
	}
	for _, v := range []lifecycle.Verb{lifecycle.AllowSender, lifecycle.BlockSender, lifecycle.AddAllowRule, lifecycle.AddBlockRule, lifecycle.ChangeAction} {
		a := Args{To: "quarantine", Class: "spam"}
		if res := try(some, v, a); res.Changed != 0 || taught() != 0 || !strings.Contains(res.Items[0].Error, "not all of them are yours") {
			t.Errorf("%s: %+v, taught %d", v, res, taught())
		}
	}
	if res := try(some, lifecycle.BlockAndRemove, Args{}); taught() != 0 || res.Changed != 0 {
		t.Errorf("taught %d, %+v", taught(), res)
	}
	if try(some, lifecycle.AllowSender, Args{Mailbox: true}); taught() != 1 {
		t.Error("nothing taught for a mailbox")
	}
	if try(some, lifecycle.BlockRecipient, Args{}); taught() != 2 {
		t.Error("a recipient of its own cannot be blocked")
	}
	if try(all, lifecycle.ChangeAction, Args{To: "quarantine", Class: "spam"}); taught() != 3 {
		t.Error("who has all domains cannot teach")
	}
	if try(admin, lifecycle.AddBlockRule, Args{}); taught() != 4 {
		t.Error("the administrator cannot teach")
	}
}
