package tasks

import (
	"container/heap"
	"time"
)

// owner is who a task counts for.
type owner struct{ plugin, tenant string }

// entry is a task as the index holds it: without its payload.
type entry struct {
	Task
	rev  uint64
	size int // octets of its document
	at   int // place in the lane's heap, -1 not in it

	running bool
	held    bool // not to be done before it is settled
	done    bool // done, and only to be deleted
}

// lane is the tasks of one owner, the next due on top.
type lane struct {
	owner
	due     []*entry
	running int
	waiting int // tasks that are not failed
	failed  int
	bytes   int // of both
}

// heap.Interface.
func (l *lane) Len() int           { return len(l.due) }
func (l *lane) Less(i, j int) bool { return l.due[i].Next.Before(l.due[j].Next) }
func (l *lane) Swap(i, j int) {
	l.due[i], l.due[j] = l.due[j], l.due[i]
	l.due[i].at, l.due[j].at = i, j
}

func (l *lane) Push(x any) {
	e := x.(*entry)
	e.at = len(l.due)
	l.due = append(l.due, e)
}

func (l *lane) Pop() any {
	e := l.due[len(l.due)-1]
	l.due[len(l.due)-1] = nil
	l.due = l.due[:len(l.due)-1]
	e.at = -1
	return e
}

// index knows every task by ID and by when it is due. Its user locks.
type index struct {
	byID  map[string]*entry
	lanes map[owner]*lane
	ring  []*lane // the lanes in the order in which they are served
	turn  int

	tenant, plugin map[string]int // waiting tasks
}

func newIndex() *index {
	return &index{byID: map[string]*entry{}, lanes: map[owner]*lane{}, tenant: map[string]int{}, plugin: map[string]int{}}
}

func (x *index) lane(o owner) *lane {
	l := x.lanes[o]
	if l == nil {
		l = &lane{owner: o}
		x.lanes[o] = l
		x.ring = append(x.ring, l)
	}
	return l
}

// put adds or replaces a task. One that runs or is held is not due.
func (x *index) put(e *entry) {
	x.remove(e.ID)
	l := x.lane(owner{e.Plugin, e.Tenant})
	x.byID[e.ID] = e
	l.bytes += e.size
	if e.Failed.IsZero() {
		l.waiting++
		x.tenant[e.Tenant]++
		x.plugin[e.Plugin]++
	} else {
		l.failed++
	}
	e.at = -1
	if e.running {
		l.running++
	} else if !e.held {
		heap.Push(l, e)
	}
}

// remove forgets a task.
func (x *index) remove(id string) {
	e := x.byID[id]
	if e == nil {
		return
	}
	delete(x.byID, id)
	l := x.lane(owner{e.Plugin, e.Tenant})
	l.bytes -= e.size
	if e.Failed.IsZero() {
		l.waiting--
		less(x.tenant, e.Tenant)
		less(x.plugin, e.Plugin)
	} else {
		l.failed--
	}
	if e.running {
		l.running--
	}
	if e.at >= 0 {
		heap.Remove(l, e.at)
	}
	if l.waiting+l.failed+l.running == 0 {
		x.drop(l)
	}
}

func less(m map[string]int, k string) {
	if m[k]--; m[k] <= 0 {
		delete(m, k)
	}
}

func (x *index) drop(l *lane) {
	delete(x.lanes, l.owner)
	for i := range x.ring {
		if x.ring[i] == l {
			x.ring = append(x.ring[:i], x.ring[i+1:]...)
			if x.turn > i {
				x.turn--
			}
			break
		}
	}
}

// take takes out one task that is due, of the owner whose turn it is; an owner
// has at most perLane running. Without one, next is when there will be; zero:
// not before something changes.
func (x *index) take(now time.Time, perLane int) (e *entry, next time.Time) {
	for i := range x.ring {
		l := x.ring[(x.turn+i)%len(x.ring)]
		if len(l.due) == 0 || l.running >= perLane {
			continue
		}
		if t := l.due[0].Next; t.After(now) {
			if next.IsZero() || t.Before(next) {
				next = t
			}
			continue
		}
		e := heap.Pop(l).(*entry)
		e.running = true
		l.running++
		x.turn = (x.turn + i + 1) % len(x.ring)
		return e, time.Time{}
	}
	return nil, next
}
