package audit

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Query says which entries are wanted. What is empty does not narrow.
type Query struct {
	Tenant  string
	Actor   string
	Action  string
	Message string // a message's ID: entries about it or one of its recipients
	// Recipients are those of Message that may be seen, by their numbers: what is
	// about none of them is not wanted. nil: all.
	Recipients []int
	Target     string
	Since      time.Time // inclusive
	Until      time.Time // exclusive
	Refused    bool      // only what was refused
	Before     uint64    // entries with a lower number; 0: from the newest
	Limit      int       // 0: 100
}

func (q *Query) wants(e *Entry) bool {
	switch {
	case q.Tenant != "" && e.Tenant != q.Tenant,
		q.Actor != "" && !strings.EqualFold(e.Actor, q.Actor) && !named(e.Actor, q.Actor) && !called(e, q.Actor),
		q.Action != "" && e.Action != q.Action,
		q.Refused && e.Refused == "",
		q.Target != "" && e.Target != q.Target,
		!q.Since.IsZero() && e.At.Before(q.Since),
		!q.Until.IsZero() && !e.At.Before(q.Until),
		q.Message != "" && !about(e, q.Message, q.Recipients):
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

// called reports whether an actor is a mailbox whose user came by a link, or goes
// by a name with a provider, with or without the provider's.
func called(e *Entry, name string) bool {
	if strings.EqualFold(e.Actor, ByLink(name)) {
		return true
	}
	known := e.Details[ActorName]
	short, _, _ := strings.Cut(known, " (")
	return known != "" && (strings.EqualFold(known, name) || strings.EqualFold(short, name))
}

// ByLink is the actor who came to a mailbox by a link that was mailed to it.
func ByLink(mailbox string) string { return "mailbox " + mailbox + " by link" }

// about reports whether an entry is about a message, or one of some recipients of
// it: its target, or among the IDs of a selection.
func about(e *Entry, id string, ns []int) bool {
	if of(e.Target, id, ns) {
		return true
	}
	return slices.ContainsFunc(strings.Fields(e.Details["ids"]), func(s string) bool { return of(s, id, ns) })
}

// of reports whether a target is a message, or one of some recipients of it; of
// any, where ns is nil.
func of(target, id string, ns []int) bool {
	m, rcpt, one := strings.Cut(target, ".")
	if m != id || !one || ns == nil {
		return m == id
	}
	n, err := strconv.Atoi(rcpt)
	return err == nil && slices.Contains(ns, n)
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
		entries, last, err := readSegment(ctx, segs[i], &q)
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
		if !last.IsZero() && !q.Since.IsZero() && last.Before(q.Since.Add(-time.Hour)) {
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
		entries, _, err := readSegment(ctx, s, &q)
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

// readSegment gives the entries of a file that may be wanted, and the time of
// its last. A line that does not hold the message's ID is not read: that is what
// takes the time, and there may be millions.
func readSegment(ctx context.Context, s segment, q *Query) (out []Entry, last time.Time, err error) {
	if err := ctx.Err(); err != nil {
		return nil, last, err
	}
	b, err := os.ReadFile(s.path)
	if notThere(err) { // pruned meanwhile
		return nil, last, nil
	}
	if err != nil {
		return nil, last, fmt.Errorf("reading the audit log: %w", err)
	}
	whole, _ := lines(b)
	for i := len(whole) - 1; i >= 0 && last.IsZero(); i-- {
		if e, err := open(whole[i]); err == nil {
			last = e.At
		}
	}
	for _, line := range whole {
		if q.Message != "" && !bytes.Contains(line, []byte(q.Message)) {
			continue
		}
		if e, err := open(line); err == nil {
			out = append(out, e)
		}
	}
	return out, last, nil
}

// shared are the details of an entry about many messages that say nothing of any
// one of them.
var shared = []string{"request", "result", "job", "as", "format", "via", "messages", "recipients", "matched", "changed", ActorName}

// Only is an entry without the IDs of other messages and of other recipients of
// this one, for whoever sees this one, or these recipients of it, but not all of
// the tenant's; without recipients, all are meant. What was left out is counted,
// and with it goes what may be about the others: the arguments, and why it was
// refused. The hash is that of the whole entry.
func (e Entry) Only(message string, recipients ...int) Entry {
	ids := strings.Fields(e.Details["ids"])
	if len(ids) == 0 || !about(&e, message, recipients) {
		return e
	}
	kept := slices.DeleteFunc(slices.Clone(ids), func(s string) bool { return !of(s, message, recipients) })
	if len(kept) == len(ids) {
		return e
	}
	all := e.Details
	e.Details = map[string]string{"ids": strings.Join(kept, " "), "others": strconv.Itoa(len(ids) - len(kept))}
	for _, k := range shared {
		if v := all[k]; v != "" {
			e.Details[k] = v
		}
	}
	if e.Refused != "" {
		e.Refused = "refused"
	}
	if !of(e.Target, message, recipients) {
		e.Target = ""
	}
	return e
}
