package main

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// facts is which conditions hold at this stage.
type facts struct {
	stage abi.Stage
	holds []bool
	parts []uint32 // for what an attachment satisfied: its index + 1
	known bool     // the recipient
}

// gather looks at everything but the recipient.
func gather(c *sdk.Call, rs *ruleSet) (*facts, error) {
	f := &facts{stage: c.Stage, holds: make([]bool, len(rs.conds)), parts: make([]uint32, len(rs.conds))}
	hit := func(cond int) { f.holds[cond] = true }
	_, domain, _ := cutAddress(c.Sender)
	for _, m := range []struct {
		k    kind
		text string
	}{{kindSender, c.Sender}, {kindDomain, domain}, {kindHelo, strings.TrimSuffix(c.Client.Helo, ".")}} {
		if x := &rs.index[m.k]; !x.empty() {
			if err := x.match(c, m.text, hit); err != nil {
				return nil, err
			}
		}
	}
	if len(rs.clients) > 0 {
		if a, err := netip.ParseAddr(c.Client.IP); err == nil {
			a = a.Unmap().WithZone("")
			for _, cc := range rs.clients {
				if cc.prefix.Contains(a) {
					hit(cc.cond)
				}
			}
		}
	}
	if err := f.lists(c, rs, domain); err != nil {
		return nil, err
	}
	if c.Stage == abi.StageMessage {
		return f, f.message(c, rs)
	}
	return f, nil
}

// lists asks each named list once, for the sender's address and its domain.
func (f *facts) lists(c *sdk.Call, rs *ruleSet, domain string) error {
	if len(rs.lists) == 0 || c.Sender == "" {
		return nil
	}
	asked := map[string]bool{}
	for _, l := range rs.lists {
		found, ok := asked[l.list]
		if !ok {
			keys := []string{strings.ToLower(c.Sender)}
			if domain != "" {
				keys = append(keys, strings.ToLower(domain))
			}
			res, err := c.Lookup(l.list, keys...)
			if err != nil {
				return sdk.Error("list " + l.list + ": " + err.Error())
			}
			found = res.Found
			asked[l.list] = found
		}
		if found {
			f.holds[l.cond] = true
		}
	}
	return nil
}

// message looks at header and attachments.
func (f *facts) message(c *sdk.Call, rs *ruleSet) error {
	if err := f.headers(c, rs); err != nil {
		return err
	}
	names, types := &rs.index[kindName], &rs.index[kindType]
	if names.empty() && types.empty() {
		return nil
	}
	ps, err := c.Parts()
	if err != nil {
		return err
	}
	for i := range ps.Parts {
		p := &ps.Parts[i]
		hitPart := func(cond int) {
			f.holds[cond] = true
			if f.parts[cond] == 0 {
				f.parts[cond] = p.Index + 1
			}
		}
		if p.Filename != "" && !names.empty() {
			if err := names.match(c, p.Filename, hitPart); err != nil {
				return err
			}
			for _, other := range p.Names {
				if other == p.Filename {
					continue
				}
				if err := names.match(c, other, hitPart); err != nil {
					return err
				}
			}
		}
		if !p.Attachment || types.empty() {
			continue
		}
		if err := types.match(c, p.Type, hitPart); err != nil {
			return err
		}
		if p.Magic != "" && p.Magic != p.Type {
			if err := types.match(c, p.Magic, hitPart); err != nil {
				return err
			}
		}
	}
	return nil
}

// fewFields is up to how many fields are asked for by name: that is cheaper than
// to read the whole header.
const fewFields = 4

// maxFieldName is the longest name of a field that the host takes, in octets.
const maxFieldName = 998

// headers looks at the fields that rules speak of.
func (f *facts) headers(c *sdk.Call, rs *ruleSet) error {
	type field struct {
		name string
		x    *index
	}
	var want []field
	if x := &rs.index[kindSubject]; !x.empty() {
		want = append(want, field{"subject", x})
	}
	for i := range rs.headers {
		want = append(want, field{rs.headers[i].name, &rs.headers[i].index})
	}
	if len(want) == 0 {
		return nil
	}
	hit := func(cond int) { f.holds[cond] = true }
	whole := len(want) > fewFields || slices.ContainsFunc(want, func(w field) bool { return len(w.name) > maxFieldName })
	for i := 0; i < len(want) && !whole; i++ {
		value, ok := c.HeaderAt(want[i].name, 0)
		if !ok {
			continue
		}
		if _, more := c.HeaderAt(want[i].name, 1); more {
			whole = true // also those seen already: a condition that holds twice holds
			break
		}
		if err := matchValue(c, want[i].x, value, hit); err != nil {
			return err
		}
	}
	if !whole {
		return nil
	}
	hs, err := c.Headers()
	if err != nil {
		return err
	}
	for i := range hs {
		name := strings.ToLower(hs[i].Name)
		for _, w := range want {
			if w.name == name {
				if err := matchValue(c, w.x, hs[i].Value, hit); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// matchValue matches a header's value as written, and decoded if that differs.
func matchValue(c *sdk.Call, x *index, value string, hit func(int)) error {
	if err := x.match(c, value, hit); err != nil {
		return err
	}
	if d := decodeWords(value); d != value {
		return x.match(c, d, hit)
	}
	return nil
}

// recipient sets the conditions that look at the recipient.
func (f *facts) recipient(c *sdk.Call, rs *ruleSet, to string) error {
	f.known = true
	if !rs.byRecipient {
		return nil
	}
	for i := range rs.conds {
		if rs.conds[i].recipient {
			f.holds[i] = false
		}
	}
	return rs.index[kindRecipient].match(c, to, func(cond int) { f.holds[cond] = true })
}

// cutAddress splits at the last @.
func cutAddress(s string) (local, domain string, ok bool) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// outcome is what the rules say.
type outcome struct {
	allow  int // the first allow that matched, -1 none
	blocks []int
}

type answer uint8

const (
	no answer = iota
	open
	yes
)

// ask tells whether a rule matches, or may yet.
func (rs *ruleSet) ask(r *rule, f *facts) answer {
	a := yes
	for _, i := range r.conds {
		switch cond := &rs.conds[i]; {
		case cond.recipient && !f.known, !cond.recipient && cond.stage > f.stage:
			a = open
		case !f.holds[i]:
			return no
		}
	}
	return a
}

// outcome ranks the rules: a block marked override, then allow, then block. A
// block that an allow may still outrank at a later stage waits for it.
func (rs *ruleSet) outcome(f *facts) outcome {
	o := outcome{allow: -1}
	pending, overridden := false, false
	var plain []int
	for i := range rs.rules {
		r := &rs.rules[i]
		switch a := rs.ask(r, f); {
		case r.allow && a == yes && o.allow < 0:
			o.allow = i
		case r.allow && a == open:
			pending = true
		case r.allow || a != yes:
			if !r.allow && r.override && a == open {
				overridden = true
			}
		case r.override:
			o.blocks = append(o.blocks, i)
		default:
			plain = append(plain, i)
		}
	}
	switch {
	case len(o.blocks) > 0:
		if o.allow < 0 && !pending {
			o.blocks = append(o.blocks, plain...)
		}
		o.allow = -1
	case o.allow < 0 && !pending:
		o.blocks = plain
	case overridden: // no waiver while a block may still outrank it
		o.allow = -1
	}
	return o
}
