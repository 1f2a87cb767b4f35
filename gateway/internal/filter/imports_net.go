package filter

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/grant"
)

// Bounds of the network.
const (
	maxNetCalls  = 32       // connections, fetches and DNS batches of one call
	maxQuestions = 32       // of one dns_query
	maxQuery     = 64 << 10 // octets of a DNSRequest
	maxRequest   = 4 << 20  // octets of an HTTPRequest
	maxReply     = 4 << 20  // octets of a response's body
	defaultReply = 64 << 10 // of them where the guest does not say
	maxURL       = 8 << 10  // octets
	maxFields    = 64       // header fields of a request
	maxFieldSize = 16 << 10 // octets of them
	maxAddress   = 512      // octets of an address to dial
	maxNetWords  = 400      // octets of an error's text
)

// patience is how long a host function may wait: nearly until the deadline, so
// that a guest whose server hangs can still say so, which is worth more to
// operators than that it was stopped, and spares the instance.
func (c *call) patience() time.Time {
	return c.deadline.Add(-min(time.Until(c.deadline)/10, 250*time.Millisecond))
}

func (c *call) patient() (context.Context, context.CancelFunc) {
	return context.WithDeadline(c.ctx, c.patience())
}

// leave keeps the reply of a call for reply_read.
func (c *call) leave(reply []byte) int32 {
	c.reply = reply
	return int32(len(reply))
}

func replyRead(_ *instance, c *call, mem guestMemory, st []uint64) {
	if c.reply == nil {
		mem.at(st[0], st[1])
		result(st, c.fail(abi.ErrNotFound, "no call has left a reply"))
		return
	}
	result(st, mem.give(c.reply, st[0], st[1]))
}

// netCall counts one of a call's uses of the network.
func (c *call) netCall() (int32, bool) {
	if c.ev == nil {
		return c.fail(abi.ErrUnavailable, "there is no network in weir_init"), false
	}
	if c.net.calls++; c.net.calls > maxNetCalls {
		return c.fail(abi.ErrTooLarge, "a call has at most 32 network calls"), false
	}
	return 0, true
}

// failNet ends the guest for lack of time, or makes a result of an error.
func (c *call) failNet(err error) int32 {
	c.must()
	text := clean([]byte(err.Error()), maxNetWords)
	var ne net.Error
	switch {
	case errors.Is(err, ErrRefused):
		return c.fail(abi.ErrDenied, text)
	case errors.Is(err, ErrBadRequest):
		return c.fail(abi.ErrBadArgument, text)
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &ne) && ne.Timeout():
		return c.fail(abi.ErrTimeout, text)
	}
	return c.fail(abi.ErrUnavailable, text)
}

func dnsQuery(in *instance, c *call, mem guestMemory, st []uint64) {
	b := mem.at(st[0], st[1])
	if len(b) > maxQuery {
		result(st, c.fail(abi.ErrTooLarge, "DNS questions have at most 64 KiB"))
		return
	}
	var r abi.DNSRequest
	if err := r.Decode(b); err != nil {
		result(st, c.fail(abi.ErrBadArgument, err.Error()))
		return
	}
	result(st, in.gen.ask(c, r.Questions))
}

func (g *generation) ask(c *call, qs []abi.DNSQuestion) int32 {
	if len(qs) > maxQuestions {
		return c.fail(abi.ErrTooLarge, "at most 32 questions at once")
	}
	for i := range qs {
		q := &qs[i]
		q.Type = strings.ToUpper(q.Type)
		ip, err := netip.ParseAddr(q.Name)
		switch {
		case !slices.Contains(DNSTypes, q.Type):
			return c.fail(abi.ErrBadArgument, "question "+strconv.Itoa(i)+": types are "+strings.Join(DNSTypes, " "))
		case err == nil && q.Type == "PTR":
			q.Name = reverse(ip)
		case err == nil || q.Name == "" || len(q.Name) > 254:
			return c.fail(abi.ErrBadArgument, "question "+strconv.Itoa(i)+" is not for a name")
		}
		if !grant.Name(g.grants["dns"], q.Name) {
			return c.fail(abi.ErrDenied, `the grant dns does not name "`+clean([]byte(q.Name), maxName)+`"`)
		}
	}
	if g.opts.DNS == nil {
		return c.fail(abi.ErrUnavailable, "there is no DNS here")
	}
	if n, ok := c.netCall(); !ok {
		return n
	}
	ctx, cancel := c.patient()
	defer cancel()
	res := abi.DNSResponse{Answers: g.opts.DNS.Query(ctx, qs)}
	c.must()
	return c.leave(res.Append(nil))
}

// reverse is the name that PTR records of an address stand under (RFC 1035
// §3.5, RFC 3596 §2.5).
func reverse(ip netip.Addr) string {
	const hex = "0123456789abcdef"
	ip = ip.Unmap()
	var b []byte
	s := ip.AsSlice()
	for i := len(s) - 1; i >= 0; i-- {
		if ip.Is4() {
			b = append(strconv.AppendUint(b, uint64(s[i]), 10), '.')
		} else {
			b = append(b, hex[s[i]&15], '.', hex[s[i]>>4], '.')
		}
	}
	if ip.Is4() {
		return string(b) + "in-addr.arpa"
	}
	return string(b) + "ip6.arpa"
}

func httpFetch(in *instance, c *call, mem guestMemory, st []uint64) {
	b := mem.at(st[0], st[1])
	if len(b) > maxRequest {
		result(st, c.fail(abi.ErrTooLarge, "an HTTP request has at most 4 MiB; larger bodies are sent as a part (body_part)"))
		return
	}
	if fieldsOf(b) > maxFields {
		result(st, c.fail(abi.ErrTooLarge, tooManyFields))
		return
	}
	r := new(abi.HTTPRequest)
	if err := r.Decode(b); err != nil {
		result(st, c.fail(abi.ErrBadArgument, err.Error()))
		return
	}
	result(st, in.gen.fetch(c, r))
}

const tooManyFields = "a request has at most 64 header fields of 16 KiB together"

// fieldsOf is how many header fields an encoded HTTPRequest claims, behind its
// method and URL. A field is 4 octets in the guest and 32 when it is decoded:
// a million of them would be memory that no limit of the guest counts.
func fieldsOf(b []byte) uint32 {
	next := func() (n uint32) {
		if len(b) < 4 {
			b = nil
			return 0
		}
		n, b = binary.LittleEndian.Uint32(b), b[4:]
		return n
	}
	next()
	for range 2 {
		n := next()
		b = b[min(uint64(n), uint64(len(b))):]
	}
	return next()
}

func (g *generation) fetch(c *call, r *abi.HTTPRequest) int32 {
	if len(r.URL) > maxURL {
		return c.fail(abi.ErrTooLarge, "a URL has at most 8 KiB")
	}
	u, err := grant.ParseURL(r.URL)
	if err != nil {
		return c.fail(abi.ErrBadArgument, "url: "+clean([]byte(err.Error()), maxNetWords))
	}
	granted := g.grants["http"]
	if !grant.URL(granted, u) {
		return c.fail(abi.ErrDenied, "the grant http has no beginning of "+clean([]byte(u.Scheme+"://"+u.Host+u.EscapedPath()), maxNetWords))
	}
	size := 0
	for _, f := range r.Headers {
		size += len(f.Name) + len(f.Value)
	}
	switch {
	case len(r.Headers) > maxFields || size > maxFieldSize:
		return c.fail(abi.ErrTooLarge, tooManyFields)
	case r.MaxBody > maxReply:
		return c.fail(abi.ErrTooLarge, "at most 4 MiB of a response are kept")
	case g.opts.Net == nil:
		return c.fail(abi.ErrUnavailable, "there is no network here")
	}
	r.URL = u.String()
	if r.MaxBody == 0 {
		r.MaxBody = defaultReply
	}
	body, length, err := c.upload(r)
	if err != nil {
		return c.failRead(err)
	}
	if n, ok := c.netCall(); !ok {
		return n
	}
	ctx, cancel := c.patient()
	defer cancel()
	if r.TimeoutMs > 0 {
		ctx, cancel = context.WithTimeout(ctx, time.Duration(r.TimeoutMs)*time.Millisecond)
		defer cancel()
	}
	res, err := g.opts.Net.Fetch(ctx, r, body, length, granted)
	if err != nil {
		return c.failNet(err)
	}
	c.must()
	return c.leave(res.Append(nil))
}

// upload is the part that goes out as the body of a request, with its length.
func (c *call) upload(r *abi.HTTPRequest) (io.Reader, int64, error) {
	if r.BodyPart == 0 {
		return nil, 0, nil
	}
	part := int32(r.BodyPart - 2) // 1, the raw message, becomes -1
	if r.BodyPart != 1 && part < 0 {
		return nil, 0, errNoPart
	}
	p, err := c.open(part)
	if err != nil {
		return nil, 0, err
	}
	size := int64(c.ev.Size)
	if part != abi.PartRaw {
		size = int64(c.partList().Parts[part].Size)
	}
	if exact, err := p.exactly(size); err != nil {
		return nil, 0, err
	} else if !exact {
		size = -1
	}
	return io.NewSectionReader(p, 0, 1<<62), size, nil
}

// exactly reports whether a part has this size: what is announced to a server
// must be true to the octet.
func (r *partReader) exactly(size int64) (bool, error) {
	var b [2]byte
	at := max(size-1, 0)
	n, err := r.ReadAt(b[:], at)
	if err != nil && err != io.EOF {
		return false, err
	}
	return at+int64(n) == size, nil
}
