package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// Bounds of what a call leaves in the record.
const (
	maxEventText = 500       // octets
	maxEvents    = 100       // of one call: one for each recipient
	maxFindings  = 100       // of a recipient, with those of its filters
	maxFound     = 600 << 10 // octets of them all, encoded: they stand in one record of the store
)

// note writes into the journal, and with what a plugin found into the record,
// what a call said. A schedule that has nothing to say leaves no trace.
func (s *Service) note(ctx context.Context, o *order, v *abi.Verdict) {
	if o.stage == Schedule && v.Text == "" && len(v.Findings)+len(v.Results) == 0 {
		return
	}
	s.write(ctx, o, mail.EventAction, said(o, v), v.Findings)
}

// noteFailure writes that a call was not made, or failed for good.
func (s *Service) noteFailure(ctx context.Context, o *order, why string) {
	s.write(ctx, o, mail.EventActionFailed, oneLine(o.plugin+"."+o.name+": "+why, maxEventText), nil)
}

// said is a verdict on one line.
func said(o *order, v *abi.Verdict) string {
	text := o.plugin + "." + o.name
	var words []string
	if v.Text != "" {
		words = append(words, v.Text)
	}
	for _, r := range v.Results {
		words = append(words, r.Key+" = "+r.Value)
	}
	for i := range v.Findings {
		words = append(words, "found "+classOf(&v.Findings[i]).String())
	}
	if len(words) > 0 {
		text += ": " + strings.Join(words, ", ")
	}
	return oneLine(text, maxEventText)
}

func classOf(f *abi.Finding) mail.Class {
	return mail.Class{Main: f.Main, Sub: f.Sub, Extra: f.Extra}
}

// write puts events and findings in one commit where the message is recorded.
func (s *Service) write(ctx context.Context, o *order, t mail.EventType, text string, found []abi.Finding) {
	ctx = context.WithoutCancel(ctx) // the call was made
	now := s.clock.Now()
	if o.id.IsZero() {
		s.o.Store.Record(nil, nil, mail.Event{At: now, Type: t, Tenant: o.tenant, Actor: o.by(), Text: text})
		return
	}
	events := func(m *store.Message) []mail.Event {
		var out []mail.Event
		for i := range m.Recipients {
			r := &m.Recipients[i]
			if !o.concerns(r) || len(out) == maxEvents {
				continue
			}
			out = append(out, mail.Event{
				At: now, Type: t, Message: m.ID, N: r.N, Tenant: r.Tenant, Direction: m.Direction, Sender: m.Sender.String(),
				Recipient: r.Address.String(), Status: r.Status, Actor: o.by(), Class: r.Class.String(), Text: text,
			})
		}
		return out
	}
	err := s.o.Store.Update(ctx, o.id, func(m *store.Message) ([]mail.Event, error) {
		s.addFindings(o, m, found)
		return events(m), nil
	})
	if errors.Is(err, store.ErrLeased) && len(found) > 0 { // an attempt is under way: the findings stand in the event
		err = s.o.Store.Update(ctx, o.id, func(m *store.Message) ([]mail.Event, error) { return events(m), nil })
	}
	switch {
	case err == nil:
		return
	case errors.Is(err, store.ErrNotFound): // its row is on its way, or gone
		ev := mail.Event{At: now, Type: t, Message: o.id, Tenant: o.tenant, Actor: o.by(), Text: text}
		if o.told != nil {
			ev.Sender = o.told.Sender
			if len(o.told.Recipients) == 1 {
				ev.N, ev.Recipient = int(o.told.Recipients[0].N), o.told.Recipients[0].Address
			}
		}
		s.o.Store.Record(nil, nil, ev)
	default:
		s.log.Error("what a plugin's call came to could not be recorded", "plugin", o.plugin, "name", o.name, "message", o.id.String(), "err", err)
	}
}

// by is who is named in events: who asked, else the plugin.
func (o *order) by() string {
	if o.actor != "" {
		return o.actor
	}
	return actorOf(o.plugin)
}

// actorOf names a plugin as an actor.
func actorOf(plugin string) string { return "plugin " + plugin }

func (o *order) concerns(r *store.Recipient) bool {
	return r.Tenant == o.tenant && (len(o.ns) == 0 || slices.Contains(o.ns, r.N))
}

// addFindings adds what a call found to the record, as far as there is room. It
// is observed: it changes nothing by itself.
func (s *Service) addFindings(o *order, m *store.Message, found []abi.Finding) {
	for i := range m.Recipients {
		r := &m.Recipients[i]
		if !o.concerns(r) {
			continue
		}
		fs := slices.Clone(r.Findings)
		for k := range found {
			f := mail.Finding{
				Filter: o.plugin + "." + o.name, Plugin: o.plugin, Stage: o.stage, Class: classOf(&found[k]), Score: found[k].Score,
				Explanation: found[k].Explanation, Path: found[k].Path, Observed: true,
			}
			if a := found[k].Action; a != abi.ActionContinue {
				f.Recommended = mail.Action(a.String())
			}
			same := func(h mail.Finding) bool {
				return h.Filter == f.Filter && h.Stage == f.Stage && h.Class == f.Class && h.Path == f.Path
			}
			if at := slices.IndexFunc(fs, same); at >= 0 {
				fs[at] = f
			} else if len(fs) < maxFindings {
				fs = append(fs, f)
			}
		}
		if b, err := json.Marshal(fs); err != nil || len(b) > maxFound {
			s.log.Warn("what a plugin's call found is too long for the record; it stands in the plugin's answer alone", "plugin", o.plugin, "name", o.name, "message", m.ID.String(), "rcpt", r.N)
			continue
		}
		r.Findings = fs
	}
}

// oneLine makes a plugin's words fit for a log: control characters become
// spaces, and it is no longer than limit octets.
func oneLine(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > limit {
		s = strings.ToValidUTF8(s[:limit-3], "") + "..."
	}
	return strings.TrimSpace(s)
}

// String is for messages.
func (o *order) String() string { return fmt.Sprintf("%s.%s", o.plugin, o.name) }
