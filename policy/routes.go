package policy

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Names of routes as they are stored with mail.
const (
	mxRouteName     = "mx"     // the MX hosts of the recipient's domain
	rejectRouteName = "reject" // a via says that there is no way; never stored
	routePrefix     = "route:" // a named route
	tenantPrefix    = "tenant:"
)

func mxRoute() Route {
	return Route{Name: mxRouteName, Port: 25, TLS: "opportunistic", IP: "any", Protocol: "smtp"}
}

// to completes a route for one recipient's domain: one by MX without a domain
// follows it.
func (r Route) to(domain string) Route {
	if r.MX == "" && len(r.Hosts) == 0 && r.Name != rejectRouteName {
		r.MX = domain
	}
	return r
}

// Routes are the named routes, in order of declaration.
func (p *Policy) Routes() []Route { return p.routes }

// RouteByName resolves a stored route name in this policy. false: the route
// is gone, the mail is unrouted (B97). Where a route has neither Hosts nor MX
// the caller sets MX to the recipient's domain.
func (p *Policy) RouteByName(name string) (Route, bool) {
	if name == mxRouteName {
		return mxRoute(), true
	}
	if named, ok := strings.CutPrefix(name, routePrefix); ok {
		i, ok := p.routeIndex[named]
		if !ok {
			return Route{}, false
		}
		return p.routes[i], true
	}
	rest, ok := strings.CutPrefix(name, tenantPrefix)
	if !ok {
		return Route{}, false
	}
	i := strings.LastIndexByte(rest, ':')
	if i < 0 {
		return Route{}, false
	}
	t, ok := p.byName[rest[:i]]
	if !ok {
		return Route{}, false
	}
	var r Route
	switch rest[i+1:] {
	case "in":
		r = t.route
	case "out":
		r = t.outbound
	}
	return r, !r.IsZero()
}

// routeBlocks evaluates the named routes.
func (l *loader) routeBlocks() {
	l.p.routeIndex = map[string]int{}
	for _, n := range l.root.blocks["route"] {
		l.p.routeIndex[n.label] = len(l.p.routes)
		l.p.routes = append(l.p.routes, l.route(n, routePrefix+n.label, l.ctx))
	}
}

// route evaluates a route block; nil gives none.
func (l *loader) route(n *node, name string, ctx *hcl.EvalContext) Route {
	if n == nil {
		return Route{}
	}
	v := l.eval(n, n.spec, ctx)
	r := Route{Name: name, MX: get[string](v, "mx"), TLS: get[string](v, "tls"), Port: get[int](v, "port"), Helo: get[string](v, "helo"),
		Source: get[string](v, "source"), Source6: get[string](v, "source6"), IP: get[string](v, "ip"), Protocol: get[string](v, "protocol"),
		Schedule: get[string](v, "retry"), Connections: get[int](v, "connections"), PerConnection: get[int](v, "per_connection"), Rule: rule(n.head)}
	port := "25"
	if r.Protocol == "lmtp" {
		port = "24"
	}
	for _, h := range get[[]string](v, "hosts") {
		r.Hosts = append(r.Hosts, withPort(h, port))
	}
	for _, h := range n.blocks["host"] {
		hv := l.eval(h, h.spec, ctx)
		if v.set["hosts"] || v.bad["hosts"] {
			l.fail("Contradicting attributes", h.head, &n.head, "host: hosts is there too. Write all as host blocks, or all in hosts.")
			break
		}
		r.Hosts = append(r.Hosts, withPort(h.label, port))
		r.Weights = append(r.Weights, HostRank{Priority: get[int](hv, "priority"), Weight: get[int](hv, "weight")})
	}
	l.leads(n, v, &r)
	l.callsFrom(n, v, &r)
	r.Auth = l.login(n, v, &r, ctx)
	l.danePossible(v, "tls", r.TLS)
	if r.MX == ownMX {
		r.MX = ""
	}
	return r
}

// leads checks that a route has one kind of destination, and that what is
// said of it fits.
func (l *loader) leads(n *node, v *values, r *Route) {
	if v.bad["hosts"] || v.bad["mx"] || l.broken[n.head.Filename] {
		return
	}
	for i, h := range r.Hosts {
		at := v.item("hosts", i)
		if r.Weights != nil {
			at = n.blocks["host"][i].head
		}
		if j := slices.Index(r.Hosts[:i], h); j >= 0 {
			l.fail("Repeated host", at, &n.head, "hosts: %s stands twice. Remove one.", clip(h))
		}
		if strings.HasPrefix(h, unixPrefix) {
			l.socket(n, v, r, at)
		}
		l.hops = append(l.hops, hop{h, at, n.head})
	}
	switch {
	case r.MX != "" && len(r.Hosts) > 0:
		l.fail("Contradicting attributes", v.at("mx"), &n.head, "mx: hosts are named too. Keep hosts or mx.")
	case r.MX == "" && len(r.Hosts) == 0:
		at := n.head
		if v.set["hosts"] {
			at = v.at("hosts")
		}
		l.fail("Route goes nowhere", at, nil, `A route needs a destination. Add hosts = ["mail.acme.test:25"], or mx = "acme.test".`)
	case r.MX != "" && r.Protocol == "lmtp":
		l.fail("Contradicting attributes", v.at("protocol"), &n.head, "protocol: MX hosts speak smtp. Name the lmtp hosts with hosts.")
	case v.set["port"] && r.MX == "":
		l.fail("Contradicting attributes", v.at("port"), &n.head, "port: it is for mx only. Write the port behind each host, as in \"mail.acme.test:2525\".")
	}
}

// socket checks what a route to a Unix socket can have.
func (l *loader) socket(n *node, v *values, r *Route, at hcl.Range) {
	if r.Protocol != "lmtp" {
		l.fail("Contradicting attributes", at, &n.head, `hosts: a socket speaks lmtp. Add protocol = "lmtp", or write host:port.`)
	}
	if r.TLS != "none" && r.TLS != "opportunistic" && !v.bad["tls"] {
		l.fail("Contradicting attributes", v.at("tls"), &n.head, "tls: there is none over a socket of this machine. Leave tls out, or write host:port.")
	}
}

// callsFrom checks the local addresses against the kind of address asked for.
func (l *loader) callsFrom(n *node, v *values, r *Route) {
	switch {
	case r.IP == "4" && r.Source6 != "":
		l.fail("Contradicting attributes", v.at("source6"), &n.head, `source6: ip = "4" never connects over IPv6. Remove one of the two.`)
	case r.IP == "6" && r.Source != "":
		l.fail("Contradicting attributes", v.at("source"), &n.head, `source: ip = "6" never connects over IPv4. Remove one of the two.`)
	}
}

// login evaluates a route's auth block. Nothing that it reports quotes the
// password.
func (l *loader) login(n *node, v *values, r *Route, ctx *hcl.EvalContext) *Login {
	a := n.one("auth")
	if a == nil {
		return nil
	}
	av := l.eval(a, a.spec, ctx)
	if !v.bad["tls"] && (r.TLS == "none" || r.TLS == "opportunistic") {
		at := a.head
		if v.set["tls"] {
			at = v.at("tls")
		}
		l.fail("Password could go out in the clear", at, &n.head, `auth needs tls of "required" or more: with %q anybody on the way could read the password. Add tls = "verified".`, r.TLS)
	}
	if !v.bad["tls"] && r.TLS == "required" && v.set["mx"] { // whoever forges the MX records names a host of their own
		l.fail("Password could go to a stranger", v.at("tls"), &n.head, `auth with mx needs tls of "verified" or "dane": with "required" the host that forged MX records name would get the password. Write tls = "verified", or name the hosts.`)
	}
	out := &Login{User: get[string](av, "user"), Password: get[string](av, "password")}
	if strings.ContainsAny(out.User, "\x00\r\n") || len(out.User) > 1000 {
		l.fail("Invalid value", av.at("user"), &a.head, "user: it has a line break or a NUL in it, or is too long. Give the name alone, as in chomp(file(\"…\")).")
	}
	return out
}

// danePossible refuses what demands DANE where the gateway does not honour it.
func (l *loader) danePossible(v *values, attr, word string) {
	if word == "dane" && v.set[attr] && !l.p.gateway.DANE {
		l.fail("Contradicting attributes", v.at(attr), nil, `%s: the gateway block has dane = false, so no mail could go this way. Remove that, or use "verified".`, attr)
	}
}
