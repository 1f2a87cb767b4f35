package query

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Values are the fields of one recipient of one message. What Text returns
// is read before the next call and not kept, so that an implementation may
// return the same backing array each time.
type Values interface {
	// Text gives the values of a field of type id, status, enum, text, words,
	// class or ip; none, or one that is empty, when there is nothing. The field
	// "text" is never asked for. client is an address without port; the kind of
	// ordinary mail is "ordinary"; class is main/sub/extra without empty tails.
	Text(field string) []string
	// Num gives a number, a size in octets or a bool (1 or 0); false: unknown.
	Num(field string) (float64, bool)
	// Time gives a time; false: there is none.
	Time(field string) (time.Time, bool)
}

// Matcher is a compiled filter. It is immutable and safe in parallel.
type Matcher struct {
	root   node
	bounds bounds
}

type node interface{ match(Values) bool }

// Compile checks a filter and prepares it for matching. Relative times count
// from now, and days are those of now's location.
func Compile(f Filter, now time.Time) (*Matcher, error) {
	if err := f.Validate(); err != nil {
		return nil, err
	}
	root, err := compileNode(f, now)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrInvalid, err)
	}
	return &Matcher{root: root, bounds: boundsOf(f, now)}, nil
}

// Match reports whether the filter matches.
func (m *Matcher) Match(v Values) bool { return m.root.match(v) }

func compileNode(f Filter, now time.Time) (node, error) {
	switch {
	case len(f.All) > 0:
		ns, err := compileNodes(f.All, now)
		return allNode(ns), err
	case len(f.Any) > 0:
		ns, err := compileNodes(f.Any, now)
		return anyNode(ns), err
	case f.Not != nil:
		n, err := compileNode(*f.Not, now)
		return notNode{n}, err
	case f.Field != "":
		field, ok := anyField(f.Field)
		if !ok {
			return nil, unknownField(f.Field)
		}
		return compileLeaf(field, f, now)
	}
	return allNode(nil), nil
}

func compileNodes(fs []Filter, now time.Time) ([]node, error) {
	out := make([]node, len(fs))
	for i, f := range fs {
		n, err := compileNode(f, now)
		if err != nil {
			return nil, err
		}
		out[i] = n
	}
	return out, nil
}

func compileLeaf(field Field, f Filter, now time.Time) (node, error) {
	switch field.Type {
	case TypeNumber, TypeSize, TypeBool:
		return compileNumber(field, f)
	case TypeTime:
		return compileTime(field, f, now)
	}
	test, err := compileText(field, f)
	if err != nil {
		return nil, err
	}
	var n node = textNode{field.Name, test}
	if field.Name == "text" {
		n = textAnywhere{test}
	}
	if field.Type == TypeID && strings.Contains(f.Value, ".") {
		v, err := parseID(f.Value)
		if err != nil {
			return nil, err
		}
		if field.Name != "id" {
			return nil, fmt.Errorf("%q: this is the ID of a recipient; give the message's", clip(f.Value))
		}
		n = allNode{n, numberNode{"n", Is, float64(v.n)}}
	}
	if f.Op == IsNot {
		return notNode{n}, nil
	}
	return n, nil
}

// compileText makes the test for one value; IsNot is compiled as Is.
func compileText(field Field, f Filter) (textTest, error) {
	switch f.Op {
	case Like:
		if field.Type == TypeIP && (!liveWildcard(f.Value) || strings.Trim(f.Value, "0123456789abcdefABCDEF:.*?") != "") {
			return nil, fmt.Errorf("%q is not a pattern of addresses; write one such as 192.0.2.* or a network such as 192.0.2.0/24", clip(f.Value))
		}
		return compileGlob(f.Value), nil
	case Contains:
		if f.Value == "" {
			return nil, fmt.Errorf("nothing to look for")
		}
		return containsTest(foldAll(f.Value)), nil
	}
	switch field.Type {
	case TypeID:
		v, err := parseID(f.Value)
		return prefixTest(v.prefix), err
	case TypeStatus:
		s, err := parseStatus(f.Value)
		return equalTest(s), err
	case TypeEnum:
		s, err := parseEnum(field, f.Value)
		return equalTest(s), err
	case TypeIP:
		p, err := parseNetwork(f.Value)
		return networkTest{p}, err
	case TypeClass:
		return classTest(f.Value), nil
	}
	if field.Name == "sender" && f.Value == "<>" {
		return equalTest(""), nil
	}
	return equalTest(f.Value), nil
}

func compileNumber(field Field, f Filter) (node, error) {
	var want float64
	var err error
	switch field.Type {
	case TypeSize:
		want, err = ParseSize(f.Value)
	case TypeBool:
		var b bool
		if b, err = parseBool(f.Value); b {
			want = 1
		}
	default:
		want, err = parseNumber(f.Value)
	}
	if err != nil {
		return nil, err
	}
	if f.Op == IsNot {
		return notNode{numberNode{field.Name, Is, want}}, nil
	}
	return numberNode{field.Name, f.Op, want}, nil
}

func compileTime(field Field, f Filter, now time.Time) (node, error) {
	sp, err := parseSpan(f.Value, now)
	if err != nil {
		return nil, err
	}
	switch f.Op {
	case Before:
		return timeNode{field: field.Name, until: sp.start}, nil
	case After:
		return timeNode{field: field.Name, since: sp.start}, nil
	}
	if sp.instant() {
		return nil, fmt.Errorf("%q is an instant; compare it with before or after, or give a day such as 2026-11-20", clip(f.Value))
	}
	return timeNode{field.Name, sp.start, sp.end}, nil
}

type (
	allNode []node
	anyNode []node
	notNode struct{ n node }
)

func (a allNode) match(v Values) bool {
	for _, n := range a {
		if !n.match(v) {
			return false
		}
	}
	return true
}

func (a anyNode) match(v Values) bool {
	for _, n := range a {
		if n.match(v) {
			return true
		}
	}
	return false
}

func (n notNode) match(v Values) bool { return !n.n.match(v) }

type numberNode struct {
	field string
	op    Op
	want  float64
}

func (n numberNode) match(v Values) bool {
	got, ok := v.Num(n.field)
	if !ok {
		return false
	}
	switch n.op {
	case Is:
		return got == n.want
	case Before:
		return got < n.want
	case After:
		return got > n.want
	case AtLeast:
		return got >= n.want
	case AtMost:
		return got <= n.want
	}
	return false
}

// timeNode is the half-open interval [since, until); a zero end is open.
type timeNode struct {
	field        string
	since, until time.Time
}

func (n timeNode) match(v Values) bool {
	t, ok := v.Time(n.field)
	return ok && (n.since.IsZero() || !t.Before(n.since)) && (n.until.IsZero() || t.Before(n.until))
}

type textTest interface{ match(s string) bool }

type textNode struct {
	field string
	test  textTest
}

func (n textNode) match(v Values) bool {
	vs := v.Text(n.field)
	if len(vs) == 0 {
		return n.test.match("")
	}
	for _, s := range vs {
		if n.test.match(s) {
			return true
		}
	}
	return false
}

// textAnywhere is the field "text".
type textAnywhere struct{ test textTest }

func (n textAnywhere) match(v Values) bool {
	for _, f := range textFields {
		for _, s := range v.Text(f) {
			if n.test.match(s) {
				return true
			}
		}
	}
	return false
}

type (
	equalTest    string
	prefixTest   string
	containsTest []rune
	classTest    string
	networkTest  struct{ p netip.Prefix }
)

func (t equalTest) match(s string) bool    { return equalFold(s, string(t)) }
func (t prefixTest) match(s string) bool   { return s != "" && prefixFold(s, string(t)) }
func (t containsTest) match(s string) bool { return containsFold(s, t) }

// A class covers those below it.
func (t classTest) match(s string) bool {
	return equalFold(s, string(t)) || t != "" && len(s) > len(t) && s[len(t)] == '/' && prefixFold(s, string(t))
}

func (t networkTest) match(s string) bool {
	a, err := netip.ParseAddr(s)
	return err == nil && t.p.Contains(a.Unmap().WithZone(""))
}

// statusOf is the status a comparison names, for bounds.
func statusOf(f Filter) (mail.Status, bool) {
	if f.Field != "status" || f.Op != Is && f.Op != IsNot {
		return "", false
	}
	s, err := parseStatus(f.Value)
	return s, err == nil
}
