package mail

// QueueState says how far a queued recipient has come on its way (B97–B101).
// The spelling is the one of searches, API and CLI.
type QueueState string

// The states, in the order in which a recipient may go through them.
const (
	StateUnrouted       QueueState = "unrouted"        // B97: no route leads to it
	StateRouteSelected  QueueState = "route-selected"  // B98: its hosts have still to be looked up
	StateHostIdentified QueueState = "host-identified" // B99: waits for its first attempt to start
	StateAttemptFailed  QueueState = "attempt-failed"  // B100: waits for its retry
	StateDelayNoticed   QueueState = "delay-noticed"   // B101: as before, and the sender was told of the delay
)

// QueueStates lists them in order.
func QueueStates() []QueueState {
	return []QueueState{StateUnrouted, StateRouteSelected, StateHostIdentified, StateAttemptFailed, StateDelayNoticed}
}
