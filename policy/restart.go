package policy

import (
	"fmt"
	"sort"
)

// fixed is what a reload cannot change, listeners aside. The reference says so of
// each (a test compares them).
var fixed = []struct {
	what string // block: attribute, with the blocks between
	of   func(*Policy) any
}{
	{"gateway: data_dir", func(p *Policy) any { return p.gateway.DataDir }},
	{"gateway: archive dir", func(p *Policy) any { return p.gateway.Archive.Dir }},
	{"gateway: archive key_file", func(p *Policy) any { return p.gateway.Archive.KeyFile }},
	{"gateway: hostname", func(p *Policy) any { return p.gateway.Hostname }},
	{"gateway: watermark", func(p *Policy) any { return p.gateway.Watermark }},
	{"gateway: resolver", func(p *Policy) any { return p.gateway.Resolver }},
	{"gateway: resolver_trusted", func(p *Policy) any { return p.gateway.ResolverTrusted }},
	{"gateway: log_format", func(p *Policy) any { return p.gateway.LogFormat }},
	{"gateway: queue workers", func(p *Policy) any { return p.gateway.Queue.Workers }},
	{"admin: address", func(p *Policy) any { return p.admin.Address }},
	{"admin: plain", func(p *Policy) any { return p.admin.Plain }},
	{"admin: tls block", func(p *Policy) any { return p.admin.TLS != nil }},
}

// fixedOfListener is the same of a listener.
var fixedOfListener = []struct {
	what string
	of   func(Listener) any
}{
	{"address", func(l Listener) any { return l.Address }},
	{"direction", func(l Listener) any { return l.Direction }},
}

// NeedsRestart names what differs from the running policy old and cannot be
// changed by a reload; empty where all can. A nil old needs nothing.
func (p *Policy) NeedsRestart(old *Policy) []string {
	if old == nil {
		return nil
	}
	var out []string
	differ := func(what string, was, is any) {
		if fmt.Sprint(was) != fmt.Sprint(is) {
			out = append(out, fmt.Sprintf("%s was %q, is %q", what, fmt.Sprint(was), fmt.Sprint(is)))
		}
	}
	for _, f := range fixed {
		differ(f.what, f.of(old), f.of(p))
	}
	was := map[string]Listener{}
	for _, l := range old.listeners {
		was[l.Name] = l
	}
	for _, l := range p.listeners {
		if a, ok := was[l.Name]; ok {
			for _, f := range fixedOfListener {
				differ(fmt.Sprintf("listener %q: %s", l.Name, f.what), f.of(a), f.of(l))
			}
		} else {
			out = append(out, fmt.Sprintf("listener %q was added", l.Name))
		}
		delete(was, l.Name)
	}
	var gone []string
	for name := range was {
		gone = append(gone, fmt.Sprintf("listener %q was removed", name))
	}
	sort.Strings(gone)
	return append(out, gone...)
}
