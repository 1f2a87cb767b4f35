package verify

import "time"

// refresh asks again for an address that is known and in use, before what is
// known of it ends: an outage that begins after its end would find nobody known
// (B72). Nobody waits for it.
func (c *Checker) refresh(r Request, rep Report) {
	before := min(r.Refresh, r.validFor()/2)
	if before <= 0 || rep.Answer != Known || r.Mode == ModeNone || c.opt.Prober == nil {
		return
	}
	now := c.opt.Now()
	if rep.Until.Sub(now) > before {
		return
	}
	e, ok := c.opt.Cache.Get(r.Tenant, r.Address.Key())
	if again := min(before/8, maxAgain); !ok || !e.Asked.IsZero() && now.Sub(e.Asked) < again {
		return
	}
	c.join(r, refreshing)
}

// refreshed notes a refresh that brought no answer, so that it is not repeated
// with every message; what is known stays as it is.
func (c *Checker) refreshed(r *Request, key string, rep *Report) {
	outcome := "unanswered"
	switch rep.Answer {
	case Known:
		outcome = "renewed"
	case Invalid, CatchAll:
		outcome = "withdrawn"
	default:
		if e, ok := c.opt.Cache.Get(r.Tenant, key); ok && e.Kind == EntryValid {
			now := c.opt.Now()
			e.Asked = now
			c.opt.Cache.Put(r.Tenant, key, e, max(e.At.Add(r.validFor()).Sub(now), time.Second))
		}
	}
	c.stats.count(&c.stats.refreshes, outcome)
}
