package policy

import (
	"slices"
	"strings"
	"time"
)

// defaultDestination is how a destination is treated that nothing is said of.
func defaultDestination() Destination {
	return Destination{Connections: 20, PerConnection: 100, Idle: 15 * time.Second, Backoff: time.Minute, MaxBackoff: time.Hour,
		SuspendAfter: 20, SuspendFor: 10 * time.Minute}
}

// destination is one destination block or provider, ready for look-ups.
type destination struct {
	name   string
	gentle gentle
}

// destinationTable finds the first that matches.
type destinationTable struct {
	all                   []destination
	domains, hosts, route map[string]int // the first for an exact name
	domainLike, hostLike  []likeness     // patterns, ascending
}

// likeness is a pattern of a domain or a host.
type likeness struct {
	pattern string
	n       int // index in all
}

func newDestinationTable() *destinationTable {
	return &destinationTable{domains: map[string]int{}, hosts: map[string]int{}, route: map[string]int{}}
}

func (t *destinationTable) add(d destination, domains, mx, routes []string) {
	n := len(t.all)
	t.all = append(t.all, d)
	put := func(m map[string]int, like *[]likeness, names []string) {
		for _, s := range names {
			if strings.ContainsAny(s, "*?") {
				*like = append(*like, likeness{s, n})
			} else if _, ok := m[s]; !ok {
				m[s] = n
			}
		}
	}
	put(t.domains, &t.domainLike, domains)
	put(t.hosts, &t.hostLike, mx)
	for _, r := range routes {
		if _, ok := t.route[routePrefix+r]; !ok {
			t.route[routePrefix+r] = n
		}
	}
}

// first is the first of the table that names the domain, the host or the
// route, or nil.
func (t *destinationTable) first(domain, host, route string) *destination {
	if t == nil {
		return nil
	}
	best := len(t.all)
	for _, hit := range []struct {
		m    map[string]int
		like []likeness
		key  string
	}{{t.domains, t.domainLike, domain}, {t.hosts, t.hostLike, host}, {t.route, nil, route}} {
		if hit.key == "" {
			continue
		}
		if n, ok := hit.m[hit.key]; ok {
			best = min(best, n)
		}
		for _, l := range hit.like {
			if l.n >= best {
				break
			}
			if wildcard(l.pattern, hit.key) {
				best = l.n
			}
		}
	}
	if best == len(t.all) {
		return nil
	}
	return &t.all[best]
}

// builtIn are the providers.
var builtIn = func() *destinationTable {
	t := newDestinationTable()
	for _, p := range providers {
		t.add(destination{p.name, p.gentle}, p.domains, p.mx, nil)
	}
	return t
}()

// Destination is how mail to a domain, at one of its hosts ("" not known yet)
// by a route's stored name is to be treated (B89): the first destination block
// that matches, over what is built in for a large provider, over the
// defaults. Once the host is known, another may match than before. Any case
// of letters, a trailing dot and a port behind the host will do.
func (p *Policy) Destination(domain, host, route string) Destination {
	domain, host = hostKey(domain), hostKey(host)
	d := defaultDestination()
	if b := builtIn.first(domain, host, ""); b != nil {
		d.Name = b.name
		b.gentle.over(&d)
	}
	if b := p.destinations.first(domain, host, route); b != nil {
		d.Name = b.name
		b.gentle.over(&d)
	}
	d.MaxBackoff = max(d.MaxBackoff, d.Backoff)
	return d
}

// hostKey is a name as the tables have it.
func hostKey(s string) string {
	if i := strings.IndexByte(s, ':'); i >= 0 && i == strings.LastIndexByte(s, ':') && s[:i] != "unix" {
		s = s[:i]
	}
	return strings.ToLower(strings.TrimSuffix(s, "."))
}

// destinationBlocks evaluates the destination blocks.
func (l *loader) destinationBlocks() {
	t := newDestinationTable()
	where := map[string]*node{}
	for _, n := range l.root.blocks["destination"] {
		v := l.eval(n, n.spec, l.ctx)
		domains, mx, routes := get[[]string](v, "domains"), get[[]string](v, "mx"), get[[]string](v, "routes")
		if len(domains)+len(mx)+len(routes) == 0 && len(v.bad) == 0 && !l.broken[n.head.Filename] {
			l.fail("Destination matches nothing", n.head, nil, `%s says of no mail that it goes there. Add domains = ["acme.test"], mx = ["*.acme.test"] or routes = [route.NAME].`, place(n.spec, n.label))
		}
		for _, a := range []string{"domains", "mx", "routes"} {
			for i, s := range get[[]string](v, a) {
				if o := where[a+" "+s]; o == n {
					l.fail("Repeated value", v.item(a, i), &n.head, "%s: %s stands twice. Remove one.", a, s)
				} else if o != nil {
					l.fail("Destination is never reached", v.item(a, i), &n.head, "%s: %s is named by destination %q at %s, which comes first. Take it out of one of them.", a, s, o.label, rule(o.head))
				}
				where[a+" "+s] = n
			}
		}
		t.add(destination{n.label, l.gentle(n, v)}, domains, mx, routes)
	}
	l.p.destinations = t
}

// gentle is what a destination block says.
func (l *loader) gentle(n *node, v *values) gentle {
	g := gentle{connections: given[int](v, "connections"), perConnection: given[int](v, "per_connection"), suspendAfter: given[int](v, "suspend_after"),
		rate: given[rate](v, "rate"), idle: given[time.Duration](v, "idle"), backoff: given[time.Duration](v, "backoff"),
		maxBackoff: given[time.Duration](v, "max_backoff"), suspendFor: given[time.Duration](v, "suspend_for"), schedule: get[string](v, "retry")}
	if g.backoff != nil && g.maxBackoff != nil && *g.maxBackoff < *g.backoff {
		l.fail("Contradicting attributes", v.at("max_backoff"), &n.head, "max_backoff: %s is shorter than backoff, %s. Raise it, or shorten backoff.", formatDuration(*g.maxBackoff), formatDuration(*g.backoff))
	}
	if g.suspendFor != nil && g.suspendAfter != nil && *g.suspendAfter == 0 {
		l.fail("Contradicting attributes", v.at("suspend_for"), &n.head, "suspend_for: suspend_after = 0 never suspends. Remove one of the two.")
	}
	return g
}

// given is an attribute's value, nil where it is left out or wrong.
func given[T any](v *values, name string) *T {
	if x, ok := v.got[name].(T); ok && slices.Contains(v.spec.attrNames(), name) {
		return &x
	}
	return nil
}
