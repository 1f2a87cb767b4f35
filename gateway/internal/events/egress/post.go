// Package egress sends webhooks over the network as plugins see it, which
// reaches public addresses alone and those that the operator opened. It stands
// apart so that who only follows events does not have the plugin host along.
package egress

import (
	"context"
	"net/netip"
	"strings"

	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/plugnet"
	"github.com/mailweir/weir/sdk/abi"
)

// shown is how much of an answer's body is read, in octets.
const shown = 512

// Over sends requests over a network that knows which addresses are public,
// and to these private ones beside.
func Over(net *plugnet.Net, private []netip.AddrPort) events.Post {
	var granted []string
	for _, a := range private {
		granted = append(granted, "http://"+a.String()+"/", "https://"+a.String()+"/")
	}
	return func(ctx context.Context, url string, header map[string]string, body []byte) (events.Answer, error) {
		req := &abi.HTTPRequest{Method: "POST", URL: url, Body: body, MaxBody: shown}
		for k, v := range header {
			req.Headers = append(req.Headers, abi.Header{Name: k, Value: v})
		}
		res, err := net.Fetch(ctx, req, nil, 0, granted)
		if err != nil {
			return events.Answer{}, err
		}
		a := events.Answer{Status: int(res.Status), Text: string(res.Body)}
		for _, h := range res.Headers {
			if strings.EqualFold(h.Name, "Retry-After") {
				a.RetryAfter = h.Value
			}
		}
		return a, nil
	}
}
