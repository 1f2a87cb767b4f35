package queue

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Gate is an engine that says what its own limits keep back (B89);
// *deliver.Engine is one.
type Gate interface {
	// Room is how many attempts to a next hop may run at a time, 0 unknown, of all
	// that go to the same destination, and whether there is room for a further one
	// now.
	Room(nextHop string) (most int, destination string, now bool)
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

// longHold is for how long due mail is left alone by many short holds, one after the
// other, or by an operator's suspension.
const longHold = time.Hour

// room tells a claim what it may take for each next hop; nil: anything. Were
// more claimed than there are connections (of a destination that was in trouble:
// one), the rest would be put off, each by a write.
func (w *Worker) room() func(nextHop string) store.Room {
	g, ok := w.o.Engine.(Gate)
	if !ok {
		return nil
	}
	return func(hop string) store.Room {
		if hop == "" {
			return store.Room{}
		}
		most, destination, now := g.Room(hop)
		room := store.Room{Most: most, Shared: destination}
		if now {
			return room
		}
		d, held := g.Held(hop)
		switch {
		case !held:
			room.Wait = 1 // a moment
		case d > shortHold:
			return store.Room{} // to be put off by its own time
		default:
			room.Wait = max(d, 1)
		}
		return room
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
