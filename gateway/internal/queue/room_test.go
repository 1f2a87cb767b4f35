package queue

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// cramped has no room for the first outcomes.
type cramped struct {
	store.Queue
	full, settled int
	until         time.Time
}

func (c *cramped) Settle(context.Context, store.Lease, store.Outcome) error {
	if c.full--; c.full >= 0 {
		return store.ErrFull
	}
	c.settled++
	return nil
}

func (c *cramped) Extend(_ context.Context, l store.Lease, until time.Time) (store.Lease, error) {
	c.until, l.Until = until, until
	return l, nil
}

// TestOutcomeWaitsForRoom: mail that is out is not sent again because the disk
// was full when it was to be recorded; `make powercut` found it.
func TestOutcomeWaitsForRoom(t *testing.T) {
	l := store.Lease{Until: time.Unix(1e9, 0)}
	tried := store.Outcome{Attempts: []mail.Attempt{{}}}
	s := &cramped{full: 1}
	if err := Settle(make(chan struct{}), s, l, tried, Entry{}); err != nil || s.settled != 1 || !s.until.After(l.Until) {
		t.Errorf("%v, settled %d times, lease until %v", err, s.settled, s.until)
	}
	stop := make(chan struct{})
	close(stop)
	s = &cramped{full: 1000}
	if err := Settle(stop, s, l, tried, Entry{}); !errors.Is(err, store.ErrFull) || s.full != 999 {
		t.Errorf("while stopping: %v", err)
	}
	s = &cramped{full: 1000}
	if err := Settle(make(chan struct{}), s, l, store.Outcome{}, Entry{}); !errors.Is(err, store.ErrFull) || s.full != 999 {
		t.Errorf("without an attempt: %v", err)
	}
}
