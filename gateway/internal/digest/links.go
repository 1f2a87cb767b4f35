package digest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/signed"
	"github.com/mailweir/weir/gateway/internal/store"
)

// paths are of the pages that links lead to, by what they do.
var paths = map[lifecycle.Verb]string{lifecycle.Release: "/link/release/", lifecycle.RemoveQuarantined: "/link/remove/"}

func pathOf(v lifecycle.Verb) string { return paths[v] }

// purposes keep a token from doing what another one was made for.
var purposes = map[lifecycle.Verb]string{lifecycle.Release: "digest-release", lifecycle.RemoveQuarantined: "digest-remove"}

// says is what a token says.
type says struct {
	ID      string `json:"i"` // ID.n
	Mailbox string `json:"m"`
}

func (s *Service) token(verb lifecycle.Verb, r store.Row, mailbox string, until time.Time) (string, error) {
	if e := r.Recipient.Expires; !e.IsZero() && e.Before(until) {
		until = e
	}
	return s.o.Signer.Token(purposes[verb], says{r.Message.ID.String() + "." + strconv.Itoa(r.Recipient.N), mailbox}, until)
}

// actorOf is who acts by a link, for events and the audit log.
func actorOf(mailbox string) string { return mailbox + " (digest)" }

// Errors of links.
var (
	// ErrLink: the link is not one of ours, or what it was about is not there.
	ErrLink = errors.New("there is nothing behind this link")
	// ErrLinkOver: its time is over.
	ErrLinkOver = signed.ErrExpired
)

// What has become of the message behind a link.
const (
	StateHeld     = "held"     // the link can do what it is for
	StateStays    = "stays"    // held, and not for the mailbox to decide on
	StateReleased = "released" // on its way, or delivered
	StateRemoved  = "removed"
	StateOver     = "over" // it ended, or is not held for another reason
)

// Linked is the message behind a link.
type Linked struct {
	ID       string // ID.n
	Mailbox  string
	From     string
	Subject  string
	Reason   string
	Received time.Time
	Until    time.Time
	State    string
	Done     bool // by the call that returns this
	Language string
	Zone     *time.Location

	tenant string
}

// Look tells what a link is about. It changes nothing. ErrLink, ErrLinkOver.
func (s *Service) Look(ctx context.Context, verb lifecycle.Verb, token string) (Linked, error) {
	k, _, err := s.look(ctx, verb, token)
	return k, err
}

func (s *Service) look(ctx context.Context, verb lifecycle.Verb, token string) (Linked, scope.Scope, error) {
	var t says
	purpose := purposes[verb]
	if purpose == "" {
		return Linked{}, scope.Scope{}, ErrLink
	}
	if err := s.o.Signer.Open(purpose, token, &t); err != nil {
		if errors.Is(err, signed.ErrExpired) {
			return Linked{}, scope.Scope{}, ErrLinkOver
		}
		return Linked{}, scope.Scope{}, ErrLink
	}
	sc := scope.Mailbox(actorOf(t.Mailbox), t.Mailbox)
	text, number, _ := strings.Cut(t.ID, ".")
	id, err := mail.ParseID(text)
	n, e := strconv.Atoi(number)
	if err != nil || e != nil {
		return Linked{}, sc, ErrLink
	}
	m, err := s.o.Log.Message(ctx, sc, id)
	if errors.Is(err, store.ErrNotFound) {
		return Linked{}, sc, ErrLink
	}
	if err != nil {
		return Linked{}, sc, fmt.Errorf("looking for the message of a link: %w", err)
	}
	for i := range m.Recipients {
		if r := &m.Recipients[i]; r.N == n {
			return s.linked(verb, sc, t, m, r), sc, nil
		}
	}
	return Linked{}, sc, ErrLink
}

func (s *Service) linked(verb lifecycle.Verb, sc scope.Scope, t says, m *store.Message, r *store.Recipient) Linked {
	k := Linked{
		ID: t.ID, Mailbox: t.Mailbox, From: m.Summary.From, Subject: m.Summary.Subject, Reason: r.Reason,
		Received: m.Received, Until: r.Expires, tenant: r.Tenant, Zone: time.UTC, State: StateOver,
	}
	if k.From == "" {
		k.From = m.Sender.String()
	}
	k.Language = s.o.Payer.OptionsFor(r.Tenant).Language
	if p, ok := s.o.Policy().Tenant(r.Tenant); ok {
		if d, ok := p.Digest(); ok {
			k.Zone = d.Times.Zone()
			if d.Language != "" {
				k.Language = d.Language
			}
		}
	}
	released := r.Origin == mail.StatusReleased || r.Origin == mail.StatusAutoReleased || r.Status == mail.StatusReleased || r.Status == mail.StatusAutoReleased
	switch {
	case r.Status.Held() && slices.Contains(s.o.Verbs.Offered(sc, m, r), verb):
		k.State = StateHeld
	case r.Status.Held():
		k.State = StateStays
	case released:
		k.State = StateReleased
	case r.Status == mail.StatusQuarantineRemoved:
		k.State = StateRemoved
	}
	return k
}

// Act does what a link is for, once, with the rights of its mailbox: whether it
// may be done is lifecycle's table to say. It is in the audit log before it is
// done. source is where the request came from. Done tells that this call did it;
// where it did not, State says how the message stands.
func (s *Service) Act(ctx context.Context, verb lifecycle.Verb, token, source string) (Linked, error) {
	k, sc, err := s.look(ctx, verb, token)
	if err != nil {
		return k, err
	}
	entry := audit.Entry{
		Actor: k.Mailbox, Source: source, Tenant: k.tenant, Action: string(verb), Target: k.ID,
		Details: map[string]string{"via": "digest link"},
	}
	if k.State != StateHeld {
		if k.State == StateStays {
			entry.Refused = "not for the mailbox to decide"
			err = s.record(ctx, entry)
		}
		return k, err
	}
	if err := s.record(ctx, entry); err != nil {
		return k, err
	}
	res, err := s.o.Verbs.Do(ctx, sc, verb, actions.Selection{IDs: []string{k.ID}}, actions.Args{Reason: "asked for by a link of a digest"})
	if err == nil && res.Changed == 0 && len(res.Items) > 0 {
		entry.Refused = res.Items[0].Error
	} else if err != nil {
		entry.Refused = "it failed"
	}
	if entry.Refused != "" {
		err = errors.Join(err, s.record(ctx, entry))
	}
	if err != nil {
		return k, fmt.Errorf("%s by a link: %w", verb, err)
	}
	done := res.Changed > 0
	if k, _, err = s.look(ctx, verb, token); err == nil {
		k.Done = done
	}
	return k, err
}

func (s *Service) record(ctx context.Context, e audit.Entry) error {
	if s.o.Audit == nil {
		s.o.Logger.Info("a link of a digest", "action", e.Action, "actor", e.Actor, "target", e.Target, "refused", e.Refused)
		return nil
	}
	if err := s.o.Audit.Record(ctx, e); err != nil {
		return fmt.Errorf("what cannot be recorded is not done: %w", err)
	}
	return nil
}
