package policy

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// EventSink is one events block: a receiver of what happens to mail. Exactly
// one of File and Webhook is set.
type EventSink struct {
	Name    string   // "NAME", or "TENANT/NAME" of a tenant's own
	Types   []string // empty: all
	Tenants []string // empty: all, and events without a tenant
	Filter  string   // a search in its text form; "" everything
	Keep    time.Duration
	File    *EventFile
	Webhook *EventWebhook
	Range   hcl.Range
}

// EventFile are JSON lines in a file.
type EventFile struct {
	Path  string // resolved
	Size  int64  // octets
	Files int    // older ones that are kept
}

// EventWebhook are signed requests. It holds secrets: do not print it.
type EventWebhook struct {
	URL     string
	Secrets [][]byte // keys that sign, the current one first
	Private []netip.AddrPort
	CA      []byte // PEM; nil: the system's
	Batch   int
	Timeout time.Duration
}

// String hides the secrets.
func (w *EventWebhook) String() string { return w.URL }

// AdminLimits bound one caller of the API.
type AdminLimits struct {
	Requests int // in a minute
	Burst    int
	Streams  int // live tails at one time
}

// Events are the receivers of events, in order of declaration, tenants' own
// behind those of the top level.
func (p *Policy) Events() []EventSink { return p.events }

// EventTypes are the types that an events block may name.
func EventTypes() []string { return slices.Clone(eventTypes) }

// AdminLimits bound one caller of the API.
func (p *Policy) AdminLimits() AdminLimits { return p.adminLimits }

func (l *loader) adminLimits(n *node) AdminLimits {
	var at *node
	if n != nil {
		at = n.one("limits")
	}
	v := l.eval(at, adminLimitsSpec, l.ctx)
	return AdminLimits{Requests: get[int](v, "requests"), Burst: get[int](v, "burst"), Streams: get[int](v, "streams")}
}

// eventBlocks evaluates the events blocks of the top level; the tenants are
// known by then.
func (l *loader) eventBlocks() {
	own := len(l.p.events) // of tenants
	for _, n := range l.root.blocks["events"] {
		s, v := l.eventSink(n, n.label, l.ctx)
		s.Tenants = get[[]string](v, "tenants")
		for i, t := range s.Tenants {
			if _, ok := l.p.byName[t]; !ok {
				l.fail("Unknown tenant", v.item("tenants", i), &n.head, "tenants: there is no tenant %q. Name one of the policy's tenants.", clip(t))
			}
		}
		l.p.events = append(l.p.events, s)
	}
	l.p.events = slices.Concat(l.p.events[own:], l.p.events[:own])
}

// tenantEvents evaluates the events blocks of a tenant.
func (l *loader) tenantEvents(t *Tenant, n *node, ctx *hcl.EvalContext) {
	for _, b := range n.blocks["events"] {
		s, _ := l.eventSink(b, t.Name+"/"+b.label, ctx)
		s.Tenants = []string{t.Name}
		l.p.events = append(l.p.events, s)
	}
}

func (l *loader) eventSink(n *node, name string, ctx *hcl.EvalContext) (EventSink, *values) {
	v := l.eval(n, n.spec, ctx)
	s := EventSink{Name: name, Types: get[[]string](v, "types"), Filter: get[string](v, "filter"), Keep: get[time.Duration](v, "keep"), Range: n.head}
	for i, t := range s.Types {
		if !slices.Contains(eventTypes, t) {
			l.fail("Invalid value", v.item("types", i), &n.head, "types: %q is no type of event. %s", clip(t), suggest(t, eventTypes, "types"))
		}
	}
	if check := l.opts.CheckSearch; check != nil && s.Filter != "" {
		if err := check(s.Filter); err != nil {
			l.fail("Invalid filter", v.at("filter"), &n.head, "filter: %s. Write it as for \"weir log search\".", strings.TrimSuffix(err.Error(), "."))
		}
	}
	file, hook := n.one("file"), n.one("webhook")
	switch {
	case file != nil && hook != nil:
		l.fail("Contradicting blocks", hook.head, &n.head, "There is a file block, too. Make two events blocks of them.")
	case file != nil:
		f := l.eval(file, file.spec, ctx)
		s.File = &EventFile{Path: get[string](f, "path"), Size: get[int64](f, "size"), Files: get[int](f, "files")}
		l.oneWriter(file, f, s.File.Path)
	case hook != nil:
		s.Webhook = l.webhook(hook, ctx)
	default:
		l.fail("Missing block", n.head, nil, "The events block does not say where to. Add a file or a webhook block.")
	}
	return s, v
}

// oneWriter refuses a file that two blocks would write to.
func (l *loader) oneWriter(n *node, v *values, path string) {
	if path == "" {
		return
	}
	for i := range l.p.events {
		if f := l.p.events[i].File; f != nil && f.Path == path {
			l.fail("Repeated file", v.at("path"), &n.head, "path: the events block at %s writes there, too. Give each a file of its own.", rule(l.p.events[i].Range))
		}
	}
}

func (l *loader) webhook(n *node, ctx *hcl.EvalContext) *EventWebhook {
	v := l.eval(n, n.spec, ctx)
	w := &EventWebhook{URL: get[string](v, "url"), Batch: get[int](v, "batch"), Timeout: get[time.Duration](v, "timeout")}
	for i, a := range get[[]string](v, "allow_private") {
		at, err := netip.ParseAddrPort(a)
		if err != nil {
			l.fail("Invalid value", v.item("allow_private", i), &n.head, "allow_private: %q is no address with a port. Write one such as \"10.0.0.9:8443\".", clip(a))
			continue
		}
		w.Private = append(w.Private, at)
	}
	if v.set["url"] && !v.bad["url"] {
		if err := checkHook(w.URL, w.Private); err != nil {
			l.fail("Invalid value", v.at("url"), &n.head, "url: %v.", err)
		}
	}
	for _, name := range []string{"secret", "old_secret"} {
		if text := get[string](v, name); text != "" {
			key, err := hookKey(text)
			if err != nil {
				l.fail("Invalid value", v.at(name), &n.head, "%s: %v.", name, err)
				continue
			}
			w.Secrets = append(w.Secrets, key)
		}
	}
	if ca := get[string](v, "ca"); ca != "" {
		b, err := l.readFile(ca)
		if err != nil {
			l.fail("File cannot be read", v.at("ca"), &n.head, "ca: %v. Correct the path or the file's permissions.", err)
		} else if !hasCertificate(b) {
			l.fail("No certificate", v.at("ca"), &n.head, "ca: there is no PEM certificate in %s. Name a file with one.", clip(ca))
		}
		w.CA = b
	}
	return w
}

// checkHook refuses a URL that requests with a secret must not go to.
func checkHook(text string, private []netip.AddrPort) error {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Opaque != "":
		return fmt.Errorf("%q is no URL. Write one such as \"https://siem.acme.test/weir\"", clip(text))
	case u.User != nil:
		return errors.New("it has a user or a password in it, which logs would show. Leave them out; the requests are signed")
	case u.Fragment != "":
		return errors.New("it has a fragment (#…), which is not sent. Leave it out")
	case u.Scheme == "https":
		return nil
	case u.Scheme == "http":
		if at, err := netip.ParseAddrPort(u.Host); err == nil && slices.Contains(private, at) {
			return nil
		}
		return errors.New("http:// is for an address that stands in allow_private only, with its port. Use https://")
	}
	return fmt.Errorf("%q is not http or https. Use https://", clip(u.Scheme))
}

// hookKey reads a secret as Standard Webhooks writes it, or takes a text.
func hookKey(text string) ([]byte, error) {
	rest, ok := strings.CutPrefix(text, "whsec_")
	if !ok {
		if len(text) < 24 {
			return nil, errors.New("it is shorter than 24 characters. Make one with: openssl rand -base64 32")
		}
		return []byte(text), nil
	}
	key, err := base64.StdEncoding.DecodeString(rest)
	if err != nil || len(key) < 24 || len(key) > 64 {
		return nil, errors.New("behind whsec_ must stand the base64 of 24 to 64 octets. Make it with: openssl rand -base64 32")
	}
	return key, nil
}

// hasCertificate reports a PEM certificate that reads.
func hasCertificate(b []byte) bool { return x509.NewCertPool().AppendCertsFromPEM(b) }
