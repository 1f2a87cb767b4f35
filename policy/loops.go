package policy

import (
	"net/netip"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// hop is one host of a route, as it is written.
type hop struct {
	host     string // with port
	at, head hcl.Range
}

// loops refuses routes that lead back to a listener of this gateway, as far as
// the configuration alone shows it. What only the DNS shows is found when mail
// is delivered.
func (l *loader) loops() {
	for _, h := range l.hops {
		for i := range l.p.listeners {
			li := &l.p.listeners[i]
			if l.isListener(h.host, li.Address) {
				l.fail("Route leads back here", h.at, &h.head, "hosts: %s is listener %q at %s, so mail would go round until it has too many Received fields. Name the server behind this gateway.", h.host, li.Name, rule(li.Range))
				break
			}
		}
	}
}

// isListener reports whether a host is an address that a listener has.
func (l *loader) isListener(host, listener string) bool {
	i, j := strings.LastIndexByte(host, ':'), strings.LastIndexByte(listener, ':')
	if i < 0 || j < 0 || host[i:] != listener[j:] || host[i:] == ":0" || strings.HasPrefix(host, unixPrefix) {
		return false
	}
	host, listener = strings.Trim(host[:i], "[]"), strings.Trim(listener[:j], "[]")
	if host == l.p.gateway.Hostname {
		return true
	}
	if host == "localhost" {
		host = "127.0.0.1"
	}
	if listener == "localhost" {
		listener = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(host)
	if err != nil {
		return false
	}
	if listener == "" {
		return ip.IsLoopback()
	}
	own, err := netip.ParseAddr(listener)
	return err == nil && (own == ip || own.IsUnspecified() && ip.IsLoopback() && (own.Is6() || ip.Is4()))
}
