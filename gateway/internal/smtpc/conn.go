package smtpc

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Conn is one session with a peer. Use it from one goroutine at a time, Close
// included; to break off a call from elsewhere, end its context. After an error
// of the connection itself, and after a 421, it is closed and Usable is false.
type Conn struct {
	opt      Options
	timeouts Timeouts
	nc       net.Conn
	br       *bufio.Reader
	tr       *Transcript

	ext      map[string]string // EHLO keywords in upper case, with their parameters
	verified error             // why the certificate is not good for its names; errNoTLS in plaintext
	channel  string            // how the peer was authenticated
	closed   bool
	secrets  []string // what may not appear in the peer's words

	// The open transaction, between Begin and Data.
	inData bool
	taken  []bool // by recipient of Begin: accepted by the peer
}

// Dial connects, reads the greeting, says EHLO (or LHLO), starts TLS and
// authenticates, as Options ask. The error is always an *Error. Opportunistic
// TLS that was offered and then fails is an error too, with StageStartTLS: the
// caller may dial again with TLSNone, for the connection is of no more use.
func Dial(ctx context.Context, o Options) (*Conn, error) {
	c := &Conn{opt: o, timeouts: o.Timeouts.withDefaults(), tr: o.Transcript, verified: errNoTLS}
	if !validHelo(o.Helo) {
		return nil, ours(StageEHLO, 451, "4.3.5", "the gateway's own name is not usable in EHLO; set gateway.hostname", nil)
	}
	switch o.TLS {
	case "", TLSNone, TLSOpportunistic, TLSRequired, TLSVerified, TLSDANE:
	default: // never weaker than what was asked for
		return nil, ours(StageStartTLS, 451, "4.3.5", "the gateway has no TLS mode "+strconv.Quote(o.TLS), nil)
	}
	if err := c.canVerify(); err != nil {
		return nil, err
	}
	nc, err := c.connect(ctx)
	if err != nil {
		e := broken(ctx, StageConnect, err)
		if isTimeout(err) {
			e.Reply.Text = "connection timed out"
		}
		c.tr.Note("%s", e.Reply.Text)
		return nil, e
	}
	c.setConn(nc)
	if err := c.open(ctx); err != nil {
		_ = c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Conn) connect(ctx context.Context) (net.Conn, error) {
	network := c.opt.Network
	if network == "" {
		network = "tcp"
	}
	d := net.Dialer{Timeout: c.timeouts.Connect}
	if c.opt.Source != "" && network != "unix" {
		ip := net.ParseIP(c.opt.Source)
		if ip == nil {
			return nil, errors.New("source is not an IP address: " + c.opt.Source)
		}
		d.LocalAddr = &net.TCPAddr{IP: ip}
	}
	c.tr.Note("connecting to %s", c.where())
	return d.DialContext(ctx, network, c.opt.Addr)
}

func (c *Conn) where() string {
	if c.opt.Host != "" && !strings.HasPrefix(c.opt.Addr, c.opt.Host+":") {
		return c.opt.Host + " at " + c.opt.Addr
	}
	return c.opt.Addr
}

func (c *Conn) setConn(nc net.Conn) {
	c.nc = nc
	c.br = bufio.NewReaderSize(nc, 2*maxReplyLine)
}

func (c *Conn) open(ctx context.Context) error {
	defer c.watch(ctx)()
	r, err := c.readReply(ctx, StageGreeting)
	if err != nil {
		return err
	}
	if r.Code != 220 {
		return remote(StageGreeting, r)
	}
	if err := c.hello(ctx); err != nil {
		return err
	}
	if err := c.maybeStartTLS(ctx); err != nil {
		return err
	}
	return c.authenticate(ctx)
}

// watch closes the connection when ctx ends, until the returned function is called.
func (c *Conn) watch(ctx context.Context) func() bool {
	nc := c.nc
	return context.AfterFunc(ctx, func() { nc.Close() })
}

// Usable reports whether a further transaction may be begun.
func (c *Conn) Usable() bool { return !c.closed && !c.inData }

// Quiet reports that an idle connection is still open and that the peer has
// said nothing since its last reply. Whatever else it says (a 421 before it
// hangs up, or a reply too many) must not be read as the answer to the next
// command. It does not wait. Through TLS only what was read already and the
// peer's hanging up can be seen.
func (c *Conn) Quiet() bool {
	if !c.Usable() || c.br.Buffered() > 0 {
		return false
	}
	nc, encrypted := c.nc, false
	if t, ok := nc.(*tls.Conn); ok {
		nc, encrypted = t.NetConn(), true
	}
	if nc.SetReadDeadline(time.Time{}) != nil { // a past one would end the look
		return false
	}
	pending, open := peek(nc)
	return open && (encrypted || !pending)
}

// Ext reports whether the peer offers an extension, with its parameters.
// Keywords are matched without regard to case (RFC 5321 §2.4).
func (c *Conn) Ext(name string) (string, bool) {
	v, ok := c.ext[strings.ToUpper(name)]
	return v, ok
}

// TLSState is the state of TLS, nil in plaintext.
func (c *Conn) TLSState() *tls.ConnectionState {
	if t, ok := c.nc.(*tls.Conn); ok {
		s := t.ConnectionState()
		return &s
	}
	return nil
}

// TLSVersion is "TLS1.3" and the like, "" in plaintext.
func (c *Conn) TLSVersion() string {
	s := c.TLSState()
	if s == nil {
		return ""
	}
	return strings.ReplaceAll(tls.VersionName(s.Version), " ", "")
}

// Verified reports that the peer's certificate is good for its name, whether
// or not that was demanded: by its TLSA records with TLSDANE, else by the roots.
func (c *Conn) Verified() bool { return c.verified == nil }

// Unverified is why Verified is false, a *CertError where TLS runs; nil when
// it is true.
func (c *Conn) Unverified() error { return c.verified }

// Channel says how the peer was authenticated because it was demanded: "dane",
// "mta-sts", "pkix" or what Verify.Channel names; "" not at all.
func (c *Conn) Channel() string { return c.channel }

// RemoteAddr is the peer's IP address and port.
func (c *Conn) RemoteAddr() string { return c.nc.RemoteAddr().String() }

// SetTranscript makes the following dialogue go to t: a connection that is
// used again writes into its new user's transcript.
func (c *Conn) SetTranscript(t *Transcript) { c.tr = t }

// Reset ends a transaction that was begun, with RSET.
func (c *Conn) Reset(ctx context.Context) error {
	if c.closed || c.inData {
		_ = c.Close()
		return ours(StageReset, 451, "4.4.2", "the connection is of no more use", nil)
	}
	defer c.watch(ctx)()
	return c.reset(ctx)
}

func (c *Conn) reset(ctx context.Context) error {
	r, err := c.command(ctx, StageReset, "RSET")
	if err != nil {
		return err
	}
	if !r.Success() {
		_ = c.Close()
		return remote(StageReset, r)
	}
	return nil
}

// Quit says QUIT, waits a moment for the answer and closes the connection.
func (c *Conn) Quit() {
	if c.Usable() {
		ctx, cancel := context.WithTimeout(context.Background(), c.timeouts.Quit)
		defer cancel()
		_, _ = c.command(ctx, StageQuit, "QUIT") // the connection ends either way
	}
	_ = c.Close()
}

// Close closes the connection without a word. Closing within a message's data
// tells the peer that the message is incomplete.
func (c *Conn) Close() error {
	c.closed = true
	if c.nc == nil {
		return nil
	}
	return c.nc.Close()
}

// fail closes the connection and tells why.
func (c *Conn) fail(ctx context.Context, stage Stage, err error) *Error {
	_ = c.Close()
	e := broken(ctx, stage, err)
	c.tr.Note("%s", e.Reply.Text)
	return e
}

// command sends one line and reads its reply.
func (c *Conn) command(ctx context.Context, stage Stage, line string) (mail.Reply, error) {
	c.tr.sent(line)
	if err := c.write(ctx, stage, []byte(line+"\r\n"), c.timeouts.of(stage)); err != nil {
		return mail.Reply{}, err
	}
	return c.readReply(ctx, stage)
}

func (c *Conn) write(ctx context.Context, stage Stage, b []byte, limit time.Duration) error {
	if c.closed {
		return c.fail(ctx, stage, net.ErrClosed)
	}
	if err := c.nc.SetWriteDeadline(time.Now().Add(limit)); err != nil {
		return c.fail(ctx, stage, err)
	}
	if _, err := c.nc.Write(b); err != nil {
		return c.fail(ctx, stage, err)
	}
	return nil
}

// AwaitsData reports that Begin has succeeded and Data must follow.
func (c *Conn) AwaitsData() bool { return !c.closed && c.inData }
