package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/gateway/internal/pluginfo"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// order is one call to be made now, whoever asked for it.
type order struct {
	stage, plugin, tenant, name string
	actor                       string
	configID                    uint64
	payload                     []byte

	id   mail.ID          // the message; zero none
	m    *store.Message   // as recorded; nil: not recorded (any more)
	told *abi.MessageInfo // instead of m
	ns   []int            // the recipients it is about; none: all of the tenant
}

// info is what the plugin is told of the message; nil nothing.
func (o *order) info() *abi.MessageInfo {
	switch {
	case o.m == nil:
		return o.told
	case len(o.ns) > 0:
		return pluginfo.Of(o.m, o.tenant, o.ns...)
	}
	return pluginfo.Message(o.m, o.tenant)
}

// event is the call's event.
func (o *order) event() *abi.Event {
	stage, _ := abi.ParseStage(o.stage)
	ev := &abi.Event{Stage: stage, ConfigID: o.configID, Tenant: o.tenant, Name: o.name, Payload: o.payload, Actor: o.actor}
	in := o.info()
	if in == nil {
		return ev
	}
	ev.Message = []abi.MessageInfo{*in}
	ev.ID, ev.Direction, ev.Sender, ev.Size, ev.ReceivedUnixMs = in.ID, in.Direction, in.Sender, in.Size, in.ReceivedUnixMs
	for i := range in.Recipients {
		ev.Recipients = append(ev.Recipients, in.Recipients[i].Address)
	}
	if len(ev.Recipients) == 1 {
		ev.Recipient = ev.Recipients[0]
	}
	if o.m == nil {
		return ev
	}
	c := &o.m.Client
	ev.Client = abi.Client{Name: c.Name, Helo: c.Helo, Esmtp: c.ESMTP, TLSVersion: c.TLS, TLSCipher: c.Cipher, AuthUser: c.User, Listener: c.Listener}
	if c.Addr.IsValid() {
		ev.Client.IP, ev.Client.Port = c.Addr.Addr().Unmap().String(), uint32(c.Addr.Port())
	}
	for i := range o.m.Recipients {
		r := &o.m.Recipients[i]
		if r.Tenant != o.tenant || len(o.ns) > 0 && !slices.Contains(o.ns, r.N) {
			continue
		}
		for k, v := range r.Notes {
			if key, ok := strings.CutPrefix(k, o.plugin+"."); ok && !slices.ContainsFunc(ev.Notes, func(p abi.Pair) bool { return p.Key == key }) {
				ev.Notes = append(ev.Notes, abi.Pair{Key: key, Value: v})
			}
		}
	}
	slices.SortFunc(ev.Notes, func(a, b abi.Pair) int { return strings.Compare(a.Key, b.Key) })
	return ev
}

// invoke makes a call. The message's content is open to the plugin while it
// is kept.
func (s *Service) invoke(ctx context.Context, o *order) (*abi.Verdict, error) {
	ev := o.event()
	var view filter.MessageView
	if o.m != nil && len(ev.Message) > 0 {
		body, err := s.body(ctx, o)
		ev.Message[0].HasBody = err == nil
		switch {
		case errors.Is(err, store.ErrNotFound): // dropped just now
			ev.Message[0].HasBody = false
		case err != nil:
			return nil, fmt.Errorf("opening message %s: %w", o.m.ID, err)
		default:
			defer body.Close()
			tree, err := mimetree.Parse(body, body.Size(), mimetree.Budget{})
			if err != nil {
				return nil, fmt.Errorf("reading message %s: %w", o.m.ID, err)
			}
			parts := tree.Parts()
			ev.PartCount, ev.Malformed = uint32(len(parts.Parts)), parts.Malformed
			view = tree
		}
	}
	return s.o.Host().Call(ctx, o.plugin, ev, view)
}

// body opens what a call is about: the message as it waits, or its archived copy
// (B56). store.ErrNotFound: neither is there.
func (s *Service) body(ctx context.Context, o *order) (store.Body, error) {
	if o.m.Sealed { // it is for its recipients alone
		return nil, fmt.Errorf("message %s: %w", o.m.ID, store.ErrNotFound)
	}
	if o.m.HasBody {
		return s.o.Store.OpenBody(ctx, o.m.ID)
	}
	for i := range o.m.Recipients {
		r := &o.m.Recipients[i]
		if r.Archived && r.Tenant == o.tenant && (len(o.ns) == 0 || slices.Contains(o.ns, r.N)) {
			return s.o.Actions().OpenArchived(ctx, lifecycle.TrainSpam, o.m, r)
		}
	}
	return nil, fmt.Errorf("message %s: %w", o.m.ID, store.ErrNotFound)
}

// actionOf is a plugin's action by the policy of now; nil: there is none.
func actionOf(p *policy.Policy, plugin, name string) *manifest.Action {
	for _, pl := range p.Plugins() {
		if pl.Name != plugin {
			continue
		}
		for i := range pl.Actions {
			if pl.Actions[i].Name == name {
				return &pl.Actions[i]
			}
		}
	}
	return nil
}
