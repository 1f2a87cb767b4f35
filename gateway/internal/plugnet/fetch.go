package plugnet

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/grant"
)

const (
	maxHeader    = 64 << 10 // octets of a response's header
	maxFields    = 200      // of it
	maxMethod    = 20       // octets
	idleTime     = 30 * time.Second
	errorAtLimit = "the response's header has too many fields"
)

// own are header fields that belong to the transport, or would make a server
// take the request for another host's.
var own = map[string]bool{
	"host": true, "content-length": true, "transfer-encoding": true, "connection": true, "keep-alive": true, "upgrade": true, "te": true,
	"trailer": true, "expect": true, "proxy-authorization": true, "proxy-connection": true, "http2-settings": true,
}

// Fetch implements filter.Net.
func (n *Net) Fetch(ctx context.Context, r *abi.HTTPRequest, body io.Reader, size int64, granted []string) (*abi.HTTPResponse, error) {
	// Whatever happens to this request, nothing of it outlives the call.
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := request(ctx, r)
	if err != nil {
		return nil, err
	}
	if body != nil {
		l := &loan{r: body}
		defer l.end()
		l.attach(req, size)
	}
	res, err := n.transport(granted).RoundTrip(req)
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Host, why(ctx, err))
	}
	defer res.Body.Close()
	if res.StatusCode == http.StatusSwitchingProtocols { // its body is the connection, which no context ends
		return nil, fmt.Errorf("%s %s: the server changes to another protocol", req.Method, req.URL.Host)
	}
	out := &abi.HTTPResponse{Status: uint32(res.StatusCode)}
	if out.Headers, err = fields(res.Header); err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL.Host, err)
	}
	limit := int64(r.MaxBody)
	out.Body, err = io.ReadAll(io.LimitReader(res.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s %s: reading the response: %w", req.Method, req.URL.Host, why(ctx, err))
	}
	if int64(len(out.Body)) > limit {
		out.Body, out.Truncated = out.Body[:limit], true
	}
	return out, nil
}

// why prefers the end of time over what it caused.
func why(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return err
}

func bad(text string) error { return fmt.Errorf("%w: %s", filter.ErrBadRequest, text) }

// request makes the request of a plugin's.
func request(ctx context.Context, r *abi.HTTPRequest) (*http.Request, error) {
	u, err := grant.ParseURL(r.URL)
	if err != nil {
		return nil, bad(err.Error())
	}
	method := r.Method
	if method == "" {
		method = http.MethodGet
		if len(r.Body) > 0 || r.BodyPart > 0 {
			method = http.MethodPost
		}
	}
	if len(method) > maxMethod || strings.Trim(method, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" || method == http.MethodConnect || method == http.MethodTrace {
		return nil, bad("the method is one such as GET or POST, in capitals")
	}
	req := &http.Request{Method: method, URL: u, Host: host(u.Scheme, u.Host), Header: http.Header{"User-Agent": {"weir"}}, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1}
	for _, f := range r.Headers {
		if !token(f.Name) || strings.ContainsFunc(f.Value, func(c rune) bool { return c < ' ' && c != '\t' || c == 0x7f }) {
			return nil, bad("a header field with a line break, or with a name that is none")
		}
		if own[strings.ToLower(f.Name)] {
			return nil, bad("the header field " + f.Name + " is not the plugin's to set")
		}
		if strings.EqualFold(f.Name, "User-Agent") {
			req.Header.Set(f.Name, f.Value)
		} else {
			req.Header.Add(f.Name, f.Value)
		}
	}
	if len(r.Body) > 0 {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
		req.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(r.Body)), nil }
	}
	return req.WithContext(context.WithValue(ctx, fetchKey{}, ctx)), nil
}

// host leaves out the port that goes without saying: servers compare it.
func host(scheme, hostport string) string {
	if scheme == "https" {
		return strings.TrimSuffix(hostport, ":443")
	}
	return strings.TrimSuffix(hostport, ":80")
}

// token checks the name of a header field (RFC 9110 §5.6.2).
func token(s string) bool {
	return s != "" && strings.Trim(strings.ToLower(s), "abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") == ""
}

func fields(h http.Header) ([]abi.Header, error) {
	var out []abi.Header
	for name, values := range h {
		for _, v := range values {
			if out = append(out, abi.Header{Name: name, Value: v}); len(out) > maxFields {
				return nil, errors.New(errorAtLimit)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b abi.Header) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// loan is a body that is the caller's again when the request is over: the
// transport may read from it in a goroutine of its own, and after RoundTrip has
// returned.
type loan struct {
	mu   sync.Mutex
	r    io.Reader
	over bool
	turn int // of the reader that may read: a retry has a new one
}

type loanReader struct {
	l    *loan
	turn int
}

func (l *loan) attach(req *http.Request, size int64) {
	req.Body, req.ContentLength = loanReader{l, 0}, size
	if size == 0 {
		req.Body = http.NoBody
	}
	if s, ok := l.r.(io.Seeker); ok && size != 0 {
		req.GetBody = func() (io.ReadCloser, error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.over {
				return nil, errOver
			}
			l.turn++
			_, err := s.Seek(0, io.SeekStart)
			return loanReader{l, l.turn}, err
		}
	}
}

var errOver = errors.New("the request is over")

// end waits for a read that is going on, and lets no more happen.
func (l *loan) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
}

// Read implements io.Reader.
func (r loanReader) Read(p []byte) (int, error) {
	r.l.mu.Lock()
	defer r.l.mu.Unlock()
	if r.l.over || r.l.turn != r.turn {
		return 0, errOver
	}
	return r.l.r.Read(p)
}

// Close implements io.Closer.
func (loanReader) Close() error { return nil }

// httpDialer connects for a transport. The transport detaches the contexts of
// its dials from their requests, and so would let them go on past a call; the
// request's own context travels as a value.
type httpDialer struct {
	n     *Net
	named []netip.AddrPort
	tls   *tls.Config
}

type fetchKey struct{}

func attached(ctx context.Context) (context.Context, context.CancelFunc) {
	if of, ok := ctx.Value(fetchKey{}).(context.Context); ok {
		return context.WithCancel(of)
	}
	return context.WithCancel(ctx)
}

func (d *httpDialer) dial(ctx context.Context, _, addr string) (net.Conn, error) {
	ctx, cancel := attached(ctx)
	defer cancel()
	a, err := grant.ParseAddress(addr)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", filter.ErrBadRequest, err)
	}
	return d.n.dial(ctx, a.Host, a.Port, d.named)
}

func (d *httpDialer) dialTLS(ctx context.Context, network, addr string) (net.Conn, error) {
	c, err := d.dial(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	ctx, cancel := attached(ctx)
	defer cancel()
	a, _ := grant.ParseAddress(addr)
	conf := d.tls.Clone()
	conf.ServerName = a.Host
	t := tls.Client(c, conf)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = c.Close()
		return nil, fmt.Errorf("TLS: %w", err)
	}
	return t, nil
}
