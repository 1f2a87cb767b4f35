package deliver

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

var (
	token = strings.Repeat("Ab1_", 10) + "." + strings.Repeat("Cd2-", 10)
	link  = "https://gw.test/sign-in/link/" + token
)

// TestB89_words_stay_with_their_message: a host that is in trouble names a
// recipient and a link in its answer to one message. The next message to it, of
// whomever, hears the codes alone, and so does the log; the operators' list of
// destinations has the words, but for those.
func TestB89_words_stay_with_their_message(t *testing.T) {
	for _, verb := range []string{"MAIL", "RCPT", "DATA", "DOT"} {
		for _, said := range []string{"421 4.7.0 ", "421-4.7.0 all of\r\n421 4.7.0 "} {
			t.Run(fmt.Sprint(verb, len(said)), func(t *testing.T) {
				p := smtptest.Start(t, smtptest.Script{Reply: map[string]string{verb: said + "too much for <Ann@b.test>: " + link}})
				var log bytes.Buffer
				e, _ := shaped(t, big, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
				r := static(p.Addr)
				first := run(t, e, request(t, r, "ann@b.test"))
				outcome(t, first, Deferred)
				if text := first.Rcpts[0].Reply.Text; !strings.Contains(text, "<Ann@b.test>: "+link) {
					t.Errorf("its own message does not hear the words: %q", text)
				}
				second := run(t, e, request(t, r, "other@c.test"))
				throttled(t, second, "left alone")
				if text := second.Rcpts[0].Reply.Text; !strings.HasSuffix(text, "it could not be used (421 4.7.0)") {
					t.Errorf("another message hears %q", text)
				}
				e.Close()
				if l := log.String(); !strings.Contains(l, `reply="421 4.7.0"`) || strings.Contains(l, "too much") {
					t.Errorf("log: %s", l)
				}
				if last := e.Hops()[0].Last; last.Code != 421 || !strings.HasSuffix(last.Text, "too much for <(an address)>: (a link)") {
					t.Errorf("the list has %q", last)
				}
			})
		}
	}
}

// TestB52_hosts_words_about_sealed_mail: of answers about mail that is for its
// recipient alone nothing but codes comes in, whichever answer it is.
func TestB52_hosts_words_about_sealed_mail(t *testing.T) {
	words := "no " + link[:40] + "\r\n%[1]d %[2]s " + link[40:] + " for ann@b.test" // a link on two lines is none that could be found
	for _, verb := range []string{"Greeting", "EHLO", "MAIL", "RCPT", "DATA", "DOT", "LMTP"} {
		for _, code := range []int{421, 450, 554, 250, 354} {
			if code == 250 && verb != "DOT" && verb != "LMTP" || code == 554 && verb == "EHLO" || code == 354 && verb != "DOT" { // where HELO may do, and the dialogue goes on
				continue
			}
			t.Run(fmt.Sprint(verb, code), func(t *testing.T) {
				enhanced := fmt.Sprintf("%d.7.0", code/100)
				said := fmt.Sprintf("%[1]d-%[2]s "+words, code, enhanced)
				script := smtptest.Script{Greeting: "220 fake", Reply: map[string]string{verb: said}}
				switch verb {
				case "Greeting":
					script.Greeting = said
				case "LMTP":
					script.LMTP = func(string) string { return said }
				}
				p := smtptest.Start(t, script)
				r := static(p.Addr)
				r.LMTP = verb == "LMTP"
				var log bytes.Buffer
				e, _ := shaped(t, big, func(o *Options) {
					o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
				})
				req := request(t, r, "ann@b.test")
				req.Sealed = true
				res := run(t, e, req)
				e.Close()
				wantCode, before := ".7.0", enhanced+" "
				if code == 354 { // ours, and 3.7.0 is no code of RFC 3463 but a word
					wantCode, before = ".5.0", ""
				}
				if got := res.Rcpts[0].Reply; got.Code == 0 || got.Enhanced.String()[1:] != wantCode || !strings.Contains(got.Text, notKept) {
					t.Errorf("result: %s", got)
				}
				if len(res.Attempts) != 1 || !strings.Contains(res.Attempts[0].Transcript, fmt.Sprintf("< %d-%s%s\n< %d %s%s\n", code, before, notKept, code, before, notKept)) {
					t.Errorf("transcript: %s", transcripts(res))
				}
				all := fmt.Sprintf("%+v %+v %s", res, e.Hops()[0].Last, log.String())
				for _, part := range []string{link[30:40], link[40:60], token} {
					if strings.Contains(all, part) {
						t.Errorf("the link comes out: %s", all)
					}
				}
			})
		}
	}
}

func TestAnonymous(t *testing.T) {
	for in, want := range map[string]string{
		"ok":                               "ok",
		"<a@b.test>... over quota":         "<(an address)>... over quota",
		`"a \" b"@b.test no`:               "(an address) no",
		"rcpt a@[192.0.2.1], jörg@é.test;": "rcpt (an address), (an address);",
		"see http://x.test/?a@b.test now":  "see (a link) now",
		"blocked " + token:                 "blocked (a link)",
		"the host 192.0.2.1 is listed":     "the host 192.0.2.1 is listed",
		"@ and a@ and @b are no addresses": "@ and a@ and @b are no addresses",
	} {
		r := mail.Reply{Code: 550, Text: in}
		if got := anonymous(r); got.Text != want || got.Code != 550 {
			t.Errorf("%q: %q, want %q", in, got.Text, want)
		}
	}
}

func TestCodesOnly(t *testing.T) {
	n := notKept
	in := "* connected\n> MAIL FROM:<>\n< 250-2.1.0 a\n< 250\n< 450 4.7.1 a b\n< 450 4.7.10\n< 450 4.7 x\n< 250-SIZE 5\n< garbage x\n< 2500 y\n< \n* note 1\n"
	want := "* connected\n> MAIL FROM:<>\n< 250-2.1.0 " + n + "\n< 250\n< 450 4.7.1 " + n + "\n< 450 4.7.10\n< 450 " + n + "\n< 250-" + n + "\n< " + n + "\n< " + n + "\n< \n* note 1\n"
	if got := codesOnly(in); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
