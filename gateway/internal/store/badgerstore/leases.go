package badgerstore

import (
	"container/heap"
	"fmt"
	"slices"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// lease puts the recipients that want picks, of those that are free, under a
// new lease. nil: none. The caller arranges the entry.
func (x *index) lease(e *entry, until int64, want func(*slot) bool) *lease {
	l := &lease{token: x.token + 1, id: e.id, until: until}
	for s := range x.slotsOf(e) {
		if !s.free() || !want(s) {
			continue
		}
		s.token = l.token
		l.ns = append(l.ns, int(s.n))
		at := x.places.at(s.place)
		if !slices.Contains(l.hops, at.hop) {
			l.hops = append(l.hops, at.hop)
		}
		if !slices.Contains(l.tenants, at.tenant) {
			l.tenants = append(l.tenants, at.tenant)
		}
	}
	if len(l.ns) == 0 {
		return nil
	}
	x.token++
	x.byToken[l.token] = l
	heap.Push(&x.leases, l)
	for _, h := range l.hops {
		x.running[h]++
	}
	for _, t := range l.tenants {
		x.runningOf[t]++
	}
	return l
}

// endLease frees what a lease holds; the caller arranges the entry.
func (x *index) endLease(l *lease) {
	if x.byToken[l.token] != l {
		return
	}
	delete(x.byToken, l.token)
	heap.Remove(&x.leases, l.pos)
	for _, h := range l.hops {
		if x.running[h]--; x.running[h] <= 0 {
			delete(x.running, h)
		}
		x.uncap(atHop(h))
	}
	if l.shared != "" {
		if x.sharing[l.shared]--; x.sharing[l.shared] <= 0 {
			delete(x.sharing, l.shared)
		}
		x.uncap(atShared(l.shared))
	}
	for _, t := range l.tenants {
		if x.runningOf[t]--; x.runningOf[t] <= 0 {
			delete(x.runningOf, t)
		}
	}
	e := x.entry(l.id)
	if e == nil {
		return
	}
	for s := range x.slotsOf(e) {
		if s.token == l.token {
			s.token = 0
		}
	}
}

// expire frees the leases whose time is over, except where an outcome is
// being committed at this moment.
func (x *index) expire(now int64) {
	var later []*lease
	for len(x.leases) > 0 && x.leases[0].until <= now {
		l := x.leases[0]
		e := x.entry(l.id)
		if e != nil && e.busy > 0 {
			later = append(later, heap.Pop(&x.leases).(*lease))
			continue
		}
		x.endLease(l)
		if e != nil {
			x.arrange(e)
		}
	}
	for _, l := range later {
		heap.Push(&x.leases, l)
	}
}

// holds returns the lease if its token is current.
func (x *index) holds(l store.Lease) (*lease, error) {
	have := x.byToken[l.Token]
	if have == nil || have.id != l.Message {
		return nil, fmt.Errorf("message %s, token %d: %w", l.Message, l.Token, store.ErrLeaseLost)
	}
	return have, nil
}

// extend moves a lease's end.
func (x *index) extend(l store.Lease, until int64) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	have, err := x.holds(l)
	if err != nil {
		return err
	}
	have.until = until
	heap.Fix(&x.leases, have.pos)
	return nil
}

// leased reports whether a recipient is under a lease that is not over at now.
func (x *index) leased(id mail.ID, ns map[int]bool, now int64) error {
	e := x.entry(id)
	if e == nil {
		return nil
	}
	var over []*lease
	for s := range x.slotsOf(e) {
		if s.token == 0 || !ns[int(s.n)] {
			continue
		}
		l := x.byToken[s.token]
		if l.until > now {
			return fmt.Errorf("recipient %s.%d: %w", id, s.n, store.ErrLeased)
		}
		over = append(over, l)
	}
	for _, l := range over {
		x.endLease(l)
	}
	return nil
}

// guardLease is guard for the holder of a lease.
func (x *index) guardLease(l store.Lease) error {
	return x.guard(l.Message, func() error {
		_, err := x.holds(l)
		return err
	})
}

// current returns the lease that l names, if it still is one.
func (x *index) current(l store.Lease) (*lease, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.holds(l)
}

// revoke ends every lease on a message: whoever holds one finds out.
func (x *index) revoke(id mail.ID) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entry(id)
	if e == nil {
		return
	}
	for s := range x.slotsOf(e) {
		if l := x.byToken[s.token]; l != nil {
			x.endLease(l)
		}
	}
	x.arrange(e)
}
