package policy

import (
	"crypto/tls"
	"net/netip"
	"path/filepath"
	"strings"
	"time"
)

// gateway evaluates the gateway and admin blocks.
func (l *loader) gateway() {
	n := l.root.one("gateway")
	v := l.eval(n, gatewaySpec, l.ctx)
	q := l.eval(n.one("queue"), gatewaySpec.block("queue"), l.ctx)
	resolver := []string{}
	for _, h := range get[[]string](v, "resolver") {
		resolver = append(resolver, withPort(h, "53"))
	}
	l.p.gateway = Gateway{
		Hostname: get[string](v, "hostname"), DataDir: get[string](v, "data_dir"), Watermark: get[int64](v, "watermark"),
		Queue:         QueueSettings{Workers: get[int](q, "workers"), PerHop: get[int](q, "per_hop")},
		DirectInbound: get[time.Duration](v, "direct_inbound"), DirectOutbound: get[time.Duration](v, "direct_outbound"),
		Resolver: resolver, ResolverTrusted: get[bool](v, "resolver_trusted"), DANE: get[bool](v, "dane"), MTASTS: get[bool](v, "mta_sts"), BareLF: get[string](v, "bare_lf"), MaxReceived: get[int](v, "max_received"),
		LogLevel: get[string](v, "log_level"), LogFormat: get[string](v, "log_format"),
	}
	l.p.gateway.Archive = l.archivePlace(n.one("archive"))
	l.admin()
}

func isLoopback(address string) bool {
	host := address[:max(0, strings.LastIndexByte(address, ':'))]
	if host == "localhost" {
		return true
	}
	a, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && a.Unmap().IsLoopback()
}

// defaultWatermark is the least free space where none is written.
const defaultWatermark = 640 << 20

// listeners evaluates the listener blocks, and what follows from them.
func (l *loader) listeners() {
	addresses := map[string]*node{}
	var largest int64
	for _, n := range l.root.blocks["listener"] {
		li, v := l.listener(n)
		largest = max(largest, li.Limits.MessageSize)
		l.p.listeners = append(l.p.listeners, li)
		if o := addresses[li.Address]; o != nil && v.set["address"] && !strings.HasSuffix(li.Address, ":0") {
			l.fail("Repeated address", v.at("address"), &n.head, "address: listener %q at %s has %s too. Give each listener an address of its own.", o.label, rule(o.head), li.Address)
		}
		if v.set["address"] {
			addresses[li.Address] = n
			if li.Address == l.p.admin.Address && !strings.HasSuffix(li.Address, ":0") {
				l.fail("Repeated address", v.at("address"), &n.head, "address: the admin block has %s too. Give each listener an address of its own.", li.Address)
			}
		}
	}
	if l.p.gateway.Watermark == 0 {
		l.p.gateway.Watermark = max(defaultWatermark, largest+largest/2)
	}
}

func (l *loader) listener(n *node) (Listener, *values) {
	v := l.eval(n, listenerSpec, l.ctx)
	m := l.eval(n.one("limits"), listenerSpec.block("limits"), l.ctx)
	li := Listener{
		Name: n.label, Address: get[string](v, "address"), Direction: get[string](v, "direction"), Auth: get[string](v, "auth"),
		Allow: get[[]netip.Prefix](v, "allow"), BareLF: get[string](v, "bare_lf"), TLS: l.listenerTLS(n), Range: n.head,
		Limits: ListenerLimits{
			MessageSize: get[int64](m, "message_size"), Recipients: get[int](m, "recipients"), Connections: get[int](m, "connections"),
			PerClient: get[int](m, "per_client"), Errors: get[int](m, "errors"), Commands: get[int](m, "commands"),
			StageTimeout: get[time.Duration](m, "stage_timeout"), DataTimeout: get[time.Duration](m, "data_timeout"),
			TransactionTimeout: get[time.Duration](m, "transaction_timeout"), MinRate: get[int](m, "min_rate"),
		},
	}
	if li.BareLF == "" {
		li.BareLF = l.p.gateway.BareLF
	}
	c := l.chain(get[[]string](v, "rulesets"))
	li.Chain = c.filters
	l.p.chains[n.label] = c
	l.admits(n, v, &li)
	if li.Limits.DataTimeout > li.Limits.TransactionTimeout {
		l.fail("Contradicting limits", m.at("data_timeout"), &n.head, "data_timeout (%s) is longer than transaction_timeout (%s). Raise transaction_timeout.",
			formatDuration(li.Limits.DataTimeout), formatDuration(li.Limits.TransactionTimeout))
	}
	return li, v
}

// admits checks who may use the listener.
func (l *loader) admits(n *node, v *values, li *Listener) {
	if li.Auth == "required" {
		l.fail("Authentication is not built yet", v.at("auth"), &n.head, `auth: "required" would let nobody in. Leave auth out and admit clients with allow = ["…"].`)
	}
	if li.Direction != Outbound {
		return
	}
	if !v.bad["allow"] && li.Auth != "required" && len(li.Allow) == 0 {
		l.fail("Nobody is admitted", n.head, nil, `Outbound listener %q needs to know its clients. Add allow = ["127.0.0.0/8"] or the networks of your users.`, n.label)
	}
	for i, p := range li.Allow {
		if p.Bits() == 0 {
			l.fail("Open relay", v.item("allow", i), &n.head, "allow: %s is everybody, and everybody could send mail to anyone. Name the networks of your users.", p)
		}
	}
}

func (l *loader) listenerTLS(n *node) *ListenerTLS {
	t := n.one("tls")
	if t == nil {
		return nil
	}
	v := l.eval(t, t.spec, l.ctx)
	out := &ListenerTLS{Auto: get[string](v, "auto"), Cert: get[string](v, "cert"), Key: get[string](v, "key")}
	switch {
	case len(v.bad) > 0:
	case out.Auto != "" && (out.Cert != "" || out.Key != ""):
		l.fail("Contradicting attributes", v.at("auto"), &t.head, "auto: a certificate is named too. Keep auto, or cert and key.")
	case out.Auto != "":
	case out.Cert == "" || out.Key == "":
		l.fail("Missing attribute", t.head, &n.head, "A tls block needs a certificate. Add auto = \"self-signed\", or cert and key.")
	default:
		l.keyPair(v, out)
	}
	return out
}

// keyPair reads certificate and key, so that a wrong pair shows now.
func (l *loader) keyPair(v *values, t *ListenerTLS) {
	for _, f := range []struct{ attr, path string }{{"cert", t.Cert}, {"key", t.Key}} {
		if _, err := l.readFile(f.path); err != nil {
			l.fail("File cannot be read", v.at(f.attr), nil, "%s: %v. Correct the path or the file's permissions.", f.attr, err)
			return
		}
	}
	if _, err := tls.X509KeyPair(l.read[t.Cert], l.read[t.Key]); err != nil {
		l.fail("Certificate is not usable", v.at("cert"), nil, "%s and %s: %s. Name a PEM certificate chain and its private key.",
			filepath.Base(t.Cert), filepath.Base(t.Key), strings.TrimPrefix(err.Error(), "tls: "))
	}
}

// retries evaluates the retry blocks.
func (l *loader) retries() {
	l.p.schedules["standard"] = standardSchedule()
	for _, n := range l.root.blocks["retry"] {
		v := l.eval(n, retrySpec, l.ctx)
		s := &Schedule{Name: n.label, DelayNotice: get[time.Duration](v, "delay_notice")}
		var before time.Duration
		for _, pn := range n.blocks["phase"] {
			pv := l.eval(pn, pn.spec, l.ctx)
			ph := Phase{Until: get[time.Duration](pv, "until"), Every: get[time.Duration](pv, "every"), Factor: get[float64](pv, "factor")}
			if pv.set["until"] && ph.Until <= before {
				l.fail("Phases out of order", pv.at("until"), &pn.head, "until: %s is not after the phase before, which ends at %s. Order the phases by their end.", formatDuration(ph.Until), formatDuration(before))
			}
			before = max(before, ph.Until)
			s.Phases = append(s.Phases, ph)
		}
		if s.DelayNotice > 0 && before > 0 && s.DelayNotice >= before {
			l.fail("Delay notice comes too late", v.at("delay_notice"), &n.head, "delay_notice: %s is not before the end of the schedule, %s. Shorten it, or leave it out.", formatDuration(s.DelayNotice), formatDuration(before))
		}
		l.p.schedules[n.label] = s
	}
}
