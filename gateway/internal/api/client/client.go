// Package client calls a running gateway's API, over its unix socket or its
// admin listener. The command line is made of it.
//
// It is not for showing what it gets, and it never touches a gateway's files.
package client

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"mime"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptrace"
	"net/url"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
)

// Options say where the gateway is: Socket, or URL with Token.
type Options struct {
	Socket string // path of the unix socket
	URL    string // such as http://127.0.0.1:8080; Socket is then not used
	Token  string // the admin token, for URL
	// Handler answers instead of a gateway elsewhere: one in this process.
	Handler http.Handler
}

// Client calls one gateway. It is safe for use in parallel.
type Client struct {
	base      string
	where     string // for messages
	socket    bool
	inProcess bool
	token     string
	http      *http.Client
}

// patience is how long an answer may take to begin; a gateway's own limit for
// the slowest request is 5 minutes.
const patience = 6 * time.Minute

// New prepares a client; nothing is connected yet.
func New(o Options) *Client {
	if o.Handler != nil {
		return &Client{base: "http://weir", where: "this process", inProcess: true, http: &http.Client{Transport: inProcess{o.Handler}, CheckRedirect: noRedirect, Jar: newJar()}}
	}
	if o.URL != "" {
		return &Client{
			base: strings.TrimRight(o.URL, "/"), where: o.URL, token: o.Token,
			http: &http.Client{Transport: &http.Transport{ResponseHeaderTimeout: patience, DisableCompression: true}, CheckRedirect: noRedirect, Jar: newJar()},
		}
	}
	tr := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", o.Socket)
		},
		ResponseHeaderTimeout: patience,
		DisableCompression:    true,
	}
	return &Client{base: "http://weir", where: o.Socket, socket: true, http: &http.Client{Transport: tr, CheckRedirect: noRedirect, Jar: newJar()}}
}

// newJar holds the cookie of a session, once somebody signs in.
func newJar() http.CookieJar {
	jar, err := cookiejar.New(nil)
	if err != nil {
		panic("client: " + err.Error()) // New has no way to fail
	}
	return jar
}

// noRedirect: the API has no redirects, and the token goes nowhere else.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// Close drops idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Error is a request that failed: the gateway's answer, or why there was none.
type Error struct {
	Problem *api.Problem // the gateway's answer; nil: it was not reached
	Err     error        // the cause, when it was not reached
	remedy  string
	after   time.Duration // the answer asks to wait so long before the next try
	link    link
}

// Error says what failed.
func (e *Error) Error() string {
	if e.Problem == nil {
		return e.Err.Error()
	}
	if len(e.Problem.Errors) > 0 && !strings.Contains(e.Problem.Detail, ": ") {
		return e.Problem.Detail + ": " + strings.Join(e.Problem.Errors, "; ")
	}
	return e.Problem.Detail
}

// Unwrap is the cause, when the gateway was not reached.
func (e *Error) Unwrap() error { return e.Err }

// Remedy says what to do about it, or is "".
func (e *Error) Remedy() string {
	if e.Problem != nil {
		return e.Problem.Remedy
	}
	return e.remedy
}

// NotFound reports that there is no such message.
func (e *Error) NotFound() bool {
	return e.Problem != nil && e.Problem.Status == http.StatusNotFound
}

// unreachable explains why there was no answer. met: there was a connection.
func (c *Client) unreachable(err error, met bool) error {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	e := c.noAnswer(err)
	e.link = linkOf(err, met)
	return e
}

func (c *Client) noAnswer(err error) *Error {
	const start = "start it with: weir serve"
	if !c.socket {
		return &Error{Err: fmt.Errorf("no gateway answers at %s: %w", c.where, cause(err)), remedy: "is the admin listener at this address? see the admin block of the policy"}
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &Error{Err: fmt.Errorf("is the gateway running? no socket at %s", c.where), remedy: start + "; or name the socket with --socket"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Error{Err: fmt.Errorf("is the gateway running? nobody answers at %s", c.where), remedy: start}
	case errors.Is(err, fs.ErrPermission):
		return &Error{Err: fmt.Errorf("may not open the socket %s", c.where), remedy: "run this as the user that the gateway runs as"}
	}
	return &Error{Err: fmt.Errorf("no gateway answers at %s: %w", c.where, cause(err))}
}

// cause leaves out net/http's "Get http://weir/…:".
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// maxAnswer bounds an answer that is read into memory, in octets.
const maxAnswer = 64 << 20

// call makes one request and reads its answer into out.
func (c *Client) call(ctx context.Context, method, path string, params url.Values, in, out any) error {
	key := c.keyFor(method, path)
	if key == "" {
		return c.callOnce(ctx, method, path, params, "", in, out)
	}
	return c.once(ctx, func() error { return c.callOnce(ctx, method, path, params, key, in, out) })
}

func (c *Client) callOnce(ctx context.Context, method, path string, params url.Values, key string, in, out any) error {
	resp, err := c.doWith(ctx, method, path, params, key, in)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return &Error{Err: fmt.Errorf("reading the answer of %s: %w", c.where, err), link: linkCut}
	}
	if err := json.Unmarshal(b, out); err != nil {
		return fmt.Errorf("reading the answer of %s: %w", c.where, err)
	}
	return nil
}

// do makes one request; the answer is a success, and the caller closes it.
func (c *Client) do(ctx context.Context, method, path string, params url.Values, in any) (*http.Response, error) {
	return c.doWith(ctx, method, path, params, "", in)
}

// doWith is do for a request with an Idempotency-Key; "": it has none.
func (c *Client) doWith(ctx context.Context, method, path string, params url.Values, key string, in any) (*http.Response, error) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return nil, fmt.Errorf("writing the request: %w", err)
		}
		body = bytes.NewReader(b)
	}
	target := c.base + path
	if len(params) > 0 {
		target += "?" + params.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, target, body)
	if err != nil {
		return nil, &Error{Err: fmt.Errorf("%q is no address of a gateway: %w", c.where, err), remedy: "write it as http://127.0.0.1:8080"}
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if c.token != "" {
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	if key != "" {
		req.Header.Set("Idempotency-Key", key)
	}
	var met atomic.Bool
	req = req.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { met.Store(true) }}))
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err, met.Load())
	}
	if resp.StatusCode/100 == 2 {
		return resp, nil
	}
	defer resp.Body.Close()
	return nil, c.problemOf(resp)
}

func (c *Client) problemOf(resp *http.Response) error {
	p := &api.Problem{}
	kind, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	if kind == "application/problem+json" {
		if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(p); err == nil && p.Status != 0 {
			return &Error{Problem: p, after: afterOf(resp)}
		}
	}
	return &Error{Err: fmt.Errorf("%s answers %s, not as a gateway does", c.where, resp.Status), remedy: "is this the gateway's admin listener?"}
}
