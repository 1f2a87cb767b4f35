package client

import "time"

// Hurry has the client wait a moment only before it tries again, and gives what
// ends that.
func Hurry() (undo func()) {
	old := pauses
	pauses = make([]time.Duration, len(old))
	for i := range pauses {
		pauses[i] = time.Millisecond
	}
	return func() { pauses = old }
}
