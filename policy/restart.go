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
	if p.gateway.DataDir != old.gateway.DataDir {
		out = append(out, fmt.Sprintf("gateway: data_dir was %q, is %q", old.gateway.DataDir, p.gateway.DataDir))
	}
	if p.admin.Address != old.admin.Address {
		out = append(out, fmt.Sprintf("admin: address was %q, is %q", old.admin.Address, p.admin.Address))
	}
	was := map[string]string{}
	for _, l := range old.listeners {
		was[l.Name] = l.Address
	}
	for _, l := range p.listeners {
		switch a, ok := was[l.Name]; {
		case !ok:
			out = append(out, fmt.Sprintf("listener %q was added", l.Name))
		case a != l.Address:
			out = append(out, fmt.Sprintf("listener %q: address was %q, is %q", l.Name, a, l.Address))
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
