package queue

import "time"

// Gate is an engine that says what its own limits keep back (B89);
// *deliver.Engine is one.
type Gate interface {
	// Room is how many attempts to a next hop may run at a time, 0 unknown, and
	// whether there is room for a further one now.
	Room(nextHop string) (most int, now bool)
	// Held is for how long mail for a next hop is kept back; that all connections
	// are in use is no such thing.
	Held(nextHop string) (d time.Duration, ok bool)
}

// shortHold is what mail is left due for: nothing has to be written meanwhile,
// which for thousands of messages at a destination that is down would be all
// that the disk does. What is kept back for longer is claimed, and put off by
// its own time in the record: so it is seen why, and the end of its lifetime is
// not missed while the destination is left alone. An operator's retry is never
// skipped.
const shortHold = 15 * time.Minute

// room tells a claim what it may take for each next hop; nil: anything. Were
// more claimed than there are connections (of a destination that was in trouble:
// one), the rest would be put off, each by a write. Next hops that share a
// destination's connections may still claim as many each.
func (w *Worker) room() func(nextHop string) (most int, wait time.Duration) {
	g, ok := w.o.Engine.(Gate)
	if !ok {
		return nil
	}
	return func(hop string) (int, time.Duration) {
		if hop == "" {
			return 0, 0
		}
		most, now := g.Room(hop)
		if now {
			return most, 0
		}
		d, held := g.Held(hop)
		switch {
		case !held:
			return most, 1 // a moment
		case d > shortHold:
			return 0, 0 // to be put off by its own time
		}
		return most, max(d, 1)
	}
}

// perTenant is how many attempts of one tenant may run at a time: where there
// are several, none may have them all, whatever it sends and however long its
// destinations take.
func perTenant(workers, tenants int) int {
	if tenants < 2 || workers < 4 {
		return 0
	}
	return workers - workers/4
}
