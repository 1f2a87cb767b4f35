package queue

import "time"

// Gate is an engine that says what its own limits keep back (B89);
// *deliver.Engine is one.
type Gate interface {
	// Ready reports whether there is room for a further attempt to a next hop now.
	Ready(nextHop, tenant string) bool
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

// skip tells a claim which next hops to leave alone; nil: none.
func (w *Worker) skip() func(nextHop, tenant string) time.Duration {
	g, ok := w.o.Engine.(Gate)
	if !ok {
		return nil
	}
	return func(hop, tenant string) time.Duration {
		if hop == "" || g.Ready(hop, tenant) {
			return 0
		}
		d, held := g.Held(hop)
		switch {
		case !held:
			return 1 // a moment
		case d > shortHold:
			return 0
		}
		return max(d, 1)
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
