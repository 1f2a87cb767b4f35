package badgerstore

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/sqlindex"
)

// fewLive is up to how many live messages a search tries one after another,
// without the search index.
const fewLive = 2000

// Find implements store.Finder.
func (s *Store) Find(ctx context.Context, q store.Query) (store.Found, error) {
	if q.Limit <= 0 || q.Limit > maxRows {
		q.Limit = maxRows
	}
	if err := ctx.Err(); errors.Is(err, context.Canceled) {
		return store.Found{}, err
	}
	match, err := query.Compile(q.Filter, s.now())
	if err != nil {
		return store.Found{}, fmt.Errorf("search: %w", err)
	}
	if !q.Order.Newest() {
		return s.sorted(ctx, q, match)
	}
	at, after, err := parseCursor(q.Cursor)
	if err != nil {
		return store.Found{}, err
	}
	p := &page{match: match, limit: q.Limit, resume: at, after: after}
	live, isLive := liveOnly(match)
	if !isLive || s.idx.size() > fewLive {
		if s.search.upToDate(ctx) == nil {
			found, err := s.indexed(ctx, q, match, sqlindex.Position{ID: at, N: after})
			if err == nil || ctx.Err() != nil {
				return found, err
			}
			s.log.Warn("the search index failed; the search reads the record itself", "error", err)
		}
	}
	err = s.view(func(txn *badger.Txn) error {
		if isLive {
			return p.list(ctx, txn, s.idx.with(live, at))
		}
		return p.scan(ctx, txn)
	})
	found := store.Found{Rows: p.rows, Next: p.next}
	if errors.Is(err, context.DeadlineExceeded) && !p.seen.IsZero() {
		if found.Next != "" {
			found.Back = p.seen.Time()
		}
		err = nil
	}
	if err != nil {
		return store.Found{}, err
	}
	return found, nil
}

// unhurried is ctx without its deadline, which says how long a search may take
// and ends none, and that deadline as a time to take.
func unhurried(ctx context.Context) (context.Context, time.Duration, context.CancelFunc) {
	budget := time.Hour
	if d, ok := ctx.Deadline(); ok {
		budget = time.Until(d) - 5*time.Millisecond
	}
	c, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		if errors.Is(ctx.Err(), context.Canceled) {
			cancel()
		}
	})
	return c, budget, func() { stop(); cancel() }
}

// indexed finds rows by the search index. What it names is read from the
// record and tried again: the index may be behind what happened meanwhile.
func (s *Store) indexed(ctx context.Context, q store.Query, match *query.Matcher, after sqlindex.Position) (store.Found, error) {
	c, budget, done := unhurried(ctx)
	defer done()
	until := time.Now().Add(budget)
	var found store.Found
	for {
		p, err := s.search.x.Load().Search(c, sqlindex.Question{
			Filter: q.Filter, Now: s.now(), After: after, Limit: q.Limit - len(found.Rows), Budget: time.Until(until),
		})
		if err != nil {
			return store.Found{}, err
		}
		rows, err := s.rowsAt(c, p.Keys, match)
		if err != nil {
			return store.Found{}, err
		}
		if found.Rows = append(found.Rows, rows...); !p.More {
			return found, nil
		}
		after, found.Next, found.Back = p.Next, formatCursor(p.Next.ID, p.Next.N), p.Back
		over := !time.Now().Before(until)
		if over && found.Back.IsZero() && len(found.Rows) < q.Limit {
			found.Back = p.Next.ID.Time()
		}
		if over || len(found.Rows) >= q.Limit {
			return found, nil
		}
	}
}

// rowsAt reads rows and gives those that match, in their order.
func (s *Store) rowsAt(ctx context.Context, keys []sqlindex.Key, match *query.Matcher) (rows []store.Row, err error) {
	read := map[mail.ID]*store.Message{}
	err = s.view(func(txn *badger.Txn) error {
		for _, k := range keys {
			if err := ctx.Err(); err != nil {
				return err
			}
			m, ok := read[k.ID]
			if !ok {
				st, err := load(txn, k.ID)
				if err != nil && !errors.Is(err, store.ErrNotFound) {
					return err
				}
				if err == nil {
					m = st.msg
				}
				read[k.ID] = m
			}
			if m == nil {
				continue // forgotten meanwhile
			}
			for i := range m.Recipients {
				if r := (store.Row{Message: m, Recipient: &m.Recipients[i]}); r.Recipient.N == k.N && match.Match(r) {
					rows = append(rows, r)
				}
			}
		}
		return nil
	})
	return rows, err
}

// Count implements store.Finder.
func (s *Store) Count(ctx context.Context, f query.Filter) (n int, exact bool, err error) {
	exact, err = s.sum(ctx, f,
		func(x *sqlindex.Index, c context.Context, q sqlindex.Question) (sqlindex.Tally, error) {
			t, err := x.Count(c, q)
			n = t.N
			return t, err
		},
		func() { n = 0 },
		func(store.Row) { n++ })
	return n, exact, err
}

// maxValues bounds how many values of a field are summed up.
const maxValues = 100_000

// Facets implements store.Finder.
func (s *Store) Facets(ctx context.Context, f query.Filter, field string, limit int) (store.Facets, error) {
	if err := sqlindex.CanFacet(field); err != nil {
		return store.Facets{}, err
	}
	sums, over := map[string]int{}, 0
	add := func(v string, n int) {
		if _, ok := sums[v]; !ok && len(sums) >= maxValues {
			over += n
			return
		}
		sums[v] += n
	}
	exact, err := s.sum(ctx, f,
		func(x *sqlindex.Index, c context.Context, q sqlindex.Question) (sqlindex.Tally, error) {
			return x.Facets(c, q, field, add)
		},
		func() { clear(sums); over = 0 },
		func(r store.Row) {
			for _, v := range sqlindex.FacetValues(r, field) {
				add(v, 1)
			}
		})
	if err != nil {
		return store.Facets{}, err
	}
	out := store.Facets{Exact: exact && over == 0, Others: over}
	for v, n := range sums {
		out.Values = append(out.Values, store.Facet{Value: v, Count: n})
	}
	slices.SortFunc(out.Values, func(a, b store.Facet) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
	})
	if limit > 0 && len(out.Values) > limit {
		for _, v := range out.Values[limit:] {
			out.Others += v.Count
		}
		out.Values = slices.Clone(out.Values[:limit])
	}
	return out, nil
}

// Histogram implements store.Finder.
func (s *Store) Histogram(ctx context.Context, f query.Filter, step time.Duration) (bars []store.Bar, exact bool, err error) {
	ms := max(1, step.Milliseconds())
	sums := map[int64]int{}
	exact, err = s.sum(ctx, f,
		func(x *sqlindex.Index, c context.Context, q sqlindex.Question) (sqlindex.Tally, error) {
			return x.Histogram(c, q, step, func(at time.Time, n int) { sums[at.UnixMilli()/ms] += n })
		},
		func() { clear(sums) },
		func(r store.Row) { sums[r.Message.ID.Time().UnixMilli()/ms]++ })
	for k, n := range sums {
		bars = append(bars, store.Bar{At: time.UnixMilli(k * ms).UTC(), Count: n})
	}
	slices.SortFunc(bars, func(a, b store.Bar) int { return a.At.Compare(b.At) })
	return bars, exact, err
}

// sum has the index sum up, or looks at each row where that cannot: it is
// behind, or the filter asks for what it does not know. exact: it is all.
func (s *Store) sum(ctx context.Context, f query.Filter, byIndex func(*sqlindex.Index, context.Context, sqlindex.Question) (sqlindex.Tally, error), reset func(), each func(store.Row)) (exact bool, err error) {
	now := s.now()
	f = query.Resolve(f, now)
	if err := f.Validate(); err != nil {
		return false, fmt.Errorf("sum up: %w", err)
	}
	if s.search.upToDate(ctx) == nil {
		c, budget, done := unhurried(ctx)
		t, err := byIndex(s.search.x.Load(), c, sqlindex.Question{Filter: f, Now: now, Budget: budget})
		done()
		if err == nil && t.Exact {
			return t.Back.IsZero(), nil
		}
		if errors.Is(ctx.Err(), context.Canceled) {
			return false, ctx.Err()
		}
		if err != nil {
			s.log.Warn("the search index failed; the record itself is read", "error", err)
		}
		reset()
	}
	for cursor := ""; ; {
		found, err := s.Find(ctx, store.Query{Filter: f, Cursor: cursor, Limit: 2 * eachTime})
		if err != nil {
			return false, err
		}
		for _, r := range found.Rows {
			each(r)
		}
		if cursor = found.Next; cursor == "" {
			return true, nil
		}
		if ctx.Err() != nil {
			return false, nil
		}
	}
}
