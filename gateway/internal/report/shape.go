package report

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Source is what reports are made of.
type Source interface {
	Each(ctx context.Context, f query.Filter, do func(store.Row) error) error
	Events(ctx context.Context, id mail.ID) ([]mail.Event, error)
}

// Ages are where one age of the queue ends and the next begins.
var Ages = []time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour, 12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 96 * time.Hour}

// Group is the recipients that have something in common.
type Group struct {
	Key    string
	Total  int
	Frozen int       // of Total: queue-frozen
	Ages   []int     // recipients by the age of their message: up to Ages[i], and beyond the last
	Oldest time.Time // when the oldest of their messages came in
}

func (g *Group) add(m *store.Message, r *store.Recipient, age int) {
	if g.Ages == nil {
		g.Ages = make([]int, len(Ages)+1)
	}
	g.Total++
	g.Ages[age]++
	if r.Status == mail.StatusQueueFrozen {
		g.Frozen++
	}
	if g.Oldest.IsZero() || m.Received.Before(g.Oldest) {
		g.Oldest = m.Received
	}
}

// Shape is the queue summed up.
type Shape struct {
	Counts map[mail.Status]int
	All    Group
	By     map[string][]Group // by dimension, the largest groups first
	Others map[string]int     // by dimension, the groups that are left out
}

// dimensions are what a queue can be summed up by.
var dimensions = map[string]func(m *store.Message, r *store.Recipient) string{
	"destination":   func(_ *store.Message, r *store.Recipient) string { return r.Address.Domain() },
	"reason":        func(_ *store.Message, r *store.Recipient) string { return Reason(r) },
	"next_hop":      func(_ *store.Message, r *store.Recipient) string { return or(r.NextHop, "no route") },
	"route":         func(_ *store.Message, r *store.Recipient) string { return or(r.Route, "no route") },
	"tenant":        func(_ *store.Message, r *store.Recipient) string { return or(r.Tenant, "none") },
	"sender_domain": func(m *store.Message, _ *store.Recipient) string { return or(m.Sender.Domain(), "<>") },
	"sender":        func(m *store.Message, _ *store.Recipient) string { return or(m.Sender.String(), "<>") },
}

// Dimensions are the names that Queue takes.
func Dimensions() []string {
	out := make([]string, 0, len(dimensions))
	for d := range dimensions {
		out = append(out, d)
	}
	slices.Sort(out)
	return out
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// maxGroups bounds the groups that are counted apart, by dimension: memory is
// not to grow with what senders choose. What comes beyond counts as others.
const maxGroups = 50000

// Queue sums up what waits for delivery within a scope and a filter, by some
// dimensions, each with at most top groups.
func Queue(ctx context.Context, from Source, sc scope.Scope, f query.Filter, by []string, top int, now time.Time) (*Shape, error) {
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	if err := f.Validate(); err != nil {
		return nil, err
	}
	groups := map[string]map[string]*Group{}
	out := &Shape{Counts: map[mail.Status]int{}, By: map[string][]Group{}, Others: map[string]int{}}
	for _, d := range by {
		if dimensions[d] == nil {
			return nil, fmt.Errorf("%w: a queue is summed up by %s, not by %.40q", query.ErrInvalid, strings.Join(Dimensions(), ", "), d)
		}
		groups[d] = map[string]*Group{}
	}
	waiting := query.OneOf("status", string(mail.StatusAccepted), string(mail.StatusQueued), string(mail.StatusQueueFrozen))
	err := from.Each(ctx, query.Resolve(query.And(sc.Restrict(f), waiting), now), func(row store.Row) error {
		m, r := row.Message, row.Recipient
		if !sc.Sees(m, r) {
			return nil
		}
		age, _ := slices.BinarySearch(Ages, max(now.Sub(m.Received), 0))
		out.Counts[r.Status]++
		out.All.add(m, r, age)
		for d, gs := range groups {
			key := dimensions[d](m, r)
			g := gs[key]
			if g == nil {
				if len(gs) >= maxGroups {
					out.Others[d]++
					continue
				}
				g = &Group{Key: strings.Clone(key)} // not the record it is a part of
				gs[g.Key] = g
			}
			g.add(m, r, age)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("sum up the queue: %w", err)
	}
	for d, gs := range groups {
		list := make([]Group, 0, len(gs))
		for _, g := range gs {
			list = append(list, *g)
		}
		slices.SortFunc(list, func(a, b Group) int {
			if a.Total != b.Total {
				return b.Total - a.Total
			}
			return strings.Compare(a.Key, b.Key)
		})
		if len(list) > top {
			out.Others[d] += len(list) - top
			list = list[:top]
		}
		out.By[d] = list
	}
	return out, nil
}

// visible is what of a message a scope sees.
func visible(sc scope.Scope, m *store.Message) *store.Message {
	if sc.Everything() {
		return m
	}
	return sc.View(m)
}
