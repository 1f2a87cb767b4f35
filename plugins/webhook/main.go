// Command webhook is the first-party plugin whose action posts a summary of a
// message to a URL that the policy grants. It sends no content, and addresses
// only as far as the configuration says.
package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Check: sdk.Checks(build), Hooks: sdk.Hooks{abi.StageAction: onAction}})
}

func main() {}

// now is the time, replaced in tests.
var now = time.Now

// settings are a config block.
type settings struct {
	url, secret string
	headers     []abi.Header
	include     map[string]bool
	redact      bool
	timeout     uint32 // ms
}

func build(v abi.Value) (*settings, error) {
	s := &settings{
		url: v.Get("url").String, secret: v.Get("secret").String, include: map[string]bool{},
		redact: v.Get("redact").String != "none", timeout: uint32(v.Get("timeout").Number),
	}
	if s.url == "" {
		return nil, sdk.Error("url is missing: give the plugin a config block")
	}
	h := v.Get("header")
	for i, name := range h.Keys {
		s.headers = append(s.headers, abi.Header{Name: name, Value: h.Items[i].String})
	}
	for _, name := range v.Get("include").StringList() {
		s.include[name] = true
	}
	return s, nil
}

func onAction(c *sdk.Call, v *sdk.Verdict) error {
	if c.Name != "post" {
		return sdk.Error("no action is called " + c.Name)
	}
	s, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	params, err := c.Params()
	if err != nil {
		return err
	}
	event := params.Get("event").String
	if event == "" {
		event = "message"
	}
	body := s.body(c, event, params.Get("text").String)
	req := &abi.HTTPRequest{Method: "POST", URL: s.url, Body: body, TimeoutMs: s.timeout, Headers: append([]abi.Header{
		{Name: "Content-Type", Value: "application/json"}, {Name: "User-Agent", Value: "Weir-Webhook/1"}, {Name: "Weir-Event", Value: oneLine(event)},
	}, s.headers...)}
	if s.secret != "" {
		req.Headers = append(req.Headers, abi.Header{Name: "Weir-Signature", Value: sign(s.secret, now().Unix(), body)})
	}
	res, err := c.Fetch(req)
	if err != nil {
		return sdk.Error("posting: " + err.Error())
	}
	status := strconv.Itoa(int(res.Status))
	if res.Status < 200 || res.Status > 299 {
		return sdk.Error("the receiver answered " + status)
	}
	v.Text = "posted"
	v.Result("status", status)
	return nil
}

// sign is the value of Weir-Signature.
func sign(secret string, at int64, body []byte) string {
	t := strconv.FormatInt(at, 10)
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(t + "."))
	m.Write(body)
	return "t=" + t + ",v1=" + hex.EncodeToString(m.Sum(nil))
}

func oneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, s)
}

// body is the request's JSON.
func (s *settings) body(c *sdk.Call, event, text string) []byte {
	var j object
	j.text("event", event)
	j.text("at", now().UTC().Format(time.RFC3339))
	if c.Actor != "" {
		j.text("actor", c.Actor)
	}
	if text != "" {
		j.text("text", text)
	}
	if len(c.Event.Message) > 0 {
		j.raw("message", s.message(c, &c.Event.Message[0]))
	}
	return []byte(j.done())
}

func (s *settings) message(c *sdk.Call, m *abi.MessageInfo) string {
	var j object
	for _, f := range []struct {
		name  string
		value string
	}{
		{"id", m.ID}, {"tenant", c.Tenant}, {"direction", m.Direction.String()}, {"received", time.UnixMilli(int64(m.ReceivedUnixMs)).UTC().Format(time.RFC3339)},
		{"sender", s.address(m.Sender)}, {"from", s.mask(m.From)}, {"subject", m.Subject}, {"message_id", m.MessageID},
	} {
		if s.include[f.name] {
			j.text(f.name, f.value)
		}
	}
	if s.include["size"] {
		j.raw("size", strconv.FormatUint(m.Size, 10))
	}
	if s.include["attachments"] {
		j.raw("attachments", list(m.Attachments))
	}
	if s.include["recipients"] || s.include["findings"] {
		var rs []string
		for i := range m.Recipients {
			rs = append(rs, s.recipient(&m.Recipients[i]))
		}
		j.raw("recipients", "["+strings.Join(rs, ",")+"]")
	}
	return j.done()
}

func (s *settings) recipient(r *abi.RecipientInfo) string {
	var j object
	j.text("address", s.address(r.Address))
	j.text("status", r.Status)
	if r.Class != "" {
		j.text("class", r.Class)
	}
	if s.include["findings"] {
		var fs []string
		for _, f := range r.Findings {
			fs = append(fs, quote(strings.TrimRight(f.Main+"/"+f.Sub+"/"+f.Extra, "/")))
		}
		j.raw("findings", "["+strings.Join(fs, ",")+"]")
	}
	return j.done()
}

// address is an address, redacted where that is asked for: "a***@b.test".
func (s *settings) address(a string) string {
	i := strings.LastIndexByte(a, '@')
	if !s.redact || i < 0 {
		return a
	}
	if i == 0 {
		return "***" + a[i:]
	}
	first := []rune(a)[:1]
	return string(first) + "***" + a[i:]
}

// mask redacts a header's value that holds addresses: all of it but the domains.
func (s *settings) mask(v string) string {
	if !s.redact {
		return v
	}
	var out []string
	for rest := v; ; {
		i := strings.IndexByte(rest, '@')
		if i < 0 {
			return strings.Join(out, ", ")
		}
		rest = rest[i+1:]
		end := strings.IndexFunc(rest, func(r rune) bool { return strings.ContainsRune("<>,;:\"() \t", r) })
		if end < 0 {
			end = len(rest)
		}
		out = append(out, "***@"+rest[:end])
		rest = rest[end:]
	}
}
