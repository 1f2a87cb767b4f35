package notify

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

func TestMailingsAreWordedInEveryLanguage(t *testing.T) {
	if len(mailings) != len(languages) {
		t.Errorf("%d languages, notices have %d", len(mailings), len(languages))
	}
	want := reflect.ValueOf(*mailings["en"])
	for lang, w := range mailings {
		v := reflect.ValueOf(*w)
		for i := range v.NumField() {
			if got, en := v.Field(i).String(), want.Field(i).String(); got == "" || strings.Count(got, "%s") != strings.Count(en, "%s") {
				t.Errorf("%s: %s is %q, in English %q", lang, v.Type().Field(i).Name, got, en)
			}
		}
	}
}

// What a stranger wrote stays text: on one line, in its place, and nothing to
// click on.
func TestHarmless(t *testing.T) {
	for in, want := range map[string]string{
		"plain": "plain", "a\r\nb\tc": "a b c", "\u202egnp.exe\u202c": "gnp.exe", "\u2066x\u2069": "x", "zero\u200bwidth\ufeff": "zerowidth", "soft\u00adhyphen": "softhyphen",
		"http://evil.test": "http[:]//evil.test", "\xff\xfe": "?", "\x1b[31mred": "[31mred", "": "none", " \r\n ": "none", "tag\U000e0041": "tag",
	} {
		if got := harmless(in, 100, "none"); got != want {
			t.Errorf("harmless(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestDigestLoadsNothing(t *testing.T) {
	to, err := mail.ParseAddress("ann@acme.test")
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	evil := "\"><img src=http://evil.test/x.png><script>alert(1)</script>\u202e"
	for _, lang := range []string{"en", "de", "fr", "es", "xx"} {
		m, body, err := Digest(DigestMail{
			To: to, Tenant: "acme", Due: at, Held: []Held{{Received: at, From: evil, Subject: evil, Reason: evil, Until: at, Release: "https://l.test/a?x=1&y=2"}, {Subject: "", Stalled: true}}, More: 3, Links: at,
		}, Options{Hostname: "mx.test", Now: at, Style: Style{Language: lang}})
		if err != nil {
			t.Fatal(err)
		}
		again, _, err := Digest(DigestMail{To: to, Tenant: "acme", Due: at, Held: []Held{{}}}, Options{Hostname: "mx.test", Now: at.Add(time.Hour)})
		if err != nil || again.ID != m.ID {
			t.Errorf("%v: another ID for the same time", err)
		}
		for line := range strings.Lines(string(body)) {
			if len(line) > maxLine+2 || !strings.HasSuffix(line, "\r\n") {
				t.Errorf("line %.80q", line)
			}
		}
		text := strings.ReplaceAll(string(body), "=\r\n", "")
		for _, bad := range []string{"<img", "<script", "src=3D\"", "\u202e"} {
			if strings.Contains(text[strings.Index(text, "<!DOCTYPE"):], bad) {
				t.Errorf("%s: the digest has %q", lang, bad)
			}
		}
	}
	if _, _, err := Digest(DigestMail{To: to}, Options{}); err == nil {
		t.Error("a digest about nothing")
	}
}
