package main

import (
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// The lists that operators add to while the gateway runs, from the log and the
// quarantine (B31–B36). A key "SENDER>RECIPIENT" asks for one mailbox's own.
const (
	listAllowSender    = "operator.allow-sender"
	listBlockSender    = "operator.block-sender"
	listBlockRecipient = "operator.block-recipient"
	listRules          = "operator.rules"
)

// word is what the operators' lists say of one recipient.
type word struct {
	allow, block string // why, "" not
	sub          string // of the block's class
}

// operators adds what the operators' lists and rules say. Without the grant
// "lists" there are none. overridden: no allow may speak.
func operators(c *sdk.Call, v *sdk.Verdict, overridden bool) error {
	to := c.Recipients
	if c.Stage == abi.StageRcptTo {
		to = []string{c.Recipient}
	}
	words := make([]word, len(to))
	same := true
	for i, r := range to {
		w, err := ask(c, r)
		if err == sdk.ErrDenied || err == sdk.ErrNotFound {
			return nil // nothing is granted
		}
		if err != nil {
			return sdk.Error("the operators' lists: " + err.Error())
		}
		words[i] = w
		same = same && w == words[0]
	}
	for i, w := range words {
		switch {
		case w.allow != "" && same && !overridden: // a waiver is for the whole message
			v.Waive(w.allow, "*")
		case w.block == "":
		case same:
			f := v.Find("spam", w.sub)
			f.Action, f.Score, f.Explanation = abi.ActionQuarantine, blockScore, w.block
		default:
			v.ForRecipient(abi.RecipientAction{Recipient: to[i], Action: abi.ActionQuarantine, Text: w.block})
		}
		if same {
			break
		}
	}
	rs, err := operatorRules(c)
	if err != nil || rs == nil {
		return err
	}
	if overridden && c.Stage == abi.StageMessage {
		rs = rs.blocksOnly()
	}
	_, err = apply(c, v, rs)
	return err
}

// blockScore is past every sensible threshold: who is blocked is spam (B34, B35).
const blockScore = 10

// ask looks one recipient up. A block of the tenant's gives way to an allow of
// the tenant's; a mailbox's own allow to neither; a mailbox's own block
// outranks the tenant's allow.
func ask(c *sdk.Call, to string) (w word, err error) {
	if c.Sender != "" {
		keys := []string{c.Sender, c.Sender + ">" + to}
		block, err := c.Lookup(listBlockSender, keys...)
		if err != nil {
			return w, err
		}
		allow, err := c.Lookup(listAllowSender, keys...)
		if err != nil {
			return w, err
		}
		own := func(key string) bool { return key != c.Sender } // of the mailbox's list: an address may hold a '>', too
		switch {
		case allow.Found && (!block.Found || own(allow.Key) == own(block.Key)):
			w.allow = "the sender is on the operators' allow list: " + line(allow.Value)
		case block.Found:
			w.block, w.sub = "the sender is on the operators' block list: "+line(block.Value), "blocked-sender"
		}
	}
	if w.block != "" || w.allow != "" {
		return w, nil
	}
	r, err := c.Lookup(listBlockRecipient, to)
	if err == nil && r.Found {
		w.block, w.sub = "the recipient is on the operators' block list: "+line(r.Value), "blocked-recipient"
	}
	return w, err
}

func line(s string) string {
	if len(s) > 700 {
		s = s[:700]
	}
	return oneLine(s)
}

// book is a tenant's rules as the host had them last.
type book struct {
	version string
	rs      *ruleSet
}

// books is a cache, by tenant.
var books = map[string]book{}

const maxBooks = 1000

// operatorRules gives the tenant's rules, nil where there are none.
func operatorRules(c *sdk.Call) (*ruleSet, error) {
	res, err := c.Lookup(listRules, "version")
	if err == sdk.ErrDenied || err == sdk.ErrNotFound || err == nil && !res.Found {
		return nil, nil
	}
	if err != nil {
		return nil, sdk.Error("the operators' rules: " + err.Error())
	}
	version := strings.Clone(res.Value)
	if b, ok := books[c.Tenant]; ok && b.version == version {
		return b.rs, nil
	}
	if res, err = c.Lookup(listRules, "rules"); err != nil {
		return nil, sdk.Error("the operators' rules: " + err.Error())
	}
	if !res.Found { // removed meanwhile
		return nil, nil
	}
	var v abi.Value
	if err := v.Decode([]byte(res.Value)); err != nil {
		return nil, sdk.Error("the operators' rules: " + err.Error())
	}
	rs := &ruleSet{}
	if err := rs.addAll(v); err != nil {
		return nil, err
	}
	for k := range rs.index {
		rs.index[k].finishLocal()
	}
	if len(books) >= maxBooks {
		books = map[string]book{}
	}
	books[strings.Clone(c.Tenant)] = book{version, rs}
	return rs, nil
}

// blocksOnly is the set without its allows.
func (rs *ruleSet) blocksOnly() *ruleSet {
	out := *rs
	out.rules = nil
	for i := range rs.rules {
		if !rs.rules[i].allow {
			out.rules = append(out.rules, rs.rules[i])
		}
	}
	return &out
}
