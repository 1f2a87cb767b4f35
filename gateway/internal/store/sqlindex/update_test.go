package sqlindex

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/store"
)

// dump is every row with every column, in the order of message and recipient.
func dump(t *testing.T, x *Index) (out []string) {
	t.Helper()
	// low has numbers of names, which are given in the order of coming.
	columns := slices.DeleteFunc(slices.Clone(columnNames), func(c string) bool { return c == "low" })
	rows, err := x.read.QueryContext(t.Context(), "SELECT id, n, "+strings.Join(columns, ", ")+", low & 63 FROM rows ORDER BY id, n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		values := make([]any, len(columns)+3)
		into := make([]any, len(values))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		out = append(out, fmt.Sprintf("%q", values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

// written counts the rows that Apply of these messages writes, of all tables.
func written(t *testing.T, x *Index, ms ...*store.Message) (n int) {
	t.Helper()
	count := func() (n int) {
		if err := x.write.QueryRowContext(t.Context(), "SELECT total_changes()").Scan(&n); err != nil {
			t.Fatal(err)
		}
		return n
	}
	before := count()
	apply(t, x, 9, ms...)
	return count() - before
}

// TestUpdatesWriteWhatChanged: rows that changed are as if they had been written
// now, one that did not is left alone, and indexes agree with rows.
func TestUpdatesWriteWhatChanged(t *testing.T) {
	x, fresh := newIndex(t), newIndex(t)
	both := sample(t, 600)
	was, now := both[:300], both[300:]
	for i := range now { // the same messages, all else by chance
		now[i].ID = was[i].ID
		now[i].Summary.Subject = was[i].Summary.Subject
		for len(now[i].Recipients) < len(was[i].Recipients) { // recipients do not vanish
			r := was[i].Recipients[len(now[i].Recipients)]
			now[i].Recipients = append(now[i].Recipients, r)
		}
	}
	apply(t, x, 1, was...)
	apply(t, x, 2, now...)
	apply(t, fresh, 1, now...)
	got, want := dump(t, x), dump(t, fresh)
	if len(got) < 300 || !slices.Equal(got, want) {
		t.Errorf("%d rows, want %d, or others", len(got), len(want))
		for i := range min(len(got), len(want)) {
			if got[i] != want[i] {
				t.Fatalf("row %d:\n%s\n%s", i, got[i], want[i])
			}
		}
	}
	const meta = 4 // what Apply notes of itself
	if n := written(t, x, now...); n != meta {
		t.Errorf("the same messages again: %d rows written, want %d", n, meta)
	}
	now[7].Recipients[0].Failures++
	if n := written(t, x, now...); n != meta+1 {
		t.Errorf("one recipient that changed: %d rows written, want %d", n, meta+1)
	}
	var ok string
	if err := x.write.QueryRowContext(t.Context(), "PRAGMA integrity_check").Scan(&ok); err != nil || ok != "ok" {
		t.Error(ok, err)
	}
}
