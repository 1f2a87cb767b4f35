package badgerstore

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TestB138_a_walk_goes_on_where_its_time_was_over: pages of what was tried, the last
// change first, that are cut short by their time lose nothing and say how far they
// came.
func TestB138_a_walk_goes_on_where_its_time_was_over(t *testing.T) {
	s := openQuick(t, t.TempDir())
	defer func() { must(t, s.Close()) }()
	const messages, each = 90, 100
	start := time.Now().Add(-24 * time.Hour).Truncate(time.Second)
	want := 0
	for i := range messages {
		at := start.Add(time.Duration(i) * time.Minute)
		m := &store.Message{ID: mail.NewID(at), Received: at, Direction: mail.Inbound}
		for k := range each {
			a, err := mail.ParseAddress(fmt.Sprintf("u%d@acme.test", k))
			must(t, err)
			r := store.Recipient{N: k + 1, Address: a, Status: mail.StatusDelivered, Attempts: 1, Route: "r1", Changed: start.Add(time.Duration(messages*each-i*each+k) * time.Second)}
			if k%50 == 3 {
				r.Route = "rare"
				want++
			}
			m.Recipients = append(m.Recipients, r)
		}
		s.Record(m, nil)
	}
	must(t, s.Sync(ctx))
	whole(t, s)
	q := store.Query{Filter: query.And(query.Where("attempts", query.After, "0"), query.Where("route", query.Is, "rare")), Order: store.Order{Field: "changed"}, Limit: 1000}
	over, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
	defer cancel()
	var got []time.Time
	cut := 0
	for {
		found, err := s.Find(over, q)
		must(t, err)
		for _, r := range found.Rows {
			got = append(got, r.Recipient.Changed)
		}
		if !found.Back.IsZero() || found.Reached.IsZero() != (found.Next == "") {
			t.Fatalf("back %v, reached %v, next %q", found.Back, found.Reached, found.Next)
		}
		if n := len(found.Rows); n > 0 && found.Rows[n-1].Recipient.Changed.Before(found.Reached) {
			t.Errorf("reached %v, gave %v", found.Reached, found.Rows[n-1].Recipient.Changed)
		}
		if q.Cursor = found.Next; q.Cursor == "" {
			break
		}
		cut++
	}
	if len(got) != want || cut != 2 || !slices.IsSortedFunc(got, func(a, b time.Time) int { return b.Compare(a) }) {
		t.Errorf("%d rows, want %d; cut short %d times", len(got), want, cut)
	}
}
