package smtpd

import (
	"crypto/tls"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

func TestSaneReply(t *testing.T) {
	for _, c := range []struct {
		name string
		in   mail.Reply
		wire string
	}{
		{"as_it_is", *mail.NewReply(550, "5.1.1", "no such user"), "550 5.1.1 no such user\r\n"},
		{"lines", *mail.NewReply(250, "2.0.0", "a\nb\r\nc"), "250-2.0.0 a\r\n250-2.0.0 b\r\n250 2.0.0 c\r\n"},
		{"injected_reply", *mail.NewReply(550, "5.0.0", "no\r250 2.0.0 yes\x00\x7f"), "550 5.0.0 no 250 2.0.0 yes\r\n"},
		{"class_follows_code", *mail.NewReply(450, "5.7.1", "x"), "450 4.7.1 x\r\n"},
		{"enhanced_code_made", mail.Reply{Code: 550, Text: "x"}, "550 5.0.0 x\r\n"},
		{"enhanced_code_out_of_range", mail.Reply{Code: 550, Enhanced: mail.Enhanced{5, -1, 7}, Text: "x"}, "550 5.0.0 x\r\n"},
		{"no_text", mail.Reply{Code: 250}, "250 2.0.0 OK\r\n"},
		{"empty_lines", mail.Reply{Code: 451, Text: "\n \n"}, "451 4.0.0 Temporary failure, please try again later\r\n"},
		{"not_ascii", mail.Reply{Code: 550, Text: "n\xe4h ü"}, "550 5.0.0 n?h ?\r\n"},
	} {
		r, ok := sane(c.in)
		if got := string(appendReply(nil, &r)); !ok || got != c.wire {
			t.Errorf("%s: %q, %v; want %q", c.name, got, ok, c.wire)
		}
	}
	for _, code := range []int{-250, 0, 100, 199, 300, 354, 600, 1000} {
		if r, ok := sane(mail.Reply{Code: code}); ok {
			t.Errorf("code %d passes as %v", code, r)
		}
	}
	r, _ := sane(mail.Reply{Code: 550, Text: strings.Repeat("x", 100000) + "\n" + strings.Repeat("y\n", 1000)})
	wire := string(appendReply(nil, &r))
	if n := strings.Count(wire, "\r\n"); n != maxReplyLines {
		t.Errorf("%d lines", n)
	}
	for line := range strings.Lines(wire) {
		if len(line) > 512 {
			t.Errorf("line of %d octets", len(line))
		}
	}
}

var receivedAt = time.Date(2026, 11, 21, 23, 5, 0, 0, time.FixedZone("", 3600))

func address(t *testing.T, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestReceived(t *testing.T) {
	a, b, u := address(t, "a@c.test"), address(t, `"b x"@mx.test`), address(t, "jörg@mx.test")
	tls13 := &tls.ConnectionState{Version: tls.VersionTLS13, CipherSuite: tls.TLS_AES_128_GCM_SHA256}
	remote := netip.MustParseAddrPort("192.0.2.1:4321")
	for _, c := range []struct {
		name string
		p    Peer
		to   []mail.Address
		want string
	}{
		{"helo", Peer{Helo: "c.test", Remote: remote}, []mail.Address{b},
			"Received: from c.test ([192.0.2.1])\r\n\tby mx.test (Weir) with SMTP id 01abc\r\n\tfor <\"b x\"@mx.test>;\r\n\tSat, 21 Nov 2026 23:05:00 +0100\r\n"},
		{"several_recipients_stay_private", Peer{Helo: "c.test", ESMTP: true, Remote: remote}, []mail.Address{a, b},
			"Received: from c.test ([192.0.2.1])\r\n\tby mx.test (Weir) with ESMTP id 01abc;\r\n\tSat, 21 Nov 2026 23:05:00 +0100\r\n"},
		{"tls_and_user", Peer{Helo: "[IPv6:::1]", ESMTP: true, TLS: tls13, User: "joe", Remote: netip.MustParseAddrPort("[2001:db8::1]:25")}, nil,
			"Received: from [IPv6:::1] ([IPv6:2001:db8::1])\r\n\t(using TLS1.3 with cipher TLS_AES_128_GCM_SHA256)\r\n\tby mx.test (Weir) with ESMTPSA id 01abc;\r\n\tSat, 21 Nov 2026 23:05:00 +0100\r\n"},
		{"utf8", Peer{Helo: "c.test", ESMTP: true, TLS: tls13, Remote: remote}, []mail.Address{u},
			"Received: from c.test ([192.0.2.1])\r\n\t(using TLS1.3 with cipher TLS_AES_128_GCM_SHA256)\r\n\tby mx.test (Weir) with UTF8SMTPS id 01abc\r\n\tfor <jörg@mx.test>;\r\n\tSat, 21 Nov 2026 23:05:00 +0100\r\n"},
	} {
		if got := Received(&c.p, "mx.test", "01abc", a, c.to, receivedAt); got != c.want {
			t.Errorf("%s:\n%q\nwant\n%q", c.name, got, c.want)
		}
	}
}

func TestReceivedCannotBeInjectedInto(t *testing.T) {
	evil := "x\r\nBcc: victim@evil.org\r\n\r\nbody (comment; by evil with"
	got := Received(&Peer{Helo: evil, User: evil}, evil, evil, mail.Address{}, []mail.Address{{}}, receivedAt)
	want := "Received: from unknown (unknown)\r\n\tby unknown (Weir) with SMTP id xBccvictimevil.orgbodycommentbyevilwith;\r\n\tSat, 21 Nov 2026 23:05:00 +0100\r\n"
	if got != want {
		t.Errorf("got %q", got)
	}
}

func FuzzReceived(f *testing.F) {
	f.Add("c.test", "mx.test", "id", "user", "a@b.test")
	f.Add("x\r\ny", "(", ";", "\x00", `"a\" b"@c.test`)
	f.Fuzz(func(t *testing.T, helo, host, id, user, to string) {
		a, err := mail.ParseAddress(to)
		if err != nil {
			return
		}
		got := Received(&Peer{Helo: helo, User: user, ESMTP: true}, host, id, a, []mail.Address{a}, receivedAt)
		lines := strings.Split(strings.TrimSuffix(got, "\r\n"), "\r\n")
		if len(lines) != 4 || !strings.HasSuffix(got, "\r\n") {
			t.Fatalf("%d lines: %q", len(lines), got)
		}
		for i, l := range lines {
			if strings.ContainsAny(l, "\r\n\x00") || len(l) > 998 || (l[0] == '\t') != (i > 0) {
				t.Fatalf("line %q", l)
			}
		}
		rest := strings.Replace(got, a.Path(), "", 1)
		if strings.Count(rest, "(") != 2 || strings.Count(rest, ";") != 1 {
			t.Fatalf("comments or clauses were added: %q", got)
		}
	})
}
