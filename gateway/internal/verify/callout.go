package verify

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// callout asks the destination for the address and, where it is not known yet
// whether the destination takes anything, for an address that cannot exist.
func (c *Checker) callout(ctx context.Context, r Request, key string) (Answer, *mail.Reply) {
	// Another callout may have ended between the caller's look and this one's start.
	if a, reply, ok := c.cached(r, key); ok {
		return a, reply
	}
	hop := r.Route.NextHop()
	if !c.limit.take(ctx, hop, c.opt.Timeout/2) {
		c.log.Debug("callout left out: too many, or the destination is down", "tenant", r.Tenant, "rcpt", key)
		return Unknown, nil
	}
	domain, known := c.opt.Cache.Get(r.Tenant, domainKey(r.Address))
	known = known && c.fresh(domain, catchAllFor)
	to := []mail.Address{r.Address}
	if !known {
		if random, err := probeAddress(r.Address); err == nil {
			to = append(to, random)
		}
	}
	res := c.opt.Prober.Probe(ctx, r.Route, to...).Rcpts
	got := res[0]
	c.log.Debug("callout", "tenant", r.Tenant, "rcpt", key, "code", got.Reply.Code, "host", got.Host)
	catchAll := known && domain.Kind == EntryCatchAll
	if len(to) > 1 {
		catchAll, known = c.learnDomain(r, res[1])
	}
	switch {
	case got.Outcome == deliver.Delivered && catchAll:
		c.opt.Cache.Delete(r.Tenant, key)
		return CatchAll, nil
	case got.Outcome == deliver.Delivered && !known:
		// The destination would not say what it does with a stranger. It may
		// be a catch-all, so nothing is learnt (B67).
		return CatchAll, nil
	case got.Outcome == deliver.Delivered:
		c.put(r.Tenant, key, Entry{Kind: EntryValid}, r.validFor())
		return Known, nil
	case got.Outcome == deliver.Failed && got.Remote:
		reply := got.Reply
		c.put(r.Tenant, key, Entry{Kind: EntryInvalid, Reply: &reply}, r.invalidFor())
		return Invalid, &reply
	}
	if !got.Remote && ctx.Err() == nil {
		c.limit.down(hop)
	}
	reply := got.Reply
	return Unknown, &reply
}

// learnDomain reads the answer about the address that cannot exist.
func (c *Checker) learnDomain(r Request, random deliver.RcptResult) (catchAll, known bool) {
	switch {
	case random.Outcome == deliver.Delivered:
		c.put(r.Tenant, domainKey(r.Address), Entry{Kind: EntryCatchAll}, catchAllFor)
		return true, true
	case random.Outcome == deliver.Failed && random.Remote:
		c.put(r.Tenant, domainKey(r.Address), Entry{Kind: EntrySelective}, catchAllFor)
		return false, true
	}
	return false, false
}
