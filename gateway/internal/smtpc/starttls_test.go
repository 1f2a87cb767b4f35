package smtpc

import (
	"crypto/tls"
	"fmt"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

func TestSTARTTLS(t *testing.T) {
	conf, pool := smtptest.Certificate(t, "127.0.0.1")
	other, _ := smtptest.Certificate(t, "127.0.0.1")
	for _, tc := range []struct {
		name, mode string
		script     smtptest.Script
		tls        bool
		verified   bool
		fails      string
	}{
		{name: "used where offered", script: smtptest.Script{Ext: []string{"STARTTLS"}, TLS: conf}, tls: true, verified: true},
		{name: "lower case", script: smtptest.Script{Ext: []string{"starttls"}, TLS: conf}, tls: true, verified: true},
		{name: "unverified", mode: TLSRequired, script: smtptest.Script{Ext: []string{"STARTTLS"}, TLS: other}, tls: true},
		{name: "not offered", script: smtptest.Script{}},
		{name: "none", mode: TLSNone, script: smtptest.Script{Ext: []string{"STARTTLS"}, TLS: conf}},
		{name: "required, not offered", mode: TLSRequired, script: smtptest.Script{}, fails: "451 4.7.4"},
		{name: "refused", script: smtptest.Script{Ext: []string{"STARTTLS"}, Reply: map[string]string{"STARTTLS": "454 4.7.0 not now"}}, fails: "454 4.7.0 not now"},
		{name: "injected", script: smtptest.Script{Ext: []string{"STARTTLS"}, Reply: map[string]string{"STARTTLS": smtptest.Inject}}, fails: "451 4.7.5"},
		{name: "broken", script: smtptest.Script{Ext: []string{"STARTTLS"}, TLS: &tls.Config{}}, fails: "451 4.7.5 TLS handshake failed"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := smtptest.Start(t, tc.script)
			c, tr, err := dial(t, Options{Addr: p.Addr, Host: "127.0.0.1", TLS: tc.mode, Roots: pool})
			if tc.fails != "" {
				if e := asError(t, err); e.Stage != StageStartTLS || !strings.HasPrefix(e.Reply.String(), tc.fails) {
					t.Errorf("got %v\n%s", err, tr)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := c.TLSVersion() != ""; got != tc.tls || c.Verified() != tc.verified {
				t.Errorf("TLS %q verified %v\n%s", c.TLSVersion(), c.Verified(), tr)
			}
			if _, err := send(c, t, "x\r\n", "a@b.test"); err != nil || p.Messages()[0].TLS != tc.tls {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestAUTH_only_through_TLS_and_never_in_the_transcript(t *testing.T) {
	conf, _ := smtptest.Certificate(t, "127.0.0.1")
	auth := &Credentials{User: "user", Password: "s3cret"}
	script := func(mechs, reply string) smtptest.Script {
		return smtptest.Script{Ext: []string{"STARTTLS", mechs}, TLS: conf, Reply: map[string]string{"AUTH": reply}}
	}
	p := smtptest.Start(t, script("AUTH LOGIN PLAIN", "235 2.7.0 ok"))
	_, tr := mustDial(t, Options{Addr: p.Addr, Auth: auth})
	if s := tr.String(); !strings.Contains(s, "> AUTH PLAIN (redacted)\n< 235") || strings.Contains(s, "czNjcmV0") || strings.Contains(s, "AHVzZXI") {
		t.Errorf("%s", s)
	}
	p.Set(script("AUTH=PLAIN", "535 5.7.8 wrong"))
	_, _, err := dial(t, Options{Addr: p.Addr, Auth: auth})
	if e := asError(t, err); e.Stage != StageAuth || !e.Remote || e.Reply.Code != 535 {
		t.Errorf("%v", err)
	}
	for password, want := range map[string]string{"s3cret": "", "wrong": "535 5.7.8"} {
		p.Set(smtptest.Script{Ext: []string{"STARTTLS", "AUTH login"}, TLS: conf, Login: "dXNlcg== czNjcmV0"})
		_, tr, err = dial(t, Options{Addr: p.Addr, Auth: &Credentials{User: "user", Password: password}})
		if (err == nil) != (want == "") || (err != nil && !strings.Contains(err.Error(), want)) || strings.Contains(tr.String(), "czNj") || !strings.Contains(tr.String(), "> (redacted)\n") {
			t.Errorf("LOGIN with %s: %v\n%s", password, err, tr)
		}
	}
	p.Set(script("AUTH CRAM-MD5", ""))
	_, _, err = dial(t, Options{Addr: p.Addr, Auth: auth})
	if e := asError(t, err); e.Stage != StageAuth || e.Remote {
		t.Errorf("%v", err)
	}
	p.Set(smtptest.Script{Ext: []string{"AUTH PLAIN"}})
	_, _, err = dial(t, Options{Addr: p.Addr, Auth: auth})
	if e := asError(t, err); e.Stage != StageAuth || e.Remote || len(p.Lines()) == 0 || strings.HasPrefix(p.Lines()[len(p.Lines())-1], "AUTH") {
		t.Errorf("%v %q", err, p.Lines())
	}
	if s := auth.String() + auth.LogValue().String(); strings.Contains(s, "s3cret") {
		t.Error(s)
	}
}

// A server that repeats the credentials does not get them into a log.
func TestCredentials_that_are_repeated(t *testing.T) {
	cfg, roots := smtptest.Certificate(t, "mx.test")
	for name, said := range map[string]string{"base64": "czNjcmV0", "plain": "s3cret", "initial": "AHVzZXIAczNjcmV0"} {
		for _, code := range []string{"535", "435", "334"} {
			p := smtptest.Start(t, smtptest.Script{TLS: cfg, Ext: []string{"STARTTLS", "AUTH PLAIN"}, Reply: map[string]string{"AUTH": code + " 5.7.8 not " + said}})
			tr := &Transcript{}
			o := Options{Addr: p.Addr, Host: "mx.test", Helo: "us.test", TLS: TLSRequired, Roots: roots, Auth: &Credentials{User: "user", Password: "s3cret"}, Transcript: tr}
			_, err := Dial(t.Context(), o)
			if all := fmt.Sprint(err, tr); err == nil || strings.Contains(all, said) || !strings.Contains(tr.String(), "(redacted)") {
				t.Errorf("%s, %s: %s", name, code, all)
			}
		}
	}
}
