package filter

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/sdk/abi"
)

// Bounds of what a plugin orders.
const (
	maxOrders      = 64        // of one call, of any kind: each is a write to disk
	maxSubmissions = 8         // notices of one call
	maxSubmission  = 256 << 10 // octets of one
	maxOrder       = 8 << 10   // octets of a MessageOrder
	maxSchedule    = 72 << 10  // octets of a ScheduleRequest
	maxPayload     = 64 << 10  // octets
	maxMessageID   = 64
	maxNoticeTo    = 100
	maxSubject     = 900 // octets: one line, with its name
	maxNoticeField = 32  // header fields of a notice
	maxAhead       = 10 * 366 * 24 * time.Hour
)

// record reads what an order is written in.
func record(c *call, mem guestMemory, st []uint64, limit int, decode func([]byte) error) bool {
	b := mem.at(st[0], st[1])
	if len(b) > limit {
		result(st, c.fail(abi.ErrTooLarge, "the record has at most "+strconv.Itoa(limit)+" octets"))
		return false
	}
	if err := decode(b); err != nil {
		result(st, c.fail(abi.ErrBadArgument, err.Error()))
		return false
	}
	return true
}

// order checks what all orders have in common, and counts them.
func (g *generation) order(c *call) (Queue, int32, bool) {
	switch {
	case c.ev == nil || g.opts.Queue == nil:
		return nil, c.fail(abi.ErrUnavailable, "there is no queue here"), false
	case c.ev.Tenant == "" || c.ev.Tenant == NoTenant:
		return nil, c.fail(abi.ErrUnavailable, "the tenant is not known at this stage"), false
	}
	if c.orders++; c.orders > maxOrders {
		return nil, c.fail(abi.ErrTooLarge, "a call orders at most 64 things"), false
	}
	return g.opts.Queue, 0, true
}

// failOrder ends the guest for lack of time, or makes a result of an error.
func (c *call) failOrder(err error) int32 {
	c.must()
	text := clean([]byte(err.Error()), maxNetWords)
	switch {
	case errors.Is(err, ErrNoMessage):
		return c.fail(abi.ErrNotFound, "no such message")
	case errors.Is(err, ErrBadRequest):
		return c.fail(abi.ErrBadArgument, text)
	case errors.Is(err, ErrRefused):
		return c.fail(abi.ErrDenied, text)
	case errors.Is(err, context.DeadlineExceeded):
		return c.fail(abi.ErrTimeout, text)
	}
	return c.fail(abi.ErrUnavailable, text)
}

func scheduleCall(in *instance, c *call, mem guestMemory, st []uint64) {
	var r abi.ScheduleRequest
	if !record(c, mem, st, maxSchedule, r.Decode) {
		return
	}
	k := checker{}
	k.that(r.Name != "", "a schedule has a name")
	k.line("name", r.Name, maxClass)
	k.line("key", r.Key, maxName)
	k.line("message", r.Message, maxMessageID)
	k.that(len(r.Payload) <= maxPayload, "the payload has at most 64 KiB")
	latest := c.now().Add(maxAhead).UnixMilli()
	k.that(r.AtUnixMs <= uint64(latest), "a time in milliseconds since 1970, at most ten years ahead")
	if k.err != nil {
		result(st, c.fail(abi.ErrBadArgument, k.err.Error()))
		return
	}
	q, n, ok := in.gen.order(c)
	if !ok {
		result(st, n)
		return
	}
	if err := q.Schedule(c.context(), in.gen.name, c.ev.Tenant, c.ev.ConfigID, r); err != nil {
		result(st, c.failOrder(err))
		return
	}
	result(st, 0)
}

// messageOrder reads the order of one of the message_ functions.
func messageOrder(in *instance, c *call, mem guestMemory, st []uint64) (q Queue, o abi.MessageOrder, ok bool) {
	if !record(c, mem, st, maxOrder, o.Decode) {
		return nil, o, false
	}
	k := checker{}
	k.that(o.ID != "", "a message has an ID")
	k.line("id", o.ID, maxMessageID)
	k.line("reason", o.Reason, maxExplanation)
	if k.err != nil {
		result(st, c.fail(abi.ErrBadArgument, k.err.Error()))
		return nil, o, false
	}
	q, n, ok := in.gen.order(c)
	if !ok {
		result(st, n)
	}
	return q, o, ok
}

func messageGet(in *instance, c *call, mem guestMemory, st []uint64) {
	q, o, ok := messageOrder(in, c, mem, st)
	if !ok {
		return
	}
	m, err := q.Message(c.context(), c.ev.Tenant, o.ID)
	if err != nil {
		result(st, c.failOrder(err))
		return
	}
	result(st, c.leave(m.Append(nil)))
}

// messageVerb makes the function of one verb.
func messageVerb(verb string) hostFunc {
	return func(in *instance, c *call, mem guestMemory, st []uint64) {
		q, o, ok := messageOrder(in, c, mem, st)
		if !ok {
			return
		}
		n, err := q.Order(c.context(), verb, in.gen.name, c.ev.Tenant, o)
		if err != nil {
			result(st, c.failOrder(err))
			return
		}
		result(st, int32(n))
	}
}

func messageSubmit(in *instance, c *call, mem guestMemory, st []uint64) {
	var s abi.Submission
	if !record(c, mem, st, maxSubmission, s.Decode) {
		return
	}
	if err := checkSubmission(&s); err != nil {
		result(st, c.fail(abi.ErrBadArgument, err.Error()))
		return
	}
	if c.submissions++; c.submissions > maxSubmissions {
		result(st, c.fail(abi.ErrTooLarge, "a call submits at most 8 notices"))
		return
	}
	q, n, ok := in.gen.order(c)
	if !ok {
		result(st, n)
		return
	}
	id, err := q.Submit(c.context(), in.gen.name, c.ev.Tenant, s)
	if err != nil {
		result(st, c.failOrder(err))
		return
	}
	result(st, c.leave([]byte(id)))
}

// composed are the fields of a notice that the gateway writes itself.
var composed = map[string]bool{
	"from": true, "sender": true, "reply-to": true, "to": true, "cc": true, "bcc": true, "subject": true, "date": true, "message-id": true,
	"in-reply-to": true, "references": true, "auto-submitted": true, "precedence": true, "mime-version": true, "dkim-signature": true,
	"authentication-results": true,
}

func checkSubmission(s *abi.Submission) error {
	k := checker{}
	k.that(len(s.To) > 0, "a notice goes to somebody")
	k.count("addresses", len(s.To), maxNoticeTo)
	for _, a := range s.To {
		if _, err := mail.ParseAddress(a); err != nil {
			k.that(false, "to %q: %v", clean([]byte(a), 80), err)
		}
	}
	k.that(s.Subject != "", "a notice has a subject")
	k.line("subject", s.Subject, maxSubject)
	k.that(!strings.Contains(s.Text, "\x00"), "a NUL in the text")
	k.count("header fields", len(s.Headers), maxNoticeField)
	for _, h := range s.Headers {
		low := strings.ToLower(h.Name)
		k.that(fieldName(h.Name), "%q is no field name", clean([]byte(h.Name), 80))
		k.that(!composed[low] && !fixed[low] && !strings.HasPrefix(low, "content-") && !strings.HasPrefix(low, "resent-"), "the gateway writes the field %s itself", clean([]byte(h.Name), 80))
		k.line("header field", h.Value, maxHeaderValue)
	}
	k.line("parent", s.Parent, maxMessageID)
	return k.err
}
