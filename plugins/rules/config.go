package main

import (
	"net/netip"
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// kind is what a condition looks at.
type kind uint8

const (
	kindSender kind = iota
	kindDomain
	kindRecipient
	kindHelo
	kindSubject
	kindName
	kindType
	kinds // how many there are with an index of their own
)

// attributes are those that hold a list of patterns.
var attributes = [kinds]string{
	kindSender: "sender", kindDomain: "sender_domain", kindRecipient: "recipient", kindHelo: "helo",
	kindSubject: "subject", kindName: "attachment_name", kindType: "attachment_type",
}

// knownAt is the stage from which a kind is known.
var knownAt = [kinds]abi.Stage{
	kindSender: abi.StageMailFrom, kindDomain: abi.StageMailFrom, kindHelo: abi.StageMailFrom,
	kindRecipient: abi.StageRcptTo,
	kindSubject:   abi.StageMessage, kindName: abi.StageMessage, kindType: abi.StageMessage,
}

// rule is one allow or block.
type rule struct {
	name   string
	allow  bool
	conds  []int  // conditions, all of which must hold
	looks  string // at what, for the log
	reason string

	waive            []string
	override         bool
	main, sub, extra string
	action           abi.Action
	code             uint32
	enhanced, text   string
}

// explain says which rule it was, in a sentence.
func (r *rule) explain(verb string) string {
	s := verb + ` rule "` + r.name + `" matched by ` + r.looks
	if r.reason != "" {
		s += ": " + r.reason
	}
	return s
}

// condition is one attribute of one rule.
type condition struct {
	stage     abi.Stage // from which it is known
	recipient bool
}

// ruleSet is a compiled config block.
type ruleSet struct {
	rules       []rule
	conds       []condition
	index       [kinds]index
	headers     []headerIndex
	clients     []clientCond
	lists       []listCond
	byRecipient bool
	operators   bool // consult what operators added
}

type headerIndex struct {
	name string
	index
}

type clientCond struct {
	prefix netip.Prefix
	cond   int
}

type listCond struct {
	list string
	cond int
}

// build compiles a configuration. Allows come first, so that rules are in the
// order in which they rank.
func build(v abi.Value) (*ruleSet, error) {
	rs := &ruleSet{operators: true}
	if o := v.Get("operator_lists"); !o.IsNull() {
		rs.operators = o.Bool
	}
	if err := rs.addAll(v); err != nil {
		return nil, err
	}
	set := uint32(1)
	for k := range rs.index {
		rs.index[k].finish(&set)
	}
	for i := range rs.headers {
		rs.headers[i].finish(&set)
	}
	return rs, nil
}

func (rs *ruleSet) addAll(v abi.Value) error {
	for _, verb := range []string{"allow", "block"} {
		for _, b := range v.Get(verb).Items {
			if err := rs.add(b, verb == "allow"); err != nil {
				return err
			}
		}
	}
	return nil
}

func (rs *ruleSet) add(b abi.Value, allow bool) error {
	r := rule{allow: allow, reason: oneLine(b.Get("reason").String)}
	if labels := b.Get("_labels").StringList(); len(labels) > 0 {
		r.name = labels[0]
	}
	wrong := func(what string) error {
		verb := "block"
		if allow {
			verb = "allow"
		}
		return sdk.Error(verb + ` "` + r.name + `": ` + what)
	}
	for k := kind(0); k < kinds; k++ {
		values := b.Get(attributes[k])
		if values.IsNull() {
			continue
		}
		cond := rs.condition(&r, attributes[k], knownAt[k], k == kindRecipient)
		rs.byRecipient = rs.byRecipient || k == kindRecipient
		for _, s := range values.StringList() {
			if err := rs.index[k].addValue(k, s, cond); err != "" {
				return wrong(attributes[k] + ": " + err)
			}
		}
	}
	if values := b.Get("mailbox"); !values.IsNull() { // of an operator's rule: beside its recipients
		cond := rs.condition(&r, "recipient", abi.StageRcptTo, true)
		rs.byRecipient = true
		for _, s := range values.StringList() {
			rs.index[kindRecipient].value(s, cond)
		}
	}
	if values := b.Get("client"); !values.IsNull() {
		cond := rs.condition(&r, "client", abi.StageMailFrom, false)
		for _, s := range values.StringList() {
			p, ok := parsePrefix(s)
			if !ok {
				return wrong("client: " + s + " is no address or prefix")
			}
			rs.clients = append(rs.clients, clientCond{p, cond})
		}
	}
	if h := b.Get("header"); !h.IsNull() {
		for i, name := range h.Keys {
			if i >= len(h.Items) {
				break
			}
			cond := rs.condition(&r, "header "+name, abi.StageMessage, false)
			x := rs.header(strings.ToLower(name))
			for _, s := range h.Items[i].StringList() {
				if err := x.addValue(kinds, s, cond); err != "" {
					return wrong("header " + name + ": " + err)
				}
			}
		}
	}
	if values := b.Get("list"); !values.IsNull() {
		cond := rs.condition(&r, "list", abi.StageMailFrom, false)
		for _, s := range values.StringList() {
			rs.lists = append(rs.lists, listCond{s, cond})
		}
	}
	if len(r.conds) == 0 {
		return wrong(`it has no condition and would match all mail; write sender = ["*"] if that is meant`)
	}
	if why := r.outcome(b); why != "" {
		return wrong(why)
	}
	rs.rules = append(rs.rules, r)
	return nil
}

// condition adds one; it stays false until a value of it matches.
func (rs *ruleSet) condition(r *rule, what string, stage abi.Stage, recipient bool) int {
	if r.looks != "" {
		r.looks += ", "
	}
	r.looks += oneLine(what)
	n := len(rs.conds)
	rs.conds = append(rs.conds, condition{stage, recipient})
	r.conds = append(r.conds, n)
	return n
}

func (rs *ruleSet) header(name string) *headerIndex {
	for i := range rs.headers {
		if rs.headers[i].name == name {
			return &rs.headers[i]
		}
	}
	rs.headers = append(rs.headers, headerIndex{name: name})
	return &rs.headers[len(rs.headers)-1]
}

// outcome reads what a rule does when it matches.
func (r *rule) outcome(b abi.Value) (wrong string) {
	if r.allow {
		r.waive = []string{"*"}
		if w := b.Get("waive"); !w.IsNull() {
			r.waive = w.StringList()
		}
		if len(r.waive) == 0 {
			return "waive is empty, so that it would allow nothing"
		}
		return ""
	}
	r.override = b.Get("override").Bool
	r.main, r.sub = "list", "block"
	if class := b.Get("class").String; class != "" {
		part := strings.SplitN(class, "/", 3)
		r.main, r.sub = part[0], ""
		if len(part) > 1 {
			r.sub = part[1]
		}
		if len(part) > 2 {
			r.extra = part[2]
		}
		if r.main == "" {
			return "class " + class + " has no main class"
		}
	}
	r.text = r.reason
	if r.text == "" {
		r.text = "blocked by policy"
	}
	switch action := b.Get("action").String; action {
	case "", "reject":
		r.action, r.code, r.enhanced = abi.ActionReject, 550, "5.7.1"
	case "tempfail":
		r.action, r.code, r.enhanced = abi.ActionTempfail, 451, "4.7.1"
	case "quarantine":
		r.action = abi.ActionQuarantine
	case "discard":
		r.action = abi.ActionDiscard
	case "stall":
		r.action = abi.ActionStall
	default:
		return "action " + action + " is none of reject, tempfail, quarantine, discard, stall"
	}
	return ""
}

func parsePrefix(s string) (netip.Prefix, bool) {
	s = strings.TrimSpace(s)
	if strings.IndexByte(s, '/') >= 0 {
		p, err := netip.ParsePrefix(s)
		return p.Masked(), err == nil
	}
	a, err := netip.ParseAddr(s)
	if err != nil {
		return netip.Prefix{}, false
	}
	a = a.Unmap().WithZone("")
	return netip.PrefixFrom(a, a.BitLen()), true
}

// oneLine keeps a text fit for a reply.
func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}
