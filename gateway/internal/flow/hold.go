package flow

import (
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// A filter may ask to look at a message again later (deep filtering, B113).
// Until then the message is accepted, visible with its deadline; at the
// deadline the filters run again, with what they noted. An unbroken row of
// holds takes maxHold at most: a filter that has no answer by then has
// failed, and the message goes to quarantine. And no row of holds is hot: the
// least wait doubles from a second up to leastHold.
const leastHold = 30 * time.Second

// boundHold keeps a hold within the bounds of its row.
func (c *commit) boundHold(it *item) {
	rl := &it.ruling
	if rl.hold.IsZero() {
		return
	}
	now := c.f.o.Now()
	h := &store.Hold{Since: now, Filter: rl.holdBy.filter, Reason: rl.holdBy.holdWhy, Key: rl.holdBy.holdKey}
	if prev := it.rec.Hold; prev != nil {
		h.Since, h.Count = prev.Since, prev.Count
	}
	end := h.Since.Add(maxHold)
	if !now.Before(end) {
		c.noAnswer(it, h)
		return
	}
	least := leastHold
	if h.Count < 5 {
		least = min(least, time.Second<<h.Count)
	}
	h.Until = rl.hold
	if soon := now.Add(least); h.Until.Before(soon) {
		h.Until = soon
	}
	if h.Until.After(end) {
		h.Until = end
	}
	h.Count++
	h.Redirected = rl.action == mail.ActionRedirect
	rl.hold, rl.held = h.Until, h
}

// noAnswer is the end of a row of holds that brought no verdict.
func (c *commit) noAnswer(it *item, h *store.Hold) {
	rl := &it.ruling
	why := fmt.Sprintf("filter %s held the message %d times since %s and had no verdict", h.Filter, h.Count, h.Since.UTC().Format("15:04:05 UTC"))
	c.log.Warn("a message that was held for a verdict goes to quarantine: there was none in time", "rcpt", it.rec.Address.String(), "filter", h.Filter, "holds", h.Count)
	f := mail.Finding{
		Filter: h.Filter, Plugin: rl.holdBy.plugin, Stage: rl.holdBy.stage.String(), Class: mail.Class{Main: "filter-error", Sub: "hold"},
		Recommended: mail.ActionQuarantine, Action: mail.ActionQuarantine, Explanation: why,
	}
	rl.findings = append(rl.findings, f)
	rl.action, rl.class, rl.reason, rl.hold, rl.redirect, rl.reply = mail.ActionQuarantine, f.Class, why, time.Time{}, nil, nil
}
