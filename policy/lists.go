package policy

import (
	"iter"
	"net/netip"
	"strings"
	"unicode"

	"github.com/hashicorp/hcl/v2"
)

// listIndex finds entries: "tenant\x00list" → set.
type listIndex map[string]*listSet

// listSet is one list, made for look-ups.
type listSet struct {
	exact map[string]bool
	nets  Networks
}

func (x listIndex) has(tenant, list, key string) bool {
	key = strings.ToLower(key)
	return x["\x00"+list].has(key) || tenant != "" && x[tenant+"\x00"+list].has(key)
}

func (s *listSet) has(key string) bool {
	if s == nil || key == "" {
		return false
	}
	for e := range ListEntries(key) {
		if s.exact[e] {
			return true
		}
	}
	for range s.nets.Of(key) {
		return true
	}
	return false
}

// ListEntries gives the entries, in the form ListEntry has, by any of which a
// list holds key (an address, a domain, a name), the nearest first: itself, its
// domain, and ".PARENT" for every parent of the domain. Networks are apart.
func ListEntries(key string) iter.Seq[string] {
	key = strings.ToLower(key)
	return func(yield func(string) bool) {
		if key == "" || !yield(key) {
			return
		}
		domain := key
		if i := strings.LastIndexByte(key, '@'); i >= 0 {
			if domain = key[i+1:]; domain != "" && !yield(domain) {
				return
			}
		}
		for {
			i := strings.IndexByte(domain, '.')
			if i < 0 || !yield(domain[i:]) {
				return
			}
			domain = domain[i+1:]
		}
	}
}

// ListEntry is what an operator wrote in the form lists keep: lower case, the
// domain in A-labels, "@acme.test" and "*@acme.test" as "acme.test",
// "*.acme.test" as ".acme.test", addresses and networks in their short form.
// false: it is no entry, or one that could never be found.
func ListEntry(s string) (string, bool) {
	e := entryOf(s)
	return e, validEntry(e)
}

// add puts an entry in: "acme.test" is the domain, ".acme.test" all below.
func (s *listSet) add(entry string) {
	if p, err := netip.ParsePrefix(entry); err == nil {
		s.nets.Add(p)
		return
	}
	s.exact[entry] = true
}

// lists evaluates the lists of the top level.
func (l *loader) lists() {
	for _, n := range l.root.blocks["list"] {
		l.listBlock(n, "", l.ctx)
	}
}

// listBlock evaluates one list block.
func (l *loader) listBlock(n *node, tenant string, ctx *hcl.EvalContext) {
	v := l.eval(n, n.spec, ctx)
	out := List{Tenant: tenant, Name: n.label, Range: n.head, Entries: []string{}}
	if !v.set["entries"] && !v.set["file"] && len(v.bad) == 0 {
		l.fail("Missing attribute", n.head, nil, "List %q has neither entries nor file. Add entries = […], or file = \"…\".", n.label)
		return
	}
	for i, e := range get[[]string](v, "entries") {
		if e = entryOf(e); !validEntry(e) {
			l.fail("Invalid value", v.item("entries", i), &n.head, "entries: %q is no list entry. Write an address, a domain, an IP address or a network.", clip(e))
			continue
		}
		out.Entries = append(out.Entries, e)
	}
	if path := get[string](v, "file"); path != "" {
		b, err := l.readFile(path)
		if err != nil {
			l.fail("File cannot be read", v.at("file"), &n.head, "file: %v. Correct the path or the file's permissions.", err)
			return
		}
		for i, line := range strings.Split(string(b), "\n") {
			line, _, _ = strings.Cut(line, "#")
			if line = entryOf(line); line == "" {
				continue
			}
			if !validEntry(line) {
				l.fail("Invalid value", v.at("file"), &n.head, "Line %d of %s is no list entry: %q. Write an address, a domain, an IP address or a network.", i+1, clip(path), clip(line))
				return
			}
			out.Entries = append(out.Entries, line)
		}
	}
	set := &listSet{exact: make(map[string]bool, len(out.Entries))}
	for _, e := range out.Entries {
		set.add(e)
	}
	l.p.lists = append(l.p.lists, out)
	l.p.lookup[tenant+"\x00"+n.label] = set
}

// entryOf is an entry as ListEntry has it.
func entryOf(s string) string {
	s = strings.ToLower(strings.TrimSpace(s))
	if p, err := netip.ParsePrefix(s); err == nil {
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		return p.Masked().String()
	}
	if a, err := netip.ParseAddr(s); err == nil {
		return a.Unmap().WithZone("").String()
	}
	if rest, ok := strings.CutPrefix(s, "*"); ok && (strings.HasPrefix(rest, "@") || strings.HasPrefix(rest, ".")) {
		s = rest
	}
	s = strings.TrimSuffix(strings.TrimPrefix(s, "@"), ".")
	if strings.IndexFunc(s, func(r rune) bool { return r >= 0x80 }) < 0 {
		return s
	}
	i := strings.LastIndexByte(s, '@') + 1
	for i < len(s) && s[i] == '.' {
		i++
	}
	if d, err := parseDomain(s[i:]); err == nil {
		return s[:i] + d
	}
	return s
}

// validEntry takes anything that is one word of printable text and that a key
// can be found by: no pattern in a domain's place.
func validEntry(e string) bool {
	domain := e[strings.LastIndexByte(e, '@')+1:]
	return domain != "" && domain != "." && !strings.HasPrefix(domain, "*") && len(e) <= 320 &&
		strings.IndexFunc(e, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }) < 0
}
