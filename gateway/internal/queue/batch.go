package queue

import (
	"fmt"
	"io"
	"slices"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/wire"
	"github.com/mailweir/weir/policy"
)

// Batch is a set of recipients that get the same bytes by the same route.
type Batch struct {
	Route    deliver.Route
	Local    string      // tenant of an in-process route
	Unrouted *mail.Reply // there is no route: what is recorded instead of an attempt
	Edits    []mail.HeaderEdit
	To       []deliver.Rcpt
}

// Batches groups recipients ns of m by the routes that their names mean in
// the policy of now, and by their staged edits.
func Batches(p *policy.Policy, m *store.Message, ns []int) []Batch {
	var out []Batch
	for _, n := range ns {
		r := find(m, n)
		if r == nil {
			continue
		}
		b := Batch{Edits: r.Edits}
		if t, ok := LocalTenant(r.Route); ok {
			b.Local = t
		} else if route, ok := Resolve(p, r.Route, r.Address); ok {
			b.Route = route
		} else {
			b.Unrouted = unrouted(r.Route)
		}
		to := deliver.Rcpt{N: n, Addr: r.Address}
		i := slices.IndexFunc(out, func(o Batch) bool { return o.same(b) })
		if i < 0 {
			out = append(out, b)
			i = len(out) - 1
		}
		out[i].To = append(out[i].To, to)
	}
	return out
}

func (b Batch) same(o Batch) bool {
	return b.Local == o.Local && (b.Unrouted == nil) == (o.Unrouted == nil) &&
		b.Route.Name == o.Route.Name && b.Route.NextHop() == o.Route.NextHop() && slices.Equal(b.Edits, o.Edits)
}

func unrouted(name string) *mail.Reply {
	if name == "" {
		return mail.NewReply(451, "4.4.4", "no route for this recipient; give its tenant a route block")
	}
	return mail.NewReply(451, "4.4.4", fmt.Sprintf("route %q is not in the policy any more", name))
}

func ns(to []deliver.Rcpt) []int {
	out := make([]int, len(to))
	for i, t := range to {
		out[i] = t.N
	}
	return out
}

// Request is the delivery request of one batch.
func Request(m *store.Message, b Batch, body io.ReaderAt, size int64) deliver.Request {
	w := wire.Message{Trace: m.Trace, Edits: b.Edits, Body: body, Size: size}
	return deliver.Request{
		ID: m.ID, Route: b.Route, From: m.Sender, To: b.To, Params: m.Params,
		Size: size + int64(len(m.Trace)),
		Open: func() (io.ReadCloser, error) {
			r, err := w.Reader()
			return io.NopCloser(r), err
		},
	}
}
