package jobs

import "sync/atomic"

// Stats counts jobs since the service was opened.
type Stats struct {
	Running int              // or waiting to
	Ended   map[State]uint64 // by how
}

// ends counts the jobs that ended.
type ends struct{ done, failed, cancelled, stopped atomic.Uint64 }

func (e *ends) add(s State) {
	switch s {
	case Done:
		e.done.Add(1)
	case Failed:
		e.failed.Add(1)
	case Cancelled:
		e.cancelled.Add(1)
	case Stopped:
		e.stopped.Add(1)
	}
}

// Stats counts the jobs there are and were.
func (s *Service) Stats() Stats {
	s.mu.Lock()
	n := len(s.live)
	s.mu.Unlock()
	return Stats{n, map[State]uint64{
		Done: s.ended.done.Load(), Failed: s.ended.failed.Load(), Cancelled: s.ended.cancelled.Load(), Stopped: s.ended.stopped.Load(),
	}}
}
