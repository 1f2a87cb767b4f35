package badgerstore

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/sqlindex"
)

// sortedCursor is where a search in another order than newest first goes on:
// behind a value and a row, and how far back the sorted rows reach.
type sortedCursor struct {
	Order string
	Value sqlindex.Value
	ID    mail.ID
	N     int
	Floor int64     // in milliseconds since 1970; rows of older messages are not looked at
	Back  time.Time `json:",omitzero"`
}

const sortedMark = "s!"

func (c sortedCursor) String() string {
	b, _ := json.Marshal(c) // plain values
	return sortedMark + base64.RawURLEncoding.EncodeToString(b)
}

func orderName(o store.Order) string {
	if o.Ascending {
		return o.Field + "+"
	}
	return o.Field + "-"
}

func parseSorted(text string, o store.Order) (c sortedCursor, err error) {
	if text == "" {
		return c, nil
	}
	text, ok := strings.CutPrefix(text, sortedMark)
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if !ok || err != nil || c.Order != orderName(o) || c.ID.IsZero() {
		return c, fmt.Errorf("search: %.60q is not a cursor of this order", text)
	}
	return c, nil
}

// sorted finds rows in another order than newest first.
func (s *Store) sorted(ctx context.Context, q store.Query, match *query.Matcher) (store.Found, error) {
	if q.Order.Field == "" {
		q.Order.Field = "received"
	}
	if !slices.Contains(query.Sortable(), q.Order.Field) {
		return store.Found{}, fmt.Errorf("search: %w: a search cannot be sorted by %q", query.ErrInvalid, q.Order.Field)
	}
	cur, err := parseSorted(q.Cursor, q.Order)
	if err != nil {
		return store.Found{}, err
	}
	sorting := sqlindex.Sorting{Field: q.Order.Field, Ascending: q.Order.Ascending, After: cur.Value, AfterKey: sqlindex.Key{ID: cur.ID, N: cur.N}, Floor: cur.Floor, Rows: store.SortRows}
	c, budget, done := unhurried(ctx)
	defer done()
	p, err := sqlindex.Sorted{}, errBehind
	if s.search.upToDate(ctx) == nil {
		p, err = s.search.x.Load().Sort(c, sqlindex.Question{Filter: q.Filter, Now: s.now(), Limit: q.Limit, Budget: budget}, sorting)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("the search index failed; the search reads the record itself", "error", err)
		}
	}
	if err != nil {
		p, err = s.sortScan(ctx, match, sorting, q.Limit)
	}
	if err != nil {
		return store.Found{}, err
	}
	keys := make([]sqlindex.Key, len(p.Rows))
	for i, r := range p.Rows {
		keys[i] = r.Key
	}
	var found store.Found
	if found.Rows, err = s.rowsAt(c, keys, match); err != nil {
		return store.Found{}, err
	}
	found.Reached = p.Reached
	if found.Back = cur.Back; p.Back.After(cur.Back) {
		found.Back = p.Back
	}
	last := p.Next
	if n := len(p.Rows); n >= q.Limit {
		last = &p.Rows[n-1]
	}
	if last != nil {
		found.Next = sortedCursor{orderName(q.Order), last.Value, last.ID, last.N, p.Floor, found.Back}.String()
	}
	return found, nil
}

// sortScan sorts without the index: what matches among the newest rows. It
// holds values and IDs only.
func (s *Store) sortScan(ctx context.Context, match *query.Matcher, o sqlindex.Sorting, limit int) (out sqlindex.Sorted, err error) {
	var all []sqlindex.SortedRow
	p := &page{match: match, limit: maxRows}
	out.Floor = o.Floor
	looked := 0
	p.each = func(r store.Row) {
		row := sqlindex.SortedRow{Key: sqlindex.Key{ID: r.Message.ID, N: r.Recipient.N}, Value: sqlindex.ValueOf(r, o.Field)}
		if o.Behind(row) {
			all = append(all, row)
		}
	}
	p.enough = func(id mail.ID, rows int) bool {
		looked += rows
		return looked >= o.Rows || id.Time().UnixMilli() < o.Floor
	}
	err = s.view(func(txn *badger.Txn) error { return p.scan(ctx, txn) })
	if errors.Is(err, context.DeadlineExceeded) && !p.seen.IsZero() {
		err = nil
	}
	if err != nil {
		return out, err
	}
	if p.next != "" && p.seen.Time().UnixMilli() > o.Floor { // else it ended where the page before did
		out.Back, out.Floor = p.seen.Time(), p.seen.Time().UnixMilli()
	}
	slices.SortFunc(all, o.Compare)
	out.Rows = all[:min(len(all), limit)]
	return out, nil
}
