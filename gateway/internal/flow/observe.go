package flow

import (
	"context"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// tellObservers lets plugins know of what was queued and delivered, beside the
// reply to the client: there is nothing left to decide.
func (c *commit) tellObservers(entry queue.Entry) {
	if !c.f.hooked(c.p, abi.StageQueued) && !c.f.hooked(c.p, abi.StageDelivery) {
		return
	}
	c.f.late.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), observeLimit)
		defer cancel()
		c.observe(ctx)
		c.f.Attempted(ctx, c.rec, entry)
	})
}

// tellAttempts lets plugins know of attempts for a message that was not taken.
func (c *commit) tellAttempts() {
	if len(c.results) == 0 || !c.f.hooked(c.p, abi.StageDelivery) {
		return
	}
	rec, results := c.rec, c.results
	c.f.late.Go(func() {
		ctx, cancel := context.WithTimeout(context.Background(), observeLimit)
		defer cancel()
		for _, res := range results {
			a := abi.Attempt{
				Number: 1, Result: abi.DeliveryResultFailed, Host: res.Host, Addr: res.Addr,
				Code: uint32(res.Reply.Code), Enhanced: res.Reply.Enhanced.String(), Text: res.Reply.Text,
			}
			if res.Outcome == deliver.Deferred {
				a.Result = abi.DeliveryResultDeferred
			}
			if r := &rec.Recipients[res.N-1]; !res.overBudget {
				c.f.tell(ctx, c.p, rec, r, abi.Event{Stage: abi.StageDelivery, Attempt: a}, nil)
			}
		}
	})
}

// observeLimit bounds what observers of one message may take together.
const observeLimit = 30 * time.Second

// observe tells plugins that subscribe to stage queued of what was queued.
// Their verdict is not asked for.
func (c *commit) observe(ctx context.Context) {
	for i := range c.rec.Recipients {
		r := &c.rec.Recipients[i]
		if r.Status == mail.StatusQueued {
			c.f.tell(ctx, c.p, c.rec, r, abi.Event{Stage: abi.StageQueued}, nil)
		}
	}
}

// Attempted implements queue.Judge: plugins that subscribe to stage delivery
// learn of every attempt's result.
func (f *Flow) Attempted(ctx context.Context, m *store.Message, e queue.Entry) {
	p := f.o.Policy()
	for i := range e.Recipients {
		r := &e.Recipients[i]
		a := abi.Attempt{Number: uint32(r.Attempts), Result: resultOf(r.Status), Host: r.LastHost, Addr: r.LastAddr}
		if r.Last != nil {
			a.Code, a.Enhanced, a.Text = uint32(r.Last.Code), r.Last.Enhanced.String(), r.Last.Text
		}
		if !r.Next.IsZero() {
			a.NextUnixMs = uint64(r.Next.UnixMilli())
		}
		f.tell(ctx, p, m, r, abi.Event{Stage: abi.StageDelivery, Attempt: a}, nil)
	}
}

func resultOf(s mail.Status) abi.DeliveryResult {
	switch s {
	case mail.StatusDelivered, mail.StatusReleased, mail.StatusAutoReleased, mail.StatusSecureDelivered:
		return abi.DeliveryResultDelivered
	case mail.StatusQueued:
		return abi.DeliveryResultDeferred
	case mail.StatusQueueExpired:
		return abi.DeliveryResultExpired
	case mail.StatusBounced, mail.StatusQueueBounced:
		return abi.DeliveryResultBounced
	}
	return abi.DeliveryResultFailed
}

// tell calls the filters of a recipient's tenant that subscribe to a stage
// after the verdict. What they answer is not asked for, and a failure is
// logged (and counted by the plugin host): it changes no mail.
func (f *Flow) tell(ctx context.Context, p *policy.Policy, m *store.Message, r *store.Recipient, what abi.Event, view filter.MessageView) {
	t, ok := p.Tenant(r.Tenant)
	if !ok {
		return
	}
	for _, fl := range t.Chain(string(m.Direction)) {
		if !f.o.Filters.Hooks(fl.Plugin, what.Stage) {
			continue
		}
		if ok, err := fl.Applies(f.recorded(m, r, what.Stage)); err != nil || !ok {
			if err != nil {
				f.o.Logger.Warn("an observer's condition failed", "filter", fl.Name, "rule", fl.Rule(), "message", m.ID.String(), "err", err)
			}
			continue
		}
		ev := what
		ev.ConfigID, ev.ID, ev.Tenant, ev.Direction, ev.Client = fl.ConfigID, m.ID.String(), t.Name, direction(m.Direction), abiClient(&m.Client)
		ev.Sender, ev.Recipient, ev.Size = m.Sender.String(), r.Address.String(), uint64(m.Size)
		ev.ReceivedUnixMs, ev.Filter = uint64(m.Received.UnixMilli()), fl.Name
		for _, o := range recall(r.Notes) {
			if o.plugin == fl.Plugin {
				ev.Notes = append(ev.Notes, o.notes...)
			}
		}
		if _, _, err := f.o.Filters.Run(ctx, fl.Plugin, &ev, view); err != nil {
			f.o.Logger.Warn("an observer failed", "filter", fl.Name, "plugin", fl.Plugin, "stage", what.Stage.String(), "message", m.ID.String(), "err", err)
		}
	}
}

// recorded is what the record tells of a message that is not at hand any more.
func (f *Flow) recorded(m *store.Message, r *store.Recipient, stage abi.Stage) *policy.Facts {
	fx := f.clientFacts(&m.Client)
	fx.Stage, fx.Direction, fx.Tenant, fx.Now = stage.String(), string(m.Direction), r.Tenant, f.o.Now()
	fx.Sender, fx.Recipient, fx.Recipients = m.Sender.String(), r.Address.String(), []string{r.Address.String()}
	fx.Size, fx.Subject, fx.Score = m.Size, m.Summary.Subject, r.Score
	fx.HasAttachments = len(m.Summary.Attachments) > 0
	return fx
}
