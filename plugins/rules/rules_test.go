package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
	"github.com/mailweir/weir/sdk/sdktest"
)

// attrs is one rule: attribute, values. Values are []string, string, bool or
// map[string]string.
type attrs map[string]any

func config(rules ...any) abi.Value {
	cfg := abi.Object()
	byVerb := map[string][]abi.Value{}
	for i := 0; i+2 < len(rules); i += 3 {
		b := abi.Object()
		b.Set("_labels", abi.Strings(rules[i+1].(string)))
		for k, v := range rules[i+2].(attrs) {
			switch v := v.(type) {
			case []string:
				b.Set(k, abi.Strings(v...))
			case string:
				b.Set(k, abi.String(v))
			case bool:
				b.Set(k, abi.Bool(v))
			case map[string]string:
				m := abi.Object()
				for name, pattern := range v {
					m.Set(name, abi.String(pattern))
				}
				b.Set(k, m)
			default:
				panic(fmt.Sprintf("%T", v))
			}
		}
		verb := rules[i].(string)
		byVerb[verb] = append(byVerb[verb], b)
	}
	for verb, bs := range byVerb {
		cfg.Set(verb, abi.List(bs...))
	}
	return cfg
}

// text is a verdict in one line.
func text(v *abi.Verdict) string {
	var out []string
	for _, f := range v.Findings {
		s := "block " + f.Main + "/" + f.Sub + " " + f.Action.String()
		if f.Part > 0 {
			s += fmt.Sprintf(" part %d", f.Part-1)
		}
		out = append(out, s)
	}
	for _, w := range v.Waivers {
		out = append(out, "waive "+strings.Join(w.Classes, ","))
	}
	for _, r := range v.Recipients {
		out = append(out, r.Recipient+" "+r.Action.String())
	}
	slices.Sort(out)
	return strings.Join(out, "; ")
}

type s = []string

const blocked = "block list/block reject"

// TestMatch judges one message at stage message.
func TestMatch(t *testing.T) {
	for _, c := range []struct {
		name string
		cfg  abi.Value
		want string
	}{
		{"sender_exact", config("block", "x", attrs{"sender": s{"Joe@Sender.test"}}), blocked},
		{"sender_wildcard", config("block", "x", attrs{"sender": s{"*@sender.te?t"}}), blocked},
		{"sender_regexp", config("block", "x", attrs{"sender": s{`/^j.e@/`}}), blocked},
		{"sender_other", config("block", "x", attrs{"sender": s{"joe@sender.test.evil", "oe@sender.test", "j*@other.test"}}), ""},
		{"domain", config("block", "x", attrs{"sender_domain": s{"SENDER.test"}}), blocked},
		{"domain_is_not_its_parents", config("block", "x", attrs{"sender_domain": s{"test"}}), ""},
		{"domain_below", config("block", "x", attrs{"sender_domain": s{"*.test"}}), blocked},
		{"domain_below_is_not_itself", config("block", "x", attrs{"sender_domain": s{"*.sender.test"}}), ""},
		{"domain_and_below", config("block", "x", attrs{"sender_domain": s{".sender.test"}}), blocked},
		{"domain_regexp", config("block", "x", attrs{"sender_domain": s{`/^send/`}}), blocked},
		{"recipient", config("block", "x", attrs{"recipient": s{"*@here.test"}}), blocked},
		{"client_address", config("block", "x", attrs{"client": s{"192.0.2.7"}}), blocked},
		{"client_prefix", config("block", "x", attrs{"client": s{"2001:db8::/32", "192.0.2.0/29"}}), blocked},
		{"client_other", config("block", "x", attrs{"client": s{"192.0.2.8/29"}}), ""},
		{"helo", config("block", "x", attrs{"helo": s{"mail.*"}}), blocked},
		{"subject_decoded", config("block", "x", attrs{"subject": s{"*Fänger gewonnen*"}}), blocked},
		{"subject_raw", config("block", "x", attrs{"subject": s{"*=?utf-8?*"}}), blocked},
		{"subject_regexp", config("block", "x", attrs{"subject": s{`/gewonnen!$/`}}), blocked},
		{"header", config("block", "x", attrs{"header": map[string]string{"x-mailer": "Bulk*"}}), blocked},
		{"header_second_field", config("block", "x", attrs{"header": map[string]string{"X-Mailer": "other"}}), blocked},
		{"header_all_of_them", config("block", "x", attrs{"header": map[string]string{"x-mailer": "Bulk*", "x-none": "*"}}), ""},
		{"attachment_name", config("block", "x", attrs{"attachment_name": s{"*.exe"}}), blocked + " part 2"},
		{"attachment_type", config("block", "x", attrs{"attachment_type": s{"image/*"}}), blocked + " part 1"},
		{"attachment_type_by_content", config("block", "x", attrs{"attachment_type": s{"application/x-program"}}), blocked + " part 2"},
		{"attachment_type_not_of_inline_text", config("block", "x", attrs{"attachment_type": s{"text/plain"}}), ""},
		{"list_by_address", config("block", "x", attrs{"list": s{"bad"}}), blocked},
		{"list_by_domain", config("block", "x", attrs{"list": s{"none", "domains"}}), blocked},
		{"list_miss", config("block", "x", attrs{"list": s{"none"}}), ""},
		{"all_attributes_must_match", config("block", "x", attrs{"sender": s{"joe@*"}, "subject": s{"something else"}}), ""},
		{"any_value_may_match", config("block", "x", attrs{"sender": s{"a@a.test", "joe@*"}, "helo": s{"a", "mail.sender.test"}}), blocked},
		{"class_and_action", config("block", "x", attrs{"sender": s{"*"}, "class": "spam/bulk", "action": "quarantine"}), "block spam/bulk quarantine"},
		{"allow", config("allow", "y", attrs{"sender": s{"joe@*"}}), "waive *"},
		{"allow_classes", config("allow", "y", attrs{"sender": s{"joe@*"}, "waive": s{"spam", "unscannable"}}), "waive spam,unscannable"},
		{"allow_outranks_block", config("block", "x", attrs{"sender": s{"*"}}, "allow", "y", attrs{"helo": s{"*"}}), "waive *"},
		{"override_outranks_allow", config("block", "x", attrs{"sender": s{"*"}, "override": true}, "allow", "y", attrs{"helo": s{"*"}}), blocked},
		{"override_keeps_allowed_blocks_out", config("block", "x", attrs{"sender": s{"*"}, "override": true, "class": "list/sender"}, "block", "z", attrs{"sender": s{"*"}}, "allow", "y", attrs{"helo": s{"*"}}), "block list/sender reject"},
		{"allow_that_does_not_match", config("block", "x", attrs{"sender": s{"*"}}, "allow", "y", attrs{"helo": s{"no"}}), blocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := host(t, c.cfg)
			if got := text(h.Run(event(abi.StageMessage))); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func host(t *testing.T, cfg abi.Value) *sdktest.Host {
	h := sdktest.New(t)
	h.SetConfig(cfg)
	h.Lists["bad"] = map[string]string{"joe@sender.test": "x"}
	h.Lists["domains"] = map[string]string{"sender.test": "x"}
	h.Lists["none"] = map[string]string{}
	h.AddHeader("X-Mailer", "BulkMailer 3")
	h.AddHeader("Subject", "=?utf-8?Q?F=C3=A4nger?= =?utf-8?B?IGdld29ubmVu?=!")
	h.AddHeader("x-mailer", "other")
	h.AddPart(abi.Part{Type: "text/plain"}, []byte("hello"))
	h.AddPart(abi.Part{Type: "image/png", Attachment: true}, []byte("png"))
	h.AddPart(abi.Part{Type: "application/octet-stream", Filename: "Setup.EXE", Attachment: true, Magic: "application/x-program"}, []byte("MZ"))
	return h
}

func event(st abi.Stage, rcpts ...string) *abi.Event {
	if rcpts == nil {
		rcpts = s{"ann@here.test"}
	}
	e := &abi.Event{Stage: st, Sender: "joe@sender.test", Client: abi.Client{IP: "192.0.2.7", Helo: "mail.sender.test"}, Tenant: "t"}
	switch st {
	case abi.StageRcptTo:
		e.Recipient = rcpts[0]
	case abi.StageMessage:
		e.Recipients = rcpts
	}
	return e
}

// TestStages: rules decide as early as they can, and not before an allow that
// could outrank them is known not to match.
func TestStages(t *testing.T) {
	bySender := attrs{"sender": s{"joe@*"}}
	for _, c := range []struct {
		name               string
		cfg                abi.Value
		mail, rcpt, messag string
	}{
		{"block_by_sender", config("block", "x", bySender), blocked, blocked, blocked},
		{"block_by_recipient", config("block", "x", attrs{"recipient": s{"ann@*"}}), "", blocked, blocked},
		{"block_by_subject", config("block", "x", attrs{"subject": s{"*"}}), "", "", blocked},
		{"allow_by_sender", config("allow", "y", bySender), "waive *", "waive *", "waive *"},
		{"waits_for_an_allow_by_subject", config("block", "x", bySender, "allow", "y", attrs{"subject": s{"no"}}), "", "", blocked},
		{"waits_for_an_allow_by_recipient", config("block", "x", bySender, "allow", "y", attrs{"recipient": s{"no"}}), "", blocked, blocked},
		{"does_not_wait_for_an_allow_that_cannot_match", config("block", "x", bySender, "allow", "y", attrs{"sender": s{"no@*"}, "subject": s{"*"}}), blocked, blocked, blocked},
		{"override_does_not_wait", config("block", "x", attrs{"sender": s{"*"}, "override": true}, "allow", "y", attrs{"subject": s{"*"}}), blocked, blocked, blocked},
		{"waiver_waits_for_an_override", config("block", "x", attrs{"subject": s{"*"}, "override": true}, "allow", "y", bySender), "", "", blocked},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := host(t, c.cfg)
			for st, want := range map[abi.Stage]string{abi.StageMailFrom: c.mail, abi.StageRcptTo: c.rcpt, abi.StageMessage: c.messag} {
				if got := text(h.Run(event(st))); got != want {
					t.Errorf("%s: %q, want %q", st, got, want)
				}
			}
		})
	}
}

func TestRecipientsApart(t *testing.T) {
	cfg := config("block", "x", attrs{"recipient": s{"ann@*", "bob@*"}}, "allow", "y", attrs{"recipient": s{"bob@*", "eve@*"}})
	for _, c := range []struct {
		rcpts s
		want  string
	}{
		{s{"ann@here.test"}, blocked},
		{s{"ann@here.test", "bob@here.test"}, "ann@here.test reject"},
		{s{"ann@here.test", "dan@here.test"}, "ann@here.test reject"},
		{s{"ann@here.test", "ann@there.test"}, blocked},
		{s{"bob@here.test", "eve@here.test"}, "waive *"},
		{s{"eve@here.test", "dan@here.test"}, ""},
	} {
		h := host(t, cfg)
		if got := text(h.Run(event(abi.StageMessage, c.rcpts...))); got != c.want {
			t.Errorf("%v: %q, want %q", c.rcpts, got, c.want)
		}
	}
}

func TestNullSender(t *testing.T) {
	h := host(t, config("block", "x", attrs{"sender": s{"<>"}}))
	e := event(abi.StageMailFrom)
	e.Sender = ""
	if got := text(h.Run(e)); got != blocked {
		t.Error(got)
	}
	if got := text(h.Run(event(abi.StageMailFrom))); got != "" {
		t.Error(got)
	}
}

func TestReply(t *testing.T) {
	h := host(t, config("block", "fools", attrs{"sender": s{"*"}, "action": "tempfail", "reason": "not\r\ntoday"}))
	f := h.Run(event(abi.StageMailFrom)).Findings[0]
	if f.Code != 451 || f.Enhanced != "4.7.1" || f.Text != "not  today" || f.Explanation != `block rule "fools" matched by sender: not  today` {
		t.Errorf("%+v", f)
	}
}

// TestBrokenConfig: what the manifest cannot check fails each call, loudly.
func TestBrokenConfig(t *testing.T) {
	for _, c := range []struct {
		cfg  abi.Value
		says string
	}{
		{config("block", "x", attrs{"reason": "y"}), `block "x": it has no condition`},
		{config("block", "x", attrs{"client": s{"192.0.2.0/33"}}), "no address or prefix"},
		{config("block", "x", attrs{"sender": s{"*"}, "action": "explode"}), "action explode"},
		{config("block", "x", attrs{"sender": s{""}}), "an empty value"},
		{config("block", "x", attrs{"subject": s{"//"}}), "an empty regular expression"},
		{config("block", "x", attrs{"subject": s{strings.Repeat("x", 5000)}}), "4 KiB"},
		{config("allow", "x", attrs{"sender": s{"*"}, "waive": s{}}), "waive is empty"},
		{config("block", "x", attrs{"sender": s{"*"}, "class": "/x"}), "no main class"},
		{config("block", "x", attrs{"sender": s{"/(/"}}), "regular expression"},
		{config("block", "x", attrs{"list": s{"nope"}}), "list nope: not found"},
	} {
		h := host(t, c.cfg)
		_, err := h.Try(event(abi.StageMessage))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v, want %q", err, c.says)
		}
	}
}

// TestManyRules: large lists stay within the host's limits of a pattern set.
func TestManyRules(t *testing.T) {
	var exact, wild s
	for i := range 20_000 {
		exact = append(exact, fmt.Sprintf("u%d@bulk.test", i))
		wild = append(wild, fmt.Sprintf("*%d@wild.test", i))
	}
	h := host(t, config("block", "x", attrs{"sender": append(exact, wild...)}, "block", "z", attrs{"sender": s{"*@sender.test"}, "class": "list/z"}))
	e := event(abi.StageMailFrom)
	for _, from := range (s{"u19999@bulk.test", "x19999@wild.test"}) {
		e.Sender = from
		if got := text(h.Run(e)); got != blocked {
			t.Errorf("%s: %q", from, got)
		}
	}
	e.Sender = "joe@sender.test"
	if got := text(h.Run(e)); got != "block list/z reject" {
		t.Error(got)
	}
}

func TestDecodeWords(t *testing.T) {
	for in, want := range map[string]string{
		"plain":                          "plain",
		"=?utf-8?q?a_b=3D?= c":           "a b= c",
		"=?utf-8?b?w6Q=?=":               "ä",
		"=?iso-8859-1?q?=E4=F6?=":        "äö",
		"=?utf-8?b?w6?= =?utf-8?q?=A4?=": "ä",
		"=?utf-8?q?a?= x =?utf-8?q?b?=":  "a x b",
		"=?utf-8*de?q?a?=":               "a",
		"=?broken":                       "=?broken",
		"=?utf-8?x?a?= =?":               "=?utf-8?x?a?= =?",
		"=?utf-8?q?=ZZ?=":                "=ZZ",
	} {
		if got := decodeWords(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzDecodeWords(f *testing.F) {
	f.Add("=?utf-8?b?w6?= =?utf-8?q?=A4?= x")
	f.Fuzz(func(t *testing.T, s string) { decodeWords(s) })
}

// TestManifest: the manifest is valid and names the hooks there are.
func TestManifest(t *testing.T) {
	text, err := os.ReadFile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var hooks []string
	for _, st := range sdk.Stages() {
		hooks = append(hooks, st.String())
	}
	slices.Sort(hooks)
	slices.Sort(m.Hooks)
	if !slices.Equal(hooks, m.Hooks) {
		t.Errorf("hooks %v, in the manifest %v", hooks, m.Hooks)
	}
}
