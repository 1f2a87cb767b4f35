package deliver

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Probe asks a route's hosts, with the null sender, whether they would take
// mail for some recipients, and sends none: MAIL FROM:<>, RCPT, RSET, over the
// same connections as deliveries. Results are in the order of to; Delivered
// means "would take it", Failed is the host's own 5yz to RCPT, Deferred that
// no host gave an answer about the recipient. The first host that answers
// RCPT at all is believed.
func (e *Engine) Probe(ctx context.Context, r Route, to ...mail.Address) Result {
	req := Request{Route: r}
	for i, a := range to {
		req.To = append(req.To, Rcpt{N: i + 1, Addr: a})
	}
	return e.start(ctx, req, true).Result()
}
