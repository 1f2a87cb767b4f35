package toolchain

import (
	"bytes"
	"encoding/binary"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/sdk/abi"
)

var emptyBody = &hclsyntax.Body{}

// fixtures are the world around the plugin, as it is at the start.
type fixtures struct {
	lists   map[string]map[string]string // list: key: value
	dns     map[abi.DNSQuestion]abi.DNSAnswer
	http    []httpFixture
	conns   []connFixture
	records map[string]*record
	kv      map[string][]byte // key: value, of the scenario's tenant
}

// httpFixture answers one method and URL.
type httpFixture struct {
	method, url string
	status      uint32
	headers     []abi.Header
	body        []byte
	fault       string // "unavailable", "timeout", "refused"; "" none
}

// connFixture is a server to dial. It answers in turns: each reply comes once
// the guest has written something that its pattern matches.
type connFixture struct {
	address string
	turns   []turn
	fault   string
}

type turn struct {
	wants *regexp.Regexp // of what was written since the last reply; nil: anything
	reply []byte
	at    hcl.Range
}

// record is a message that the gateway has.
type record struct {
	info    abi.MessageInfo
	tenant  string
	message []byte
}

func (f fixtures) clone() fixtures {
	out := fixtures{lists: map[string]map[string]string{}, dns: maps.Clone(f.dns), http: slices.Clone(f.http), conns: slices.Clone(f.conns), records: maps.Clone(f.records), kv: maps.Clone(f.kv)}
	for k, v := range f.lists {
		out.lists[k] = maps.Clone(v)
	}
	if out.dns == nil {
		out.dns = map[abi.DNSQuestion]abi.DNSAnswer{}
	}
	if out.records == nil {
		out.records = map[string]*record{}
	}
	if out.kv == nil {
		out.kv = map[string][]byte{}
	}
	return out
}

func labels(b *section, all hclsyntax.Blocks) []string {
	for _, x := range all {
		if x.DefRange() == b.head {
			return x.Labels
		}
	}
	return nil
}

// fixtures reads the blocks list, dns, http, connection and record, and kv.
func (r *scenarioReader) fixtures(s *section, fx *fixtures) {
	for _, b := range s.blocks("list", 1) {
		r.list(b, fx, labels(b, s.body.Blocks)[0])
	}
	for _, b := range s.blocks("dns", 2) {
		l := labels(b, s.body.Blocks)
		q := abi.DNSQuestion{Name: strings.ToLower(strings.TrimSuffix(l[0], ".")), Type: strings.ToUpper(l[1])}
		a := abi.DNSAnswer{TTLS: uint32(b.integer("ttl", 300)), Secure: b.bool("secure", false)}
		a.Records, _ = b.strs("records")
		if w := b.oneOf("code", "ok", "not_found", "no_data", "failed"); w != "" {
			a.Code, _ = abi.ParseDNSCode(w)
		}
		b.end()
		fx.dns[q] = a
	}
	for _, b := range s.blocks("http", 2) {
		l := labels(b, s.body.Blocks)
		h := httpFixture{method: strings.ToUpper(l[0]), url: l[1], status: uint32(b.integer("status", 200)), body: []byte(b.str("body", "")), fault: b.oneOf("fault", "unavailable", "timeout", "refused")}
		if hs, ok := b.strmap("headers"); ok {
			for _, k := range slices.Sorted(maps.Keys(hs)) {
				h.headers = append(h.headers, abi.Header{Name: k, Value: hs[k]})
			}
		}
		b.end()
		fx.http = append(slices.DeleteFunc(fx.http, func(o httpFixture) bool { return o.method == h.method && o.url == h.url }), h)
	}
	for _, b := range s.blocks("connection", 1) {
		r.connection(b, fx, labels(b, s.body.Blocks)[0])
	}
	for _, b := range s.blocks("record", 1) {
		r.record(b, fx, labels(b, s.body.Blocks)[0])
	}
	if v, ok := s.value("kv", cty.DynamicPseudoType); ok {
		r.kv(s, fx, v)
	}
}

// kv reads what the store holds: strings, and numbers for counters.
func (r *scenarioReader) kv(s *section, fx *fixtures, v cty.Value) {
	if !v.Type().IsObjectType() && !v.Type().IsMapType() {
		s.fail(s.at("kv"), "kv is an object: { key = \"value\", counter = 3 }.")
		return
	}
	for k, e := range v.AsValueMap() {
		switch {
		case e.Type() == cty.String && !e.IsNull():
			fx.kv[k] = []byte(e.AsString())
		case e.Type() == cty.Number && !e.IsNull():
			n, _ := e.AsBigFloat().Int64()
			fx.kv[k] = binary.LittleEndian.AppendUint64(nil, uint64(n))
		default:
			s.fail(s.at("kv"), "kv: %q is a string, or a number for a counter.", k)
		}
	}
}

// list reads entries: a list of keys, or a map from keys to values.
func (r *scenarioReader) list(s *section, fx *fixtures, name string) {
	entries := map[string]string{}
	v, ok := s.value("entries", cty.DynamicPseudoType)
	switch {
	case !ok:
	case v.Type().IsObjectType() || v.Type().IsMapType():
		entries, _ = s.strmap("entries")
	default:
		keys, _ := s.strs("entries")
		for _, k := range keys {
			entries[k] = ""
		}
	}
	s.end()
	fx.lists[name] = entries
}

func (r *scenarioReader) connection(s *section, fx *fixtures, address string) {
	c := connFixture{address: address, fault: s.oneOf("fault", "unavailable", "timeout", "refused")}
	for _, b := range s.blocks("turn", 0) {
		t := turn{reply: []byte(b.str("reply", "")), at: b.head}
		if w := b.str("wants", ""); w != "" {
			re, err := regexp.Compile("(?s)" + w)
			if err != nil {
				b.fail(b.at("wants"), "wants: %v.", err)
			}
			t.wants = re
		}
		b.end()
		c.turns = append(c.turns, t)
	}
	s.end()
	fx.conns = append(slices.DeleteFunc(fx.conns, func(o connFixture) bool { return o.address == c.address }), c)
}

// record reads a message that the gateway has: what is not said comes from the
// message itself.
func (r *scenarioReader) record(s *section, fx *fixtures, id string) {
	msg := r.message(s, "message")
	rec := &record{message: msg, tenant: s.str("tenant", defaultSession().tenant)}
	tree, err := mimetree.Parse(bytes.NewReader(msg), int64(len(msg)), mimetree.Budget{})
	if err != nil {
		s.fail(s.head, "The message cannot be read: %v.", err)
		return
	}
	sum := tree.Summary()
	i := &rec.info
	i.ID, i.Size, i.HasBody = id, uint64(len(msg)), len(msg) > 0
	i.Sender = s.str("sender", defaultSession().sender)
	i.From, i.To, i.Cc, i.MessageID, i.Attachments = sum.From, sum.To, sum.Cc, sum.MessageID, sum.Attachments
	i.Subject = s.str("subject", sum.Subject)
	if d := s.oneOf("direction", "inbound", "outbound"); d != "" {
		i.Direction, _ = abi.ParseDirection(d)
	}
	rcpts, ok := s.strs("recipients")
	if !ok {
		rcpts = defaultSession().recipients
	}
	status, class, score := s.str("status", "quarantined"), s.str("class", ""), s.number("score", 0)
	for n, a := range rcpts {
		i.Recipients = append(i.Recipients, abi.RecipientInfo{N: uint32(n + 1), Address: a, Tenant: rec.tenant, Status: status, Class: class, Score: score})
	}
	s.end()
	fx.records[id] = rec
}

// counter shows a stored value: a counter as its number.
func shownKV(b []byte) string {
	for _, c := range b {
		if c < ' ' || c > '~' {
			if len(b) == 8 {
				return strconv.FormatInt(int64(binary.LittleEndian.Uint64(b)), 10)
			}
			return strconv.Quote(string(b))
		}
	}
	return string(b)
}
