package store

import (
	"context"
	"time"

	"github.com/mailweir/weir/gateway/internal/query"
)

// Query is a search of the journal.
type Query struct {
	Filter query.Filter
	Order  Order
	Cursor string // "" the start
	Limit  int    // rows at most
}

// Order is how a search sorts: by a field of query.Sortable, highest first
// unless Ascending. The zero Order is newest message first, and so is
// "received"; ties are in that order, too. Any other order than newest first
// sorts the newest SortRows rows that the engine has to look at, no more:
// Found.Back says how far back that was. But "changed", highest first, of a filter
// that asks for attempts above 0 leaves nothing out: Found.Reached says how far it
// came where the time was over.
type Order struct {
	Field     string
	Ascending bool
}

// Newest reports the order newest message first.
func (o Order) Newest() bool { return (o.Field == "" || o.Field == "received") && !o.Ascending }

// SortRows is how many rows a search looks at to sort them.
const SortRows = 100_000

// Found is one page of a search.
type Found struct {
	Rows []Row
	Next string // where to go on; "" the end
	// Back is how far back was searched, where that is not all: the time was
	// over before the page was full, and Next goes on there; or the rows to
	// sort were too many. It is a time of reception.
	Back time.Time
	// Reached is set where the time was over before the page of an order by time
	// was full, and Next goes on there: a time of the field of the order, from
	// which on nothing is left out.
	Reached time.Time
}

// Facets are the most frequent values of a field.
type Facets struct {
	Values []Facet // most frequent first
	Others int     // of values that are not among them
	Exact  bool    // all that matches was counted
}

// Facet is a value and how many rows have it. Texts are as query.Key makes
// them.
type Facet struct {
	Value string
	Count int
}

// Bar is how many rows were received in a step of time from At on.
type Bar struct {
	At    time.Time
	Count int
}

// Finder are the faculties of a journal beyond plain search. In each, when
// ctx's deadline passes, what was found so far comes back and no error.
type Finder interface {
	// Find is Search with an order, and says how far back it came. A row is
	// given at most once, and is as it is when it is read: one that changes
	// while pages are turned may move behind or before the cursor of an order
	// other than newest first.
	Find(ctx context.Context, q Query) (Found, error)
	// Count is how many rows match; at least so many where it is not exact.
	Count(ctx context.Context, f query.Filter) (n int, exact bool, err error)
	// Facets sums up by a field's values.
	Facets(ctx context.Context, f query.Filter, field string, limit int) (Facets, error)
	// Histogram sums up by time of reception (that of the messages' IDs), oldest
	// first, without empty steps.
	Histogram(ctx context.Context, f query.Filter, step time.Duration) (bars []Bar, exact bool, err error)
}

// Indexed is a journal with a search index that can be made anew.
type Indexed interface {
	// RebuildIndex begins it anew and does not wait. Searches read the record
	// itself meanwhile.
	RebuildIndex(ctx context.Context) error
	IndexStatus(ctx context.Context) (IndexStatus, error)
}

// IndexStatus is the state of a search index.
type IndexStatus struct {
	Whole      bool   // searches use it
	Behind     uint64 // commits that it does not have yet
	Rows       int
	Size       int64 // octets on disk
	Rebuilding bool
	Since      time.Time // when the rebuilding began
	Reached    time.Time // messages up to then are in it
	Error      string    // why it is not up to date, if something failed
}
