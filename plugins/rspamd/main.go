// Command rspamd is the first-party plugin that has rspamd judge each message
// (its HTTP protocol, /checkv2) and teaches it. An answer that cannot be read is
// a failure of the filter, never a clean message.
package main

import (
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Check: sdk.Checks(build), Hooks: sdk.Hooks{abi.StageMessage: onMessage, abi.StageAction: onAction}})
}

func main() {}

// settings are a config block.
type settings struct {
	url, controller, password string
	scale                     float64
	onReject                  abi.Action
	soft, greylist            bool
	maxSize                   uint64
	timeout                   uint32 // ms
}

func build(v abi.Value) (*settings, error) {
	text := func(name, otherwise string) string {
		if s := v.Get(name).String; s != "" {
			return s
		}
		return otherwise
	}
	num := func(name string, otherwise float64) float64 {
		if x := v.Get(name); !x.IsNull() {
			return x.Number
		}
		return otherwise
	}
	s := &settings{
		url: strings.TrimSuffix(text("url", "http://127.0.0.1:11333"), "/"), controller: strings.TrimSuffix(text("controller", "http://127.0.0.1:11334"), "/"),
		password: text("password", ""), scale: num("scale", 0.5), soft: text("on_soft_reject", "tempfail") == "tempfail", greylist: v.Get("greylist").Bool,
		maxSize: uint64(num("max_size", 10<<20)), timeout: uint32(num("timeout", 8000)),
	}
	switch text("on_reject", "quarantine") {
	case "reject":
		s.onReject = abi.ActionReject
	case "quarantine":
		s.onReject = abi.ActionQuarantine
	case "discard":
		s.onReject = abi.ActionDiscard
	case "none":
	default:
		return nil, sdk.Error("on_reject is none of reject, quarantine, discard, none")
	}
	if s.scale < 0 || s.scale > 100 {
		return nil, sdk.Error("scale is 0 to 100")
	}
	return s, nil
}

// head are the header fields by which rspamd knows the session (its protocol's
// "HTTP headers").
func head(c *sdk.Call) []abi.Header {
	var hs []abi.Header
	add := func(name, value string) {
		if value = printable(value); value != "" {
			hs = append(hs, abi.Header{Name: name, Value: value})
		}
	}
	add("Queue-Id", c.ID)
	add("IP", c.Client.IP)
	add("Helo", c.Client.Helo)
	add("Hostname", c.Client.Name)
	add("User", c.Client.AuthUser)
	add("TLS-Version", c.Client.TLSVersion)
	add("TLS-Cipher", c.Client.TLSCipher)
	hs = append(hs, abi.Header{Name: "From", Value: "<" + printable(c.Sender) + ">"})
	for _, r := range c.Recipients {
		add("Rcpt", "<"+r+">")
	}
	return hs
}

// printable keeps a header field in one line. rspamd reads UTF-8.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	s, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	if c.Size > s.maxSize {
		c.Info("not sent to rspamd: larger than max_size")
		return nil
	}
	res, err := c.Fetch(&abi.HTTPRequest{
		Method: "POST", URL: s.url + "/checkv2", Headers: head(c), BodyPart: sdk.BodyPart(abi.PartRaw), TimeoutMs: s.timeout, MaxBody: 1 << 20,
	})
	if err != nil {
		return sdk.Error("asking rspamd: " + err.Error())
	}
	if res.Status != 200 || res.Truncated {
		return sdk.Error("rspamd answered with status " + strconv.Itoa(int(res.Status)) + ": " + clip(string(res.Body)))
	}
	return s.report(c, v, string(res.Body))
}

func clip(s string) string { return printable(s[:min(len(s), 200)]) }

// report turns rspamd's answer into a finding.
func (s *settings) report(c *sdk.Call, v *sdk.Verdict, body string) error {
	doc, err := parse(body)
	if err != nil {
		return sdk.Error("rspamd: " + err.Error())
	}
	o, _ := doc.(members)
	score, ok := o.get("score").(float64)
	action := o.text("action")
	if !ok || action == "" || math.IsNaN(score) {
		return sdk.Error("rspamd's answer has no score and action: " + clip(body))
	}
	if skipped, _ := o.get("is_skipped").(bool); skipped && action == "no action" {
		c.Info("rspamd's settings skip this message")
		return nil
	}
	f := v.Find("spam", "rspamd")
	f.Score = max(-100, min(100, score*s.scale))
	f.Explanation = "rspamd: " + strconv.FormatFloat(score, 'f', 2, 64) + ", " + clip(action) + symbols(o)
	switch action {
	case "no action", "add header", "rewrite subject":
	case "greylist":
		if s.greylist {
			later(f, "greylisted, try again later")
		}
	case "soft reject":
		if s.soft {
			text := "try again later"
			if m, ok := o.get("messages").(members); ok && m.text("smtp_message") != "" {
				text = clip(m.text("smtp_message"))
			}
			later(f, text)
		}
	case "reject", "discard", "quarantine":
		f.Action = s.onReject
		if f.Action == abi.ActionReject {
			f.Code, f.Enhanced, f.Text = 550, "5.7.1", "the message is taken for spam"
		}
	default:
		return sdk.Error("rspamd asks for an action that is not known: " + clip(action))
	}
	return nil
}

func later(f *abi.Finding, text string) {
	f.Action, f.Code, f.Enhanced, f.Text = abi.ActionTempfail, 451, "4.7.1", text
}

// shown is how many symbols an explanation names.
const shown = 8

// symbols are those that weighed most.
func symbols(o members) string {
	m, _ := o.get("symbols").(members)
	type symbol struct {
		name  string
		score float64
	}
	var all []symbol
	for _, x := range m {
		d, _ := x.v.(members)
		if score, _ := d.get("score").(float64); score != 0 {
			all = append(all, symbol{clip(x.name), score})
		}
	}
	slices.SortStableFunc(all, func(a, b symbol) int {
		switch x, y := math.Abs(a.score), math.Abs(b.score); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	s := ""
	for i, x := range all {
		if i == shown {
			s += ", …"
			break
		}
		sep := ", "
		if i == 0 {
			sep = ": "
		}
		s += sep + x.name + " " + strconv.FormatFloat(x.score, 'f', 2, 64)
	}
	return s
}

func onAction(c *sdk.Call, v *sdk.Verdict) error {
	s, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	path := map[string]string{"train_spam": "/learnspam", "train_ham": "/learnham"}[c.Name]
	if path == "" {
		return sdk.Error("no action is called " + c.Name)
	}
	hs := head(c)
	if s.password != "" {
		hs = append(hs, abi.Header{Name: "Password", Value: s.password})
	}
	res, err := c.Fetch(&abi.HTTPRequest{Method: "POST", URL: s.controller + path, Headers: hs, BodyPart: sdk.BodyPart(abi.PartRaw), TimeoutMs: s.timeout})
	if err != nil {
		return sdk.Error("teaching rspamd: " + err.Error())
	}
	switch {
	case res.Status == 208:
		v.Text = "rspamd has learned it before"
	case res.Status == 200:
		v.Text = "rspamd has learned it"
	case res.Status == 403:
		return sdk.Error("rspamd's controller wants a password: set it in the plugin's config")
	default:
		return sdk.Error("rspamd answered with status " + strconv.Itoa(int(res.Status)) + ": " + clip(string(res.Body)))
	}
	return nil
}
