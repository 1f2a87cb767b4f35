package sqlindex

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// few is up to how many rows an index is walked whole, and up to which
// candidates are compared at first; many is up to which they are when the first
// step found too little.
const (
	few  = 5000
	many = 50_000
)

// everything is the way without an index of its own: from the newest back.
var everything = access{from: "rows r INDEXED BY by_at", order: "r.at", exact: true}

// plan chooses the index that has the fewest rows in the range, by counting up
// to few of each: SQLite's statistics do not know how often one value occurs.
func (x *Index) plan(ctx context.Context, a *asked) (plan, error) {
	pl := plan{access: []access{everything}, rest: a.Where, restArgs: a.Args, settled: true}
	said := make([]bool, len(a.Terms)) // by low, or by the range of keys
	best, least := -1, few+1
	for i, t := range a.Terms {
		said[i] = x.low(&pl, t) || t.Field == "received"
		ways := x.ways(t)
		if ways == nil {
			continue
		}
		n, err := x.countUpTo(ctx, ways, a.from, a.to, least)
		if err != nil {
			return pl, err
		}
		// Of what has many, any will do at first, but to count all that have a
		// word is dear.
		if n < least || best < 0 && !sparseOnly(ways) && ways[0].order == "r.at" {
			least, pl.access, best = min(n, least), ways, i
		}
		pl.settled = pl.settled && best == i
	}
	pl.sparse, pl.none = least <= few, least == 0
	pl.settled = pl.settled || pl.sparse
	pl.covered = a.All
	for i := range said {
		pl.covered = pl.covered && (said[i] || i == best && exact(pl.access))
	}
	return pl, nil
}

// settle compares the indexes further: the first step found too little.
func (x *Index) settle(ctx context.Context, a *asked, pl plan) (plan, error) {
	pl.settled, pl.covered = true, false
	least := many
	for _, t := range a.Terms {
		ways := x.ways(t)
		if ways == nil || sparseOnly(ways) {
			continue
		}
		n, err := x.countUpTo(ctx, ways, a.from, a.to, least)
		if err != nil {
			return pl, err
		}
		if n < least {
			least, pl.access = n, ways
		}
	}
	pl.none = least == 0
	return pl, nil
}

func exact(ways []access) bool {
	return !slices.ContainsFunc(ways, func(a access) bool { return !a.exact })
}

func sparseOnly(ways []access) bool {
	return slices.ContainsFunc(ways, func(a access) bool { return a.sparseOnly })
}

// countUpTo is how many rows some ways have in the range, limit at most.
func (x *Index) countUpTo(ctx context.Context, ways []access, from, to int64, limit int) (n int, err error) {
	for _, a := range ways {
		text, args := a.query("1", plan{}, from, to)
		k := 0
		err = x.read.QueryRowContext(ctx, "SELECT count(*) FROM ("+text+" LIMIT ?)", append(args, limit-n)...).Scan(&k)
		if err != nil {
			return 0, fmt.Errorf("search index: %w", err)
		}
		if n += k; n >= limit {
			return limit, nil
		}
	}
	return n, nil
}

// low notes what a term says of the column that every index carries, and tells
// whether that is all it says.
func (x *Index) low(pl *plan, t query.Filter) (all bool) {
	if t.Op != query.Is {
		return false
	}
	set := func(shift, bits uint, v int) bool {
		mask := (int64(1)<<bits - 1) << shift
		if pl.mask&mask != 0 {
			return false // another value would be a contradiction, which the row's own condition sees
		}
		pl.mask, pl.want = pl.mask|mask, pl.want|int64(v)<<shift
		return true
	}
	switch t.Field {
	case "direction":
		v := 0
		if strings.EqualFold(t.Value, string(mail.Outbound)) {
			v = 1
		}
		return set(0, 1, v)
	case "status":
		if n := query.StatusNumber(mail.Status(strings.ToLower(t.Value))); n >= 0 {
			return set(lowStatus, 5, n)
		}
	case "main", "class":
		main, _, more := strings.Cut(query.Key(t.Value), "/")
		if n := x.number("main\x00" + main); n > 0 {
			return set(lowMain, 20, n) && (t.Field == "main" || !more)
		}
	case "tenant":
		if n := x.number("tenant\x00" + query.Key(t.Value)); n > 0 {
			return set(lowTenant, 20, n)
		}
	}
	return false
}

// maxWays bounds the alternatives that are each looked up in an index.
const maxWays = 100

// ways are the indexes that together have every row a term matches; nil: none
// have.
func (x *Index) ways(t query.Filter) []access {
	var out []access
	for _, b := range t.Any {
		w := x.branch(b)
		if out = append(out, w...); w == nil || len(out) > maxWays {
			return nil
		}
	}
	if len(t.Any) > 0 {
		return out
	}
	switch t.Op {
	case query.Contains:
		return words(t)
	case query.Like:
		return inDomain(t)
	}
	return wayOf(t)
}

// branch is the way to one of several alternatives: by its own term, or by one
// that it contains.
func (x *Index) branch(f query.Filter) []access {
	var best []access
	for _, c := range f.All {
		if w := x.branch(c); w != nil && (best == nil || rank(w) > rank(best)) {
			best = w
		}
	}
	if len(f.All) == 0 && f.Not == nil {
		return x.ways(f)
	}
	best = slices.Clone(best)
	for i := range best { // its rows are more than the alternative's
		best[i].exact = false
	}
	return best
}

// rank says how few rows a value of an index is likely to have.
func rank(ways []access) int {
	for i, name := range []string{"by_direction", "by_status", "by_main", "words", "by_tenant"} {
		if strings.Contains(ways[0].from, name) {
			return i
		}
	}
	return 10
}

func equal(col string, v any) access {
	return access{from: "rows r INDEXED BY by_" + col, order: "r.at", where: "r." + col + " = ?", args: []any{v}, exact: true}
}

// wayOf is that of an equality.
func wayOf(t query.Filter) []access {
	v := query.Key(t.Value)
	switch t.Field {
	case "tenant", "status", "direction", "main", "message_id", "owner", "owner_domain":
		return []access{equal(t.Field, v)}
	case "sender", "sender_domain":
		if v == "<>" {
			v = ""
		}
		return []access{equal(t.Field, v)}
	case "recipient", "recipient_domain":
		again := equal(t.Field+"2", v)
		again.where = "r." + t.Field + "2 <> '' AND " + again.where // the index is a partial one
		return []access{equal(t.Field, v), again}
	case "class":
		main, _, more := strings.Cut(v, "/")
		a := equal("main", main)
		a.exact = !more && main != "" // without a main class there may be others
		return []access{a}
	case "client":
		lo, hi, ok := query.Network(t.Value)
		if !ok {
			return nil
		}
		if slices.Equal(lo, hi) {
			return []access{{from: "rows r INDEXED BY by_client", order: "r.at", where: "r.client_octets = ?", args: []any{lo}, exact: true}}
		}
		return []access{{from: "rows r INDEXED BY by_client", order: "r.at", where: "r.client_octets BETWEEN ? AND ?", args: []any{lo, hi}, exact: true, sparseOnly: true}}
	case "id":
		if len(t.Value) >= 26 {
			id, _, dotted := strings.Cut(v, ".")
			return []access{{from: "rows r INDEXED BY by_id", order: "r.at", where: "r.id = ?", args: []any{id}, exact: !dotted}}
		}
	}
	return nil
}

// inDomain is the way to *@domain.
func inDomain(t query.Filter) []access {
	domain, ok := strings.CutPrefix(t.Value, "*@")
	if !ok || domain == "" || strings.ContainsAny(domain, `*?\[]@"`) || t.Field != "sender" && t.Field != "recipient" {
		return nil
	}
	ways := wayOf(query.Where(t.Field+"_domain", query.Is, domain))
	for i := range ways {
		ways[i].exact = false
	}
	return ways
}
