package policy

import (
	"math"
	"strings"

	"github.com/zclconf/go-cty/cty"
	"github.com/zclconf/go-cty/cty/function"
)

// addressType is sender and recipient.
var addressType = cty.Object(map[string]cty.Type{"address": cty.String, "local": cty.String, "domain": cty.String})

// factTypes are the variables of "when" and "do", and their types.
var factTypes = map[string]cty.Type{
	"stage":      cty.String,
	"tenant":     cty.String,
	"direction":  cty.String,
	"client":     cty.Object(map[string]cty.Type{"ip": cty.String, "name": cty.String}),
	"helo":       cty.String,
	"tls":        cty.String,
	"auth":       cty.Object(map[string]cty.Type{"user": cty.String}),
	"sender":     addressType,
	"recipient":  addressType,
	"recipients": cty.List(cty.String),
	"message": cty.Object(map[string]cty.Type{"size": cty.Number, "subject": cty.String,
		"has_attachments": cty.Bool, "malformed": cty.Bool}),
	"spf": cty.String, "dkim": cty.String, "dmarc": cty.String,
	"finding": cty.Object(map[string]cty.Type{"main": cty.String, "sub": cty.String, "extra": cty.String,
		"score": cty.Number, "explanation": cty.String, "plugin": cty.String, "filter": cty.String, "part": cty.String}),
	"score": cty.Number,
	"tags":  cty.List(cty.String),
}

// ofFindings are the variables that only action and secure blocks have.
var ofFindings = []string{"finding", "tags"}

// factDocs are for the reference, in its order.
var factDocs = []struct{ name, doc string }{
	{"stage", "The hook that runs: `connect`, `helo`, `mail_from`, `rcpt_to`, `headers`, `message`."},
	{"tenant", "Name of the tenant."},
	{"direction", "`inbound` or `outbound`."},
	{"client.ip, client.name", "The client's address, and its confirmed reverse name or `\"\"`."},
	{"helo", "What the client said in EHLO."},
	{"tls", "`TLS1.3`, `\"\"` for plaintext."},
	{"auth.user", "The authenticated user, or `\"\"`."},
	{"sender.address, .local, .domain", "The reverse-path; all `\"\"` for the null path. Domains are lower-case A-labels."},
	{"recipient.address, .local, .domain", "The recipient at hand."},
	{"recipients", "All recipients so far, as addresses."},
	{"message.size", "Octets."},
	{"message.subject", "Subject, decoded."},
	{"message.has_attachments", "Also true where the structure is uncertain."},
	{"message.malformed", "The MIME structure is broken or can be read in two ways."},
	{"spf, dkim, dmarc", "Results; `none` until authentication results exist."},
	{"score", "Sum of the scores of findings that count."},
	{"tags", "What `tag` has put on the message so far (action and secure blocks only)."},
	{"finding.main, .sub, .extra", "Class of the finding (action and secure blocks only); `\"\"` where there is none."},
	{"finding.score, .explanation, .plugin, .filter, .part", "More of the finding. `filter` is `RULESET.FILTER`."},
}

// Stage ranks: when a fact is known.
const (
	rankConnect = 1
	rankHelo    = 2
	rankAuth    = 3
	rankMail    = 4
	rankRcpt    = 5
	rankData    = 6
	rankHeaders = 7
	rankMessage = 8
)

var stageRank = map[string]int{"connect": rankConnect, "helo": rankHelo, "auth": rankAuth, "mail_from": rankMail,
	"rcpt_to": rankRcpt, "data": rankData, "headers": rankHeaders}

func rankOf(stage string) int {
	if r, ok := stageRank[stage]; ok {
		return r
	}
	return rankMessage
}

// rootRank is when a variable is known; those left out are known at once.
var rootRank = map[string]int{"helo": rankHelo, "tls": rankMail, "auth": rankMail, "sender": rankMail,
	"recipient": rankRcpt, "recipients": rankRcpt, "message": rankMessage,
	"spf": rankMessage, "dkim": rankMessage, "dmarc": rankMessage}

// factSet makes the variables of one message as they are asked for, and keeps
// them for the next expression. It is for one goroutine.
type factSet struct {
	policy  *Policy
	fx      *Facts
	finding *Finding
	tags    []string
	vals    map[string]cty.Value
	funcs   map[string]function.Function
}

func newFactSet(p *Policy, fx *Facts) *factSet {
	return &factSet{policy: p, fx: fx, vals: map[string]cty.Value{}, funcs: map[string]function.Function{}}
}

// about makes f the finding that is asked about; nil is the empty one.
func (s *factSet) about(f *Finding) {
	s.finding = f
	delete(s.vals, "finding")
}

// tagged makes tags those of the message.
func (s *factSet) tagged(tags []string) {
	s.tags = tags
	delete(s.vals, "tags")
}

func (s *factSet) value(root string) cty.Value {
	v, ok := s.vals[root]
	if !ok {
		if v = factValue(root, s.fx, s.finding); root == "tags" {
			v = listValue(s.tags)
		}
		s.vals[root] = v
	}
	return v
}

// function is header() or listed() of this message.
func (s *factSet) function(name string) function.Function {
	f, ok := s.funcs[name]
	if ok {
		return f
	}
	if name == "header" {
		f = headerFunc(s.fx.Header)
	} else {
		has := s.fx.Listed
		if has == nil {
			has = func(list, key string) bool { return s.policy.Listed(s.fx.Tenant, list, key) }
		}
		f = listedFunc(has)
	}
	s.funcs[name] = f
	return f
}

// factValue is one variable's value.
func factValue(root string, fx *Facts, f *Finding) cty.Value {
	switch root {
	case "stage":
		if fx.Stage == "" {
			return cty.StringVal("message")
		}
		return text(fx.Stage)
	case "tenant":
		return text(fx.Tenant)
	case "direction":
		return text(fx.Direction)
	case "client":
		return cty.ObjectVal(map[string]cty.Value{"ip": text(fx.ClientIP), "name": text(fx.ClientName)})
	case "helo":
		return text(fx.Helo)
	case "tls":
		return text(fx.TLS)
	case "auth":
		return cty.ObjectVal(map[string]cty.Value{"user": text(fx.User)})
	case "sender":
		return addressValue(fx.Sender)
	case "recipient":
		return addressValue(fx.Recipient)
	case "recipients":
		return listValue(fx.Recipients)
	case "message":
		return cty.ObjectVal(map[string]cty.Value{"size": cty.NumberIntVal(fx.Size), "subject": text(fx.Subject),
			"has_attachments": cty.BoolVal(fx.HasAttachments || fx.Malformed), "malformed": cty.BoolVal(fx.Malformed)})
	case "spf":
		return orNone(fx.SPF)
	case "dkim":
		return orNone(fx.DKIM)
	case "dmarc":
		return orNone(fx.DMARC)
	case "score":
		return number(fx.Score)
	case "finding":
		if f == nil {
			return noFinding
		}
		return findingValue(f)
	}
	return cty.DynamicVal
}

// noFinding is the empty finding.
var noFinding = findingValue(&Finding{})

func findingValue(f *Finding) cty.Value {
	return cty.ObjectVal(map[string]cty.Value{"main": text(f.Main), "sub": text(f.Sub), "extra": text(f.Extra),
		"score": number(f.Score), "explanation": text(f.Explanation), "plugin": text(f.Plugin),
		"filter": text(f.Filter), "part": text(f.Part)})
}

// addressValue splits an addr-spec at its last @; the domain in lower case.
func addressValue(addr string) cty.Value {
	local, domain := addr, ""
	if i := strings.LastIndexByte(addr, '@'); i >= 0 {
		local, domain = addr[:i], strings.ToLower(addr[i+1:])
		addr = local + "@" + domain
	}
	return cty.ObjectVal(map[string]cty.Value{"address": text(addr), "local": text(local), "domain": text(domain)})
}

func listValue(ss []string) cty.Value {
	if len(ss) == 0 {
		return cty.ListValEmpty(cty.String)
	}
	vs := make([]cty.Value, len(ss))
	for i, s := range ss {
		vs[i] = text(s)
	}
	return cty.ListVal(vs)
}

func orNone(s string) cty.Value {
	if s == "" {
		return cty.StringVal("none")
	}
	return text(s)
}

func number(f float64) cty.Value { return cty.NumberFloatVal(finite(f)) }

// maxScore bounds what a plugin may give as a score.
const maxScore = 1e6

// finite brings a score into range; what is no number counts as nothing.
func finite(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return math.Max(-maxScore, math.Min(maxScore, f))
}
