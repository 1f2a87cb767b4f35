package tasks

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/pluginfo"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// handing is how many tasks of one message are made durable at one time; the
// store commits them together.
const handing = 32

// Hand makes durable what policy's run asks for about the recipients of a
// message, by their numbers, before the client is answered. Nothing is called
// before settle, which says whether the message was taken (or refused for
// good): if not, the client comes back, and the tasks are dropped. Without a
// settle, after a crash, they are done: a call too many, never one too few.
//
// A call for which there is no room is not made, and the journal says so.
func (s *Service) Hand(ctx context.Context, m *store.Message, calls map[int][]policy.Call) (settle func(taken bool), err error) {
	now := s.clock.Now()
	var made []*entry
	var refused []*order
	var todo []*Task
	for _, n := range slices.Sorted(maps.Keys(calls)) {
		i := slices.IndexFunc(m.Recipients, func(r store.Recipient) bool { return r.N == n })
		if i < 0 {
			continue
		}
		for _, c := range calls[n] {
			todo = append(todo, fromPolicy(m, &m.Recipients[i], c, now))
		}
	}
	slots := make([]*entry, len(todo))
	full := make([]bool, len(todo))
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(handing)
	for i, t := range todo {
		g.Go(func() error {
			e, err := s.put(gctx, t, false, true)
			if errors.Is(err, ErrLimit) {
				full[i], err = true, nil
			}
			slots[i] = e
			return err
		})
	}
	err = g.Wait()
	for i, t := range todo {
		if slots[i] != nil {
			made = append(made, slots[i])
		}
		if full[i] {
			refused = append(refused, &order{stage: t.Stage, plugin: t.Plugin, tenant: t.Tenant, name: t.Name, actor: t.Actor, id: m.ID, ns: []int{t.N}, m: m})
		}
	}
	settle = func(taken bool) { s.settle(made, refused, taken) }
	if err != nil {
		settle(false)
		return func(bool) {}, err
	}
	return settle, nil
}

func fromPolicy(m *store.Message, r *store.Recipient, c policy.Call, now time.Time) *Task {
	t := &Task{
		ID:    taskID("run", m.ID.String(), strconv.Itoa(r.N), c.Block, strconv.Itoa(c.N), c.Plugin, c.Action),
		Stage: Action, Plugin: c.Plugin, Tenant: r.Tenant, Name: c.Action, Actor: "policy " + c.Rule,
		Message: m.ID, N: r.N, Payload: c.Params.Append(nil), Created: now, Next: now,
	}
	if in := pluginfo.Of(m, r.Tenant, r.N); in != nil {
		t.Info = in.Append(nil)
	}
	return t
}

// dropPatience bounds how long a client waits for tasks of a message that was
// not taken to be dropped.
const dropPatience = 10 * time.Second

func (s *Service) settle(made []*entry, refused []*order, taken bool) {
	if !taken {
		ctx, cancel := context.WithTimeout(context.Background(), dropPatience)
		defer cancel()
		for _, e := range made {
			if err := s.drop(ctx, e.ID); err != nil {
				s.log.Warn("a call that policy asked for about a message that was not taken could not be dropped; it is made", "plugin", e.Plugin, "message", e.Message.String(), "err", err)
				s.arm(e)
			}
		}
		return
	}
	for _, e := range made {
		s.arm(e)
	}
	now := s.clock.Now()
	for _, o := range refused {
		s.log.Error("a call that policy asked for is not made: too much waits", "plugin", o.plugin, "name", o.name, "tenant", o.tenant, "message", o.id.String())
		s.count.add(o.plugin, o.stage, o.name, "refused")
		s.o.Store.Record(nil, nil, mail.Event{
			At: now, Type: mail.EventActionFailed, Message: o.id, N: o.ns[0], Tenant: o.tenant, Direction: o.m.Direction, Sender: o.m.Sender.String(),
			Actor: o.actor, Text: o.String() + ": not called: " + ErrLimit.Error(),
		})
	}
}

// beat is how long after the reply a call is made, so that the message's row
// is there by then, also where nobody waited for it.
const beat = time.Second

// arm lets a held task be done.
func (s *Service) arm(e *entry) {
	at := s.clock.Now().Add(beat)
	s.mu.Lock()
	if s.idx.byID[e.ID] == e && e.held {
		n := *e
		n.held, n.Next = false, at
		s.idx.put(&n)
	}
	s.mu.Unlock()
	s.poke()
}
