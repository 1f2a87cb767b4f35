package badgerstore

import (
	"bytes"
	"container/heap"
	"container/list"
	"slices"
	"sync"
	"unique"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// index is what is due when, and who holds which lease, in memory. It is
// rebuilt on open from the state records: polling a due prefix in Badger
// would wade through tombstones.
//
// Times in it are UnixNano, 0 for "at once".
type index struct {
	mu        sync.Mutex
	entries   map[mail.ID]*entry
	groups    map[groupKey]*group
	waiting   groupHeap            // groups whose first work is not known to be due
	ready     [2]turns             // groups with due work, served in turn: what has never failed, and retries
	round     int                  // turns so far
	capped    map[string]*parked   // groups with due work at a hop that has as many leases as it may, by hop
	skipped   [len(skipFor)]parked // groups with due work that the last claims were told to skip, by how long
	perHop    int                  // of the last claim
	leases    leaseHeap
	byToken   map[uint64]*lease
	running   map[string]int // leases by next hop
	runningOf map[string]int // leases by tenant
	counts    map[mail.Status]int
	token     uint64
	woken     chan struct{}
}

// workKey is what fairness goes by. There are few of them and many
// recipients, so each is in memory once.
type workKey struct{ hop, tenant string }

// groupKey is a workKey's work of one class: fresh is what has never failed.
// After a restart nothing counts as fresh but what comes in then.
type groupKey struct {
	place  unique.Handle[workKey]
	fresh  bool
	manual bool // asked for by an operator: it is not skipped
}

// entry is one live message.
type entry struct {
	id    mail.ID
	slots []slot
	items []*item
	busy  int // commits under way: nothing of it is claimed meanwhile
}

// slot is one recipient.
type slot struct {
	n      int32
	status statusCode
	fresh  bool
	manual bool
	place  unique.Handle[workKey]
	next   int64
	token  uint64 // of the lease; 0 none
}

func (s *slot) group() groupKey { return groupKey{s.place, s.fresh, s.manual} }

// statusCode is a status in an octet: its place in mail.Statuses.
type statusCode uint8

var (
	allStatuses = mail.Statuses()
	statusCodes = func() map[mail.Status]statusCode {
		m := map[mail.Status]statusCode{}
		for i, s := range allStatuses {
			m[s] = statusCode(i)
		}
		return m
	}()
)

func (c statusCode) status() mail.Status { return allStatuses[c] }

// item is the unleased due work of one message for one group.
type item struct {
	entry *entry
	due   int64
	pos   int
	group *group
}

// group is the work of one place and class. One with work is in exactly one
// of waiting, ready, capped and skipped.
type group struct {
	key   groupKey
	items itemHeap
	pos   int // in waiting; -1 not there

	turn *list.Element // in of.hops; nil not ready
	of   *tenantTurn

	parked *list.Element // in in; nil not parked
	in     *parked
	until  int64 // skipped until then
}

type lease struct {
	token   uint64
	id      mail.ID
	ns      []int
	hops    []string
	tenants []string
	read    *stored // the message as the claim read it; only its holder's
	until   int64
	pos     int
}

func newIndex(epoch uint64) *index {
	x := &index{
		entries: map[mail.ID]*entry{}, groups: map[groupKey]*group{}, byToken: map[uint64]*lease{}, capped: map[string]*parked{},
		running: map[string]int{}, runningOf: map[string]int{}, counts: map[mail.Status]int{}, token: epoch << 40, woken: make(chan struct{}, 1),
	}
	for i := range x.ready {
		x.ready[i].by = map[string]*tenantTurn{}
	}
	return x
}

func (x *index) wake() {
	select {
	case x.woken <- struct{}{}:
	default:
	}
}

// guard takes a message for a commit: no claim until finish. busy counts, as
// several commits of one message may be in one batch.
func (x *index) guard(id mail.ID, check func() error) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if check != nil {
		if err := check(); err != nil {
			return err
		}
	}
	if e := x.entries[id]; e != nil {
		e.busy++
		x.arrange(e)
	}
	return nil
}

// finish ends guard. st is the state that was committed, nil: unchanged; end
// is the lease that is over; then, if not nil, sees the entry before any
// claim does.
func (x *index) finish(id mail.ID, st *state, end *lease, then func(*entry)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	e := x.entries[id]
	if e != nil && e.busy > 0 {
		e.busy--
	}
	if end != nil {
		x.endLease(end)
	}
	if st != nil {
		x.put(id, st)
	} else if e != nil {
		x.arrange(e)
	}
	if then != nil {
		if e := x.entries[id]; e != nil {
			then(e)
		}
	}
	x.wake()
}

// put enters a message's state; the leases it is under go on.
func (x *index) put(id mail.ID, st *state) {
	e := x.entries[id]
	var old map[int32]uint64
	if e != nil {
		for i := range e.slots {
			x.count(e.slots[i].status.status(), -1)
			if e.slots[i].token != 0 {
				if old == nil {
					old = map[int32]uint64{}
				}
				old[e.slots[i].n] = e.slots[i].token
			}
		}
		x.takeOut(e)
	}
	if !st.live() {
		delete(x.entries, id)
		return
	}
	if e == nil {
		e = &entry{id: id}
		x.entries[id] = e
	}
	e.slots = slices.Grow(e.slots[:0], st.liveRcpts())
	for i := range st.rcpts {
		r := &st.rcpts[i]
		if !r.status.Live() {
			continue
		}
		x.count(r.status, 1)
		e.slots = append(e.slots, slot{
			n: int32(r.n), status: statusCodes[r.status], fresh: r.fresh, manual: r.manual, next: r.next, token: old[int32(r.n)],
			place: unique.Make(workKey{r.hop, r.tenant}),
		})
	}
	x.arrange(e)
}

func (x *index) count(s mail.Status, d int) {
	if n := x.counts[s] + d; n == 0 {
		delete(x.counts, s)
	} else {
		x.counts[s] = n
	}
}

// arrange puts an entry's work where it belongs.
func (x *index) arrange(e *entry) {
	x.takeOut(e)
	if e.busy > 0 {
		return
	}
	for i := range e.slots {
		s := &e.slots[i]
		if !s.free() {
			continue
		}
		if it := e.item(s.group()); it == nil {
			g := x.groups[s.group()]
			if g == nil {
				g = &group{key: s.group(), pos: -1}
				x.groups[g.key] = g
			}
			e.items = append(e.items, &item{entry: e, due: s.next, group: g, pos: -1})
		} else if s.next < it.due {
			it.due = s.next
		}
	}
	for _, it := range e.items {
		heap.Push(&it.group.items, it)
		x.settleGroup(it.group)
	}
}

// free reports work that may be claimed once its time has come.
func (s *slot) free() bool { return s.token == 0 && s.status.status().Due() }

func (e *entry) item(k groupKey) *item {
	for _, it := range e.items {
		if it.group.key == k {
			return it
		}
	}
	return nil
}

// refresh is arrange for the items at one place, after some of their slots
// were leased: the entry's other groups keep their turns.
func (x *index) refresh(e *entry, place unique.Handle[workKey]) {
	for _, it := range slices.Clone(e.items) {
		if it.group.key.place != place {
			continue
		}
		first, left := int64(0), false
		for i := range e.slots {
			if s := &e.slots[i]; s.group() == it.group.key && s.free() && (!left || s.next < first) {
				first, left = s.next, true
			}
		}
		if left {
			it.due = first
			heap.Fix(&it.group.items, it.pos)
		} else {
			heap.Remove(&it.group.items, it.pos)
			e.items = slices.DeleteFunc(e.items, func(o *item) bool { return o == it })
		}
		x.settleGroup(it.group)
	}
}

func (x *index) takeOut(e *entry) {
	for _, it := range e.items {
		if it.pos >= 0 {
			heap.Remove(&it.group.items, it.pos)
		}
		x.settleGroup(it.group)
	}
	e.items = nil
}

// settleGroup puts a group back in order after its items changed.
func (x *index) settleGroup(g *group) {
	switch {
	case len(g.items) == 0:
		if g.pos >= 0 {
			heap.Remove(&x.waiting, g.pos)
		}
		if g.turn != nil {
			x.class(g).remove(g)
		}
		if g.parked != nil {
			x.forgetParked(g)
		}
		delete(x.groups, g.key)
	case g.turn != nil, g.parked != nil: // claim looks at its first item anyway
	case g.pos >= 0:
		heap.Fix(&x.waiting, g.pos)
	default:
		x.groups[g.key] = g
		heap.Push(&x.waiting, g)
	}
}

func (x *index) forgetParked(g *group) {
	in := g.in
	in.Remove(g.parked)
	g.parked, g.in, g.until = nil, nil, 0
	if hop := g.key.place.Value().hop; in == x.capped[hop] && in.Len() == 0 {
		delete(x.capped, hop)
	}
}

// nextDue is when Claim may first find something: work falls due, may be asked
// for again, or a lease runs out. What is due at a hop that has its leases waits
// for one of them. 0, false: nothing.
func (x *index) nextDue() (int64, bool) {
	x.mu.Lock()
	defer x.mu.Unlock()
	best, ok := int64(0), false
	take := func(t int64) {
		if !ok || t < best {
			best, ok = t, true
		}
	}
	if len(x.waiting) > 0 {
		take(x.waiting[0].items[0].due)
	}
	for i := range x.ready {
		for _, tt := range x.ready[i].by {
			for el := tt.hops.Front(); el != nil; el = el.Next() {
				take(el.Value.(*group).items[0].due)
			}
		}
	}
	for i := range x.skipped {
		if el := x.skipped[i].Front(); el != nil {
			take(el.Value.(*group).until)
		}
	}
	if len(x.leases) > 0 {
		take(x.leases[0].until)
	}
	return best, ok
}

func (x *index) snapshot() map[mail.Status]int {
	x.mu.Lock()
	defer x.mu.Unlock()
	out := make(map[mail.Status]int, len(x.counts))
	for s, n := range x.counts {
		out[s] = n
	}
	return out
}

// with lists the messages that have a recipient in one of these statuses, the
// newest first, from the message from on; zero: from the newest.
func (x *index) with(statuses []mail.Status, from mail.ID) []mail.ID {
	x.mu.Lock()
	var ids []mail.ID
	for id, e := range x.entries {
		if !from.IsZero() && bytes.Compare(id[:], from[:]) > 0 {
			continue
		}
		if slices.ContainsFunc(e.slots, func(s slot) bool { return slices.Contains(statuses, s.status.status()) }) {
			ids = append(ids, id)
		}
	}
	x.mu.Unlock()
	slices.SortFunc(ids, func(a, b mail.ID) int { return bytes.Compare(b[:], a[:]) })
	return ids
}

// size is how many messages are live.
func (x *index) size() int {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.entries)
}
