// Command rules is the first-party plugin that allows and blocks mail by
// envelope, header and attachments. Its README has the language; the rules of
// each filter come with its config block. It classifies and recommends: what
// becomes of a message is policy's decision.
package main

import (
	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Check: check, Hooks: sdk.Hooks{
		abi.StageMailFrom: judge,
		abi.StageRcptTo:   judge,
		abi.StageMessage:  judge,
	}})
}

func main() {}

// check builds a configuration and has the host compile its patterns.
func check(c *sdk.Call) error {
	rs, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	none := func(int) {}
	for k := range rs.index {
		if err := rs.index[k].match(c, "", none); err != nil {
			return sdk.Error(attributes[k] + ": " + err.Error())
		}
	}
	for i := range rs.headers {
		if err := rs.headers[i].match(c, "", none); err != nil {
			return sdk.Error("header " + rs.headers[i].name + ": " + err.Error())
		}
	}
	return nil
}

// judge handles every stage alike: what is not known yet stays open, and a
// block waits as long as an allow may still outrank it. At message all is known.
func judge(c *sdk.Call, v *sdk.Verdict) error {
	rs, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	overridden, err := apply(c, v, rs)
	if err != nil || !rs.operators || c.Stage == abi.StageMailFrom {
		return err
	}
	return operators(c, v, overridden)
}

// apply gives the verdict of one rule set. overridden: a block spoke that no
// allow outranks.
func apply(c *sdk.Call, v *sdk.Verdict, rs *ruleSet) (overridden bool, err error) {
	if len(rs.rules) == 0 {
		return false, nil
	}
	f, err := gather(c, rs)
	if err != nil {
		return false, err
	}
	switch {
	case c.Stage == abi.StageMessage && rs.byRecipient && len(c.Recipients) > 1:
		return judgeEach(c, v, rs, f)
	case c.Stage == abi.StageMailFrom:
	default:
		to := c.Recipient
		if c.Stage == abi.StageMessage {
			to = ""
			if len(c.Recipients) > 0 {
				to = c.Recipients[0]
			}
		}
		if err := f.recipient(c, rs, to); err != nil {
			return false, err
		}
	}
	o := rs.outcome(f)
	if o.allow >= 0 {
		waive(v, &rs.rules[o.allow])
	}
	for _, i := range o.blocks {
		report(v, &rs.rules[i], f)
		overridden = overridden || rs.rules[i].override
	}
	return overridden, nil
}

// judgeEach is for a message whose recipients may meet different rules.
func judgeEach(c *sdk.Call, v *sdk.Verdict, rs *ruleSet, f *facts) (overridden bool, err error) {
	outs := make([]outcome, len(c.Recipients))
	hits := map[int]int{} // block: recipients it is for
	allow := -1
	for i, r := range c.Recipients {
		if err := f.recipient(c, rs, r); err != nil {
			return false, err
		}
		outs[i] = rs.outcome(f)
		for _, b := range outs[i].blocks {
			hits[b]++
			overridden = overridden || rs.rules[b].override
		}
		if i == 0 || allow == outs[i].allow {
			allow = outs[i].allow
		} else {
			allow = -1
		}
	}
	if allow >= 0 { // a waiver is for the whole message
		waive(v, &rs.rules[allow])
	}
	for i := range rs.rules {
		switch hits[i] {
		case 0:
		case len(outs):
			report(v, &rs.rules[i], f)
		default:
			for k, o := range outs {
				for _, b := range o.blocks {
					if b == i {
						r := &rs.rules[i]
						v.ForRecipient(abi.RecipientAction{Recipient: c.Recipients[k], Action: r.action, Code: r.code, Enhanced: r.enhanced, Text: r.text})
					}
				}
			}
		}
	}
	return overridden, nil
}

func waive(v *sdk.Verdict, r *rule) {
	v.Waive(r.explain("allow"), r.waive...)
}

func report(v *sdk.Verdict, r *rule, f *facts) {
	fd := v.Find(r.main, r.sub)
	fd.Extra = r.extra
	fd.Explanation = r.explain("block")
	fd.Action, fd.Code, fd.Enhanced, fd.Text = r.action, r.code, r.enhanced, r.text
	for _, cond := range r.conds {
		if p := f.parts[cond]; p > 0 {
			fd.Part = p
			break
		}
	}
}
