package flow

import (
	"context"
	"hash/fnv"
	"sync"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/gateway/internal/pluginfo"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// What plugins of stage hold_event are told of held mail, each after it is
// durable: Event.name.
const (
	heldNow      = "held"          // stalled, in quarantine, or held by a filter (B113)
	autoReleased = "auto-released" // filters that looked again let it pass (B14)
	// The others come from operators and from time: "released", "forced",
	// "retried", "removed", "expired".
)

const (
	tellers    = 4    // messages whose events are told at a time
	maxWaiting = 2000 // events that wait for that; beyond, they are dropped
)

// teller tells events one after the other: those of one message in order.
type teller struct {
	mu      sync.Mutex
	waiting []func(context.Context)
	runs    bool
}

// HoldEvent tells the plugins of a tenant's chain that subscribe to stage
// hold_event what happened to recipients ns of a message: name and actor are
// the event's. It waits for nothing. Observers change no mail, and what they
// are told is told at most once: not after a crash, and not when 2,000 events
// wait already.
func (f *Flow) HoldEvent(m *store.Message, ns []int, name, actor string) {
	p := f.o.Policy()
	if len(ns) == 0 || !f.hooked(p, abi.StageHoldEvent) {
		return
	}
	h := fnv.New32a()
	h.Write([]byte(m.ID.String()))
	t := &f.tellers[h.Sum32()%tellers]
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.waiting) >= maxWaiting/tellers {
		f.o.Logger.Warn("observers are slow: a hold event was dropped", "message", m.ID.String(), "event", name)
		return
	}
	light := *m
	light.PartEdits = nil // what waits is not to keep their content
	t.waiting = append(t.waiting, func(ctx context.Context) { f.holdEvent(ctx, p, &light, ns, name, actor) })
	if !t.runs {
		t.runs = f.beside(func() { f.drain(t) })
	}
}

// drain tells what waits, until nothing does or the gateway stops.
func (f *Flow) drain(t *teller) {
	for {
		t.mu.Lock()
		if len(t.waiting) == 0 || f.life.Err() != nil {
			t.waiting, t.runs = nil, false
			t.mu.Unlock()
			return
		}
		next := t.waiting[0]
		t.waiting = t.waiting[1:]
		t.mu.Unlock()
		ctx, cancel := context.WithTimeout(f.life, observeLimit)
		next(ctx)
		cancel()
	}
}

// hooked reports whether any plugin subscribes to a stage.
func (f *Flow) hooked(p *policy.Policy, stage abi.Stage) bool {
	for _, pl := range p.Plugins() {
		if f.o.Filters.Hooks(pl.Name, stage) {
			return true
		}
	}
	return false
}

// beside runs work beside whatever goes on, until Wait; false when the gateway
// stops already.
func (f *Flow) beside(work func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.life.Err() != nil {
		return false
	}
	f.late.Go(work)
	return true
}

func (f *Flow) holdEvent(ctx context.Context, p *policy.Policy, m *store.Message, ns []int, name, actor string) {
	var view filter.MessageView
	if m.HasBody && !m.Sealed { // else it is for its recipients alone
		if body, err := f.o.Store.OpenBody(ctx, m.ID); err == nil { // else it has gone meanwhile
			defer body.Close()
			if tree, err := mimetree.Parse(body, body.Size(), mimetree.Budget{}); err == nil {
				view = tree
			}
		}
	}
	for _, n := range ns {
		i := indexOf(m, n)
		if i < 0 {
			continue
		}
		r := &m.Recipients[i]
		ev := abi.Event{Stage: abi.StageHoldEvent, Name: name, Actor: actor}
		if info := pluginfo.Of(m, r.Tenant, n); info != nil {
			info.HasBody = view != nil
			ev.Message = []abi.MessageInfo{*info}
		}
		if view != nil {
			parts := view.Parts()
			ev.PartCount, ev.Malformed = uint32(len(parts.Parts)), parts.Malformed
		}
		f.tell(ctx, p, m, r, ev, view)
	}
}

// heldOf are the recipients that wait for an operator, or for a filter.
func heldOf(rs []store.Recipient) []int {
	var ns []int
	for i := range rs {
		if r := &rs[i]; r.Status.Held() || r.Status == mail.StatusAccepted && r.Hold != nil {
			ns = append(ns, r.N)
		}
	}
	return ns
}

// Judged implements queue.Judge: a judgement from the queue is durable.
func (f *Flow) Judged(ctx context.Context, m *store.Message, o store.Outcome) {
	p := f.o.Policy()
	if !f.hooked(p, abi.StageHoldEvent) && !f.hooked(p, abi.StageQueued) {
		return
	}
	now, err := f.o.Store.Get(ctx, m.ID)
	if err != nil { // it has gone on meanwhile
		return
	}
	before := map[int]*store.Recipient{}
	for i := range m.Recipients {
		before[m.Recipients[i].N] = &m.Recipients[i]
	}
	var held, passed []store.Recipient
	for _, r := range o.Recipients {
		switch {
		case r.Status.Held(), r.Hold != nil && r.Status == mail.StatusAccepted:
			held = append(held, r)
		case r.Status.Due() && !r.Unjudged && r.Origin == mail.StatusAutoReleased:
			passed = append(passed, r)
		}
	}
	for i := range now.Recipients { // originals that were added
		if r := &now.Recipients[i]; r.Kept && before[r.N] == nil {
			held = append(held, *r)
		}
	}
	put(now, o.Recipients)
	f.HoldEvent(now, heldOf(held), heldNow, "")
	var ns []int
	for _, r := range passed {
		ns = append(ns, r.N)
	}
	f.HoldEvent(now, ns, autoReleased, "")
	if !f.hooked(p, abi.StageQueued) {
		return
	}
	f.beside(func() {
		ctx, cancel := context.WithTimeout(f.life, observeLimit)
		defer cancel()
		for i := range o.Recipients {
			if r := &o.Recipients[i]; r.Status.Due() && !r.Unjudged {
				f.tell(ctx, p, now, r, abi.Event{Stage: abi.StageQueued}, nil)
			}
		}
	})
}

// put gives a copy of a message the states that an outcome wrote: what the
// event is about, whatever has happened since.
func put(m *store.Message, rs []store.Recipient) {
	for _, r := range rs {
		if i := indexOf(m, r.N); i >= 0 {
			m.Recipients[i] = r
		}
	}
}
