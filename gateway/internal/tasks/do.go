package tasks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// do makes one call that is due, and notes what became of it.
func (s *Service) do(ctx context.Context, e *entry) {
	defer func() {
		if x := recover(); x != nil {
			s.log.Error("a task broke; it is tried again", "task", e.ID, "plugin", e.Plugin, "panic", fmt.Sprint(x), "stack", string(debug.Stack()))
			s.again(e, func(e *entry) { e.Next = s.clock.Now().Add(longestWait) })
		}
	}()
	now := s.clock.Now()
	if e.done || !e.Failed.IsZero() { // its time to be seen is over
		s.finish(ctx, e)
		return
	}
	d, err := s.o.Store.GetDoc(ctx, "", kindDoc, e.ID)
	var t *Task
	if err == nil {
		t, err = decode(e.ID, d.JSON)
	}
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.mu.Lock()
		if s.idx.byID[e.ID] == e {
			s.idx.remove(e.ID)
		}
		s.mu.Unlock()
		s.poke()
		return
	case ctx.Err() != nil:
		s.again(e, func(*entry) {})
		return
	case err != nil:
		s.log.Error("a task cannot be read; it is tried again", "task", e.ID, "plugin", e.Plugin, "err", err)
		s.again(e, func(e *entry) { e.Next = now.Add(longestWait) })
		return
	}
	p := s.o.Policy()
	if what := s.missing(p, t); what != "" {
		s.absent(ctx, e, t, what)
		return
	}
	v, o, err := s.call(ctx, p, t)
	switch {
	case err == nil:
		s.note(ctx, o, v)
		s.count.add(o.plugin, o.stage, o.name, "ok")
		s.finish(ctx, e)
	case ctx.Err() != nil: // we stopped it: that is no try
		s.again(e, func(*entry) {})
	default:
		s.failed(ctx, e, t, o, err)
	}
}

// missing says what of a task is not in the policy any more; "" nothing.
func (s *Service) missing(p *policy.Policy, t *Task) string {
	host := s.o.Host()
	stage, _ := abi.ParseStage(t.Stage)
	switch {
	case !host.Loaded(t.Plugin):
		return fmt.Sprintf("plugin %q is not in the policy", t.Plugin)
	case !host.Hooks(t.Plugin, stage):
		return fmt.Sprintf("plugin %q has no hook for stage %s any more", t.Plugin, t.Stage)
	}
	if _, ok := p.Tenant(t.Tenant); !ok && t.Tenant != "" {
		return fmt.Sprintf("tenant %q is not in the policy", t.Tenant)
	}
	if t.Stage == Action && actionOf(p, t.Plugin, t.Name) == nil {
		return fmt.Sprintf("plugin %q has no action %q any more", t.Plugin, t.Name)
	}
	return ""
}

// call makes the call of a task.
func (s *Service) call(ctx context.Context, p *policy.Policy, t *Task) (*abi.Verdict, *order, error) {
	o := &order{stage: t.Stage, plugin: t.Plugin, tenant: t.Tenant, name: t.Name, actor: t.Actor, payload: t.Payload, configID: configOf(p, t.Plugin, t.ConfigID)}
	if t.N > 0 {
		o.ns = []int{t.N}
	}
	if !t.Message.IsZero() {
		o.id = t.Message
		m, err := s.o.Store.Get(ctx, t.Message)
		switch {
		case errors.Is(err, store.ErrNotFound):
			if len(t.Info) > 0 {
				o.told = new(abi.MessageInfo)
				if err := o.told.Decode(t.Info); err != nil {
					return nil, o, fmt.Errorf("reading what is known of message %s: %w", t.Message, err)
				}
				o.told.HasBody = false
			}
		case err != nil:
			return nil, o, err
		default:
			o.m = m
		}
	}
	if t.Stage == Action {
		if a := actionOf(p, t.Plugin, t.Name); a != nil && a.Body && (o.m == nil || !o.m.HasBody) {
			return nil, o, errNoBody
		}
	}
	v, err := s.invoke(ctx, o)
	return v, o, err
}

// errNoBody: trying again does not bring a body back.
var errNoBody = errors.New("the message's content is no longer kept")

// configOf is the configuration a call gets: that of the filter that planned
// it while there is such a one, else the plugin's own.
func configOf(p *policy.Policy, plugin string, id uint64) uint64 {
	if id != 0 {
		for _, c := range p.Configs() {
			if c.ID == id && c.Plugin == plugin {
				return id
			}
		}
	}
	for _, pl := range p.Plugins() {
		if pl.Name == plugin {
			return pl.ConfigID
		}
	}
	return 0
}

// failed puts a try off, or gives the task up.
func (s *Service) failed(ctx context.Context, e *entry, t *Task, o *order, err error) {
	now := s.clock.Now()
	why := reason(err)
	t.Tries++
	t.Error, t.Missing = why, time.Time{}
	wait, more := pause(t.Tries)
	if errors.Is(err, errNoBody) {
		more = false
	}
	log := s.log.With("task", t.ID, "plugin", t.Plugin, "stage", t.Stage, "name", t.Name, "tenant", t.Tenant, "message", t.Message.String(), "tries", t.Tries)
	s.count.add(t.Plugin, t.Stage, o.name, "failed")
	if more {
		t.Next = now.Add(wait)
		log.Warn("a plugin's task failed; it is tried again", "next", t.Next, "err", err)
		s.save(ctx, e, t)
		return
	}
	log.Error("a plugin's task failed for good", "err", err)
	s.noteFailure(ctx, o, fmt.Sprintf("given up after %s: %s", tries(t.Tries), why))
	s.count.add(t.Plugin, t.Stage, o.name, "given-up")
	t.Failed, t.Next = now, now.Add(keepFailed)
	t.Payload, t.Info = nil, nil // only to be seen
	s.mu.Lock()
	l := s.idx.lanes[owner{t.Plugin, t.Tenant}]
	full := l != nil && l.failed >= maxFailed
	s.mu.Unlock()
	if full {
		s.finish(ctx, e)
		return
	}
	s.save(ctx, e, t)
}

func tries(n int) string {
	if n == 1 {
		return "1 try"
	}
	return fmt.Sprintf("%d tries", n)
}

// reason is an error in words short enough for a document and an event.
func reason(err error) string {
	var f *filter.Failure
	if errors.As(err, &f) {
		err = fmt.Errorf("%s: %w", f.Kind, f.Err)
	}
	return oneLine(err.Error(), 300)
}

// absent keeps a task whose plugin or tenant is gone: they may come back. In
// the end it is dropped, with an event.
func (s *Service) absent(ctx context.Context, e *entry, t *Task, what string) {
	now := s.clock.Now()
	if t.Missing.IsZero() {
		t.Missing, t.Error, t.Next = now, what, now.Add(lookAgain)
		s.log.Warn("a plugin's task waits: "+what, "task", t.ID, "plugin", t.Plugin, "tenant", t.Tenant)
		s.save(ctx, e, t)
		return
	}
	if now.Sub(t.Missing) < keepMissing {
		s.again(e, func(e *entry) { e.Next = now.Add(lookAgain) }) // nothing to write
		return
	}
	s.log.Error("a plugin's task is dropped: "+what, "task", t.ID, "plugin", t.Plugin, "tenant", t.Tenant, "since", t.Missing)
	o := &order{stage: t.Stage, plugin: t.Plugin, tenant: t.Tenant, name: t.Name, actor: t.Actor, id: t.Message}
	if t.N > 0 {
		o.ns = []int{t.N}
	}
	if !t.Message.IsZero() {
		if m, err := s.o.Store.Get(ctx, t.Message); err == nil {
			o.m = m
		}
	}
	s.noteFailure(ctx, o, "dropped: "+what)
	s.count.add(t.Plugin, t.Stage, t.Name, "dropped")
	s.finish(ctx, e)
}

// save writes a task's new state, unless it was replaced meanwhile.
func (s *Service) save(ctx context.Context, e *entry, t *Task) {
	doc, err := t.encode()
	var rev uint64
	if err == nil {
		rev, err = s.o.Store.PutDoc(context.WithoutCancel(ctx), store.Doc{Kind: kindDoc, Key: t.ID, JSON: doc}, e.rev)
	}
	size := len(doc)
	if err != nil {
		if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
			s.again(e, func(*entry) {}) // what replaced it is in the index
			return
		}
		s.log.Error("the state of a plugin's task could not be written", "task", t.ID, "plugin", t.Plugin, "err", err)
		rev, size = e.rev, e.size
	}
	s.mu.Lock()
	if s.idx.byID[t.ID] == e {
		s.idx.put(newEntry(t, rev, size))
	}
	s.mu.Unlock()
	s.poke()
}

// again puts a task back as it is, changed by f; one that was replaced is
// left alone.
func (s *Service) again(e *entry, f func(*entry)) {
	s.mu.Lock()
	if s.idx.byID[e.ID] == e {
		n := *e
		n.running = false
		f(&n)
		s.idx.put(&n)
	}
	s.mu.Unlock()
	s.poke()
}

// finish deletes a task, unless the plugin planned it anew meanwhile.
func (s *Service) finish(ctx context.Context, e *entry) {
	err := s.o.Store.DeleteDoc(context.WithoutCancel(ctx), "", kindDoc, e.ID, e.rev)
	switch {
	case err == nil, errors.Is(err, store.ErrNotFound):
	case errors.Is(err, store.ErrConflict):
		return // another entry is in the index
	default:
		s.log.Error("a task that is done could not be deleted", "task", e.ID, "plugin", e.Plugin, "err", err)
		s.again(e, func(e *entry) { e.done, e.Next = true, s.clock.Now().Add(longestSleep) })
		return
	}
	s.mu.Lock()
	if s.idx.byID[e.ID] == e {
		s.idx.remove(e.ID)
	}
	s.mu.Unlock()
	s.poke()
}
