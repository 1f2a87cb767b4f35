package verify

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// Report is an answer with how it was come by, for operators (B43).
type Report struct {
	Answer Answer
	Reply  *mail.Reply // the destination's; of an answer from memory, its refusal
	// Stranger is what it said to an address that cannot exist, nil when it was
	// not asked: then it was known whether it takes anything.
	Stranger *mail.Reply
	// Limited says which of our own bounds left the callout out, "" none.
	Limited string
	// At is when what is remembered was learnt, and Until how long it holds; zero
	// for an answer that is not.
	At, Until time.Time
	Attempts  []mail.Attempt // the hosts asked, with their dialogues
}

// callout asks the destination for the address and, where it is not known yet
// whether the destination takes anything, for an address that cannot exist.
func (c *Checker) callout(ctx context.Context, r Request, key string, how asking) Report {
	if how == waitedFor {
		// Another callout may have ended between the caller's look and this one's start.
		if rep, ok := c.cached(&r, key); ok {
			return rep
		}
	}
	adm, why := c.admit(ctx, &r, how == refreshing)
	if adm == nil {
		c.stats.count(&c.stats.limited, why)
		c.log.Debug("callout left out", "tenant", r.Tenant, "rcpt", key, "why", why)
		return Report{Limited: why}
	}
	rep := c.ask(ctx, &r, key)
	adm.done(rep.Answer == Invalid)
	if rep.Limited != "" {
		c.stats.count(&c.stats.limited, rep.Limited)
	} else {
		c.stats.count(&c.stats.callouts, rep.Answer.String())
	}
	return rep
}

func (c *Checker) ask(ctx context.Context, r *Request, key string) Report {
	domain, _ := c.opt.Cache.Get(r.Tenant, domainKey(r.Address))
	// That a domain is a catch-all is never taken for granted (B67): it is asked
	// about each time. That it is none holds for a while.
	selective := domain.Kind == EntrySelective && c.fresh(domain, selectiveFor)
	to := []mail.Address{r.Address}
	if !selective {
		if random, err := probeAddress(r.Address); err == nil {
			to = append(to, random)
		}
	}
	res := c.opt.Prober.Probe(ctx, r.Route, to...)
	got := res.Rcpts[0]
	rep := Report{Reply: &got.Reply, Attempts: res.Attempts}
	c.log.Debug("callout", "tenant", r.Tenant, "rcpt", key, "code", got.Reply.Code, "host", got.Host)
	if got.Throttled { // nobody was called, so that this says nothing about the destination
		rep.Limited = limitedHeld
		return rep
	}
	if got.Remote {
		c.adm.hops.up(r.Route.NextHop())
	} else if ctx.Err() == nil || errors.Is(ctx.Err(), context.DeadlineExceeded) {
		c.adm.hops.down(r.Route.NextHop())
	}
	if len(to) > 1 {
		rep.Stranger = &res.Rcpts[1].Reply
		if refusesAll(to, res.Rcpts) {
			c.put(r.Tenant, domainKey(r.Address), Entry{Kind: EntryRefuses, Reply: &got.Reply}, refusesFor)
			c.opt.Cache.Delete(r.Tenant, key)
			rep.Answer = Invalid
			return rep
		}
		domain = c.learnDomain(r, domain, got, res.Rcpts[1])
		selective = domain.Kind == EntrySelective
	}
	switch {
	case got.Outcome == deliver.Delivered && selective:
		rep.Answer = Known
		rep.At, rep.Until = c.keep(r, key, Entry{Kind: EntryValid}, r.validFor())
	case got.Outcome == deliver.Delivered:
		// It takes anything, or would not say what it does with a stranger:
		// nothing is learnt of the address (B67).
		c.opt.Cache.Delete(r.Tenant, key)
		rep.Answer = CatchAll
	case got.Outcome == deliver.Failed && got.Remote:
		rep.Answer = Invalid
		rep.At, rep.Until = c.keep(r, key, Entry{Kind: EntryInvalid, Reply: &got.Reply}, r.invalidFor())
	}
	return rep
}

// keep remembers and says from when to when.
func (c *Checker) keep(r *Request, key string, e Entry, d time.Duration) (at, until time.Time) {
	at = c.put(r.Tenant, key, e, d)
	return at, at.Add(d)
}

// learnDomain reads the answer about the address that cannot exist. Without a
// clear one the domain may be a catch-all, and is remembered as such a one where
// the address itself was taken: what is delivered there proves nothing.
func (c *Checker) learnDomain(r *Request, before Entry, got, random deliver.RcptResult) Entry {
	var e Entry
	switch {
	case random.Outcome == deliver.Delivered:
		e.Kind = EntryCatchAll
	case random.Outcome == deliver.Failed && random.Remote:
		e.Kind = EntrySelective
	case got.Outcome == deliver.Delivered && (before.Kind != EntryCatchAll || !c.fresh(before, catchAllFor)):
		e.Kind = EntryUnsure
	default:
		return e
	}
	if e.Kind == EntryCatchAll && before.Kind != EntryCatchAll {
		// What it said yes to before proves nothing any more (B68).
		c.forgetValid(r.Tenant, r.Address.Domain())
	}
	c.put(r.Tenant, domainKey(r.Address), e, catchAllFor)
	return e
}

// refusesAll reports that the destination refuses the domain rather than the
// address: the stranger got the very same answer, and it is one about policy or
// the domain (X.7.Z, X.1.2; RFC 3463 §3), such as "relay access denied" (B128).
func refusesAll(to []mail.Address, rs []deliver.RcptResult) bool {
	for _, r := range rs {
		if r.Outcome != deliver.Failed || !r.Remote {
			return false
		}
	}
	a, b := rs[0].Reply, rs[1].Reply
	if a.Code != b.Code || a.Enhanced != b.Enhanced || without(a.Text, to[0]) != without(b.Text, to[1]) {
		return false
	}
	switch {
	case a.Enhanced[1] == 7, a.Enhanced[1] == 1 && a.Enhanced[2] == 2:
		return true
	case a.Enhanced == mail.Enhanced{}:
		return strings.Contains(strings.ToLower(a.Text), "relay")
	}
	return false
}

// without is a reply's text without the address it quotes.
func without(text string, a mail.Address) string {
	text = strings.ReplaceAll(strings.ToLower(text), a.Key(), "")
	return strings.ReplaceAll(text, strings.ToLower(a.Local()), "")
}
