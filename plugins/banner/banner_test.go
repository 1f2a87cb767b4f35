package main

import (
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/sdktest"
)

func config(kv ...string) abi.Value {
	v := abi.Object()
	for i := 0; i < len(kv); i += 2 {
		v.Set(kv[i], abi.String(kv[i+1]))
	}
	return v
}

// said is the edits of a verdict, one a line.
func said(v *abi.Verdict) string {
	var out []string
	for _, e := range v.Edits {
		out = append(out, e.Op.String()+" "+e.Name+": "+e.Value)
	}
	for _, e := range v.PartEdits {
		out = append(out, e.Op.String()+" "+string('0'+rune(e.Part))+" "+strings.ReplaceAll(string(e.Text), "\n", "|"))
	}
	return strings.Join(out, "; ")
}

func TestBanner(t *testing.T) {
	alternative := []abi.Part{{Type: "multipart/alternative"}, {Type: "text/plain", Depth: 1}, {Type: "text/html", Depth: 1}}
	mixed := []abi.Part{{Type: "multipart/mixed"}, {Type: "text/plain", Depth: 1}, {Type: "text/plain", Depth: 1, Attachment: true, Filename: "a.txt"}, {Type: "message/rfc822", Depth: 1, Attachment: true}, {Type: "text/plain", Depth: 2, Parent: 3}}
	signed := []abi.Part{{Type: "multipart/signed"}, {Type: "text/plain", Depth: 1}, {Type: "application/pgp-signature", Depth: 1}}
	both := config("text", "No <warranty>.\nReally.")
	for _, c := range []struct {
		name    string
		cfg     abi.Value
		parts   []abi.Part
		content string
		subject string
		want    string
	}{
		{"text alone", both, []abi.Part{{Type: "text/plain"}}, "hi", "s", "append 0 |No <warranty>.|Really.|"},
		{"both forms", both, alternative, "hi", "s", "append 1 |No <warranty>.|Really.|; append 2 |<div>No &lt;warranty&gt;.<br>|Really.</div>"},
		{"own html", config("text", "T", "html", "<b>H</b>", "position", "top"), alternative, "hi", "s", "prepend 1 T||; prepend 2 <b>H</b>|"},
		{"not into attachments", both, mixed, "hi", "s", "append 1 |No <warranty>.|Really.|"},
		{"not into what is signed", both, signed, "hi", "s", ""},
		{"but its subject", config("text", "T", "subject_tag", "[EXT]"), signed, "hi", "s", "replace Subject: [EXT] s"},
		{"encrypted", both, []abi.Part{{Type: "application/pkcs7-mime"}}, "hi", "s", ""},
		{"there already", both, []abi.Part{{Type: "text/plain"}}, "> hi\r\nNo <warranty>.\r\nReally.\r\n", "s", ""},
		{"tag there already", config("subject_tag", "[EXT]"), nil, "", "[EXT] s", ""},
		{"no subject", config("subject_tag", "[EXT]"), nil, "", "", "add Subject: [EXT]"},
	} {
		h := sdktest.New(t)
		h.SetConfig(c.cfg)
		if c.subject != "" {
			h.AddHeader("Subject", c.subject)
		}
		for _, p := range c.parts {
			h.AddPart(p, []byte(c.content))
		}
		if got := said(h.Run(&abi.Event{Stage: abi.StageMessage})); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestBrokenConfig(t *testing.T) {
	bad := config("text", "x")
	h := abi.Object()
	h.Set("Content-Type", abi.String("x"))
	bad.Set("header", h)
	for _, cfg := range []abi.Value{config(), config("subject_tag", "a\nb"), bad} {
		host := sdktest.New(t)
		host.SetConfig(cfg)
		if _, err := host.Try(&abi.Event{Stage: abi.StageMessage}); err == nil {
			t.Errorf("%+v was taken", cfg)
		}
	}
}

func TestMalformedIsLeftAlone(t *testing.T) {
	h := sdktest.New(t)
	h.SetConfig(config("text", "T"))
	h.AddPart(abi.Part{Type: "text/plain"}, []byte("hi"))
	h.SetMalformed(true)
	if v := h.Run(&abi.Event{Stage: abi.StageMessage}); len(v.PartEdits) > 0 {
		t.Errorf("%+v", v.PartEdits)
	}
}
