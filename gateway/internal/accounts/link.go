package accounts

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/signed"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Users of a mailbox need no account: who reads its mail may see what the
// gateway holds of it. They ask for a link, which is mailed there, and which
// holds once and for half an hour.

const (
	purposeLink = "sign-in"
	kindUsed    = "link-used"
	linkFor     = 30 * time.Minute
	linkQueue   = 256

	linksPerAddress = 3 // in linkWindow
	linksPerSource  = 20
	linkWindow      = time.Hour
)

// Post is how links are mailed.
type Post interface {
	// Known reports whether a mailbox is there, as far as mail would be taken
	// for it; source is who asks.
	Known(ctx context.Context, tenant string, mailbox mail.Address, source string) bool
	// SendLink mails a link to the mailbox.
	SendLink(ctx context.Context, tenant string, mailbox mail.Address, link string, until time.Time) error
}

type linkSays struct {
	Mailbox string `json:"m"`
	Tenant  string `json:"t"`
	Nonce   string `json:"n"`
}

type linkOrder struct {
	mailbox mail.Address
	source  string
}

// AskLink has a link mailed to a mailbox, if it is one of ours. Nothing tells
// whether it is: the answer comes before anything is looked at. *Wait: somebody
// asked too often.
func (s *Service) AskLink(address string, from From) error {
	if s.o.Post == nil || !s.o.Links() {
		return ErrForbidden
	}
	a, err := mail.ParseAddress(address)
	if err != nil || a.Domain() == "" {
		return invalid("%.100q is no mail address", address)
	}
	if wait := s.asked.take("s"+network(from.Source), linksPerSource); wait > 0 {
		return &Wait{wait}
	}
	if wait := s.asked.take("a"+a.Key(), linksPerAddress); wait > 0 {
		return nil // as if it were sent: somebody else may have asked
	}
	select {
	case s.links <- linkOrder{a, from.Source}:
	default:
		s.o.Logger.Warn("a link to sign in was not sent: too many are asked for at this moment", "source", from.Source)
	}
	return nil
}

// post sends links until ctx ends.
func (s *Service) post(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case o := <-s.links:
			if err := s.sendLink(ctx, o); err != nil && ctx.Err() == nil {
				s.o.Logger.Error("a link to sign in could not be sent", "rcpt", o.mailbox.String(), "err", err)
			}
		}
	}
}

func (s *Service) sendLink(ctx context.Context, o linkOrder) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	tenant, ok := s.o.Tenants.TenantOf(o.mailbox.Domain())
	if !ok || !s.o.Post.Known(ctx, tenant, o.mailbox, o.source) {
		s.o.Logger.Info("a link to sign in was asked for, for no mailbox of ours", "source", o.source)
		return nil
	}
	sg, err := s.signer()
	if err != nil {
		return err
	}
	until := s.now().Add(linkFor)
	token, err := sg.Token(purposeLink, linkSays{o.mailbox.Key(), tenant, rand.Text()}, until)
	if err != nil {
		return err
	}
	if err := s.o.Post.SendLink(ctx, tenant, o.mailbox, s.o.URL()+"/sign-in/link/"+token, until); err != nil {
		return err
	}
	s.o.Logger.Info("a link to sign in was sent", "tenant", tenant, "rcpt", o.mailbox.String(), "source", o.source)
	return nil
}

// LookLink says whose a link is, and uses nothing up. ErrCredentials: it does
// not hold, or not any more.
func (s *Service) LookLink(ctx context.Context, token string) (mailbox string, err error) {
	says, err := s.readLink(token)
	if err != nil {
		return "", err
	}
	var u usedLink
	if _, err := s.get(ctx, kindUsed, says.Nonce, &u); !errors.Is(err, ErrNotFound) {
		if err == nil {
			err = ErrCredentials
		}
		return "", err
	}
	return says.Mailbox, nil
}

func (s *Service) readLink(token string) (linkSays, error) {
	var says linkSays
	sg, err := s.signer()
	if err != nil {
		return says, err
	}
	if err := sg.Open(purposeLink, token, &says); err != nil {
		if errors.Is(err, signed.ErrExpired) || errors.Is(err, signed.ErrInvalid) {
			err = ErrCredentials
		}
		return says, err
	}
	if !s.o.Links() {
		return says, ErrCredentials
	}
	return says, nil
}

type usedLink struct {
	At time.Time `json:"at"`
}

// LinkSignIn uses a link up. ErrCredentials, *Wait. Whoever has one that holds
// never waits, whatever others of their network tried.
func (s *Service) LinkSignIn(ctx context.Context, token string, from From) (Entry, error) {
	e, err := s.linkSignIn(ctx, token, from)
	if errors.Is(err, ErrCredentials) {
		if wait := s.slow.begin("\x00link", from.Source); wait != nil {
			return Entry{}, wait
		}
	}
	return e, err
}

func (s *Service) linkSignIn(ctx context.Context, token string, from From) (Entry, error) {
	says, err := s.readLink(token)
	if err != nil {
		return Entry{}, err
	}
	g := Grant{Level: lifecycle.LevelMailbox, Tenant: says.Tenant, Mailbox: says.Mailbox}
	r := sessionRecord{Who: says.Mailbox, How: HowLink, Grant: g, Source: from.Source, Agent: from.Agent}
	var sc scope.Scope
	if sc, err = g.scope(r.actor(), s.o.Tenants); err != nil {
		return Entry{}, ErrCredentials
	}
	if err := s.put(ctx, kindUsed, says.Nonce, usedLink{s.now()}, 0); err != nil {
		if errors.Is(err, store.ErrConflict) {
			err = ErrCredentials
		}
		return Entry{}, err
	}
	secret, err := s.begin(ctx, r)
	if err != nil {
		return Entry{}, err
	}
	return Entry{Who: says.Mailbox, Secret: secret, Scope: sc}, nil
}

// sweepLinks forgets the links that would not hold any more in any case.
func (s *Service) sweepLinks(ctx context.Context) error {
	docs, err := s.o.Docs.ListDocs(ctx, "", kindUsed, "")
	if err != nil {
		return fmt.Errorf("listing links that were used: %w", err)
	}
	for _, d := range docs {
		var u usedLink
		if json.Unmarshal(d.JSON, &u) != nil || s.now().Sub(u.At) > 2*linkFor {
			if err := s.o.Docs.DeleteDoc(ctx, "", kindUsed, d.Key, d.Rev); err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
	}
	return nil
}

// MailsLinks reports whether links are mailed.
func (s *Service) MailsLinks() bool { return s.o.Post != nil && s.o.Links() }
