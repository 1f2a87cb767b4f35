package badgerstore

import (
	"container/heap"
	"container/list"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Work that is due is served in turns: first between what has never failed
// and what has, then between tenants, then between a tenant's next hops, and
// within one hop the longest due first. So neither a tenant's flood, nor a
// deep backlog of retries, nor a hop that takes its time holds up the others.

// freshOf is how many of every freshIn turns go to work that has never failed,
// where there is any; the others go to retries, where there are any.
const (
	freshOf = 3
	freshIn = 4
)

// skipFor is for how long, in nanoseconds, a next hop that a claim was told to
// skip is left alone: a moment where that may be over soon, and longer where it
// is known to last, for to ask again about thousands of hops that are down takes
// its time from those that come in. What ends sooner than was said waits that
// long at most, or until a claim asks again (ClaimRequest.Again).
var skipFor = [...]int64{500e6, 5e9, 20e9}

// turns are the groups with due work, of one class.
type turns struct {
	tenants list.List // of *tenantTurn, each with a group
	by      map[string]*tenantTurn
}

// tenantTurn is one tenant's place.
type tenantTurn struct {
	name string
	hops list.List // of *group
	el   *list.Element
}

func (t *turns) add(g *group) {
	name := g.items.of.places.at(g.key.place).tenant
	tt := t.by[name]
	if tt == nil {
		tt = &tenantTurn{name: name}
		tt.el = t.tenants.PushBack(tt)
		t.by[name] = tt
	}
	g.turn, g.of = tt.hops.PushBack(g), tt
}

func (t *turns) remove(g *group) {
	tt := g.of
	tt.hops.Remove(g.turn)
	g.turn, g.of = nil, nil
	if tt.hops.Len() == 0 {
		t.tenants.Remove(tt.el)
		delete(t.by, tt.name)
	}
}

// parked are groups with due work that may not be served now, oldest first.
type parked struct {
	list.List
	name string // among capped
}

func (p *parked) add(g *group) { g.parked, g.in = p.PushBack(g), p }

// unpark puts a group back among those that wait; the next claim sees whether
// its time has come.
func (x *index) unpark(g *group) {
	g.in.Remove(g.parked)
	g.parked, g.in, g.until = nil, nil, 0
	heap.Push(&x.waiting, g)
}

// capFor is for how long, in nanoseconds, a hop is left alone that has as many
// leases as it may: until one of them ends, and no longer than this, for it may
// be that it may have more.
const capFor = 5e9

// atHop and atShared are the names among capped of a next hop, and of what
// several have in common.
func atHop(hop string) string       { return "hop " + hop }
func atShared(shared string) string { return "all " + shared }

// capAt leaves a group alone until a lease ends that counts for the name, or for a
// while.
func (x *index) capAt(name string, g *group, now int64) {
	if len(x.capped) == 0 {
		x.cappedUntil = now + capFor
	}
	if x.capped[name] == nil {
		x.capped[name] = &parked{name: name}
	}
	x.capped[name].add(g)
}

// uncap lets the groups that are capped under a name have their turn again, in the
// order in which they lost it: a lease ended.
func (x *index) uncap(name string) {
	p := x.capped[name]
	if p == nil {
		return
	}
	delete(x.capped, name)
	for el := p.Front(); el != nil; el = p.Front() {
		g := el.Value.(*group)
		p.Remove(el)
		g.parked, g.in = nil, nil
		x.class(g).add(g)
	}
}

// skip leaves a group alone for a while that is not longer than d, or a moment.
func (x *index) skip(g *group, now int64, d time.Duration) {
	i := 0
	for i+1 < len(skipFor) && int64(d) >= skipFor[i+1] {
		i++
	}
	g.until = now + skipFor[i]
	x.skipped[i].add(g)
}

// overdue: the first of a group has been due for so long; what never had a time, since
// it came in.
func (x *index) overdue(g *group, now int64, after time.Duration) bool {
	if after <= 0 {
		return false
	}
	it := g.items.at(0)
	since := it.due
	if since == 0 {
		since = x.entries.at(it.entry).id.Time().UnixNano()
	}
	return now-since >= int64(after)
}

// hasten makes due what our own limits put off.
func (x *index) hasten(now int64) {
	for _, r := range x.live {
		e, more := x.entries.at(r), false
		for s := range x.slotsOf(e) {
			if s.throttled && s.free() && s.next > now {
				s.next, more = now, true
			}
		}
		if more {
			x.arrange(e)
		}
	}
}

// ripen gives their turn to the groups whose time has come, also to those
// whose reason not to be served is over.
func (x *index) ripen(now int64, r *store.ClaimRequest) {
	if r.Again {
		x.hasten(now)
	}
	if over := r.Again || x.cappedUntil <= now || x.cappedUntil > now+capFor; r.PerHop != x.perHop || over {
		x.perHop, x.cappedUntil = r.PerHop, now+capFor
		for name := range x.capped {
			x.uncap(name)
		}
	}
	for i := range x.skipped {
		p := &x.skipped[i]
		for el := p.Front(); el != nil; el = p.Front() {
			g := el.Value.(*group)
			if r.Room != nil && !r.Again && g.until > now && g.until <= now+skipFor[i] {
				break
			}
			x.unpark(g)
		}
	}
	for len(x.waiting) > 0 && x.waiting[0].due() <= now {
		g := heap.Pop(&x.waiting).(*group)
		x.class(g).add(g)
	}
}

func (x *index) class(g *group) *turns {
	if g.key.fresh {
		return &x.ready[0]
	}
	return &x.ready[1]
}

// nextTurn is the group to serve, and what its next hop shares with others; nil:
// none may be.
func (x *index) nextTurn(now int64, r *store.ClaimRequest) (g *group, shared string) {
	first := 0
	if (x.round+1)%freshIn >= freshOf {
		first = 1
	}
	for _, c := range []int{first, 1 - first} {
		if g, shared = x.turnOf(&x.ready[c], now, r); g != nil {
			x.round++
			return g, shared
		}
	}
	return nil, ""
}

func (x *index) turnOf(t *turns, now int64, r *store.ClaimRequest) (g *group, shared string) {
	for passed := 0; passed < t.tenants.Len(); {
		tt := t.tenants.Front().Value.(*tenantTurn)
		t.tenants.MoveToBack(tt.el)
		if r.PerTenant > 0 && x.runningOf[tt.name] >= r.PerTenant {
			passed++
			continue
		}
		// Whatever may not be served leaves the turns, the last with its tenant.
		for tt.hops.Len() > 0 {
			g = tt.hops.Front().Value.(*group)
			at := x.places.at(g.key.place)
			switch {
			case g.due() > now:
				t.remove(g)
				heap.Push(&x.waiting, g)
			case r.PerHop > 0 && x.running[at.hop] >= r.PerHop:
				t.remove(g)
				x.capAt(atHop(at.hop), g, now)
			default:
				var room store.Room
				if r.Room != nil && !g.key.manual {
					room = r.Room(at.hop)
				}
				name, running := atHop(at.hop), x.running[at.hop]
				if room.Shared != "" {
					name, running = atShared(room.Shared), x.sharing[room.Shared]
				}
				switch {
				case room.Most > 0 && running >= room.Most:
					t.remove(g)
					x.capAt(name, g, now)
				case room.Wait > 0 && !x.overdue(g, now, r.Overdue):
					t.remove(g)
					x.skip(g, now, room.Wait)
				default:
					tt.hops.MoveToBack(g.turn)
					return g, room.Shared
				}
			}
		}
	}
	return nil, ""
}

// claim leases due work, in turns.
func (x *index) claim(now, until int64, r store.ClaimRequest) []*lease {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.expire(now)
	x.ripen(now, &r)
	var out []*lease
	for len(out) < r.Limit {
		g, shared := x.nextTurn(now, &r)
		if g == nil {
			break
		}
		e, place := x.entries.at(g.items.at(0).entry), g.key.place
		l := x.lease(e, until, func(s *slot) bool { return s.place == place && s.next <= now })
		if l.shared = shared; shared != "" {
			x.sharing[shared]++
		}
		out = append(out, l)
		x.refresh(e, place)
	}
	return out
}
