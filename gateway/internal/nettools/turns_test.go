package nettools

import (
	"context"
	"errors"
	"testing"
)

// TestB45_turns: an operator with slow hosts leaves room for the others.
func TestB45_turns(t *testing.T) {
	r := newRig(t, "", nil)
	var done []func()
	take := func(actor string, want bool) {
		t.Helper()
		sc := admin
		sc.Actor = actor
		ctx, cancel := context.WithCancel(t.Context())
		if !want {
			cancel() // where it would wait
		}
		defer cancel()
		d, err := r.turn(ctx, sc)
		var busy *Busy
		if (err == nil) != want || err != nil && !errors.As(err, &busy) {
			t.Errorf("%s: %v", actor, err)
		}
		if err == nil {
			done = append(done, d)
		}
	}
	for range maxTurnsOf {
		take("anna", true)
	}
	take("anna", false)
	take("bob", true)
	done[0]()
	done = done[1:]
	take("anna", true)
	for _, actor := range []string{"c", "d", "e"} {
		for range maxTurnsOf {
			if len(done) < maxTurns {
				take(actor, true)
			}
		}
	}
	take("late", false)
	for _, d := range done {
		d()
	}
	if len(r.mine) != 0 || len(r.turns) != 0 {
		t.Errorf("%v, %d turns are kept", r.mine, len(r.turns))
	}
}
