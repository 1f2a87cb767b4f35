// Package plugnet is the network as plugins see it: DNS questions, one HTTP
// request, a connection, each within the time of a call and to no address that
// a plugin must not reach.
//
// A plugin names servers by what strangers wrote into mail, and names of the
// public DNS belong to others: without a check, a name that leads to 127.0.0.1
// or to a cloud's metadata service would make the gateway ask there for
// whoever asks (server-side request forgery). So the address really dialled is
// looked at, after resolution and again in the socket's own control hook; see
// ssrf.go for which are refused and what the operator's grant makes of that.
//
// Whether the grant names the URL or the address at all was checked before, by
// package filter. The package is not for mail: smtpc and deliver have other
// rules and other patience.
package plugnet

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"net/http"
	"net/netip"
	"strings"
	"sync"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/sdk/abi/grant"
)

// Resolver is what this package asks; *resolver.Client is one.
type Resolver interface {
	Addrs(ctx context.Context, host string) ([]netip.Addr, error)
	Records(ctx context.Context, name, kind string) (resolver.Records, error)
}

// Options of a Net.
type Options struct {
	Resolver Resolver
	Roots    *x509.CertPool // whom HTTPS servers must be certified by; nil: the system's
	Strict   bool           // names of local zones open no private addresses: only those that are written out do
}

// Net implements filter.Net and filter.DNS. It is safe in parallel, and has no
// goroutines but those of idle HTTP connections, which Close ends.
type Net struct {
	o Options

	mu         sync.Mutex
	transports map[string]*http.Transport // by the private addresses a grant names
}

var (
	_ filter.Net = (*Net)(nil)
	_ filter.DNS = (*Net)(nil)
)

// New makes a Net.
func New(o Options) *Net { return &Net{o: o, transports: map[string]*http.Transport{}} }

// Close closes idle connections.
func (n *Net) Close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.forget()
}

func (n *Net) forget() {
	for _, t := range n.transports {
		t.CloseIdleConnections()
	}
	clear(n.transports)
}

// maxTransports is how many pools of idle connections there are at most; with
// one more, all begin anew.
const maxTransports = 16

// transport gives the pool of connections that were made under the same rule:
// what one grant may reach at a private address, another must not find open.
func (n *Net) transport(granted []string) *http.Transport {
	named := grant.Literals("http", granted)
	var key strings.Builder
	for _, a := range named {
		if special(a.Addr()) != "" {
			key.WriteString(a.String() + " ")
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if t := n.transports[key.String()]; t != nil {
		return t
	}
	if len(n.transports) >= maxTransports {
		n.forget()
	}
	t := &http.Transport{
		Proxy:                  nil, // the environment does not lead plugins elsewhere
		TLSClientConfig:        &tls.Config{RootCAs: n.o.Roots, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // the guest gets what was sent, and no bomb is opened here
		MaxIdleConns:           32,
		MaxIdleConnsPerHost:    4,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: maxHeader,
	}
	d := &httpDialer{n: n, named: named, tls: t.TLSClientConfig.Clone()}
	t.DialContext, t.DialTLSContext = d.dial, d.dialTLS
	n.transports[key.String()] = t
	return t
}
