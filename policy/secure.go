package policy

import (
	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// secure is one secure block.
type secure struct {
	name   string
	when   *condition
	demand Secure
}

// secureBlocks evaluates the secure blocks of a tenant in one direction.
func (l *loader) secureBlocks(n *node, ctx *hcl.EvalContext) []*secure {
	if n == nil {
		return nil
	}
	var out []*secure
	for _, sn := range n.blocks["secure"] {
		v := l.eval(sn, sn.spec, ctx)
		s := &secure{name: sn.label, demand: Secure{TLS: get[string](v, "tls"), Otherwise: get[string](v, "otherwise"), Rule: rule(sn.head)}}
		l.danePossible(v, "tls", s.demand.TLS)
		if e := get[hclsyntax.Expression](v, "when"); e != nil {
			s.when = l.condition(e, "secure "+sn.label+", when", true)
		}
		if s.when != nil {
			out = append(out, s)
		}
	}
	return out
}

// secured is the first secure block that matches the message with one of its
// findings, or with none where none counts. What is waived counts here: a
// waiver lets content pass, and content that needs a channel still does. nil:
// no demand.
func (j *judge) secured(facts *factSet, d *Decision, live []int) (*Secure, error) {
	found := live
	for i := range d.Findings {
		if d.Findings[i].Waived != "" {
			found = append(found[:len(found):len(found)], i)
		}
	}
	for _, s := range j.secure {
		ok := false
		var err error
		for _, i := range found {
			facts.about(&d.Findings[i])
			if ok, err = s.when.eval(facts); ok || err != nil {
				break
			}
		}
		if len(live) == 0 && !ok && err == nil {
			facts.about(nil)
			ok, err = s.when.eval(facts)
		}
		if err != nil {
			return nil, err
		}
		if ok {
			demand := s.demand
			return &demand, nil
		}
	}
	return nil, nil
}
