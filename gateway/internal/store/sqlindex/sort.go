package sqlindex

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Value is what a row is sorted by: a number (times are nanoseconds since
// 1970), or a text as Key makes it. What is unknown is the least.
type Value struct {
	Int   int64   `json:",omitzero"`
	Float float64 `json:",omitzero"`
	Text  string  `json:",omitzero"`
	Known bool    `json:",omitzero"`
}

func (a Value) compare(b Value) int {
	switch {
	case a.Known != b.Known:
		if a.Known {
			return 1
		}
		return -1
	case a.Text != "" || b.Text != "":
		return cmp.Compare(a.Text, b.Text)
	}
	return cmp.Or(cmp.Compare(a.Int, b.Int), cmp.Compare(a.Float, b.Float))
}

// numeric is whether a field is sorted by a number.
func numeric(field string) bool {
	f, _ := query.Lookup(field)
	return f.Type == query.TypeNumber || f.Type == query.TypeSize || f.Type == query.TypeBool
}

func timely(field string) bool {
	f, _ := query.Lookup(field)
	return f.Type == query.TypeTime
}

// ValueOf is a row's value of a field.
func ValueOf(r store.Row, field string) Value {
	switch {
	case numeric(field):
		n, ok := r.Num(field)
		return Value{Float: n, Known: ok}
	case timely(field):
		t, ok := r.Time(field)
		if !ok {
			return Value{}
		}
		return Value{Int: query.Moment(t), Known: true}
	}
	return Value{Text: first(r.Text(field)), Known: true}
}

// Sorting is an order by a field, and where to go on.
type Sorting struct {
	Field     string
	Ascending bool
	// Behind After and AfterKey; the zero AfterKey is the start.
	After    Value
	AfterKey Key
	// Floor is, but at the start, that of the Sorted before.
	Floor int64
	Rows  int // how many rows are looked at, at most
}

// Compare is the order of rows.
func (o Sorting) Compare(a, b SortedRow) int {
	c := a.Value.compare(b.Value)
	if !o.Ascending {
		c = -c
	}
	return cmp.Or(c, slices.Compare(b.ID[:], a.ID[:]), cmp.Compare(a.N, b.N))
}

// Behind reports whether a row comes after where the order goes on.
func (o Sorting) Behind(r SortedRow) bool {
	return o.AfterKey.ID.IsZero() || o.Compare(r, SortedRow{o.AfterKey, o.After}) > 0
}

// SortedRow is a row and what it is sorted by.
type SortedRow struct {
	Key
	Value Value
}

// Sorted is one page in an order.
type Sorted struct {
	Rows  []SortedRow
	Floor int64     // in milliseconds since 1970: messages before it are not looked at
	Back  time.Time // the same, where there may be messages before it
	Exact bool
	// Next is where to go on when the time of a walk down the order's own index
	// was over before the page was full: nothing between the rows and it is left
	// out. Reached is its time. nil: behind the last row, if the page is full.
	Next    *SortedRow
	Reached time.Time
}

// Sort finds rows in an order: of those that the best index has, the newest
// Rows of them, and among these what matches. After does not matter, nor does
// the budget: the number of rows bounds the time. But the last change first, of
// rows that had an attempt, has an index of its own, which is walked until the
// page is full or the budget over, whenever the messages came.
func (x *Index) Sort(ctx context.Context, q Question, o Sorting) (Sorted, error) {
	a, err := x.ask(q)
	if err != nil {
		return Sorted{}, err
	}
	v, end, err := x.look(ctx)
	if err != nil {
		return Sorted{}, err
	}
	defer end()
	return v.sort(ctx, a, o)
}

func (x view) sort(ctx context.Context, a *asked, o Sorting) (Sorted, error) {
	out := Sorted{Exact: a.Exact, Floor: o.Floor}
	pl, err := x.plan(ctx, a)
	if err != nil || pl.none {
		return out, err
	}
	if !pl.settled {
		if pl, err = x.settle(ctx, a, pl); err != nil || pl.none {
			return out, err
		}
	}
	if !pl.sparse && o.walks(a.Filter) {
		return x.walk(ctx, a, pl, o)
	}
	from := max(a.from, keyOfMilli(o.Floor))
	if o.AfterKey.ID.IsZero() && !pl.sparse {
		if from, err = x.stepBack(ctx, pl, a.from, a.to, o.Rows); err != nil {
			return out, err
		}
		if out.Floor = from >> counterBits; from > a.from {
			out.Back = time.UnixMilli(out.Floor)
		}
	}
	text, args := o.query(pl, from, a.to, a.Limit)
	err = x.sortedRows(ctx, &out, o, text, args)
	return out, err
}

// sortedRows adds what a SELECT finds to a page.
func (x view) sortedRows(ctx context.Context, out *Sorted, o Sorting, text string, args []any) error {
	rows, err := x.read.QueryContext(ctx, text, args...)
	if err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	defer func() { _ = rows.Close() }() // read to its end by then, or given up
	for rows.Next() {
		r, err := o.scan(rows)
		if err != nil {
			return fmt.Errorf("search index: %w", err)
		}
		out.Rows = append(out.Rows, r)
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	return nil
}

// query is the SELECT of a page.
func (o Sorting) query(pl plan, from, to int64, limit int) (string, []any) {
	var parts []string
	var args []any
	for _, acc := range pl.access {
		text, as := acc.query(`r.id AS id, r.n AS n, r."`+o.Field+`" AS v`, pl, from, to)
		parts, args = append(parts, text), append(args, as...)
	}
	text := "SELECT id, n, v FROM (" + strings.Join(parts, " UNION ") + ")"
	than, dir := "<", " DESC"
	if o.Ascending {
		than, dir = ">", " ASC"
	}
	if id := o.AfterKey.ID.String(); !o.AfterKey.ID.IsZero() {
		tie := "(id < ? OR id = ? AND n > ?)"
		switch v := o.argument(); {
		case v == nil && o.Ascending: // behind the unknown: more of them, and all that is known
			text += " WHERE v IS NOT NULL OR " + tie
		case v == nil:
			text += " WHERE v IS NULL AND " + tie
		case o.Ascending:
			text, args = text+" WHERE v "+than+" ? OR v = ? AND "+tie, append(args, v, v)
		default:
			text, args = text+" WHERE v "+than+" ? OR v IS NULL OR v = ? AND "+tie, append(args, v, v)
		}
		args = append(args, id, id, o.AfterKey.N)
	}
	return text + " ORDER BY v" + dir + ", id DESC, n LIMIT ?", append(args, limit)
}

// argument is the value to go on from as SQL has it; nil: unknown.
func (o Sorting) argument() any {
	switch {
	case !o.After.Known:
		return nil
	case numeric(o.Field):
		return o.After.Float
	case timely(o.Field):
		return o.After.Int
	}
	return o.After.Text
}

func (o Sorting) scan(rows *sql.Rows) (r SortedRow, err error) {
	var id string
	var i sql.NullInt64
	var f sql.NullFloat64
	switch {
	case numeric(o.Field):
		err = rows.Scan(&id, &r.N, &f)
		r.Value = Value{Float: f.Float64, Known: f.Valid}
	case timely(o.Field):
		err = rows.Scan(&id, &r.N, &i)
		r.Value = Value{Int: i.Int64, Known: i.Valid}
	default:
		r.Value.Known = true
		err = rows.Scan(&id, &r.N, &r.Value.Text)
	}
	if err != nil {
		return r, err
	}
	r.ID, err = mail.ParseID(id)
	return r, err
}

// CanFacet reports a field that nothing can be summed up by.
func CanFacet(field string) error {
	f, ok := query.Lookup(field)
	if !ok || f.Type == query.TypeTime || field == "text" || field == "n" {
		return fmt.Errorf("%w: there is nothing to sum up by %q", query.ErrInvalid, field)
	}
	return nil
}

// FacetValues are the values of a field that a row counts for.
func FacetValues(r store.Row, field string) []string {
	if numeric(field) {
		n, ok := r.Num(field)
		if !ok {
			return []string{""}
		}
		return []string{numberText(n)}
	}
	vs := r.Text(field)
	if len(vs) == 0 {
		return []string{""}
	}
	if !query.Several(field) {
		vs = vs[:1]
	}
	out := make([]string, len(vs))
	for i, v := range vs {
		out[i] = strings.ReplaceAll(query.Key(v), "\n", " ")
	}
	return out
}
