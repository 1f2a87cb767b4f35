package sqlindex

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// few is how many rows of an index are looked at without a look at the clock,
// and up to which candidates are compared at first; many is up to which the
// larger ones are.
const (
	few  = 5000
	many = 50_000
)

// everything is the way without an index of its own: from the newest back.
var everything = access{from: "rows r INDEXED BY by_at", order: "r.at"}

// plan chooses the index that has the fewest rows in the range, by counting up
// to few of each, and up to many where all have more: SQLite's statistics do
// not know how often one value occurs.
func (x *Index) plan(ctx context.Context, q *query.SQL, from, to int64) (plan, error) {
	pl := plan{access: []access{everything}, rest: q.Where, restArgs: q.Args}
	var candidates [][]access
	for _, t := range q.Terms {
		x.low(&pl, t)
		if ways := x.ways(t); ways != nil {
			candidates = append(candidates, ways)
		}
	}
	for _, limit := range []int{few + 1, many} {
		least := limit
		for _, ways := range candidates {
			n, err := x.countUpTo(ctx, ways, from, to, least)
			if err != nil {
				return pl, err
			}
			if n < least {
				least, pl.access = n, ways
			}
		}
		if least <= few {
			pl.sparse, pl.none = true, least == 0
			return pl, nil
		}
		candidates = slices.DeleteFunc(candidates, func(ways []access) bool { return ways[0].sparseOnly })
		if len(candidates) > 0 && pl.access[0].where == "" {
			pl.access = candidates[0]
		}
		if len(candidates) < 2 {
			break
		}
	}
	return pl, nil
}

// countUpTo is how many rows some ways have in the range, limit at most.
func (x *Index) countUpTo(ctx context.Context, ways []access, from, to int64, limit int) (n int, err error) {
	for _, a := range ways {
		text, args := a.query("1", plan{}, from, to)
		k := 0
		err = x.read.QueryRowContext(ctx, "SELECT count(*) FROM ("+text+" LIMIT ?)", append(args, limit)...).Scan(&k)
		if err != nil {
			return 0, fmt.Errorf("search index: %w", err)
		}
		n += k
	}
	return min(n, limit), nil
}

// low notes what a term says of the column that every index carries.
func (x *Index) low(pl *plan, t query.Filter) {
	if t.Op != query.Is {
		return
	}
	set := func(shift, bits uint, v int) {
		mask := (int64(1)<<bits - 1) << shift
		if pl.mask&mask == 0 { // another value would be a contradiction, which the row's own condition sees
			pl.mask, pl.want = pl.mask|mask, pl.want|int64(v)<<shift
		}
	}
	switch t.Field {
	case "direction":
		v := 0
		if strings.EqualFold(t.Value, string(mail.Outbound)) {
			v = 1
		}
		set(0, 1, v)
	case "status":
		if n := query.StatusNumber(mail.Status(strings.ToLower(t.Value))); n >= 0 {
			set(lowStatus, 5, n)
		}
	case "main", "class":
		main, _, _ := strings.Cut(query.Key(t.Value), "/")
		if n := x.number("main\x00" + main); n > 0 {
			set(lowMain, 20, n)
		}
	case "tenant":
		if n := x.number("tenant\x00" + query.Key(t.Value)); n > 0 {
			set(lowTenant, 20, n)
		}
	}
}

// ways are the indexes that have every row a term matches; nil: none has.
func (x *Index) ways(t query.Filter) []access {
	equal := func(col string, v any) access {
		return access{from: "rows r INDEXED BY by_" + col, order: "r.at", where: "r." + col + " = ?", args: []any{v}}
	}
	if t.Op == query.Contains {
		if t.Field != "subject" {
			return nil
		}
		m := trigrams(query.Key(t.Value))
		if m == "" {
			return nil
		}
		return []access{{from: "words w CROSS JOIN rows r ON r.at = w.rowid", order: "w.rowid", where: "w.words MATCH ?", args: []any{m}}}
	}
	switch t.Field {
	case "tenant", "status", "direction", "main", "message_id":
		return []access{equal(t.Field, query.Key(t.Value))}
	case "sender", "sender_domain":
		v := query.Key(t.Value)
		if v == "<>" {
			v = ""
		}
		return []access{equal(t.Field, v)}
	case "recipient", "recipient_domain":
		v := query.Key(t.Value)
		again := equal(t.Field+"2", v)
		again.where = "r." + t.Field + "2 <> '' AND " + again.where
		return []access{equal(t.Field, v), again}
	case "class":
		main, _, _ := strings.Cut(query.Key(t.Value), "/")
		return []access{equal("main", main)}
	case "client":
		lo, hi, ok := query.Network(t.Value)
		if !ok {
			return nil
		}
		way := access{from: "rows r INDEXED BY by_client", order: "r.at", where: "r.client_octets = ?", args: []any{lo}}
		if !bytes.Equal(lo, hi) { // the rows of a range are not in order
			way.where, way.args, way.sparseOnly = "r.client_octets BETWEEN ? AND ?", []any{lo, hi}, true
		}
		return []access{way}
	case "id":
		if len(t.Value) >= 26 {
			id, _, _ := strings.Cut(strings.ToLower(t.Value), ".")
			return []access{{from: "rows r INDEXED BY by_id", order: "r.at", where: "r.id = ?", args: []any{id}}}
		}
	}
	return nil
}

// maxTrigrams bounds the question to the index of words: each is a long list
// to go through, a match has all of them, and the row's own condition looks at
// the rest.
const maxTrigrams = 3

// trigrams asks for what every text that contains s has: those of its trigrams
// that are likely to be the rarest. "" for less than three runes.
func trigrams(s string) string {
	type trigram struct {
		text string
		rare int
	}
	var all []trigram
	for i := range s {
		t := trigram{}
		end := i
		for n := 0; n < 3 && end < len(s); n++ {
			r, w := utf8.DecodeRuneInString(s[end:])
			end, t.rare = end+w, t.rare+rarity(r)
			if n == 2 {
				t.text = s[i:end]
			}
		}
		if t.text != "" {
			all = append(all, t)
		}
	}
	slices.SortStableFunc(all, func(a, b trigram) int { return b.rare - a.rare })
	all = slices.CompactFunc(all, func(a, b trigram) bool { return a.text == b.text })
	var parts []string
	for _, t := range all[:min(len(all), maxTrigrams)] {
		parts = append(parts, `"`+strings.ReplaceAll(t.text, `"`, `""`)+`"`)
	}
	return strings.Join(parts, " AND ")
}

// rarity ranks characters by how rare they are in subjects of mail.
func rarity(r rune) int {
	switch {
	case r == ' ' || r == 'e':
		return 1
	case strings.ContainsRune("taoinsr", r):
		return 2
	case strings.ContainsRune("hldcu", r):
		return 3
	case strings.ContainsRune("mfpgwy", r):
		return 4
	case strings.ContainsRune("bvk", r):
		return 5
	case '0' <= r && r <= '9':
		return 6
	}
	return 7
}
