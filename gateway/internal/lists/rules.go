package lists

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/sdk/abi"
)

// Rule is an allow-list or block-list filtering rule that an operator added
// (B31, B32): all conditions that are given must hold. Values are written as in
// the blocks of the plugin rules, without regular expressions.
type Rule struct {
	Tenant  string    `json:"tenant"`
	ID      string    `json:"id"`
	Verb    string    `json:"verb"`              // "allow" or "block"
	Mailbox string    `json:"mailbox,omitempty"` // for this recipient alone
	Note    string    `json:"note,omitempty"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`

	Sender         []string `json:"sender,omitempty"`
	SenderDomain   []string `json:"sender_domain,omitempty"`
	Recipient      []string `json:"recipient,omitempty"`
	Client         []string `json:"client,omitempty"`
	Helo           []string `json:"helo,omitempty"`
	Subject        []string `json:"subject,omitempty"`
	AttachmentName []string `json:"attachment_name,omitempty"`
	AttachmentType []string `json:"attachment_type,omitempty"`

	rev uint64
}

// Bounds of rules.
const (
	MaxRules    = 1000      // of one tenant
	MaxOwnRules = 50        // of one mailbox
	maxValues   = 100       // of one rule
	maxValue    = 500       // octets
	maxBook     = 512 << 10 // octets of a tenant's rules, encoded
)

// ruleBook is a tenant's rules, with their encoding for the plugin.
type ruleBook struct {
	rules   map[string]*Rule
	version string
	blob    string // an abi.Value, encoded
}

// RulesList is the name under which a plugin looks the rules up: the key
// "version" gives which they are, the key "rules" all of them, an abi.Value in
// the form of the plugin's configuration.
const RulesList = "operator.rules"

func (l *Lists) openRules(ctx context.Context) error {
	docs, err := l.o.Docs.ListDocs(ctx, "", kindRule, "")
	if err != nil {
		return fmt.Errorf("reading the operators' rules: %w", err)
	}
	for _, d := range docs {
		r := &Rule{rev: d.Rev}
		if err := json.Unmarshal(d.JSON, r); err != nil {
			return fmt.Errorf("reading the operators' rules: %q: %w", d.Key, err)
		}
		b := l.rules[r.Tenant]
		if b == nil {
			b = &ruleBook{rules: map[string]*Rule{}}
			l.rules[r.Tenant] = b
		}
		b.rules[r.ID] = r
	}
	for _, b := range l.rules {
		b.encode()
	}
	return nil
}

// attributes are the conditions there are, in the order shown.
var attributes = []string{"sender", "sender_domain", "recipient", "client", "helo", "subject", "attachment_name", "attachment_type"}

// values are the attributes of a rule by their names in the configuration.
func (r *Rule) values() map[string][]string {
	return map[string][]string{
		"sender": r.Sender, "sender_domain": r.SenderDomain, "recipient": r.Recipient, "client": r.Client, "helo": r.Helo,
		"subject": r.Subject, "attachment_name": r.AttachmentName, "attachment_type": r.AttachmentType,
	}
}

// Where is the rule's conditions in one line.
func (r *Rule) Where() string {
	vals := r.values()
	var out []string
	if r.Mailbox != "" {
		out = append(out, "mailbox "+r.Mailbox)
	}
	for _, name := range attributes {
		if len(vals[name]) > 0 {
			out = append(out, strings.ReplaceAll(name, "_", " ")+" "+strings.Join(vals[name], " or "))
		}
	}
	return strings.Join(out, ", ")
}

func (r *Rule) size() int {
	n := len(r.Note)
	for _, vs := range r.values() {
		for _, v := range vs {
			n += len(v)
		}
	}
	return n
}

func (r *Rule) check() error {
	n := 0
	for name, vs := range r.values() {
		for _, v := range vs {
			n++
			switch {
			case v == "" || len(v) > maxValue:
				return invalid("%s: a value has 1 to %d octets", name, maxValue)
			case len(v) > 1 && v[0] == '/' && v[len(v)-1] == '/':
				return invalid("%s: %.40q is a regular expression; those are for the policy's files", name, v)
			case strings.ContainsFunc(v, func(c rune) bool { return c < ' ' || c == 0x7f }):
				return invalid("%s: a control character", name)
			}
			if name == "client" {
				_, err := netip.ParsePrefix(v)
				if _, aerr := netip.ParseAddr(v); err != nil && aerr != nil {
					return invalid("client: %.40q is no address or network", v)
				}
			}
		}
	}
	switch {
	case r.Verb != "allow" && r.Verb != "block":
		return invalid("verb is allow or block, not %.20q", r.Verb)
	case r.Tenant == "" || r.By == "":
		return invalid("a rule needs a tenant and who added it")
	case n == 0:
		return invalid("a rule without a condition would match all mail")
	case n > maxValues:
		return invalid("%d values in one rule; at most %d", n, maxValues)
	case len(r.Note) > MaxNote || strings.ContainsFunc(r.Note, func(c rune) bool { return c < ' ' || c == 0x7f }):
		return invalid("a note is one line of at most %d octets", MaxNote)
	}
	return nil
}

// AddRule makes a rule durable and gives it force. Its ID is made here. Where
// there is one that says the same, that is what it gives.
func (l *Lists) AddRule(ctx context.Context, r Rule) (Rule, error) {
	box, ok := mailboxOf(r.Mailbox)
	if !ok {
		return Rule{}, invalid("%.60q is no mailbox; write an address", r.Mailbox)
	}
	r.Mailbox = box
	if err := r.check(); err != nil {
		return Rule{}, err
	}
	var id [5]byte
	_, _ = rand.Read(id[:]) // never fails
	r.ID = hex.EncodeToString(id[:])
	if r.At.IsZero() {
		r.At = l.o.Clock().UTC()
	}
	l.write.Lock()
	defer l.write.Unlock()
	l.mu.RLock()
	have, size := 0, r.size()
	same, mine := (*Rule)(nil), 0
	if b := l.rules[r.Tenant]; b != nil {
		have, size = len(b.rules), size+len(b.blob)
		for _, o := range b.rules {
			if o.Mailbox == r.Mailbox {
				mine++
			}
			if o.Verb == r.Verb && o.Mailbox == r.Mailbox && reflect.DeepEqual(o.values(), r.values()) {
				same = o
			}
		}
	}
	l.mu.RUnlock()
	if same != nil {
		return *same, nil
	}
	if r.Mailbox != "" && mine >= MaxOwnRules {
		return Rule{}, invalid("mailbox %s has %d rules already; put single addresses and domains on a list instead", r.Mailbox, mine)
	}
	if have >= MaxRules || size > maxBook {
		return Rule{}, invalid("tenant %s has %d rules of %d KiB, and there is no room for more; put single addresses and domains on a list instead", r.Tenant, have, size>>10)
	}
	j, err := json.Marshal(&r)
	if err != nil {
		return Rule{}, err
	}
	if r.rev, err = l.o.Docs.PutDoc(ctx, store.Doc{Kind: kindRule, Key: r.Tenant + "\x00" + r.ID, JSON: j}, 0); err != nil {
		return Rule{}, fmt.Errorf("adding a rule: %w", err)
	}
	l.editRules(r.Tenant, func(m map[string]*Rule) { m[r.ID] = &r })
	return r, nil
}

// RemoveRule removes a rule; whether there was one.
func (l *Lists) RemoveRule(ctx context.Context, tenant, id string) (bool, error) {
	l.write.Lock()
	defer l.write.Unlock()
	r, ok := l.Rule(tenant, id)
	if !ok {
		return false, nil
	}
	if err := l.o.Docs.DeleteDoc(ctx, "", kindRule, tenant+"\x00"+id, r.rev); err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, fmt.Errorf("removing rule %s: %w", id, err)
	}
	l.editRules(tenant, func(m map[string]*Rule) { delete(m, id) })
	return true, nil
}

// editRules replaces a tenant's book by an edited one.
func (l *Lists) editRules(tenant string, edit func(map[string]*Rule)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	next := &ruleBook{rules: map[string]*Rule{}}
	if b := l.rules[tenant]; b != nil {
		for k, v := range b.rules {
			next.rules[k] = v
		}
	}
	edit(next.rules)
	if len(next.rules) == 0 {
		delete(l.rules, tenant)
		return
	}
	next.encode()
	l.rules[tenant] = next
}

// Rule gives one rule.
func (l *Lists) Rule(tenant, id string) (Rule, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if b := l.rules[tenant]; b != nil && b.rules[id] != nil {
		return *b.rules[id], true
	}
	return Rule{}, false
}

// Rules are a tenant's rules, oldest first.
func (l *Lists) Rules(tenant string) []Rule {
	l.mu.RLock()
	defer l.mu.RUnlock()
	b := l.rules[tenant]
	if b == nil {
		return nil
	}
	return b.sorted()
}

func (b *ruleBook) sorted() []Rule {
	var out []Rule
	for _, r := range b.rules {
		out = append(out, *r)
	}
	slices.SortFunc(out, func(x, y Rule) int {
		if c := x.At.Compare(y.At); c != 0 {
			return c
		}
		return strings.Compare(x.ID, y.ID)
	})
	return out
}

// encode writes the rules as the configuration of the plugin rules.
func (b *ruleBook) encode() {
	byVerb := map[string]*abi.Value{"allow": {Kind: abi.ValueKindList}, "block": {Kind: abi.ValueKindList}}
	for _, r := range b.sorted() {
		v := abi.Object()
		v.Set("_labels", abi.Strings("operator "+r.ID))
		reason := "added by " + r.By
		if r.Note != "" {
			reason += ": " + r.Note
		}
		v.Set("reason", abi.String(reason))
		vals := r.values()
		if r.Mailbox != "" {
			v.Set("mailbox", abi.Strings(r.Mailbox))
		}
		for _, name := range attributes {
			if len(vals[name]) > 0 {
				v.Set(name, abi.Strings(vals[name]...))
			}
		}
		if r.Verb == "block" {
			v.Set("class", abi.String("spam/operator-rule"))
			v.Set("action", abi.String("quarantine"))
		}
		byVerb[r.Verb].Items = append(byVerb[r.Verb].Items, v)
	}
	all := abi.Object()
	all.Set("allow", *byVerb["allow"])
	all.Set("block", *byVerb["block"])
	blob := all.Append(nil)
	b.blob, b.version = string(blob), digest(blob)
}
