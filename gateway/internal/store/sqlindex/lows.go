package sqlindex

import (
	"context"
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// lowTerms is what terms that must all match say of low.
//
// The table lows has the values that low has and how many rows have each. There
// are some for each tenant, so a question that asks about nothing else is counted
// by it, and of every other it says at once how many rows are possible: a common
// status and a common class may have none together, or ten among ten million.
type lowTerms struct {
	mask, want int64
	terms      int  // how many say something
	never      bool // they contradict each other
}

// note adds a term, and tells whether low says all that it says.
func (l *lowTerms) note(x *Index, t query.Filter) (all bool) {
	if t.Op != query.Is {
		return false
	}
	set := func(shift, bits uint, v int) {
		mask, want := (int64(1)<<bits-1)<<shift, int64(v)<<shift
		l.never = l.never || l.mask&mask != 0 && l.want&mask != want
		l.mask, l.want, l.terms = l.mask|mask, l.want|want, l.terms+1
	}
	switch t.Field {
	case "direction":
		v := 0
		if strings.EqualFold(t.Value, string(mail.Outbound)) {
			v = 1
		}
		set(0, 1, v)
		return true
	case "status":
		if n := query.StatusNumber(mail.Status(strings.ToLower(t.Value))); n >= 0 {
			set(lowStatus, 5, n)
			return true
		}
	case "main", "class":
		main, _, more := strings.Cut(query.Key(t.Value), "/")
		if n := x.number("main\x00" + main); n > 0 {
			set(lowMain, 20, n)
			return t.Field == "main" || !more
		}
	case "tenant":
		if n := x.number("tenant\x00" + query.Key(t.Value)); n > 0 {
			set(lowTenant, 20, n)
			return true
		}
	}
	return false
}

// condition is that of rows, or of the table lows, under an alias.
func (l lowTerms) condition(alias string) (string, []any) {
	text, args := alias+".low & ? = ?", []any{l.mask, l.want}
	if tenant := int64(lowNumbers-1) << lowTenant; l.mask&tenant != 0 {
		first := l.want & tenant
		text, args = text+" AND "+alias+".low BETWEEN ? AND ?", append(args, first, first|(1<<lowTenant-1))
	}
	return text, args
}

// maxLows is up to how many values of low are each looked up.
const maxLows = 32

// together is the way to the rows that have what all terms say of low, where that
// is better than the way of one of them; nil: it is not. none: there are no rows.
func (x *Index) together(ctx context.Context, l lowTerms) (ways []access, none bool, err error) {
	if l.never || l.terms == 0 {
		return nil, l.never, nil
	}
	where, args := l.condition("l")
	var values, rows int
	err = x.read.QueryRowContext(ctx, "SELECT count(*), ifnull(sum(l.n), 0) FROM lows l WHERE "+where, args...).Scan(&values, &rows)
	switch {
	case err != nil:
		return nil, false, fmt.Errorf("search index: %w", err)
	case rows == 0:
		return nil, true, nil
	case rows <= few:
		return []access{{from: "lows l CROSS JOIN rows r INDEXED BY by_low ON r.low = l.low", order: "r.at", where: where, args: args, sparseOnly: true}}, false, nil
	case l.terms < 2 || values > maxLows:
		return nil, false, nil
	}
	found, err := x.read.QueryContext(ctx, "SELECT l.low FROM lows l WHERE "+where, args...)
	if err != nil {
		return nil, false, fmt.Errorf("search index: %w", err)
	}
	defer func() { _ = found.Close() }() // read to its end by then, or given up
	for found.Next() {
		var low int64
		if err := found.Scan(&low); err != nil {
			return nil, false, fmt.Errorf("search index: %w", err)
		}
		ways = append(ways, access{from: "rows r INDEXED BY by_low", order: "r.at", where: "r.low = ?", args: []any{low}})
	}
	if err := found.Err(); err != nil {
		return nil, false, fmt.Errorf("search index: %w", err)
	}
	return ways, false, nil
}
