package sink

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"
)

// DefaultUnknown are the recipients that do not exist. The gateway's callouts
// probe for catch-alls with an address that starts with "unknown-", so a sink
// with these is none.
var DefaultUnknown = []string{"nobody@*", "unknown*@*"}

// Options say what a sink does.
type Options struct {
	Listen  string // address for TCP, or "unix:/path"
	Maildir string // "": nothing is kept, and no mode can be set
	LMTP    bool
	DSN     bool          // offer DSN (RFC 3461); what was asked for is kept in X-Sink-DSN lines
	Fsync   bool          // make each message durable before it is acknowledged
	Delay   time.Duration // before each answer to the end of data
	Size    int64         // largest message, octets; 0 means 100 MiB

	// Patterns of recipients, with * and ?, without regard to case.
	Unknown []string // 550 5.1.1 to RCPT; none makes a catch-all. See DefaultUnknown
	Defer   []string // 451 to RCPT
	Refuse  []string // 550 5.7.1 to RCPT

	Out  io.Writer // one line for each message; nil none
	JSON bool      // lines are JSON
}

// pollEvery is how soon a running sink sees that its mode file has changed.
const pollEvery = 25 * time.Millisecond

// Sink is a destination. Run it once.
type Sink struct {
	opt   Options
	box   *maildir
	addr  net.Addr // as first listened on
	first net.Listener

	mu    sync.Mutex // Out
	ctx   context.Context
	modes struct {
		sync.Mutex
		complained string
	}
}

// New makes a sink and opens its socket and maildir.
func New(o Options) (*Sink, error) {
	if o.Size <= 0 {
		o.Size = 100 << 20
	}
	if o.Out == nil {
		o.Out = io.Discard
	}
	s := &Sink{opt: o}
	if o.Maildir != "" {
		box, err := openMaildir(o.Maildir, o.Fsync)
		if err != nil {
			return nil, err
		}
		s.box = box
	}
	l, err := listen(o.Listen)
	if err != nil {
		return nil, fmt.Errorf("the sink cannot listen on %s: %w; is another one running?", o.Listen, err)
	}
	s.first, s.addr = l, l.Addr()
	return s, nil
}

func listen(addr string) (net.Listener, error) {
	if path, ok := cutUnix(addr); ok {
		return net.Listen("unix", path)
	}
	return net.Listen("tcp", addr)
}

func cutUnix(addr string) (string, bool) {
	if len(addr) > 5 && addr[:5] == "unix:" {
		return addr[5:], true
	}
	return "", false
}

// Addr is where the sink listens.
func (s *Sink) Addr() string { return s.addr.String() }

// Run serves until ctx ends, opening and closing the socket as the mode says.
func (s *Sink) Run(ctx context.Context) error {
	s.ctx = ctx
	defer s.first.Close() // once served, closing it again does nothing
	if s.box != nil {
		defer os.Remove(filepath.Join(s.opt.Maildir, activeFile))
	}
	next := s.first
	for {
		if s.mode() == Down {
			if next != nil {
				next.Close()
				next = nil
			}
			if err := s.await(ctx, func(m Mode) bool { return m != Down }); err != nil {
				return nil
			}
			continue
		}
		if next == nil {
			l, err := s.relisten()
			if err != nil {
				return fmt.Errorf("the sink cannot listen on %s again: %w", s.Addr(), err)
			}
			next = l
		}
		if err := s.serve(ctx, next); err != nil {
			return err
		}
		next = nil
		if ctx.Err() != nil {
			return nil
		}
	}
}

func (s *Sink) relisten() (net.Listener, error) {
	if s.addr.Network() == "unix" {
		return net.Listen("unix", s.addr.String())
	}
	return net.Listen("tcp", s.addr.String())
}

// serve runs a server on l until the sink goes down or ctx ends.
func (s *Sink) serve(ctx context.Context, l net.Listener) error {
	srv := s.server()
	done := make(chan error, 1)
	go func() { done <- srv.Serve(l) }()
	watch, cancel := context.WithCancel(ctx)
	defer cancel()
	var asked atomic.Bool
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		_ = s.await(watch, func(m Mode) bool { return m == Down }) // its error is ctx's end
		asked.Store(true)
		_ = srv.Close()
	}()
	err := <-done
	broke := !asked.Load()
	cancel()
	<-stopped
	if broke {
		return fmt.Errorf("the sink stopped listening: %w", err)
	}
	return nil
}

// await tells what the sink does now and waits until the mode is as asked.
func (s *Sink) await(ctx context.Context, ok func(Mode) bool) error {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	var told Mode
	for {
		m := s.mode()
		if ok(m) {
			return nil
		}
		if m != told && s.box != nil {
			if err := replace(filepath.Join(s.opt.Maildir, activeFile), string(m)+"\n"); err == nil {
				told = m
			}
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// mode is what the mode file asks for now. A file that cannot be read or
// understood is complained about once and means accept.
func (s *Sink) mode() Mode {
	if s.box == nil {
		return Accept
	}
	m, err := wanted(s.opt.Maildir)
	s.modes.Lock()
	defer s.modes.Unlock()
	if err != nil && err.Error() != s.modes.complained {
		s.modes.complained = err.Error()
		s.tell(event{What: "trouble", Error: err.Error()})
	} else if err == nil {
		s.modes.complained = ""
	}
	return m
}
