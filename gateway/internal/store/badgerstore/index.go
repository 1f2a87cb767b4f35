package badgerstore

import (
	"bytes"
	"container/heap"
	"container/list"
	"iter"
	"slices"
	"sync"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// index is what is due when, and who holds which lease, in memory. It is
// rebuilt on open from the state records: polling a due prefix in Badger
// would wade through tombstones.
//
// Times in it are UnixNano, 0 for "at once".
type index struct {
	mu        sync.Mutex
	live      map[mail.ID]ref // of entries
	entries   slab[entry]
	slots     slab[slot]
	items     slab[item]
	places    places
	groups    map[groupKey]*group
	groupAt   []*group             // by number
	groupFree []ref                // numbers
	waiting   groupHeap            // groups whose first work is not known to be due
	ready     [2]turns             // groups with due work, served in turn: what has never failed, and retries
	round     int                  // turns so far
	capped    map[string]*parked   // groups with due work at a hop, or hops together, with as many leases as may be
	skipped   [len(skipFor)]parked // groups with due work that the last claims were told to skip, by how long
	perHop    int                  // of the last claim
	// cappedUntil is when all of capped have a turn again.
	cappedUntil int64
	leases      leaseHeap
	byToken     map[uint64]*lease
	running     map[string]int // leases by next hop
	sharing     map[string]int // leases by what next hops share
	runningOf   map[string]int // leases by tenant
	counts      map[mail.Status]int
	token       uint64
	woken       chan struct{}
}

// workKey is what fairness goes by. There are few of them and many
// recipients, so each is in memory once.
type workKey struct{ hop, tenant string }

// groupKey is a workKey's work of one class: fresh is what has never failed.
// After a restart nothing counts as fresh but what comes in then.
type groupKey struct {
	place  ref
	fresh  bool
	manual bool // asked for by an operator: it is not skipped
}

// entry is one live message.
type entry struct {
	id    mail.ID
	self  ref
	slots ref   // the first
	items ref   // the first
	busy  int32 // commits under way: nothing of it is claimed meanwhile
}

// slot is one recipient.
type slot struct {
	next   int64
	token  uint64 // of the lease; 0 none
	n      int32
	place  ref
	after  ref // of the entry's
	status statusCode
	fresh  bool
	manual bool
	// throttled: next is a time of our own making
	throttled bool
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
	due   int64
	entry ref
	group ref
	after ref // of the entry's
	pos   int32
}

// group is the work of one place and class. One with work is in exactly one
// of waiting, ready, capped and skipped.
type group struct {
	key   groupKey
	self  ref // its number
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
	shared  string  // what its next hop shares with others
	read    *stored // the message as the claim read it; only its holder's
	until   int64
	pos     int
}

func newIndex(epoch uint64) *index {
	x := &index{
		live: map[mail.ID]ref{}, places: places{of: map[workKey]ref{}}, groups: map[groupKey]*group{}, byToken: map[uint64]*lease{}, capped: map[string]*parked{},
		running: map[string]int{}, sharing: map[string]int{}, runningOf: map[string]int{}, counts: map[mail.Status]int{}, token: epoch << 40, woken: make(chan struct{}, 1),
	}
	for i := range x.ready {
		x.ready[i].by = map[string]*tenantTurn{}
	}
	return x
}

// entry is the live message of that ID, or nil.
func (x *index) entry(id mail.ID) *entry {
	if r := x.live[id]; r != 0 {
		return x.entries.at(r)
	}
	return nil
}

// slotsOf are an entry's recipients, in their order.
func (x *index) slotsOf(e *entry) iter.Seq[*slot] {
	return func(yield func(*slot) bool) {
		for r := e.slots; r != 0; {
			s := x.slots.at(r)
			if r = s.after; !yield(s) {
				return
			}
		}
	}
}

// itemsOf are an entry's items; the one at hand may be taken out.
func (x *index) itemsOf(e *entry) iter.Seq2[ref, *item] {
	return func(yield func(ref, *item) bool) {
		for r := e.items; r != 0; {
			it := x.items.at(r)
			here := r
			if r = it.after; !yield(here, it) {
				return
			}
		}
	}
}

func (x *index) groupOf(it *item) *group { return x.groupAt[it.group-1] }

// group is the group of a key, made where there is none.
func (x *index) group(k groupKey) *group {
	g := x.groups[k]
	if g == nil {
		g = &group{key: k, pos: -1, items: itemHeap{of: x}}
		if n := len(x.groupFree); n > 0 {
			g.self, x.groupFree = x.groupFree[n-1], x.groupFree[:n-1]
			x.groupAt[g.self-1] = g
		} else {
			x.groupAt = append(x.groupAt, g)
			g.self = ref(len(x.groupAt))
		}
		x.places.use(x.places.at(k.place))
		x.groups[k] = g
	}
	return g
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
	if e := x.entry(id); e != nil {
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
	e := x.entry(id)
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
		if e := x.entry(id); e != nil {
			then(e)
		}
	}
	x.wake()
}

// put enters a message's state; the leases it is under go on.
func (x *index) put(id mail.ID, st *state) {
	e := x.entry(id)
	var old map[int32]uint64
	if e != nil {
		for s := range x.slotsOf(e) {
			x.count(s.status.status(), -1)
			if s.token != 0 {
				if old == nil {
					old = map[int32]uint64{}
				}
				old[s.n] = s.token
			}
		}
		x.takeOut(e)
		x.empty(e)
	}
	if !st.live() {
		if e != nil {
			x.entries.give(e.self)
			delete(x.live, id)
		}
		return
	}
	if e == nil {
		r, made := x.entries.take()
		made.id, made.self = id, r
		e, x.live[id] = made, r
	}
	last := &e.slots
	for i := range st.rcpts {
		r := &st.rcpts[i]
		if !r.status.Live() {
			continue
		}
		x.count(r.status, 1)
		at, s := x.slots.take()
		*s = slot{
			n: int32(r.n), status: statusCodes[r.status], fresh: r.fresh, manual: r.manual, throttled: r.throttled, next: r.next, token: old[int32(r.n)],
			place: x.places.use(workKey{r.hop, r.tenant}),
		}
		*last, last = at, &s.after
	}
	x.arrange(e)
}

// empty takes an entry's recipients from it.
func (x *index) empty(e *entry) {
	for r := e.slots; r != 0; {
		s := x.slots.at(r)
		x.places.leave(s.place)
		here := r
		r = s.after
		x.slots.give(here)
	}
	e.slots = 0
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
	for s := range x.slotsOf(e) {
		if !s.free() {
			continue
		}
		if it := x.item(e, s.group()); it == nil {
			r, it := x.items.take()
			*it = item{entry: e.self, due: s.next, group: x.group(s.group()).self, pos: -1, after: e.items}
			e.items = r
		} else if s.next < it.due {
			it.due = s.next
		}
	}
	for r, it := range x.itemsOf(e) {
		g := x.groupOf(it)
		g.items.add(r)
		x.settleGroup(g)
	}
}

// free reports work that may be claimed once its time has come.
func (s *slot) free() bool { return s.token == 0 && s.status.status().Due() }

func (x *index) item(e *entry, k groupKey) *item {
	for _, it := range x.itemsOf(e) {
		if x.groupOf(it).key == k {
			return it
		}
	}
	return nil
}

// refresh is arrange for the items at one place, after some of their slots
// were leased: the entry's other groups keep their turns.
func (x *index) refresh(e *entry, place ref) {
	link := &e.items
	for r, it := range x.itemsOf(e) {
		g := x.groupOf(it)
		if g.key.place != place {
			link = &it.after
			continue
		}
		first, left := int64(0), false
		for s := range x.slotsOf(e) {
			if s.group() == g.key && s.free() && (!left || s.next < first) {
				first, left = s.next, true
			}
		}
		if left {
			it.due = first
			heap.Fix(&g.items, int(it.pos))
			link = &it.after
		} else {
			heap.Remove(&g.items, int(it.pos))
			*link = it.after
			x.items.give(r)
		}
		x.settleGroup(g)
	}
}

func (x *index) takeOut(e *entry) {
	for r, it := range x.itemsOf(e) {
		g := x.groupOf(it)
		if it.pos >= 0 {
			heap.Remove(&g.items, int(it.pos))
		}
		x.items.give(r)
		x.settleGroup(g)
	}
	e.items = 0
}

// settleGroup puts a group back in order after its items changed.
func (x *index) settleGroup(g *group) {
	switch {
	case g.items.Len() == 0:
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
		x.groupAt[g.self-1] = nil
		x.groupFree = append(x.groupFree, g.self)
		x.places.leave(g.key.place)
	case g.turn != nil, g.parked != nil: // claim looks at its first item anyway
	case g.pos >= 0:
		heap.Fix(&x.waiting, g.pos)
	default:
		heap.Push(&x.waiting, g)
	}
}

func (x *index) forgetParked(g *group) {
	in := g.in
	in.Remove(g.parked)
	g.parked, g.in, g.until = nil, nil, 0
	if in.name != "" && in.Len() == 0 {
		delete(x.capped, in.name)
	}
}

// nextDue is when Claim may first find something: work falls due, may be asked
// for again, or a lease runs out. What is due at a hop that has its leases waits
// for one of them, or capFor. 0, false: nothing.
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
		take(x.waiting[0].due())
	}
	for i := range x.ready {
		for _, tt := range x.ready[i].by {
			for el := tt.hops.Front(); el != nil; el = el.Next() {
				take(el.Value.(*group).due())
			}
		}
	}
	for i := range x.skipped {
		if el := x.skipped[i].Front(); el != nil {
			take(el.Value.(*group).until)
		}
	}
	if len(x.capped) > 0 {
		take(x.cappedUntil)
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
	for id, r := range x.live {
		if !from.IsZero() && bytes.Compare(id[:], from[:]) > 0 {
			continue
		}
		for s := range x.slotsOf(x.entries.at(r)) {
			if slices.Contains(statuses, s.status.status()) {
				ids = append(ids, id)
				break
			}
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
	return len(x.live)
}
