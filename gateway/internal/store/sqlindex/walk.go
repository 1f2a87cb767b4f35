package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// walks reports an order that has an index of its own: the last change first, of
// rows that were tried.
func (o Sorting) walks(f query.Filter) bool {
	return o.Field == "changed" && !o.Ascending && tried(f)
}

// tried reports that a filter matches only rows that had an attempt.
func tried(f query.Filter) bool {
	if len(f.All) > 0 {
		return slices.ContainsFunc(f.All, tried)
	}
	if field, ok := query.Lookup(f.Field); !ok || field.Name != "attempts" {
		return false
	}
	n, err := strconv.ParseFloat(f.Value, 64)
	switch {
	case err != nil:
		return false
	case f.Op == query.After:
		return n >= 0
	case f.Op == query.AtLeast, f.Op == query.Is:
		return n > 0
	}
	return false
}

// changedSince is a time before which no row that a filter matches has changed, as
// far as it says one in so many words.
func changedSince(f query.Filter) int64 {
	since := int64(math.MinInt64)
	for _, c := range f.All {
		since = max(since, changedSince(c))
	}
	if len(f.All) > 0 || f.Op != query.After && f.Op != query.AtLeast {
		return since
	}
	if field, ok := query.Lookup(f.Field); !ok || field.Name != "changed" {
		return since
	}
	if t, err := time.Parse(time.RFC3339Nano, f.Value); err == nil {
		since = query.Moment(t)
	}
	return since
}

// triedRows are the rows of the index by_changed.
const triedRows = "FROM rows r INDEXED BY by_changed WHERE r.attempts > 0"

// behindAll is the key behind every row of one value.
var behindAll = Key{ID: mail.ID{len(mail.ID{}) - 1: 1}, N: math.MaxInt32}

// walk goes down the index of the order, so that no row is left out, however
// long ago its message came. It looks at the clock after each step; when the time
// is over, Next is where to go on.
func (x view) walk(ctx context.Context, a *asked, pl plan, o Sorting) (Sorted, error) {
	out := Sorted{Exact: a.Exact, Floor: o.Floor}
	from := max(a.from, keyOfMilli(o.Floor))
	id := o.AfterKey.ID.String()
	tie, tieArgs := "(r.id < ? OR r.id = ? AND r.n > ?)", []any{id, id, o.AfterKey.N}
	start, since := o.AfterKey.ID.IsZero(), changedSince(a.Filter)
	if start || o.After.Known {
		top, topArgs := "", []any(nil)
		edge, edgeArgs := "", []any(nil) // the part of it that the index finds
		if !start {
			edge, edgeArgs = " AND r.changed <= ?", []any{o.After.Int}
			top, topArgs = edge+" AND (r.changed < ? OR "+tie+")", append([]any{o.After.Int, o.After.Int}, tieArgs...)
		}
		for step := x.firstStep; ; step = min(2*step, x.maxStep) {
			floor, more, err := x.stepDown(ctx, edge, edgeArgs, step)
			if err != nil {
				return out, err
			}
			if floor < since {
				floor, more = since, false
			}
			err = x.tried(ctx, &out, a, pl, from, top+" AND r.changed >= ?", append(slices.Clone(topArgs), floor), o)
			if err != nil || len(out.Rows) >= a.Limit {
				return out, err
			}
			if !more {
				break
			}
			if a.over() {
				out.Next, out.Reached = &SortedRow{behindAll, Value{Int: floor, Known: true}}, time.Unix(0, floor)
				return out, nil
			}
			edge, edgeArgs = " AND r.changed < ?", []any{floor}
			top, topArgs = edge, edgeArgs
		}
		tie, tieArgs = "1", nil
	}
	if since > math.MinInt64 {
		return out, nil // whose change is not known does not match
	}
	err := x.tried(ctx, &out, a, pl, from, " AND r.changed IS NULL AND "+tie, tieArgs, o)
	return out, err
}

// stepDown is the change that lies some steps down the index, and whether there
// is one.
func (x view) stepDown(ctx context.Context, edge string, args []any, step int) (int64, bool, error) {
	var v sql.NullInt64
	text := "SELECT r.changed " + triedRows + edge + " ORDER BY r.changed DESC LIMIT 1 OFFSET " + strconv.Itoa(step)
	err := x.read.QueryRowContext(ctx, text, args...).Scan(&v)
	if errors.Is(err, sql.ErrNoRows) || err == nil && !v.Valid {
		return math.MinInt64, false, nil
	}
	if err != nil {
		return 0, false, fmt.Errorf("search index: %w", err)
	}
	return v.Int64, true, nil
}

// tried adds rows of the index by_changed to a page.
func (x view) tried(ctx context.Context, out *Sorted, a *asked, pl plan, from int64, where string, whereArgs []any, o Sorting) error {
	text := "SELECT r.id, r.n, r.changed " + triedRows + " AND +r.at >= ? AND +r.at < ?" + where
	args := append([]any{from, a.to}, whereArgs...)
	if pl.low.mask != 0 {
		text, args = text+" AND r.low & ? = ?", append(args, pl.low.mask, pl.low.want)
	}
	if pl.rest != "" {
		text, args = text+" AND ("+pl.rest+")", append(args, pl.restArgs...)
	}
	return x.sortedRows(ctx, out, o, text+" ORDER BY r.changed DESC, r.id DESC, r.n LIMIT ?", append(args, a.Limit-len(out.Rows)))
}
