package audit

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"
)

// Query says which entries are wanted. What is empty does not narrow.
type Query struct {
	Tenant  string
	Actor   string
	Action  string
	Message string // a message's ID: entries about it or one of its recipients
	Target  string
	Since   time.Time // inclusive
	Until   time.Time // exclusive
	Refused bool      // only what was refused
	Before  uint64    // entries with a lower number; 0: from the newest
	Limit   int       // 0: 100
}

func (q *Query) wants(e *Entry) bool {
	switch {
	case q.Tenant != "" && e.Tenant != q.Tenant,
		q.Actor != "" && !strings.EqualFold(e.Actor, q.Actor) && !named(e.Actor, q.Actor),
		q.Action != "" && e.Action != q.Action,
		q.Refused && e.Refused == "",
		q.Target != "" && e.Target != q.Target,
		!q.Since.IsZero() && e.At.Before(q.Since),
		!q.Until.IsZero() && !e.At.Before(q.Until),
		q.Message != "" && !about(e, q.Message):
		return false
	}
	return true
}

// named reports whether an actor is a token of a name: token:NAME#ID.
func named(actor, name string) bool {
	if !strings.HasPrefix(actor, "token:") || !strings.HasPrefix(strings.ToLower(actor), strings.ToLower(name)+"#") {
		return false
	}
	return !strings.Contains(actor[len(name)+1:], "#")
}

// about reports whether an entry is about a message: its target, or among the
// IDs of a selection.
func about(e *Entry, id string) bool {
	if of(e.Target, id) {
		return true
	}
	return slices.ContainsFunc(strings.Fields(e.Details["ids"]), func(s string) bool { return of(s, id) })
}

func of(target, id string) bool {
	m, _, _ := strings.Cut(target, ".")
	return m == id
}

// List gives the entries that match, newest first, and where to go on (Before);
// 0: there are no more. An entry that does not read is left out: Verify tells.
func (l *Log) List(ctx context.Context, q Query) ([]Entry, uint64, error) {
	if q.Limit <= 0 {
		q.Limit = 100
	}
	segs, err := segments(l.o.Dir)
	if err != nil {
		return nil, 0, err
	}
	var out []Entry
	for i := len(segs) - 1; i >= 0; i-- {
		if q.Before != 0 && segs[i].first >= q.Before {
			continue
		}
		entries, err := readSegment(ctx, segs[i])
		if err != nil {
			return nil, 0, err
		}
		for j := len(entries) - 1; j >= 0; j-- {
			e := &entries[j]
			if q.Before != 0 && e.Seq >= q.Before || !q.wants(e) {
				continue
			}
			if len(out) == q.Limit {
				return out, out[len(out)-1].Seq, nil
			}
			out = append(out, *e)
		}
		// Entries stand in order of their time, but for a clock that was set back.
		if len(entries) > 0 && !q.Since.IsZero() && entries[len(entries)-1].At.Before(q.Since.Add(-time.Hour)) {
			break
		}
	}
	return out, 0, nil
}

// Each gives every entry that matches to do, oldest first, and ends with its
// first error. Limit does not count.
func (l *Log) Each(ctx context.Context, q Query, do func(Entry) error) error {
	segs, err := segments(l.o.Dir)
	if err != nil {
		return err
	}
	for _, s := range segs {
		entries, err := readSegment(ctx, s)
		if err != nil {
			return err
		}
		for i := range entries {
			if e := &entries[i]; (q.Before == 0 || e.Seq < q.Before) && q.wants(e) {
				if err := do(*e); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// Verify checks the log; see the function.
func (l *Log) Verify(ctx context.Context, known string) (Report, error) {
	return Verify(ctx, l.o.Dir, l.o.Key, known)
}

func readSegment(ctx context.Context, s segment) ([]Entry, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := os.ReadFile(s.path)
	if notThere(err) { // pruned meanwhile
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	whole, _ := lines(b)
	out := make([]Entry, 0, len(whole))
	for _, line := range whole {
		if e, err := open(line); err == nil {
			out = append(out, e)
		}
	}
	return out, nil
}
