package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/dane"
	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mtasts"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/tlsrpt"
	"github.com/mailweir/weir/policy"
)

// openDelivery makes the delivery engine and what it asks about channels.
func (d *Daemon) openDelivery(ctx context.Context, g policy.Gateway, dns *resolver.Client) error {
	d.sts = mtasts.New(d.stsOptions(dns))
	d.tlsrpt = tlsrpt.New(tlsrpt.Options{KV: d.soft, Now: d.o.Now, Logger: d.log})
	d.engine = deliver.New(d.lab(deliver.Options{
		Resolver: dns, Logger: d.log, Hostname: g.Hostname, Now: d.o.Now,
		Destination: func(domain, host, route string) policy.Destination {
			return d.snaps.policy().Destination(domain, host, route)
		},
		Own:  d.own,
		DANE: maybeDANE{d.snaps, dns}, STS: maybeSTS{d.snaps, d.sts},
		TLSResult: d.countTLS,
	}))
	return d.loadSuspensions(ctx)
}

// own are the addresses of our own listeners, for loops. Those of an
// unspecified address are all of this machine's.
func (d *Daemon) own() []netip.AddrPort {
	d.ownOnce.Do(func() {
		for _, l := range d.listeners {
			ap, err := netip.ParseAddrPort(l.Addr().String())
			if err != nil {
				continue
			}
			if !ap.Addr().IsUnspecified() {
				d.ownAddrs = append(d.ownAddrs, ap)
				continue
			}
			addrs, err := net.InterfaceAddrs()
			if err != nil {
				d.log.Warn("this machine's addresses cannot be listed; a loop through them is seen by its Received lines only", "err", err)
			}
			for _, a := range addrs {
				if n, err := netip.ParsePrefix(a.String()); err == nil {
					d.ownAddrs = append(d.ownAddrs, netip.AddrPortFrom(n.Addr(), ap.Port()))
				}
			}
		}
	})
	return d.ownAddrs
}

// listenAddrs is what own has found out, once.
type listenAddrs struct {
	ownOnce  sync.Once
	ownAddrs []netip.AddrPort
}

// maybeDANE is the resolver while the policy honours TLSA records.
type maybeDANE struct {
	snaps *snapshots
	*resolver.Client
}

var _ dane.Resolver = maybeDANE{}

// Canonical implements dane.Resolver: nothing is secure where DANE is off.
func (m maybeDANE) Canonical(ctx context.Context, host string) (string, bool, error) {
	if !m.snaps.policy().Gateway().DANE {
		return host, false, nil
	}
	return m.Client.Canonical(ctx, host)
}

// maybeSTS is the checker while the policy honours MTA-STS.
type maybeSTS struct {
	snaps *snapshots
	c     *mtasts.Checker
}

// Policy implements deliver.STS.
func (m maybeSTS) Policy(ctx context.Context, domain string) (*mtasts.Policy, error) {
	if !m.snaps.policy().Gateway().MTASTS {
		return nil, nil
	}
	return m.c.Policy(ctx, domain)
}

// countTLS counts a connection for TLS reports.
func (d *Daemon) countTLS(r deliver.TLSResult) {
	s := tlsrpt.Session{Domain: r.Domain, Type: r.Policy, Policy: r.Text, Patterns: r.Patterns, MX: r.MX, Result: r.Result, Reason: r.Reason}
	if ap, err := netip.ParseAddrPort(r.Addr); err == nil {
		s.IP = ap.Addr().String()
	}
	d.tlsrpt.Count(s)
	d.metrics.tlsSession(r.Policy, r.Result)
}

// kindSuspension is the kind of the documents in which operators' suspensions
// outlast a restart.
const kindSuspension = "suspension"

func (d *Daemon) loadSuspensions(ctx context.Context) error {
	docs, err := d.store.ListDocs(ctx, "", kindSuspension, "")
	if err != nil {
		return fmt.Errorf("reading the suspended destinations: %w", err)
	}
	for _, doc := range docs {
		var s deliver.Suspension
		if err := json.Unmarshal(doc.JSON, &s); err != nil {
			d.log.Error("a suspended destination cannot be read; suspend it again", "destination", doc.Key, "err", err)
			continue
		}
		if !s.Until.IsZero() && !d.o.Now().Before(s.Until) {
			_ = d.store.DeleteDoc(ctx, "", kindSuspension, doc.Key, doc.Rev) // tried again at the next start
			continue
		}
		d.engine.Suspend(s)
	}
	return nil
}

// destinations are the engine's next hops as the API sees them.
type destinations struct{ d *Daemon }

func (s destinations) Destinations() []api.DestinationStatus {
	held := s.d.engine.Suspensions()
	var out []api.DestinationStatus
	seen := map[string]bool{}
	for _, h := range s.d.engine.Hops() {
		x := api.DestinationStatus{
			NextHop: h.NextHop, Destination: h.Destination, Site: h.Site, State: "ok", Fails: h.Fails,
			Open: h.Open, Idle: h.Idle, Limit: h.Limit, LastAt: h.LastAt,
			Delivered: h.Counts.Delivered, Deferred: h.Counts.Deferred, Failed: h.Counts.Failed, Throttled: h.Counts.Throttled,
		}
		if h.RateLeft >= 0 {
			x.RateLeft = &h.RateLeft
		}
		if h.Last.Code != 0 {
			x.Last = &api.Reply{Code: h.Last.Code, Enhanced: h.Last.Enhanced.String(), Text: h.Last.Text}
		}
		switch {
		case h.SuspendedBy != "":
			x.State, x.Until, x.By = "suspended", h.Suspended, h.SuspendedBy
		case !h.Suspended.IsZero():
			x.State, x.Until = "suspended", h.Suspended
		case !h.Backoff.IsZero():
			x.State, x.Until = "back-off", h.Backoff
		case h.Recovering:
			x.State = "recovering"
		}
		for _, n := range held {
			if names(h, n.Name) {
				seen[n.Name], x.Why = true, n.Why
			}
		}
		out = append(out, x)
	}
	for _, n := range held {
		if !seen[n.Name] {
			out = append(out, api.DestinationStatus{NextHop: n.Name, State: "suspended", Until: n.Until, By: n.By, Why: n.Why})
		}
	}
	slices.SortStableFunc(out, func(a, b api.DestinationStatus) int { return strings.Compare(a.NextHop, b.NextHop) })
	return out
}

// names reports whether a name is one of a next hop's.
func names(h deliver.HopStatus, name string) bool {
	return strings.EqualFold(name, h.NextHop) || strings.EqualFold(name, h.Destination) || strings.EqualFold(name, h.Site)
}

func (s destinations) Suspend(ctx context.Context, sc scope.Scope, r api.SuspendRequest) (known bool, err error) {
	x := deliver.Suspension{Name: strings.ToLower(r.Name), Until: r.Until, By: sc.Actor, Why: r.Why}
	if !r.Until.IsZero() && !r.Until.After(s.d.o.Now()) {
		return false, badArgs{errors.New("the end of a suspension must be in the future")}
	}
	b, err := json.Marshal(x)
	if err != nil {
		return false, err
	}
	known = slices.ContainsFunc(s.d.engine.Hops(), func(h deliver.HopStatus) bool {
		return names(h, x.Name)
	})
	for {
		old, err := s.d.store.GetDoc(ctx, "", kindSuspension, x.Name)
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return false, err
		}
		_, err = s.d.store.PutDoc(ctx, store.Doc{Kind: kindSuspension, Key: x.Name, JSON: b}, old.Rev)
		if errors.Is(err, store.ErrConflict) {
			continue // somebody else wrote it in between
		}
		if err == nil {
			s.d.engine.Suspend(x)
		}
		return known, err
	}
}

func (s destinations) Resume(ctx context.Context, _ scope.Scope, name string) (bool, error) {
	was, ended := s.d.engine.Resume(name)
	s.d.worker.Again()
	for _, n := range ended {
		doc, err := s.d.store.GetDoc(ctx, "", kindSuspension, n)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err == nil {
			err = s.d.store.DeleteDoc(ctx, "", kindSuspension, n, doc.Rev)
		}
		if err != nil && !errors.Is(err, store.ErrConflict) && !errors.Is(err, store.ErrNotFound) {
			return was, fmt.Errorf("it is tried again, but a restart would suspend it once more: %w", err)
		}
	}
	return was, nil
}
