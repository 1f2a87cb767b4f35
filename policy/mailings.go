package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2"
)

// Digest tells a tenant's people which of their mail is held, and lets them
// decide on it.
type Digest struct {
	Times    Timetable
	To       []string // parties, lower case; empty: everybody whose mail is held
	Except   []string // parties that get none
	Statuses []string // "quarantined", "stalled"
	Search   string   // narrows what is listed; "" nothing does
	Most     int      // messages that one digest lists
	LinksFor time.Duration
	Language string // "" the tenant's
	Range    hcl.Range
}

// For reports whether an address gets digests. addr is in lower case.
func (d Digest) For(addr string) bool {
	return (len(d.To) == 0 || isAnyParty(d.To, addr)) && !isAnyParty(d.Except, addr)
}

// Report is a search whose result is sent by mail, again and again.
type Report struct {
	Name     string
	Tenant   string // "" the gateway's: of all tenants' mail
	Times    Timetable
	To       []string
	Search   string   // as "weir help search" has it; relative times count from the time it is due
	Columns  []string // of a row
	Format   string   // "csv" or "jsonl"
	Attach   int64    // octets of the attachment at most; a larger one is left out
	Language string   // "" the tenant's
	Range    hcl.Range
}

// Digest is the tenant's digest, false where it has none.
func (t *Tenant) Digest() (Digest, bool) {
	if t.digest == nil {
		return Digest{}, false
	}
	return *t.digest, true
}

// Reports are the scheduled reports, the gateway's and the tenants'.
func (p *Policy) Reports() []Report { return p.reports }

// digest evaluates a tenant's digest block.
func (l *loader) digestBlock(t *Tenant, n *node, ctx *hcl.EvalContext) {
	if n == nil {
		return
	}
	v := l.eval(n, digestSpec, ctx)
	d := &Digest{
		To: lower(get[[]string](v, "to")), Except: lower(get[[]string](v, "except")), Statuses: get[[]string](v, "statuses"), Search: get[string](v, "search"), Most: get[int](v, "most"),
		LinksFor: get[time.Duration](v, "links_for"), Language: get[string](v, "language"), Range: n.head,
	}
	d.Times = l.timetable(n, v)
	for _, attr := range []string{"to", "except"} {
		for i, p := range get[[]string](v, attr) {
			if !ofTenant(t, p) {
				l.fail("Address of another domain", v.item(attr, i), &n.head, "%s: %s is in none of the domains of tenant %q. Correct the address, or add its domain to domains.", attr, p, t.Name)
			}
		}
	}
	if d.Statuses == nil {
		d.Statuses = []string{"quarantined"}
	}
	for i, s := range d.Statuses {
		if s != "quarantined" && s != "stalled" {
			l.fail("Invalid value", v.item("statuses", i), &n.head, "statuses: %s mail is not held. Write \"quarantined\" or \"stalled\".", clip(s))
		}
	}
	l.checkSearch(n, v)
	if a := l.root.one("admin"); a == nil || a.attrs["url"] == nil {
		l.fail("Links would lead nowhere", n.head, nil, "The digest has links, and nobody knows how people reach the admin listener. Add an admin block with url = \"https://…\".")
	}
	t.digest = d
}

// reportBlock evaluates a report block of the top level, or of a tenant.
func (l *loader) reportBlock(n *node, tenant string, ctx *hcl.EvalContext) {
	v := l.eval(n, reportSpec, ctx)
	r := Report{
		Name: n.label, Tenant: tenant, To: get[[]string](v, "to"), Search: get[string](v, "search"), Columns: get[[]string](v, "columns"),
		Format: get[string](v, "format"), Attach: get[int64](v, "attach"), Language: get[string](v, "language"), Range: n.head,
	}
	r.Times = l.timetable(n, v)
	if len(r.To) == 0 && !v.bad["to"] {
		l.fail("Invalid value", v.at("to"), &n.head, "to: nobody would get the report. Name at least one address.")
	}
	l.checkSearch(n, v)
	if len(r.Columns) == 0 && !v.bad["columns"] {
		r.Columns = slices.Clone(reportColumns)
	}
	if len(l.opts.Columns) > 0 {
		for i, c := range r.Columns {
			if !slices.Contains(l.opts.Columns, c) {
				l.fail("Unknown column", v.item("columns", i), &n.head, "columns: there is no %s. %s", clip(c), suggest(c, l.opts.Columns, "columns"))
			}
		}
	}
	l.p.reports = append(l.p.reports, r)
}

// checkSearch reads the attribute search of a block.
func (l *loader) checkSearch(n *node, v *values) {
	if l.opts.CheckSearch == nil || !v.set["search"] {
		return
	}
	if err := l.opts.CheckSearch(get[string](v, "search")); err != nil {
		l.fail("Invalid search", v.at("search"), &n.head, "search: %s. See: weir help search.", strings.TrimSuffix(err.Error(), "."))
	}
}

// reportColumns are those of a report that names none.
var reportColumns = []string{"id", "received", "direction", "status", "sender", "recipient", "subject", "size", "class", "reason"}

func lower(in []string) []string {
	var out []string
	for _, s := range in {
		out = append(out, strings.ToLower(s))
	}
	return out
}
