package sqlindex

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/query"
)

// TestCompositions: whatever terms are put together, the index finds what the
// matcher finds, by indexes as by row.
func TestCompositions(t *testing.T) {
	t.Run("usual", func(t *testing.T) { compositions(t, usual, 200) })
	t.Run("small", func(t *testing.T) { compositions(t, small, 400) })
}

func compositions(t *testing.T, st steps, filters int) {
	ms := sample(t, 150)
	x := newIndex(t)
	x.steps = st
	apply(t, x, 1, ms...)
	var leaves []query.Filter
	for _, text := range []string{
		"status:queued", "status:delivered", "tenant:acme", "tenant:nobody", "direction:outbound", "class:spam", "class:spam/sender", "main:list", `class:""`, "sender:ann@far.test", `sender:""`, "sender:*@far.test", "sender:*an*",
		"sender_domain:far.test", "recipient:you@acme.test", "recipient:old@was.test", "recipient_domain:was.test", "owner_domain:acme.test", "owner:it@acme.test", "client:192.0.2.1", "client:192.0.2.0/24", "client:192.0.2.*",
		"subject:invoice", `subject:"re: inv"`, "subject:in", "subject:*42", "attachment:zip", "size:>5000", "score:>=10", "after:-1h", "before:-1h", "received:today", "received:yesterday", "tag:t1", "filter:f1", "plugin:bayes", "plugin:ba*", "plugin_digest:fedcba9876543210", "filter_time:>3", "explanation:thing",
		"code:550", "has_body:yes", "archived:no", "n:2", "id:" + ms[10].ID.String(), "id:" + ms[11].ID.String() + ".1", "message_id:=<7@x>", "invoice",
	} {
		f, err := query.Parse(text)
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		leaves = append(leaves, f)
	}
	r := rand.New(rand.NewPCG(7, 8))
	var compose func(depth int) query.Filter
	compose = func(depth int) query.Filter {
		if depth == 0 {
			return leaves[r.IntN(len(leaves))]
		}
		a, b := compose(r.IntN(depth)), compose(r.IntN(depth))
		switch r.IntN(5) {
		case 0:
			return query.Or(a, b)
		case 1:
			return query.And(a, query.Not(b))
		}
		return query.And(a, b)
	}
	found := 0
	for range filters {
		f := compose(1 + r.IntN(3)).Canonical()
		want := expected(t, ms, f)
		got, exact := all(t, x, f, 1+r.IntN(30))
		if !exact {
			got = slices.DeleteFunc(got, func(k Key) bool { return !slices.Contains(want, k) })
		}
		if !slices.Equal(got, want) {
			t.Fatalf("%s: %d rows, want %d", f, len(got), len(want))
		}
		n, err := x.Count(t.Context(), Question{Filter: f, Now: now, Budget: time.Minute})
		if err != nil || n.Exact && n.N != len(want) {
			t.Fatalf("%s: counted %+v, want %d: %v", f, n, len(want), err)
		}
		found += min(1, len(want))
	}
	if found < filters/6 {
		t.Errorf("only %d of %d filters match anything", found, filters)
	}
}
