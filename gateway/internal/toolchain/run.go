package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Tester runs scenarios against a packed module.
type Tester struct {
	Manifest *manifest.Manifest
	Module   []byte
	Update   bool // write golden files instead of comparing
	cache    string
}

// NewTester prepares the module. Close removes what was compiled.
func NewTester(module []byte) (*Tester, error) {
	m, err := filter.ReadManifest(module)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "weir-test-")
	if err != nil {
		return nil, fmt.Errorf("preparing a test: %w", err)
	}
	return &Tester{Manifest: m, Module: module, cache: dir}, nil
}

// Close removes the compiled code.
func (t *Tester) Close() error { return os.RemoveAll(t.cache) }

// Result is how a scenario went.
type Result struct {
	Scenario   *Scenario
	Calls      []*Called
	Mismatches []Mismatch
	Updated    []string // golden files written
	Log        []string // what the plugin logged
	Took       time.Duration
}

// OK says that everything went as the scenario says.
func (r *Result) OK() bool { return len(r.Mismatches) == 0 }

// start makes the host of a scenario.
func (t *Tester) start(ctx context.Context, sc *Scenario, isolated bool, instances int) (*rig, error) {
	r := &rig{tick: sc.Start}
	r.reset(sc)
	r.host = filter.NewHost(filter.Options{
		Logger: slog.New(journal{r}), CacheDir: t.cache, Lists: r, KV: r, Metrics: r, DNS: r, Net: r, Queue: r, Clock: r.breakerClock,
	})
	spec := filter.Spec{Name: t.Manifest.Name, Source: sc.File, Module: t.Module, Grants: sc.Grants, Isolated: isolated, Limits: filter.Limits{Instances: instances}}
	r.spec, r.configs = spec, []filter.Config{{ID: configID, Plugin: spec.Name, Value: sc.Config}}
	if err := r.host.Swap(ctx, []filter.Spec{spec}, r.configs); err != nil {
		return nil, errors.Join(err, r.stop())
	}
	return r, nil
}

// forget drops what the host keeps for a configuration from call to call, its
// pattern sets: the next call defines them again.
func (r *rig) forget(ctx context.Context) error {
	return errors.Join(r.host.Swap(ctx, []filter.Spec{r.spec}, nil), r.host.Swap(ctx, []filter.Spec{r.spec}, r.configs))
}

const configID = 1

func (r *rig) stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return r.host.Close(ctx)
}

// Run plays one scenario. The error is about the module or the context; what
// did not go as it should is in the result.
func (t *Tester) Run(ctx context.Context, sc *Scenario) (*Result, error) {
	begin := time.Now()
	r, err := t.start(ctx, sc, false, 1)
	if err != nil {
		return nil, err
	}
	defer r.stop() //nolint:errcheck // nothing runs
	p := &play{t: t, r: r, sc: sc}
	res := &Result{Scenario: sc}
	for _, st := range sc.Steps {
		r.world().forget()
		calls, err := p.step(ctx, st)
		if err != nil {
			return nil, err
		}
		res.Calls = append(res.Calls, calls...)
		res.judge(st, calls, r.world())
		if st.Golden != "" {
			m, err := golden(st, calls, t.Update)
			if err != nil {
				return nil, err
			}
			if t.Update {
				res.Updated = append(res.Updated, st.Golden)
			}
			res.Mismatches = append(res.Mismatches, m...)
		}
		res.Log = append(res.Log, r.world().lines...)
	}
	res.Took = time.Since(begin)
	return res, nil
}

// judge compares a step's calls with what it expects. With a golden file, only
// what expect blocks are about is compared here.
func (res *Result) judge(st *Step, calls []*Called, w *world) {
	for _, c := range calls {
		var e *expectation
		for _, x := range st.Expect {
			if x.stage == c.Stage && (x.recipient == "" || x.recipient == c.Recipient) && (e == nil || e.recipient == "") {
				e = x
			}
		}
		if e == nil && st.Golden != "" {
			continue
		}
		if e == nil {
			e = cleanExpectation(st.Range)
		}
		res.Mismatches = append(res.Mismatches, e.compare(c.where(), viewOf(c))...)
	}
	for _, e := range st.Expect {
		if !e.met {
			why := "stage " + e.stage.String() + " was not reached"
			if e.recipient != "" {
				why += " for " + e.recipient
			}
			res.Mismatches = append(res.Mismatches, Mismatch{Range: e.rng, Where: st.title(), What: why})
		}
		e.met = false
	}
	if st.Effects != nil {
		res.Mismatches = append(res.Mismatches, st.Effects.check(st.title(), st.Session.tenant, w)...)
	}
	res.Mismatches = append(res.Mismatches, w.strangers(st.title())...)
}

func (c *Called) where() string {
	s := c.Step.title() + ", stage " + c.Stage.String()
	if c.Recipient != "" {
		s += " " + c.Recipient
	}
	return s
}

// play is one run through a scenario.
type play struct {
	t     *Tester
	r     *rig
	sc    *Scenario
	fault func(call string) filter.Fault
	took  func(time.Duration) // called with what each call took; nil: nobody asks
	calls int                 // made so far, for IDs
}

// call calls the plugin as the gateway would.
func (p *play) call(ctx context.Context, st *Step, ev *abi.Event, msg *mimetree.Tree) (*Called, error) {
	ev.ConfigID, ev.Filter = configID, "test"
	w := p.r.world()
	ctx = filter.WithTrial(ctx, &filter.Trial{Now: w.clock, Fault: p.fault})
	var view filter.MessageView // a nil *Tree is no nil view
	c := &Called{Step: st, Stage: ev.Stage, Recipient: ev.Recipient}
	if msg != nil {
		view, c.Parts = msg, msg.Parts().Parts
	}
	begin := time.Now()
	v, err := p.r.host.Call(ctx, p.t.Manifest.Name, ev, view)
	if p.took != nil {
		p.took(time.Since(begin))
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil && !errors.As(err, &c.Failure) {
		return nil, err
	}
	c.Verdict = v
	return c, nil
}

// step makes the calls of a step.
func (p *play) step(ctx context.Context, st *Step) ([]*Called, error) {
	w := p.r.world()
	w.advance(st.Advance)
	if st.Kind == StepMail {
		return p.mail(ctx, st)
	}
	p.calls++
	s := &st.Session
	ev := &abi.Event{
		ID: fmt.Sprintf("m%d", p.calls), Tenant: s.tenant, Direction: s.direction, Client: s.client, Sender: s.sender,
		Recipients: s.recipients, ReceivedUnixMs: uint64(w.clock().UnixMilli()), Actor: st.Actor,
	}
	raw := st.Message
	switch st.Kind {
	case StepQueued:
		ev.Stage = abi.StageQueued
	case StepDelivery:
		ev.Stage, ev.Attempt = abi.StageDelivery, st.Attempt
		if len(s.recipients) > 0 {
			ev.Recipient = s.recipients[0]
		}
	case StepHold:
		ev.Stage, ev.Name = abi.StageHoldEvent, st.Label
	case StepAction:
		ev.Stage, ev.Name, ev.Payload = abi.StageAction, st.Label, st.Payload
	case StepSchedule:
		ev.Stage, ev.Name, ev.Payload = abi.StageSchedule, st.Label, st.Payload
		if !st.Given {
			q := w.take(st.Label, st.Key)
			if q == nil {
				f := &filter.Failure{Plugin: p.t.Manifest.Name, Stage: ev.Stage, Kind: filter.KindUnavailable, Err: errors.New("the plugin has scheduled nothing of this name and key")}
				return []*Called{{Step: st, Stage: ev.Stage, Failure: f}}, nil
			}
			ev.Payload = q.request.Payload
			if st.Record == "" {
				st = &Step{Kind: st.Kind, Label: st.Label, Range: st.Range, Record: q.request.Message, Expect: st.Expect}
			}
		}
	}
	if rec := w.fx.records[st.Record]; rec != nil {
		ev.ID, ev.Sender, ev.Message, raw = rec.info.ID, rec.info.Sender, []abi.MessageInfo{rec.info}, rec.message
		ev.Recipients = nil
		for _, r := range rec.info.Recipients {
			ev.Recipients = append(ev.Recipients, r.Address)
		}
	}
	var tree *mimetree.Tree
	if len(raw) > 0 {
		var err error
		if tree, err = parse(raw); err != nil {
			return nil, err
		}
		parts := tree.Parts()
		ev.Size, ev.PartCount, ev.Malformed = uint64(len(raw)), uint32(len(parts.Parts)), parts.Malformed
	}
	c, err := p.call(ctx, st, ev, tree)
	if err != nil {
		return nil, err
	}
	return []*Called{c}, nil
}

func parse(raw []byte) (*mimetree.Tree, error) {
	return mimetree.Parse(bytes.NewReader(raw), int64(len(raw)), mimetree.Budget{})
}

// mail plays a session. What the plugin recommends is done, as a policy
// without action blocks would: a refused recipient is left out, and a session
// that is refused ends.
func (p *play) mail(ctx context.Context, st *Step) ([]*Called, error) {
	tree, err := parse(st.Message)
	if err != nil {
		return nil, err
	}
	p.calls++
	s, parts := &st.Session, tree.Parts()
	var out []*Called
	var notes []abi.Pair
	var accepted []string
	for stage := abi.StageConnect; stage <= abi.StageMessage; stage++ {
		if !p.t.Manifest.Subscribes(stage) && stage != abi.StageRcptTo || stage == abi.StageAuth && s.client.AuthUser == "" {
			continue
		}
		rcpts := []string{""}
		if stage == abi.StageRcptTo {
			rcpts = s.recipients
		}
		for _, rcpt := range rcpts {
			ev := p.event(st, stage, rcpt, accepted, notes)
			var msg *mimetree.Tree
			if stage >= abi.StageHeaders {
				msg = tree
				ev.Size, ev.PartCount, ev.Malformed = uint64(len(st.Message)), uint32(len(parts.Parts)), parts.Malformed
			}
			goOn := true
			if p.t.Manifest.Subscribes(stage) && (s.stages == nil || slices.Contains(s.stages, stage.String())) {
				c, err := p.call(ctx, st, ev, msg)
				if err != nil {
					return nil, err
				}
				out = append(out, c)
				if c.Verdict != nil {
					notes = merge(notes, c.Verdict.Notes)
				}
				goOn = severe(c) < severity(abi.ActionTempfail)
			}
			if stage == abi.StageRcptTo && goOn {
				accepted = append(accepted, rcpt)
			}
			if stage != abi.StageRcptTo && !goOn {
				return out, nil
			}
		}
		if stage == abi.StageRcptTo && len(accepted) == 0 {
			return out, nil
		}
	}
	return out, nil
}

// merge adds notes; a later one of a key replaces the earlier.
func merge(notes, more []abi.Pair) []abi.Pair {
	notes = slices.Clone(notes)
	for _, n := range more {
		if i := slices.IndexFunc(notes, func(o abi.Pair) bool { return o.Key == n.Key }); i >= 0 {
			notes[i] = n
		} else {
			notes = append(notes, n)
		}
	}
	return notes
}

// event is what is known at a stage, and no more.
func (p *play) event(st *Step, stage abi.Stage, rcpt string, accepted []string, notes []abi.Pair) *abi.Event {
	s := &st.Session
	ev := &abi.Event{Stage: stage, ID: fmt.Sprintf("m%d", p.calls), Tenant: s.tenant, Direction: s.direction, Client: s.client, Notes: notes}
	if stage < abi.StageHelo {
		ev.Client.Helo, ev.Client.Esmtp = "", false
	}
	if stage < abi.StageAuth {
		ev.Client.AuthUser = ""
	}
	if stage >= abi.StageMailFrom {
		ev.Sender, ev.Size, ev.ReceivedUnixMs = s.sender, uint64(len(st.Message)), uint64(p.r.world().clock().UnixMilli())
	}
	if stage == abi.StageRcptTo {
		ev.Recipient = rcpt
	}
	ev.Recipients = slices.Clone(accepted)
	return ev
}
