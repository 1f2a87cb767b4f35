package sqlindex

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/query"
)

// steps are how many rows are looked at at a time.
type steps struct {
	// few is up to how many rows an index is walked whole, and up to which
	// candidates are compared at first; many is up to which they are when the first
	// step found too little. To count all that have some words is dear, so fewWords is
	// what the former is for words.
	few, fewWords, many int
	// Between two looks at the clock, at first and later; those of a tally are to
	// take some 50 ms.
	firstStep, maxStep   int
	firstTally, maxTally int
}

var usual = steps{few: 5000, fewWords: 200, many: 200_000, firstStep: 4000, maxStep: 20_000, firstTally: 10_000, maxTally: 400_000}

// everything is the way without an index of its own: from the newest back.
var everything = access{from: "rows r INDEXED BY by_at", order: "r.at", exact: true}

// candidate is a term that has an index.
type candidate struct {
	term int
	ways []access
	low  bool // low says as much, in any index
}

func (c candidate) words() bool      { return c.ways[0].order != "r.at" }
func (c candidate) sparseOnly() bool { return sparseOnly(c.ways) }

// candidates are the ways to the rows: those of low together, and the terms that
// have indexes. What low says, and that there are no rows, is noted in the plan. said
// are the terms that low and the range of keys say all about.
func (x view) candidates(ctx context.Context, a *asked, pl *plan) (cs []candidate, said []bool, err error) {
	said = make([]bool, len(a.Terms))
	pl.lowOnly = a.All && a.Since == math.MinInt64 && a.Until == math.MaxInt64
	for i, t := range a.Terms {
		low := pl.low.note(x.Index, t)
		said[i] = low || t.Field == "received"
		pl.lowOnly = pl.lowOnly && low
		if ways := x.ways(t); ways != nil {
			cs = append(cs, candidate{i, ways, low})
		}
	}
	ways, none, err := x.together(ctx, pl.low, len(a.Args))
	if ways != nil {
		cs = append([]candidate{{term: len(a.Terms), ways: ways}}, cs...)
	}
	pl.none = none
	return cs, said, err
}

// plan chooses the index that has the fewest rows in the range, by counting up
// to few of each: SQLite's statistics do not know how often one value occurs.
func (x view) plan(ctx context.Context, a *asked) (plan, error) {
	pl := plan{access: []access{everything}, rest: a.Where, restArgs: a.Args}
	cs, said, err := x.candidates(ctx, a, &pl)
	if err != nil || pl.none {
		return pl, err
	}
	least, best := x.few+1, -1
	try := func(c candidate, limit int) error {
		n, err := x.countUpTo(ctx, c.ways, a.from, a.to, limit)
		if err == nil && n < limit {
			least, pl.access, best = n, c.ways, c.term
		}
		return err
	}
	if err := try(candidate{term: -1, ways: pl.access}, least); err != nil {
		return pl, err
	}
	for _, c := range cs {
		if c.words() {
			continue
		}
		if err := try(c, least); err != nil {
			return pl, err
		}
	}
	for _, c := range cs {
		if !c.words() || least <= x.few {
			continue
		}
		if err := try(c, x.fewWords); err != nil {
			return pl, err
		}
	}
	if pl.sparse, pl.none = least <= x.few, least == 0; !pl.sparse {
		// Any will do at first, best one of which low says nothing.
		for _, c := range cs {
			if !c.words() && !c.sparseOnly() && (best < 0 || !c.low) {
				pl.access, best = c.ways, c.term
			}
		}
	}
	pl.settled = pl.sparse || len(cs) == 0 || len(cs) == 1 && best == cs[0].term
	pl.covered = a.All
	for i := range said {
		pl.covered = pl.covered && (said[i] || i == best && exact(pl.access))
	}
	return pl, nil
}

// settle compares the indexes further: the first step found too little.
func (x view) settle(ctx context.Context, a *asked, pl plan) (plan, error) {
	cs, _, err := x.candidates(ctx, a, &plan{})
	if err != nil {
		return pl, err
	}
	pl.settled, pl.covered = true, false
	least, found := x.many, false
	for _, c := range cs {
		if c.words() || c.sparseOnly() {
			continue
		}
		n, err := x.countUpTo(ctx, c.ways, a.from, a.to, least)
		if err != nil {
			return pl, err
		}
		if found = true; n < least {
			least, pl.access = n, c.ways
		}
	}
	for _, c := range cs {
		if !c.words() || least <= x.few {
			continue
		}
		n, err := x.countUpTo(ctx, c.ways, a.from, a.to, x.few+1)
		if err != nil {
			return pl, err
		}
		if n <= x.few || !found {
			least, pl.access = n, c.ways
		}
	}
	pl.sparse, pl.none = least <= x.few, least == 0
	return pl, nil
}

func exact(ways []access) bool {
	return !slices.ContainsFunc(ways, func(a access) bool { return !a.exact })
}

func sparseOnly(ways []access) bool {
	return slices.ContainsFunc(ways, func(a access) bool { return a.sparseOnly })
}

// countUpTo is how many rows some ways have in the range, limit at most. Of
// those whose rows are not in order it is how many they have at all.
func (x view) countUpTo(ctx context.Context, ways []access, from, to int64, limit int) (n int, err error) {
	for _, a := range ways {
		text, args := a.query("1", plan{}, from, to)
		if a.sparseOnly {
			text, args = "SELECT 1 FROM "+a.from+" WHERE "+a.where, slices.Clone(a.args)
		}
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

// maxWays bounds the alternatives that are each looked up in an index.
const maxWays = 300

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
	case "tenant", "status", "direction", "main", "message_id", "owner_domain":
		return []access{equal(t.Field, v)}
	case "owner": // the sender, or whom it was addressed to
		ways := append(wayOf(query.Where("recipient", query.Is, t.Value)), equal("sender", v))
		for i := range ways {
			ways[i].exact = false
		}
		return ways
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
	case "has_body":
		if v == "yes" || v == "true" || v == "1" { // who has none are most
			return []access{{from: "rows r INDEXED BY by_body", order: "r.at", where: "r.has_body <> 0", exact: true}}
		}
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
