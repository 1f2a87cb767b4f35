package flow

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
)

// keepOriginals adds the originals to keep of a message that is taken, in the
// same Enqueue, and their events. Where the edited message did not go out,
// none is kept beside it: who sent it was told, or an operator has it; what
// is held and released later keeps its original then (package queue).
func (c *commit) keepOriginals(now time.Time) []mail.Event {
	var events []mail.Event
	for i := range c.items {
		switch c.rec.Recipients[i].Status {
		case mail.StatusDelivered, mail.StatusSecureDelivered, mail.StatusQueued:
			if k, ev, ok := queue.Original(c.p, c.rec, &c.rec.Recipients[i], now); ok {
				k.N = len(c.rec.Recipients) + 1
				ev.N = k.N
				c.rec.Recipients, events = append(c.rec.Recipients, k), append(events, ev)
			}
		}
	}
	return events
}
