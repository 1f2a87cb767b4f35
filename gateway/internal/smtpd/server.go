package smtpd

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// stopGrace is how long sessions that are past DATA may go on once the server
// stops; after it their connections are closed and their contexts end.
const stopGrace = 30 * time.Second

// stressTimeout is how long a client may keep silent once three quarters of
// the connections are taken: slow clients must not keep the others out. Such a
// server also bears one error or idle command, as Postfix does under stress.
const stressTimeout = 10 * time.Second

// Server runs sessions. One Server may serve several net.Listeners with the
// same settings; its limits of connections count them together.
type Server struct {
	gate  Gate
	log   *slog.Logger
	cfg   func() *Config
	grace time.Duration
	haste time.Duration // stressTimeout

	mu      sync.Mutex
	open    int
	clients map[netip.Prefix]int

	accepted, refused, messages, failures atomic.Int64
}

// NewServer makes a server. cfg is called at each connection, possibly in
// parallel; the Config it returns must not change afterwards.
func NewServer(gate Gate, log *slog.Logger, cfg func() *Config) *Server {
	return &Server{gate: gate, log: log, cfg: cfg, grace: stopGrace, haste: stressTimeout, clients: map[netip.Prefix]int{}}
}

// Stats are counters of a server since it was made.
type Stats struct {
	Open     int   // sessions now
	Accepted int64 // connections that became sessions
	Refused  int64 // connections turned away by a limit or by Allow
	Messages int64 // messages answered 2yz
	Failures int64 // internal errors and recovered panics, each logged with its ref
}

// Stats may be called at any time.
func (s *Server) Stats() Stats {
	s.mu.Lock()
	open := s.open
	s.mu.Unlock()
	return Stats{open, s.accepted.Load(), s.refused.Load(), s.messages.Load(), s.failures.Load()}
}

// Serve accepts connections on l until ctx ends, closes l, and returns when
// every session has ended. Sessions that wait for a command, or come to the
// next one, get 421; those past DATA may finish, for at most 30 s. It returns
// nil after ctx has ended, otherwise why accepting failed.
func (s *Server) Serve(ctx context.Context, l net.Listener) error {
	hard, abandon := context.WithCancelCause(context.WithoutCancel(ctx))
	defer abandon(nil)
	var sessions sync.WaitGroup

	accepting := make(chan struct{})
	var closer sync.WaitGroup
	closer.Go(func() {
		select {
		case <-ctx.Done():
		case <-accepting:
		}
		_ = l.Close() // a second close only says that it is one
	})

	err := s.accept(ctx, hard, l, &sessions)
	close(accepting)
	closer.Wait()

	ended := make(chan struct{})
	go func() { sessions.Wait(); close(ended) }()
	select {
	case <-ended:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(s.grace)
	defer grace.Stop()
	select {
	case <-ended:
	case <-grace.C:
		abandon(errStopping)
		<-ended
	}
	return err
}

// accept starts a session for each connection that the limits admit.
func (s *Server) accept(ctx, hard context.Context, l net.Listener, sessions *sync.WaitGroup) error {
	pause := time.Duration(0)
	for {
		conn, err := l.Accept()
		switch {
		case err == nil:
			pause = 0
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, net.ErrClosed):
			return fmt.Errorf("accept on %s: %w", l.Addr(), err)
		default:
			// Out of files or memory: wait for sessions to end.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.log.Error("cannot accept connections; check the limit of open files", "err", err, "pause", pause)
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			continue
		}
		cfg := s.cfg().withDefaults()
		remote := addrPort(conn.RemoteAddr())
		key := clientKey(remote.Addr())
		if r := s.admit(cfg, remote.Addr(), key); r != nil {
			s.refused.Add(1)
			s.log.Info("connection refused", "client", remote.Addr(), "listener", cfg.Listener, "code", r.Code, "reason", r.Text)
			refuse(conn, cfg.Hostname, r)
			continue
		}
		s.accepted.Add(1)
		sessions.Go(func() {
			defer s.leave(key)
			newSession(s, cfg, conn, remote).serve(ctx, hard)
		})
	}
}

// admit counts the client in, or says why not.
func (s *Server) admit(cfg *Config, a netip.Addr, key netip.Prefix) *mail.Reply {
	if cfg.Allow != nil && !slices.ContainsFunc(cfg.Allow, func(p netip.Prefix) bool { return p.Contains(a) }) {
		return mail.NewReply(554, "5.7.1", "Access denied")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.open >= cfg.Limits.Connections:
		return mail.NewReply(421, "4.3.2", "Too many connections, please try again later")
	case s.clients[key] >= cfg.Limits.PerClient:
		return mail.NewReply(421, "4.7.0", "Too many connections from your address, please try again later")
	}
	s.open++
	s.clients[key]++
	return nil
}

// stressed tells that connections are running out.
func (s *Server) stressed(cfg *Config) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open > cfg.Limits.Connections/4*3 && s.open > 1
}

func (s *Server) leave(key netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open--
	if s.clients[key]--; s.clients[key] == 0 {
		delete(s.clients, key)
	}
}

// refuse greets with a refusal. A new connection's send buffer is empty, so
// this does not wait for the client.
func refuse(conn net.Conn, hostname string, r *mail.Reply) {
	if conn.SetWriteDeadline(time.Now().Add(time.Second)) == nil {
		g := *r
		g.Text = hostname + " " + g.Text
		_, _ = conn.Write(appendReply(nil, &g)) // it is refused either way
	}
	_ = conn.Close()
}

// clientKey groups what one client can easily have many of: an IPv6 /64.
func clientKey(a netip.Addr) netip.Prefix {
	bits := a.BitLen()
	if a.Is6() {
		bits = 64
	}
	p, err := a.Prefix(bits)
	if err != nil {
		return netip.Prefix{} // no address at all, as of a pipe: one client
	}
	return p
}

// addrPort is a TCP address without IPv4-in-IPv6 mapping and zone.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := t.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap().WithZone(""), ap.Port())
}
