package sdk

import (
	"io"

	"github.com/mailweir/weir/sdk/abi"
)

// HostError is what the calls of this file and of queue.go give when the host
// does not do what was asked: one of this package's errors, which errors.Is
// finds, and the host's own words.
type HostError struct {
	Code Error
	Text string
}

// Error gives the host's words.
func (e *HostError) Error() string {
	if e.Text == "" {
		return string(e.Code)
	}
	return e.Text
}

// Unwrap gives the code.
func (e *HostError) Unwrap() error { return e.Code }

// DNS asks several questions at once (at most 32) and gives an answer for each,
// in step. What the DNS does not tell is no error but the answer's code; an
// answer with code failed is not known, rather than no. The question PTR takes
// an address as its name too. Records are written as in zone files: MX "10
// mx.example", SRV "0 5 443 host.example", TLSA "3 1 1 hex", names without the
// final dot; the strings of a TXT record are joined.
//
// It needs grant dns. Each call counts as one of the 32 network calls a hook has.
func (c *Call) DNS(questions []abi.DNSQuestion) ([]abi.DNSAnswer, error) {
	b, err := hostDNSQuery(c.h, (&abi.DNSRequest{Questions: questions}).Append(nil))
	if err != nil {
		return nil, err
	}
	var r abi.DNSResponse
	if err := r.Decode(b); err != nil {
		return nil, err
	}
	if len(r.Answers) != len(questions) {
		return nil, ErrUnavailable
	}
	return r.Answers, nil
}

// Fetch does one HTTP request. Redirects are not followed, and a status of 400
// or more is no error. Grant http must have a prefix of the URL. Set TimeoutMs:
// without it a server that hangs takes the whole time of the call.
func (c *Call) Fetch(r *abi.HTTPRequest) (*abi.HTTPResponse, error) {
	b, err := hostHTTPFetch(c.h, r.Append(nil))
	if err != nil {
		return nil, err
	}
	res := new(abi.HTTPResponse)
	return res, res.Decode(b)
}

// BodyPart is the number that HTTPRequest.BodyPart has for a part's decoded
// content, or for the raw message (abi.PartRaw).
func BodyPart(part int32) uint32 { return uint32(part + 2) }

// Conn is a connection, open until Close or the end of the call. It is an
// io.ReadWriteCloser.
type Conn struct {
	h host
	n int32
}

// Dial connects to an address that grant dial names: "unix:/path" or
// "host:port". At most 8 connections are open at a time.
func (c *Call) Dial(address string) (*Conn, error) {
	n, err := hostDial(c.h, address)
	if err != nil {
		return nil, err
	}
	return &Conn{c.h, n}, nil
}

// Write writes all of p.
func (c *Conn) Write(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := hostConnWrite(c.h, c.n, p); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Read reads what there is, waiting for the first octet; at the end it gives io.EOF.
func (c *Conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	n, err := hostConnRead(c.h, c.n, p)
	if err == nil && n == 0 {
		return 0, io.EOF
	}
	return n, err
}

// SendPart writes n octets of a part's decoded content (or of abi.PartRaw) from
// off on, without taking them through the guest. It gives how many it wrote,
// fewer than n only at the part's end.
func (c *Conn) SendPart(part int32, off, n int64) (int64, error) {
	return hostConnSend(c.h, c.n, part, off, n)
}

// Close closes the connection. What is left open is closed with the call.
func (c *Conn) Close() error { return hostConnClose(c.h, c.n) }
