package storetest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Work loads a store as a gateway does, until ctx ends, and writes a ledger
// of what the store acknowledged to w, one unbuffered line each:
//
//	E id size   taken over          s id  about to be settled   S id  settled: delivered, body dropped
//	                                f id  about to be forgotten F id  forgotten
//
// It is for tests that kill the process or cut the power meanwhile and then
// Check what is left.
func Work(ctx context.Context, s store.Store, w io.Writer, workers int) error {
	l := &ledger{w: w}
	errs := make(chan error, workers)
	for range workers {
		go func() { errs <- l.work(ctx, s) }()
	}
	var first error
	for range workers {
		if err := <-errs; err != nil && first == nil && ctx.Err() == nil {
			first = err
		}
	}
	return first
}

type ledger struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *ledger) line(format string, a ...any) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, err := fmt.Fprintf(l.w, format+"\n", a...)
	return err
}

func (l *ledger) work(ctx context.Context, s store.Store) error {
	for ctx.Err() == nil {
		if err := l.enqueue(ctx, s); err != nil {
			return err
		}
		if rand.IntN(10) < 4 {
			continue
		}
		cs, err := s.Claim(ctx, store.ClaimRequest{Now: time.Now(), Limit: 1, For: time.Minute})
		if err != nil {
			return err
		}
		for _, c := range cs {
			if err := l.deliver(ctx, s, c); err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *ledger) enqueue(ctx context.Context, s store.Store) error {
	size := rand.IntN(20 << 10)
	if rand.IntN(5) == 0 {
		size = 50<<10 + rand.IntN(150<<10)
	}
	m := message(rcpt(1, fmt.Sprintf("hop%d", rand.IntN(5))))
	d, err := s.NewDraft(ctx, 0)
	if err != nil {
		return err
	}
	defer d.Discard()
	if _, err := d.Write(bodyOf(m.ID, size)); err != nil {
		return err
	}
	if _, err := s.Enqueue(ctx, &store.Admission{Message: m, Draft: d, Events: []mail.Event{event(m, mail.EventReception)}}); err != nil {
		return err
	}
	return l.line("E %s %d", m.ID, size)
}

func (l *ledger) deliver(ctx context.Context, s store.Store, c store.Claimed) error {
	id := c.Message.ID
	o := outcome(c, mail.StatusDelivered)
	o.DropBody, o.Attempts = true, []mail.Attempt{{Host: "mx"}}
	o.Events = []mail.Event{event(c.Message, mail.EventDelivery)}
	if err := l.line("s %s", id); err != nil {
		return err
	}
	if err := s.Settle(ctx, c.Lease, o); err != nil {
		return err
	}
	if err := l.line("S %s", id); err != nil || rand.IntN(3) > 0 {
		return err
	}
	if err := l.line("f %s", id); err != nil {
		return err
	}
	if err := s.Forget(ctx, id); err != nil {
		return err
	}
	return l.line("F %s", id)
}

// Report is what Check found.
type Report struct {
	Acked   int      // messages the ledger acknowledges
	Settled int      // of those, settled
	Missing []string // acknowledged, but lost, changed or undone; with what is wrong
}

// Check compares a store with the ledger. acked is the ledger up to the
// moment at which the store's contents were cut off: what it acknowledges has
// to be there. begun is the ledger up to a later moment: what it says was
// begun may have happened. For a killed process both are the whole ledger.
func Check(ctx context.Context, s store.Store, acked, begun []byte) Report {
	type fate struct{ size, acked, begun int }
	fates := map[mail.ID]*fate{}
	read := func(ledger []byte, f func(op byte, id mail.ID, rest string)) {
		sc := bufio.NewScanner(bytes.NewReader(ledger[:bytes.LastIndexByte(ledger, '\n')+1]))
		for sc.Scan() {
			op, rest, _ := strings.Cut(sc.Text(), " ")
			text, rest, _ := strings.Cut(rest, " ")
			if id, err := mail.ParseID(text); err == nil && len(op) == 1 {
				f(op[0], id, rest)
			}
		}
	}
	const steps = " ESF"
	read(acked, func(op byte, id mail.ID, rest string) {
		if op == 'E' {
			n := 0
			_, _ = fmt.Sscan(rest, &n)
			fates[id] = &fate{size: n}
		}
		if f := fates[id]; f != nil && op < 'a' {
			f.acked = strings.IndexByte(steps, op)
			f.begun = max(f.begun, f.acked)
		}
	})
	read(begun, func(op byte, id mail.ID, _ string) {
		if f := fates[id]; f != nil && op >= 'a' {
			f.begun = max(f.begun, strings.IndexByte(steps, op-'a'+'A'))
		}
	})
	var r Report
	for id, f := range fates {
		r.Acked++
		if f.acked > 1 {
			r.Settled++
		}
		is, wrong := stepOf(ctx, s, id, f.size)
		switch {
		case wrong != "":
			r.Missing = append(r.Missing, fmt.Sprintf("%s: %s", id, wrong))
		case is < f.acked || is > f.begun:
			r.Missing = append(r.Missing, fmt.Sprintf("%s: is at step %q; %q is acknowledged, %q was begun", id, steps[is], steps[f.acked], steps[f.begun]))
		}
	}
	return r
}

// stepOf tells how far a message has come: 1 queued, 2 settled, 3 forgotten.
func stepOf(ctx context.Context, s store.Store, id mail.ID, size int) (step int, wrong string) {
	m, err := s.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		if b, err := s.OpenBody(ctx, id); err == nil {
			b.Close()
			return 0, "the record is gone, the body is not"
		}
		return 3, ""
	}
	if err != nil {
		return 0, err.Error()
	}
	switch r := m.Recipients[0]; r.Status {
	case mail.StatusQueued:
		b, err := s.OpenBody(ctx, id)
		if err != nil {
			return 0, err.Error()
		}
		defer b.Close()
		got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
		if err != nil || !bytes.Equal(got, bodyOf(id, size)) {
			return 0, fmt.Sprintf("the body differs (%d octets, %d expected; %v)", len(got), size, err)
		}
		return 1, ""
	case mail.StatusDelivered:
		if b, err := s.OpenBody(ctx, id); err == nil {
			b.Close()
			return 0, "it is delivered, and its body is still there"
		}
		return 2, ""
	default:
		return 0, fmt.Sprintf("it is %s: %s", r.Status, r.Reason)
	}
}
