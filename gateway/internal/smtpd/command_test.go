package smtpd

import (
	"errors"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

func TestParseBDAT(t *testing.T) {
	for in, want := range map[string]struct {
		size int64
		last bool
	}{
		"0": {0, false}, "0 LAST": {0, true}, "10": {10, false}, "10 last": {10, true}, "10  LAST": {10, true}, "007": {7, false},
		"9223372036854775807": {1<<63 - 1, false}, "99999999999999999999": {1<<63 - 1, false}, // too large either way
	} {
		if size, last, ok := parseBDAT(in); !ok || size != want.size || last != want.last {
			t.Errorf("%q: %d %v %v", in, size, last, ok)
		}
	}
	for _, in := range []string{"", " ", "LAST", "-1", "+1", "1.0", "0x1", "1e3", "1 L", "1 LAST ", "1 LAST x", "1LAST", "１", strings.Repeat("0", 21)} {
		if size, last, ok := parseBDAT(in); ok {
			t.Errorf("%q is read as %d %v", in, size, last)
		}
	}
}

func TestValidHelo(t *testing.T) {
	for _, s := range []string{"c.test", "C.TEST.", "my_pc", "localhost", "127.0.0.1", "[127.0.0.1]", "[IPv6:2001:db8::1]", "[::1]", "2001:db8::1", "-x-"} {
		if !validHelo(s) {
			t.Errorf("%q is refused", s)
		}
	}
	for _, s := range []string{"", " ", "a b", "a\tb", "(a)", "<a>", "a@b", "a;b", `a"b`, "a\x00", "ü.test", "[", "[]", "[a]", "[127.0.0.1", "[fe80::1%eth0]", "[IPv6:]", strings.Repeat("a", 256), "a\r\nX: y", "a/b", "a=b"} {
		if validHelo(s) {
			t.Errorf("%q is accepted", s)
		}
	}
}

// FuzzCommand: whatever a line holds, what comes out of it can be shown,
// logged and sent on without ending a line, a path or a field.
func FuzzCommand(f *testing.F) {
	for _, s := range []string{"EHLO c.test\r\n", "MAIL FROM:<a@b.test> SIZE=1 BODY=8BITMIME SMTPUTF8\r\n", "RCPT TO:<\"a b\"@b.test>\r\n", "RCPT TO:<postmaster>\r\n",
		"BDAT 1 LAST\r\n", "NOOP\n", "Received: x\r\n", "mail from: <>\r\n", "RCPT TO:<@a,@b:c@d>\r\n", "\r\n", "\n", "RCPT TO:<j\xc3\xb6@x>\r\n", "MAIL FROM:<a@b> \r\n"} {
		f.Add([]byte(s), false, false)
	}
	f.Fuzz(func(t *testing.T, line []byte, bareLF, smtputf8 bool) {
		line = append(line, '\n')
		before := string(line)
		cmd, err := parseCommand(line, bareLF)
		if string(line) != before {
			t.Fatal("the line was changed")
		}
		if err != nil {
			r, ok := mail.AsReply(err)
			var fatal *lineFault
			if errors.As(err, &fatal) {
				r, ok = fatal.reply, true
			}
			if !ok || !r.Permanent() || cmd != (command{}) {
				t.Fatalf("%q: error %v with %+v", line, err, cmd)
			}
			return
		}
		if len(line) > maxPathLine || verbs[cmd.verb] != cmd.verb || strings.HasSuffix(cmd.arg, " ") {
			t.Fatalf("%q is read as %+v", line, cmd)
		}
		if !bareLF && !strings.HasSuffix(before, "\r\n") {
			t.Fatalf("%q passed with a bare LF", line)
		}
		noControls(t, cmd.arg)
		from, p, bad := parseMail(cmd.arg, true)
		if bad == nil {
			if !strings.EqualFold(cmd.arg[:5], "FROM:") {
				t.Fatalf("%q is taken for a sender", cmd.arg)
			}
			noControls(t, from.Path()+p.Body)
			if p.Size < 0 || !p.SMTPUTF8 && !from.IsASCII() {
				t.Fatalf("%q: %+v %+v", line, from, p)
			}
		}
		to, _, bad := parseRcpt(cmd.arg, true, smtputf8)
		if bad == nil {
			noControls(t, to.Path())
			if to.IsNull() || !smtputf8 && !to.IsASCII() {
				t.Fatalf("%q: %+v", line, to)
			}
		}
		if size, _, ok := parseBDAT(cmd.arg); ok && size < 0 {
			t.Fatalf("%q: size %d", line, size)
		}
		if validHelo(cmd.arg) && strings.ContainsAny(cmd.arg, " \t()<>\"\\;,") {
			t.Fatalf("%q is a HELO", line)
		}
	})
}

func noControls(t *testing.T, s string) {
	t.Helper()
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] == 0x7f {
			t.Fatalf("%q holds a control character", s)
		}
	}
}
