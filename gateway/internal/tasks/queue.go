package tasks

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/pluginfo"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

var _ filter.Queue = (*Service)(nil)

// Bounds of what a plugin may plan.
const (
	maxName     = 64
	maxKey      = 255
	maxPayload  = 16 << 10
	furthest    = 366 * 24 * time.Hour
	soonest     = time.Second // a plugin that plans itself at once is no loop
	maxReasonOf = 500         // octets of an order's reason
	// maxLooks is how many holds in a row a plugin can have looked at before
	// their time: one that orders it at every hold would be a loop.
	maxLooks = 50
)

func bad(format string, args ...any) error {
	return fmt.Errorf("%w: %s", filter.ErrBadRequest, fmt.Sprintf(format, args...))
}

// Schedule implements filter.Queue.
func (s *Service) Schedule(ctx context.Context, plugin, tenant string, configID uint64, r abi.ScheduleRequest) error {
	switch {
	case r.Name == "" || len(r.Name) > maxName || oneLine(r.Name, maxName) != r.Name:
		return bad("a schedule's name has 1 to %d printable octets", maxName)
	case len(r.Key) > maxKey:
		return bad("a schedule's key has %d octets; at most %d", len(r.Key), maxKey)
	case len(r.Payload) > maxPayload:
		return bad("a schedule's payload has %d octets; at most %d", len(r.Payload), maxPayload)
	case !s.o.Host().Hooks(plugin, abi.StageSchedule):
		return bad("the plugin has no hook for stage schedule")
	}
	id := taskID(Schedule, plugin, tenant, r.Name, r.Key)
	if r.AtUnixMs == 0 {
		return s.drop(ctx, id)
	}
	now := s.clock.Now()
	if r.AtUnixMs > uint64(now.Add(furthest).UnixMilli()) {
		return bad("a schedule is at most %d days ahead", furthest/(24*time.Hour))
	}
	t := &Task{
		ID: id, Stage: Schedule, Plugin: plugin, Tenant: tenant, Name: r.Name, Key: r.Key, Payload: r.Payload, ConfigID: configID,
		Created: now, Next: time.UnixMilli(int64(r.AtUnixMs)).UTC(),
	}
	if t.Next.Before(now.Add(soonest)) {
		t.Next = now.Add(soonest)
	}
	if r.Message != "" {
		m, err := s.message(ctx, tenant, r.Message)
		if err != nil {
			return err
		}
		t.Message = m.ID
	}
	_, err := s.put(ctx, t, true, false)
	if errors.Is(err, ErrLimit) {
		return fmt.Errorf("%w: %w", filter.ErrBadRequest, err)
	}
	return err
}

// message loads a message that has a recipient of the tenant.
func (s *Service) message(ctx context.Context, tenant, text string) (*store.Message, error) {
	id, err := mail.ParseID(text)
	if err != nil || tenant == "" {
		return nil, filter.ErrNoMessage
	}
	m, err := s.o.Store.Get(ctx, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, filter.ErrNoMessage
	}
	if err != nil {
		return nil, err
	}
	if m = scope.Tenant(tenant, tenant).View(m); len(m.Recipients) == 0 {
		return nil, filter.ErrNoMessage
	}
	return m, nil
}

// Message implements filter.Queue.
func (s *Service) Message(ctx context.Context, tenant, id string) (*abi.MessageInfo, error) {
	m, err := s.message(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	return pluginfo.Message(m, tenant), nil
}

// orders says which verb of an operator's does what a plugin orders, by the
// status of the recipient. Stalled mail is forced: the waiver is bound to what
// was found, and names the plugin as the approver.
var orders = map[string]map[mail.Status]lifecycle.Verb{
	"release": {
		mail.StatusQuarantined: lifecycle.Release, mail.StatusStalled: lifecycle.Force,
		mail.StatusAccepted: lifecycle.RetryStalled, // a filter holds it (B113): the filters look again before its time
	},
	"reject": removals,
	"delete": removals,
}

var removals = map[mail.Status]lifecycle.Verb{
	mail.StatusQuarantined: lifecycle.RemoveQuarantined, mail.StatusStalled: lifecycle.DeleteStalled, mail.StatusQueued: lifecycle.Remove,
	mail.StatusQueueFrozen: lifecycle.Remove, mail.StatusAccepted: lifecycle.Remove,
}

// Order implements filter.Queue. Without a recipient, those are meant that the
// order applies to; if there is none, nothing is changed, and that is no error.
func (s *Service) Order(ctx context.Context, verb, plugin, tenant string, o abi.MessageOrder) (changed int, err error) {
	by, ok := orders[verb]
	if !ok {
		return 0, bad("there is no order %q", verb)
	}
	m, err := s.message(ctx, tenant, o.ID)
	if err != nil {
		return 0, err
	}
	groups := map[lifecycle.Verb][]string{}
	var verbs []lifecycle.Verb // in the order of the recipients
	found := false
	for i := range m.Recipients {
		r := &m.Recipients[i]
		if o.Recipient != 0 && uint32(r.N) != o.Recipient {
			continue
		}
		found = true
		if r.Kept && o.Recipient == 0 && verb == "release" {
			continue // the original of what was sent with edits: only when it is meant
		}
		v, ok := by[r.Status]
		if v == lifecycle.RetryStalled && (r.Hold == nil || r.Hold.Count >= maxLooks) {
			ok = false
		}
		switch {
		case ok:
			if groups[v] == nil {
				verbs = append(verbs, v)
			}
			groups[v] = append(groups[v], fmt.Sprintf("%s.%d", m.ID, r.N))
		case o.Recipient != 0:
			return 0, bad("recipient %d is %s", r.N, r.Status)
		}
	}
	if !found {
		return 0, filter.ErrNoMessage
	}
	args := actions.Args{Reason: oneLine(o.Reason, maxReasonOf), Confirmed: true, Tell: verb == "reject"}
	sc := scope.Tenant(actorOf(plugin), tenant)
	var refused []string
	for _, v := range verbs {
		res, err := s.o.Actions().Do(ctx, sc, v, actions.Selection{IDs: groups[v]}, args)
		changed += res.Changed
		if err != nil {
			return changed, err
		}
		for _, it := range res.Items {
			if it.Code != "" {
				refused = append(refused, it.Error)
			}
		}
	}
	if changed == 0 && len(refused) > 0 {
		return 0, bad("%s", strings.Join(refused, "; "))
	}
	if len(refused) > 0 {
		s.log.Warn("a plugin's order did not apply to every recipient", "plugin", plugin, "order", verb, "tenant", tenant, "message", m.ID.String(), "refused", strings.Join(refused, "; "))
	}
	return changed, nil
}
