package verify

import (
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Query selects what is remembered of one tenant's recipients.
type Query struct {
	Tenant  string
	Domains []string // of these alone; nil all
	Kinds   []string // of these alone; nil all
	Prefix  string   // addresses that begin so; "@" for what is known of domains
	Address string   // this one alone; "" all
	After   string   // go on behind this one
	Limit   int      // at most so many; 0 all

	ValidFor, InvalidFor time.Duration // the tenant's settings, as in Request
}

// Item is one thing remembered.
type Item struct {
	Key   string // the address in lower case, or "@" and a domain
	Kind  string
	At    time.Time // when it was learnt
	Until time.Time // when it is believed no more
	Asked time.Time // when it was asked for in vain since
	Reply *mail.Reply
}

func (q *Query) matches(key string, e *Entry) bool {
	_, domain := cutLast(key)
	return (q.Address == "" || key == q.Address) && (q.Domains == nil || slices.Contains(q.Domains, domain)) &&
		(q.Kinds == nil || slices.Contains(q.Kinds, e.Kind))
}

// cutLast cuts an address at its last @, as quoted local parts may hold others.
func cutLast(key string) (local, domain string) {
	i := strings.LastIndexByte(key, '@')
	return key[:max(i, 0)], key[i+1:]
}

// holds is how long an entry is believed.
func (q *Query) holds(e *Entry) time.Duration {
	r := Request{ValidFor: q.ValidFor, InvalidFor: q.InvalidFor}
	switch e.Kind {
	case EntryValid:
		return r.validFor()
	case EntryInvalid:
		return r.invalidFor()
	case EntrySelective:
		return selectiveFor
	case EntryRefuses:
		return refusesFor
	}
	return catchAllFor
}

// Known lists what is remembered and still believed, in order of keys, and
// tells whether there is more.
func (c *Checker) Known(q Query) (items []Item, more bool, err error) {
	err = c.each(&q, func(it Item) bool {
		if q.Limit > 0 && len(items) == q.Limit {
			more = true
			return false
		}
		items = append(items, it)
		return true
	})
	return items, more, err
}

// each calls f for what a query selects, until it returns false.
func (c *Checker) each(q *Query, f func(Item) bool) error {
	now := c.opt.Now()
	prefix := q.Prefix
	if q.Address != "" {
		prefix = q.Address
	}
	return c.opt.Cache.Scan(q.Tenant, prefix, q.After, func(key string, e Entry) bool {
		until := e.At.Add(q.holds(&e))
		if !now.Before(until) || !q.matches(key, &e) {
			return true
		}
		return f(Item{Key: key, Kind: e.Kind, At: e.At, Until: until, Asked: e.Asked, Reply: e.Reply})
	})
}

// Clear forgets what a query selects, Limit aside, and says how much it was:
// the next question asks the destination.
func (c *Checker) Clear(q Query) (n int, err error) {
	var keys []string
	err = c.each(&q, func(it Item) bool {
		keys = append(keys, it.Key)
		return true
	})
	for _, k := range keys {
		c.opt.Cache.Delete(q.Tenant, k)
	}
	return len(keys), err
}

// forgetValid forgets the valid addresses of a domain.
func (c *Checker) forgetValid(tenant, domain string) {
	n, err := c.Clear(Query{Tenant: tenant, Domains: []string{domain}, Kinds: []string{EntryValid}})
	if err != nil {
		c.log.Warn("forgetting what a catch-all said", "tenant", tenant, "domain", domain, "err", err)
	} else if n > 0 {
		c.log.Info("a destination takes any address now; what it said before is forgotten", "tenant", tenant, "domain", domain, "count", n)
	}
}
