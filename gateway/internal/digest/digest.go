package digest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// box is what is held for one mailbox.
type box struct {
	to   mail.Address
	rows []store.Row // newest first, as many as a digest lists
	all  int
}

// digests sends a digest to every mailbox of a tenant that has held mail of the
// window, or to one alone, and says how many.
func (s *Service) digests(ctx context.Context, tenant string, d policy.Digest, w window, only string) (sent int, err error) {
	boxes, err := s.boxes(ctx, tenant, d, w, only)
	if err != nil {
		return 0, err
	}
	for _, key := range slices.Sorted(maps.Keys(boxes)) {
		made, body, e := s.compose(tenant, d, boxes[key], w.due, true)
		if e == nil {
			e = s.o.Payer.Send(ctx, made, body, "a digest of held mail")
		}
		switch {
		case e == nil:
			sent++
		case ctx.Err() != nil, errors.Is(e, store.ErrFull), errors.Is(e, store.ErrUnavailable):
			return sent, fmt.Errorf("digest for %s: %w", key, e) // all are made again; the store takes none twice
		default:
			s.o.Logger.Error("a digest could not be sent", "tenant", tenant, "rcpt", key, "err", e)
		}
	}
	return sent, nil
}

// boxes gathers held mail by mailbox.
func (s *Service) boxes(ctx context.Context, tenant string, d policy.Digest, w window, only string) (map[string]*box, error) {
	f, err := query.Parse(d.Search)
	if err != nil {
		return nil, fmt.Errorf("search of the digest: %w", err)
	}
	f = query.And(query.OneOf("status", d.Statuses...), query.Where("direction", query.Is, string(mail.Inbound)), f)
	if only != "" {
		f = query.And(f, query.Where("recipient", query.Is, only))
	}
	f = query.Resolve(f, w.due)
	boxes := map[string]*box{}
	err = s.o.Log.Each(ctx, scope.Tenant("digest", tenant), f, func(r store.Row) error {
		rc := r.Recipient
		owner := ownerOf(rc)
		key := owner.Key()
		if rc.Kept || owner.IsNull() || !d.For(key) || only != "" && key != only || !rc.Changed.After(w.since) || rc.Changed.After(w.due) {
			return nil
		}
		b := boxes[key]
		if b == nil {
			b = &box{to: owner}
			boxes[key] = b
		}
		if b.all++; len(b.rows) < d.Most {
			b.rows = append(b.rows, light(r))
		}
		return nil
	})
	return boxes, err
}

// ownerOf is whose incoming mail it is: the recipient as it was addressed.
func ownerOf(r *store.Recipient) mail.Address {
	if !r.Original.IsNull() {
		return r.Original
	}
	return r.Address
}

// light is a row without what a digest does not need, so that many can be kept.
func light(r store.Row) store.Row {
	m := *r.Message
	rc := *r.Recipient
	m.PartEdits, rc.Findings, rc.Notes, rc.Edits = nil, nil, nil, nil
	m.Recipients = []store.Recipient{rc}
	return store.Row{Message: &m, Recipient: &m.Recipients[0]}
}

// compose makes a mailbox's digest. Without links it is for looking at.
func (s *Service) compose(tenant string, d policy.Digest, b *box, due time.Time, links bool) (*store.Message, []byte, error) {
	o := s.options(tenant, d.Language)
	mailbox := b.to.Key()
	sc := scope.Mailbox(actorOf(mailbox), mailbox)
	out := notify.DigestMail{To: b.to, Tenant: tenant, Due: due, More: b.all - len(b.rows), Links: o.Now.Add(d.LinksFor), Zone: d.Times.Zone()}
	for _, r := range b.rows {
		h := notify.Held{
			Received: r.Message.Received, From: r.Message.Summary.From, Subject: r.Message.Summary.Subject, Reason: r.Recipient.Reason,
			Until: r.Recipient.Expires, Stalled: r.Recipient.Status == mail.StatusStalled,
		}
		if h.From == "" {
			h.From = r.Message.Sender.String()
		}
		offered := s.o.Verbs.Offered(sc, r.Message, r.Recipient)
		for verb, link := range map[lifecycle.Verb]*string{lifecycle.Release: &h.Release, lifecycle.RemoveQuarantined: &h.Remove} {
			if !slices.Contains(offered, verb) {
				continue
			}
			if !links {
				*link = s.base() + pathOf(verb) + "…"
				continue
			}
			token, err := s.token(verb, r, mailbox, out.Links)
			if err != nil {
				return nil, nil, err
			}
			*link = s.base() + pathOf(verb) + token
		}
		out.Held = append(out.Held, h)
	}
	return notify.Digest(out, o)
}

// options are how a tenant's mail looks, in a language where one is set.
func (s *Service) options(tenant, language string) notify.Options {
	o := s.o.Payer.OptionsFor(tenant)
	if language != "" {
		o.Language = language
	}
	return o
}

func (s *Service) base() string { return s.o.Policy().Admin().URL }

// ErrNoDigest: the mailbox's tenant has no digest, or it gets none.
var ErrNoDigest = errors.New("no digest is set up for this mailbox")

// Preview composes the digest that a mailbox would get of all that is held for
// it now, without links that work. store.ErrNotFound: nothing is held.
func (s *Service) Preview(ctx context.Context, mailbox string) (Letter, error) {
	_, body, err := s.byHand(ctx, mailbox, false)
	if err != nil {
		return Letter{}, err
	}
	return letterOf(body)
}

// SendNow sends a mailbox the digest of all that is held for it now.
func (s *Service) SendNow(ctx context.Context, mailbox string) (*store.Message, error) {
	made, body, err := s.byHand(ctx, mailbox, true)
	if err == nil {
		err = s.o.Payer.Send(ctx, made, body, "a digest of held mail")
	}
	return made, err
}

func (s *Service) byHand(ctx context.Context, mailbox string, links bool) (*store.Message, []byte, error) {
	addr, err := mail.ParseAddress(mailbox)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %w", ErrNoDigest, err)
	}
	t, ok := s.o.Policy().TenantOf(addr.Domain())
	if !ok {
		return nil, nil, ErrNoDigest
	}
	d, ok := t.Digest()
	if !ok || !d.For(addr.Key()) {
		return nil, nil, ErrNoDigest
	}
	now := s.o.Clock.Now()
	boxes, err := s.boxes(ctx, t.Name, d, window{due: now}, addr.Key())
	if err != nil {
		return nil, nil, err
	}
	b := boxes[addr.Key()]
	if b == nil {
		return nil, nil, store.ErrNotFound
	}
	return s.compose(t.Name, d, b, now, links)
}
