package sdktest

import (
	"io"
	"net/netip"
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// The gateway's bounds that a plugin's logic may run into.
const (
	maxNetCalls  = 32
	maxConns     = 8
	maxQuestions = 32
	maxStaged    = 256 << 10
	maxOps       = 1000
)

// opened are the connections of one run.
type opened struct {
	calls int
	conns map[int32]io.ReadWriteCloser
	last  int32
}

func (h *Host) closeConns() {
	for n, c := range h.open.conns {
		_ = c.Close()
		delete(h.open.conns, n)
	}
	h.open = opened{conns: map[int32]io.ReadWriteCloser{}}
}

func refuse(code sdk.Error, text string) error { return &sdk.HostError{Code: code, Text: text} }

// netCall counts one of the hook's network calls.
func (h fake) netCall() error {
	if h.open.calls++; h.open.calls > maxNetCalls {
		return refuse(sdk.ErrTooLarge, "a call has at most 32 network calls")
	}
	return nil
}

// failed makes what a fake said an error of the host's.
func failed(err error) error {
	switch err.(type) {
	case sdk.Error, *sdk.HostError:
		return err
	}
	return refuse(sdk.ErrUnavailable, err.Error())
}

// DNSQuery answers from Host.DNS, whatever the case of the name; a question
// that is not there has the code not_found.
func (h fake) DNSQuery(req []byte) ([]byte, error) {
	var r abi.DNSRequest
	if err := r.Decode(req); err != nil {
		return nil, refuse(sdk.ErrBadArgument, err.Error())
	}
	if len(r.Questions) > maxQuestions {
		return nil, refuse(sdk.ErrTooLarge, "at most 32 questions at once")
	}
	if err := h.netCall(); err != nil {
		return nil, err
	}
	var res abi.DNSResponse
	for _, q := range r.Questions {
		if _, err := netip.ParseAddr(q.Name); err == nil && q.Type != "PTR" {
			return nil, refuse(sdk.ErrBadArgument, q.Name+" is no name")
		}
		a := abi.DNSAnswer{Code: abi.DNSCodeNotFound}
		for k, v := range h.DNS {
			if strings.EqualFold(k.Name, q.Name) && strings.EqualFold(k.Type, q.Type) {
				a = v
			}
		}
		res.Answers = append(res.Answers, a)
	}
	return res.Append(nil), nil
}

// HTTPFetch asks Host.HTTP, which sees in Body what is sent, also when it is a part.
func (h fake) HTTPFetch(req []byte) ([]byte, error) {
	r := new(abi.HTTPRequest)
	if err := r.Decode(req); err != nil {
		return nil, refuse(sdk.ErrBadArgument, err.Error())
	}
	if err := h.netCall(); err != nil {
		return nil, err
	}
	if r.BodyPart > 0 {
		b, err := h.content(int32(r.BodyPart) - 2)
		if err != nil {
			return nil, refuse(sdk.ErrBadArgument, "no such part")
		}
		r.Body = b
	}
	if h.HTTP == nil {
		return nil, refuse(sdk.ErrUnavailable, "the test has no HTTP")
	}
	res, err := h.HTTP(r)
	if err != nil {
		return nil, failed(err)
	}
	if res == nil {
		return nil, refuse(sdk.ErrUnavailable, "the test has no response")
	}
	out := *res
	most := int(r.MaxBody)
	if most == 0 {
		most = 64 << 10
	}
	if len(out.Body) > most {
		out.Body, out.Truncated = out.Body[:most], true
	}
	return out.Append(nil), nil
}

func (h fake) Dial(address string) (int32, error) {
	if err := h.netCall(); err != nil {
		return 0, err
	}
	if len(h.open.conns) >= maxConns {
		return 0, refuse(sdk.ErrTooLarge, "at most 8 connections are open at a time")
	}
	if h.Host.Dial == nil {
		return 0, refuse(sdk.ErrUnavailable, "the test has no Dial")
	}
	c, err := h.Host.Dial(address)
	if err != nil {
		return 0, failed(err)
	}
	h.open.last++
	h.open.conns[h.open.last] = c
	return h.open.last, nil
}

func (h fake) conn(n int32) (io.ReadWriteCloser, error) {
	if c := h.open.conns[n]; c != nil {
		return c, nil
	}
	return nil, refuse(sdk.ErrBadArgument, "no such connection")
}

func (h fake) ConnWrite(n int32, b []byte) error {
	c, err := h.conn(n)
	if err != nil {
		return err
	}
	if _, err := c.Write(b); err != nil {
		return failed(err)
	}
	return nil
}

func (h fake) ConnSend(n, part int32, off, size int64) (int64, error) {
	c, err := h.conn(n)
	if err != nil {
		return 0, err
	}
	b, err := h.content(part)
	if err != nil || off < 0 || size < 0 {
		return 0, refuse(sdk.ErrBadArgument, "no such part or range")
	}
	b = b[min(off, int64(len(b))):]
	b = b[:min(size, int64(len(b)))]
	if _, err := c.Write(b); err != nil {
		return 0, failed(err)
	}
	return int64(len(b)), nil
}

func (h fake) ConnRead(n int32, p []byte) (int, error) {
	c, err := h.conn(n)
	if err != nil {
		return 0, err
	}
	got, err := c.Read(p)
	if err == nil || err == io.EOF || got > 0 {
		return got, nil
	}
	return 0, failed(err)
}

func (h fake) ConnClose(n int32) error {
	c, err := h.conn(n)
	if err != nil {
		return err
	}
	delete(h.open.conns, n)
	_ = c.Close()
	return nil
}
