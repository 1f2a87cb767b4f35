package events

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"
)

// How long a receiver waits that does not take events: from the first wait on
// twice as long each time, up to the longest.
const (
	firstWait = time.Second
	longest   = 10 * time.Minute
)

// from is where a batch began.
type from struct {
	cur cursor
	seq uint64
}

// deliver gives a batch until the receiver takes it, and then writes the place.
func (s *sink) deliver(ctx context.Context, b Batch, back from) {
	var next []Event // what follows, after the receiver wanted less at a time
	for n := 0; ctx.Err() == nil; n++ {
		s.note(func(st *Status) { st.Oldest = b.Events[0].At })
		err := s.give(ctx, b)
		if err == nil {
			s.taken(ctx, b, len(next) == 0)
			if len(next) == 0 {
				return
			}
			k := min(s.limit, len(next))
			b.Events, next, n = next[:k], next[k:], -1
			continue
		}
		if ctx.Err() != nil {
			return
		}
		var r *Refusal
		if !errors.As(err, &r) {
			r = &Refusal{Text: err.Error()}
		}
		if r.TooLarge && len(b.Events) > 1 {
			k := len(b.Events) / 2
			s.limit = max(1, k)
			next = append(slices.Clone(b.Events[k:]), next...)
			b.Events = b.Events[:k]
			continue
		}
		if r.Gone {
			s.log.Error("a receiver of events wants nothing any more; nothing is sent to it until it is resumed", "answer", r.Text)
			if s.cur.Seq == back.cur.Seq { // nothing of the batch was taken
				s.cur, s.r.seq = back.cur, back.seq
			} else {
				s.r.seq = s.cur.Seq
			}
			s.cur.Disabled, s.cur.Print = r.Text, s.Print
			s.save(ctx)
			return
		}
		if s.expired(&b, &next) {
			n = -1
			if len(b.Events) == 0 {
				s.done(ctx)
				return
			}
		}
		if !s.pause(ctx, max(n, 0), r) {
			return
		}
	}
}

// expired drops what waited too long; it reports whether something was.
func (s *sink) expired(b *Batch, next *[]Event) bool {
	now, n := s.o.Clock(), uint64(0)
	all := append(slices.Clone(b.Events), *next...)
	for len(all) > 0 && (all[0].Type == TypeLost || now.Sub(all[0].At) > s.Keep) {
		if all[0].Type == TypeLost {
			if len(all) == 1 || now.Sub(all[1].At) <= s.Keep {
				break
			}
		} else {
			n++
		}
		all = all[1:]
	}
	if n == 0 {
		return false
	}
	s.lose(n, "they waited longer than the receiver's keep")
	k := min(s.limit, len(all))
	b.Events, *next = all[:k], all[k:]
	return true
}

func (s *sink) give(ctx context.Context, b Batch) error {
	if s.out == nil {
		out, err := s.Open()
		if err != nil {
			return err
		}
		s.out = out
	}
	return s.out.Write(ctx, b)
}

// taken notes that a batch arrived. whole: nothing of what was read is left.
func (s *sink) taken(ctx context.Context, b Batch, whole bool) {
	told := uint64(0)
	for i := range b.Events {
		if b.Events[i].Type == TypeLost {
			told = b.Events[i].Lost
		}
	}
	s.cur.Untold -= min(told, s.cur.Untold)
	s.note(func(st *Status) {
		st.State, st.Error, st.Tries, st.Next = "ok", "", 0, time.Time{}
		st.Delivered += uint64(len(b.Events))
		st.Last = s.o.Clock()
	})
	if whole {
		s.done(ctx)
		return
	}
	s.cur.Seq = b.Events[len(b.Events)-1].Seq
	s.save(ctx)
}

// pause waits after a failed try, for longer each time; false: ctx ended.
func (s *sink) pause(ctx context.Context, n int, r *Refusal) bool {
	d := longest
	if n < 20 {
		d = min(longest, firstWait<<n)
	}
	d -= time.Duration(s.o.Jitter() * float64(d) / 4)
	if r.After > 0 {
		d = min(max(r.After, d), 24*time.Hour)
	}
	level := slog.LevelWarn
	if n > 3 && n%10 != 0 {
		level = slog.LevelDebug
	}
	s.log.Log(ctx, level, "a receiver of events does not take them; trying again", "error", r.Text, "in", d.Round(time.Millisecond), "tries", n+1)
	s.note(func(st *Status) {
		st.State, st.Error, st.Tries, st.Next = "retrying", r.Text, n+1, s.o.Clock().Add(d)
		st.Failures++
	})
	return s.wait(ctx, d)
}

// wait waits for d, for an operator, or for the end; false: that was it.
func (s *sink) wait(ctx context.Context, d time.Duration) bool {
	select {
	case <-s.o.After(d):
	case <-s.wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}
