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
	Parts    string // key of the message's part edits
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
		b := Batch{Edits: r.Edits, Parts: r.PartEdits}
		if t, ok := LocalTenant(r.Route); ok {
			b.Local = t
		} else if r.Route == rejectRoute {
			b.Unrouted = refused(p, m, r)
		} else if route, ok := Resolve(p, r.Route, r.Address); ok {
			raise(&route, r.Secure)
			b.Route = route
		} else {
			b.Unrouted = unrouted(r.Route)
		}
		to := deliver.Rcpt{N: n, Addr: r.Address, Params: r.DSN}
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
	return b.Local == o.Local && sameReply(b.Unrouted, o.Unrouted) &&
		b.Route.Name == o.Route.Name && b.Route.NextHop() == o.Route.NextHop() && b.Route.TLS == o.Route.TLS &&
		slices.Equal(b.Edits, o.Edits) && b.Parts == o.Parts
}

// NoRoute is what comes of a batch without a route: later for want of one, and
// never where the policy refuses the recipient (B90).
func (b Batch) NoRoute() []deliver.RcptResult {
	out := make([]deliver.RcptResult, 0, len(b.To))
	for _, to := range b.To {
		res := deliver.RcptResult{N: to.N, Outcome: deliver.Deferred, Reply: *b.Unrouted}
		if b.Unrouted.Permanent() {
			res.Outcome = deliver.Failed
		}
		out = append(out, res)
	}
	return out
}

func sameReply(a, b *mail.Reply) bool {
	return a == b || a != nil && b != nil && a.String() == b.String()
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

// Wire is a message as a recipient with these edits gets it.
func Wire(m *store.Message, edits []mail.HeaderEdit, parts string, body io.ReaderAt, size int64) wire.Message {
	return wire.Message{Trace: m.Trace, Edits: edits, Parts: m.PartEdits[parts], Body: body, Size: size}
}

// Request is the delivery request of one batch. What the edits make of the
// message is worked out once, for SIZE and for every host that is tried. An
// *wire.EditError says that the edits cannot be applied; the message must not
// be sent without them, as what they leave out would go out.
func Request(m *store.Message, b Batch, body io.ReaderAt, size int64) (deliver.Request, error) {
	if _, known := m.PartEdits[b.Parts]; b.Parts != "" && !known {
		return deliver.Request{}, &wire.EditError{Err: fmt.Errorf("the part edits %s of a recipient are not in the record", b.Parts)}
	}
	plan, err := Wire(m, b.Edits, b.Parts, body, size).Plan()
	if err != nil {
		return deliver.Request{}, err
	}
	req := deliver.Request{
		ID: m.ID, Route: b.Route, From: m.Sender, To: b.To, Params: m.Params, Size: plan.Size(), Sealed: m.Sealed,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(plan.Reader()), nil },
	}
	for _, to := range b.To { // one whom an operator wants tried now takes the others along
		if r := find(m, to.N); r != nil {
			req.Tenant, req.Insist = r.Tenant, req.Insist || r.Manual
		}
	}
	return req, nil
}
