package policy

import (
	"fmt"
	"sort"
)

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
	g, o := p.gateway, old.gateway
	differ("gateway: data_dir", o.DataDir, g.DataDir)
	differ("gateway: archive dir", o.Archive.Dir, g.Archive.Dir)
	differ("gateway: archive key_file", o.Archive.KeyFile, g.Archive.KeyFile)
	differ("gateway: hostname", o.Hostname, g.Hostname)
	differ("gateway: watermark", o.Watermark, g.Watermark)
	differ("gateway: resolver", o.Resolver, g.Resolver)
	differ("gateway: resolver_trusted", o.ResolverTrusted, g.ResolverTrusted)
	differ("gateway: log_format", o.LogFormat, g.LogFormat)
	differ("gateway: queue workers", o.Queue.Workers, g.Queue.Workers)
	differ("admin: address", old.admin.Address, p.admin.Address)
	differ("admin: plain", old.admin.Plain, p.admin.Plain)
	differ("admin: tls block", old.admin.TLS != nil, p.admin.TLS != nil)
	was := map[string]Listener{}
	for _, l := range old.listeners {
		was[l.Name] = l
	}
	for _, l := range p.listeners {
		if a, ok := was[l.Name]; ok {
			differ(fmt.Sprintf("listener %q: address", l.Name), a.Address, l.Address)
			differ(fmt.Sprintf("listener %q: direction", l.Name), a.Direction, l.Direction)
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
