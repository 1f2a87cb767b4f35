package notify

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// asked is the original with everything that RFC 3461 lets a sender ask.
func asked(t testing.TB) *store.Message {
	m := original(t)
	m.Params.EnvID = "QQ 314159"
	m.Recipients[0].DSN = mail.RcptParams{Notify: mail.NotifySuccess | mail.NotifyFailure | mail.NotifyDelay, ORcpt: "rfc822;Bob+work@Far.test"}
	m.Recipients[0].Class.Sub = "x"
	return m
}

// taken are attempts that ended well.
func taken() []mail.Attempt {
	return []mail.Attempt{{K: 1, Start: t0.Add(time.Second), Host: "mx1.far.test", Outcome: []mail.RcptReply{
		{N: 1, Remote: true, Reply: mail.Reply{Code: 250, Enhanced: mail.Enhanced{2, 6, 0}, Text: "queued as 4711"}},
	}}}
}

func languageNames() []string { return []string{"en", "de", "fr", "es"} }

// TestB104_B105_GoldenOfEachKindAndLanguage: every kind of notice in every
// language that is built in, as it goes out.
func TestB104_B105_GoldenOfEachKindAndLanguage(t *testing.T) {
	for _, language := range languageNames() {
		for _, kind := range []string{KindFailed, KindDelayed, KindRelayed, KindDelivered, KindExpanded, KindStalled, KindExpired} {
			t.Run(kind+"_"+language, func(t *testing.T) {
				m := asked(t)
				o := opts()
				o.Language = language
				made, b, err := compose(t, kind, m, o)
				if err != nil {
					t.Fatal(err)
				}
				golden(t, filepath.Join("kinds", kind+"."+language+".eml"), b)
				h, parts, texts := wellFormed(t, made, b)
				if got := parts[0].Header.Get("Content-Language"); got != language {
					t.Errorf("language %q", got)
				}
				if s, err := h.Text("Subject"); err != nil || strings.TrimSpace(s) == "" {
					t.Errorf("subject %q %v", s, err)
				}
				if strings.Contains(texts[0], "%!") || strings.Contains(string(b), "secret body") {
					t.Errorf("%s", texts[0])
				}
				if kind == KindStalled || kind == KindExpired {
					return
				}
				machine := texts[1]
				for _, want := range []string{"Original-Envelope-Id: QQ 314159\r\n", "\r\nOriginal-Recipient: rfc822; Bob+work@Far.test\r\nFinal-Recipient: rfc822; bob@far.test\r\nAction: " + kind + "\r\n"} {
					if !strings.Contains(machine, want) {
						t.Errorf("no %q in\n%s", want, machine)
					}
				}
			})
		}
	}
}

func compose(t *testing.T, kind string, m *store.Message, o Options) (*store.Message, []byte, error) {
	switch kind {
	case KindStalled, KindExpired:
		r := m.Recipients[0]
		r.Reason, r.Expires = "could not be inspected", t0.Add(7*24*time.Hour)
		to := []mail.Address{addr(t, "postmaster@acme.test")}
		if kind == KindStalled {
			return StallNotice(m, []store.Recipient{r}, to, o)
		}
		queued := *m
		queued.Recipients = []store.Recipient{m.Recipients[1]}
		queued.Recipients[0].Last, queued.Recipients[0].LastRemote = mail.NewReply(451, "4.2.2", "mailbox full"), true
		return ExpiredNotice("acme", []Ended{{m, []store.Recipient{r}}, {&queued, queued.Recipients}}, to, o)
	case KindFailed, KindDelayed:
		return DSN(kind, m, m.Recipients, attempts(), o, body(originalText))
	}
	return DSN(kind, m, m.Recipients[:1], taken(), o, body(originalText))
}

// No language lacks a word, and each has as many places for values as English.
func TestLanguagesAreComplete(t *testing.T) {
	if len(languages) != len(languageNames()) {
		t.Errorf("%d languages, %d tested", len(languages), len(languageNames()))
	}
	en := reflect.ValueOf(english)
	check := func(where, want, got string) {
		if got == "" || strings.Count(got, "%s") != strings.Count(want, "%s") || strings.Count(got, "%") != strings.Count(want, "%") {
			t.Errorf("%s: %q for %q", where, got, want)
		}
	}
	for name, w := range languages {
		v := reflect.ValueOf(*w)
		for i := range v.NumField() {
			where := name + " " + v.Type().Field(i).Name
			if v.Field(i).Kind() == reflect.Map {
				for _, k := range en.Field(i).MapKeys() {
					if got := v.Field(i).MapIndex(k); got.IsValid() {
						check(where+" "+k.String(), en.Field(i).MapIndex(k).String(), got.String())
					} else {
						t.Errorf("%s lacks %s", where, k)
					}
				}
				continue
			}
			check(where, en.Field(i).String(), v.Field(i).String())
		}
	}
	if wordsOf("tlh") != &english {
		t.Error("a language that is not known is not English")
	}
}

// A tenant's own words replace the built-in ones; what cannot be used is told
// of, and no notice is lost for it.
func TestTemplates(t *testing.T) {
	for _, c := range []struct {
		name, source  string
		subject, text string
		problem       string
	}{
		{"words", `{{define "subject"}}Zurück: {{.Subject}}{{end}}Hallo {{.Sender}},
{{range .Recipients}}{{.Address}} {{.Status}} {{.Reply}}
{{end}}({{.ID}}, {{.Hostname}}, {{.Kind}}, {{.Messages}})`, "Zurück: Quarterly figures", "Hallo anna@acme.test,\r\nbob@far.test 5.1.1 550 5.1.1 No such user / here: Müller\r\n", ""},
		{"around_the_built_in", "ACME says:\n\n{{.Text}}", "Undelivered mail returned to sender", "ACME says:\r\n\r\nThis is the mail system at mx.weir.test.", ""},
		{"no_such_field", "{{.Colour}}", "Undelivered mail returned to sender", "This is the mail system", "Colour"},
		{"syntax", "{{", "Undelivered mail returned to sender", "This is the mail system", "unclosed"},
		{"nothing", "{{if false}}x{{end}}", "Undelivered mail returned to sender", "This is the mail system", "nothing"},
		{"endless", `{{define "x"}}{{template "x"}}a{{end}}{{template "x"}}`, "Undelivered mail returned to sender", "This is the mail system", "exceeded"},
		{"too_long", `{{range $i := 100000}}aaaaaaaaaaaaaaaaaaaaaaaaaaa{{end}}`, "Undelivered mail returned to sender", "This is the mail system", "octets"},
		{"header_in_the_subject", "{{define \"subject\"}}a\r\nBcc: x@y.test{{end}}text", "a Bcc: x@y.test", "text", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := original(t)
			o := opts()
			var problem error
			o.Templates, o.Problem = map[string]string{KindFailed: c.source}, func(err error) { problem = err }
			made, b, err := DSN(KindFailed, m, m.Recipients[:1], attempts(), o, body(originalText))
			if err != nil {
				t.Fatal(err)
			}
			h, _, texts := wellFormed(t, made, b)
			if s, _ := h.Text("Subject"); s != c.subject || h.Get("Bcc") != "" {
				t.Errorf("subject %q", s)
			}
			if !strings.Contains(texts[0], c.text) {
				t.Errorf("text:\n%s", texts[0])
			}
			if (problem != nil) != (c.problem != "") || problem != nil && !strings.Contains(problem.Error(), c.problem) {
				t.Errorf("problem: %v", problem)
			}
		})
	}
}

// What comes back of a message: the whole where that was asked for and may be,
// else its header.
func TestWhatIsReturned(t *testing.T) {
	eight := "Subject: x\r\n\r\nM\xfcller\r\n"
	for _, c := range []struct {
		name  string
		text  string
		shape func(m *store.Message)
		full  bool
	}{
		{"asked_for", originalText, func(*store.Message) {}, true},
		{"eight_bit", eight, func(*store.Message) {}, true},
		{"headers_asked_for", originalText, func(m *store.Message) { m.Params.Ret = "HDRS" }, false},
		{"nothing_asked_for", originalText, func(m *store.Message) { m.Params.Ret = "" }, false},
		{"too_large", originalText + strings.Repeat("0123456789\r\n", maxFull/12), func(*store.Message) {}, false},
		{"as_large_as_may_be", originalText + strings.Repeat("0123456789\r\n", (maxFull-len(originalText))/12), func(*store.Message) {}, true},
		{"channel_demanded", originalText, func(m *store.Message) { m.Recipients[1].Secure = &mail.Secure{TLS: "verified"} }, false},
		{"malware", originalText, func(m *store.Message) { m.Recipients[0].Class.Main = "malware" }, false},
		{"smtputf8", originalText, func(m *store.Message) { m.Params.SMTPUTF8 = true }, false},
		{"eight_bit_header", "Subject: \xfc\r\n\r\nx\r\n", func(*store.Message) {}, false},
		{"nul", "Subject: x\r\n\r\na\x00b\r\n", func(*store.Message) {}, false},
		{"bare_lf", "Subject: x\r\n\r\na\nb\r\n", func(*store.Message) {}, false},
		{"long_line", "Subject: x\r\n\r\n" + strings.Repeat("x", 999) + "\r\n", func(*store.Message) {}, false},
		{"no_end_of_line", "Subject: x\r\n\r\nx", func(*store.Message) {}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := original(t)
			m.Params.Ret = "FULL"
			c.shape(m)
			made, b, err := DSN(KindFailed, m, m.Recipients[:1], attempts(), opts(), body(c.text))
			if err != nil {
				t.Fatal(err)
			}
			text := string(b)
			if full := strings.Contains(text, "\r\nContent-Type: message/rfc822\r\n") && strings.Contains(text, m.Trace+c.text); full != c.full {
				t.Errorf("whole: %v\n%.3000s", full, text)
			}
			if !c.full && !strings.Contains(text, "Content-Type: text/rfc822-headers") {
				t.Errorf("no header:\n%.3000s", text)
			}
			if want := map[bool]string{true: "8BITMIME"}[c.name == "eight_bit"]; made.Params.Body != want || strings.Contains(text, "Transfer-Encoding: 8bit") != (want != "") {
				t.Errorf("body %q", made.Params.Body)
			}
		})
	}
	// Of what is not a failure only the header comes back (RFC 3461 §4.3).
	m := original(t)
	m.Params.Ret = "FULL"
	for _, kind := range []string{KindDelayed, KindRelayed, KindDelivered, KindExpanded} {
		_, b, err := DSN(kind, m, m.Recipients[:1], taken(), opts(), body(originalText))
		if err != nil || strings.Contains(string(b), "secret body") {
			t.Errorf("%s: %v\n%s", kind, err, b)
		}
	}
}

// Where a redirect leads is not told: neither address nor host nor its words,
// in any kind of notice.
func TestNoKindTellsWhereARedirectLeads(t *testing.T) {
	for _, kind := range []string{KindFailed, KindDelayed, KindRelayed, KindExpanded} {
		m := original(t)
		r := &m.Recipients[0]
		r.Original, r.Last, r.LastHost, r.LastRemote = addr(t, "info@acme.test"), mail.NewReply(550, "5.2.1", "<bob@far.test> is on leave"), "mx1.far.test", true
		_, b, err := DSN(kind, m, m.Recipients[:1], attempts(), opts(), body("Subject: x\r\n\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		if s := string(b); strings.Contains(s, "bob") || strings.Contains(s, "mx1") || strings.Contains(s, "leave") || !strings.Contains(s, "rfc822; info@acme.test") {
			t.Errorf("%s:\n%s", kind, s)
		}
		if kind == KindFailed && !strings.Contains(string(b), "\r\nStatus: 5.2.1\r\n") {
			t.Errorf("the code is lost:\n%s", b)
		}
	}
}

// An original recipient that is not ASCII, or hostile, stays in its line.
func TestOriginalRecipientIsForeignText(t *testing.T) {
	for in, want := range map[string]string{
		"utf-8;jü@far.test":              `Original-Recipient: utf-8; j\x{FC}@far.test`,
		"utf-8;jü+a=b@far.test":          `Original-Recipient: utf-8; j\x{FC}\x{2B}a\x{3D}b@far.test`,
		`utf-8;j\x{FC}\x{2B}a@far.test`:  `Original-Recipient: utf-8; j\x{FC}\x{2B}a@far.test`,
		"rfc822;a b":                     "Original-Recipient: rfc822; a b",
		"rfc822;x\r\nBcc: evil@far.test": "Original-Recipient: rfc822; x Bcc: evil@far.test",
	} {
		m := original(t)
		m.Recipients[0].DSN.ORcpt = in
		m.Params.EnvID = "a\r\nAction: delivered"
		_, b, err := DSN(KindFailed, m, m.Recipients[:1], nil, opts(), nil)
		if err != nil || !strings.Contains(string(b), "\r\n"+want+"\r\n") || strings.Contains(string(b), "\r\nAction: delivered") {
			t.Errorf("%q %v:\n%s", in, err, b)
		}
	}
}

// Every golden file is one of a kind and language that is tested.
func TestGoldenFilesAreThoseTested(t *testing.T) {
	files, err := os.ReadDir(filepath.Join("testdata", "kinds"))
	if err != nil {
		t.Fatal(err)
	}
	if want := 7 * len(languageNames()); len(files) != want {
		t.Errorf("%d files, %d kinds and languages", len(files), want)
	}
}
