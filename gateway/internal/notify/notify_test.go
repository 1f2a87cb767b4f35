package notify

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-message"
	_ "github.com/emersion/go-message/charset"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"pgregory.net/rapid"
)

var update = flag.Bool("update", false, "write the golden files")

var t0 = time.Date(2026, 11, 21, 9, 30, 0, 0, time.UTC)

type memBody struct{ *bytes.Reader }

func (memBody) Close() error { return nil }

func body(s string) store.Body { return memBody{bytes.NewReader([]byte(s))} }

func addr(t testing.TB, s string) mail.Address {
	t.Helper()
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func original(t testing.TB) *store.Message {
	id, err := mail.ParseID("01kb3z6q9xe0m8v2r5s7t4w1yd")
	if err != nil {
		t.Fatal(err)
	}
	return &store.Message{
		ID: id, Direction: mail.Outbound, Received: t0, Sender: addr(t, "anna@acme.test"), HasBody: true,
		Client:  mail.Client{Addr: netip.MustParseAddrPort("192.0.2.7:999")},
		Trace:   "Received: from pc by mx.weir.test; Sat, 21 Nov 2026 09:30:00 +0000\r\n",
		Summary: store.Summary{Subject: "Quarterly figures", MessageID: "<q1@acme.test>"},
		Recipients: []store.Recipient{
			{N: 1, Address: addr(t, "bob@far.test"), Tenant: "acme", Attempts: 1, Changed: t0.Add(time.Second)},
			{N: 2, Address: addr(t, "eve@far.test"), Tenant: "acme", Attempts: 3, Changed: t0.Add(time.Second), Expires: t0.Add(96 * time.Hour)},
		},
	}
}

const originalText = "From: Anna <anna@acme.test>\r\nTo: bob@far.test\r\nSubject: Quarterly figures\r\nMessage-ID: <q1@acme.test>\r\n\r\nsecret body\r\n"

func opts() Options { return Options{Hostname: "mx.weir.test", Now: t0.Add(4 * time.Hour)} }

func attempts() []mail.Attempt {
	return []mail.Attempt{
		{K: 1, Start: t0.Add(time.Second), Host: "mx1.far.test", Outcome: []mail.RcptReply{
			{N: 1, Remote: true, Reply: mail.Reply{Code: 550, Enhanced: mail.Enhanced{5, 1, 1}, Text: "No such user\nhere: Müller"}},
			{N: 2, Remote: true, Reply: mail.Reply{Code: 451, Text: "Try later"}},
		}},
		{K: 2, Start: t0.Add(3 * time.Hour), Host: "mx2.far.test", Outcome: []mail.RcptReply{
			{N: 2, Reply: mail.Reply{Text: "connection timed out"}},
		}},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs:\n%s", name, got)
	}
}

// wellFormed checks what every message of ours has to be, and returns its parts.
func wellFormed(t testing.TB, m *store.Message, b []byte) (message.Header, []*message.Entity, []string) {
	t.Helper()
	for i, line := range bytes.Split(bytes.TrimSuffix(b, []byte("\r\n")), []byte("\r\n")) {
		if len(line) > 998 || bytes.ContainsAny(line, "\r\n\x00") {
			t.Errorf("line %d: %q", i+1, line)
		}
		if !ascii(string(line)) && !m.Params.SMTPUTF8 {
			t.Errorf("line %d is not ASCII: %q", i+1, line)
		}
	}
	if int64(len(b)) != m.Size || !m.Sender.IsNull() || !m.HasBody || m.Recipients[0].Status != mail.StatusQueued {
		t.Errorf("message %+v", m)
	}
	e, err := message.Read(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if !m.Received.Equal(m.ID.Time()) {
		t.Errorf("received %v under an ID of %v: searches by time would miss it", m.Received, m.ID.Time())
	}
	if !strings.HasPrefix(e.Header.Get("Auto-Submitted"), "auto-") {
		t.Error("not marked as automatic")
	}
	r := e.MultipartReader()
	if r == nil {
		t.Fatal("no multipart")
	}
	var parts []*message.Entity
	var texts []string
	for {
		p, err := r.NextPart()
		if errors.Is(err, io.EOF) {
			return e.Header, parts, texts
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(p.Body)
		if err != nil {
			t.Fatal(err)
		}
		parts, texts = append(parts, p), append(texts, string(text))
	}
}

func TestFailure(t *testing.T) {
	m := original(t)
	made, b, err := DSN(KindFailed, m, []store.Recipient{m.Recipients[1], m.Recipients[0]}, attempts(), opts(), body(originalText))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "failure.eml", b)
	h, parts, texts := wellFormed(t, made, b)
	if ct, p, _ := h.ContentType(); ct != "multipart/report" || p["report-type"] != "delivery-status" || len(parts) != 3 {
		t.Errorf("%s %v with %d parts", ct, p, len(parts))
	}
	for i, want := range []string{"text/plain", "message/delivery-status", "text/rfc822-headers"} {
		if ct, _, _ := parts[i].Header.ContentType(); ct != want {
			t.Errorf("part %d is %s", i, ct)
		}
	}
	if !strings.Contains(texts[0], "here: Müller") {
		t.Errorf("the reply's words are lost:\n%s", texts[0])
	}
	if strings.Contains(string(b), "secret body") || !strings.HasPrefix(texts[2], "Received: from pc") || !strings.HasSuffix(texts[2], "<q1@acme.test>\r\n") {
		t.Errorf("returned header:\n%s", texts[2])
	}
	if made.Recipients[0].Address != m.Sender || made.Kind != KindDSN || made.Parent != m.ID || made.Direction != mail.Inbound || made.Recipients[0].Tenant != "acme" || !made.Recipients[0].Local {
		t.Errorf("%+v", made)
	}
}

func TestDelay(t *testing.T) {
	m := original(t)
	made, b, err := DSN(KindDelayed, m, m.Recipients[1:], attempts(), opts(), body(originalText))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "delay.eml", b)
	_, _, texts := wellFormed(t, made, b)
	for _, want := range []string{"Action: delayed\r\n", "Status: 4.4.1\r\n", "Will-Retry-Until: Wed, 25 Nov 2026 09:30:00 +0000\r\n", "Diagnostic-Code: x-weir; connection timed out\r\n"} {
		if !strings.Contains(texts[1], want) {
			t.Errorf("no %q in\n%s", want, texts[1])
		}
	}
	if strings.Contains(texts[1], "Remote-MTA") {
		t.Error("words of ours are laid to the remote host")
	}
}

func TestNoNoticeToTheNullSender(t *testing.T) {
	m := original(t)
	m.Sender = mail.Address{}
	if _, _, err := DSN(KindFailed, m, m.Recipients, nil, opts(), nil); !errors.Is(err, ErrNullSender) {
		t.Error(err)
	}
	if _, _, err := DSN(KindDelayed, m, m.Recipients, nil, opts(), nil); !errors.Is(err, ErrNullSender) {
		t.Error(err)
	}
}

func TestMadeOnce(t *testing.T) {
	m := original(t)
	id := func(o Options, rs ...store.Recipient) mail.ID {
		made, _, err := DSN(KindFailed, m, rs, nil, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		return made.ID
	}
	first, later := opts(), opts()
	later.Now = later.Now.Add(time.Hour)
	both := id(first, m.Recipients...)
	if both != id(later, m.Recipients[1], m.Recipients[0]) {
		t.Error("the same failure has two IDs")
	}
	if both == id(first, m.Recipients[0]) {
		t.Error("different recipients share an ID")
	}
	again := m.Recipients[0]
	again.Attempts++
	if id(first, m.Recipients[0]) == id(first, again) {
		t.Error("a second failure has the ID of the first")
	}
	if d, _, _ := DSN(KindDelayed, m, m.Recipients, nil, first, nil); d.ID == both {
		t.Error("delay and failure share an ID")
	}
}

func TestStatusAndWords(t *testing.T) {
	reply := func(code int, enh string, text string) *mail.Reply { return mail.NewReply(code, enh, text) }
	cases := []struct {
		name        string
		last        *mail.Reply
		cause       Cause
		code, words string
	}{
		{"refused", reply(550, "5.7.1", "no"), "", "5.7.1", "refuses this recipient for good"},
		{"refused_without_enhanced", reply(554, "", "no"), "", "5.0.0", "refuses"},
		{"enhanced_belies_code", reply(550, "4.2.2", "full"), "", "5.0.0", "refuses"},
		{"expired", reply(451, "4.3.0", "later"), "", "4.3.0", "time for delivery is over; mx.far.test kept"},
		{"expired_never_reached", nil, "", "4.4.7", "no host of the destination"},
		{"removed", reply(451, "4.3.0", "later"), CauseRemoved, "5.7.0", "administrator took the message out"},
		{"held", nil, CauseHeld, "5.7.1", "nobody released it"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := original(t)
			m.Recipients[0].Last = c.last
			if c.last != nil {
				m.Recipients[0].LastHost, m.Recipients[0].LastRemote = "mx.far.test", true
			}
			o := opts()
			o.Cause = c.cause
			made, b, err := DSN(KindFailed, m, m.Recipients[:1], nil, o, nil)
			if err != nil {
				t.Fatal(err)
			}
			_, parts, texts := wellFormed(t, made, b)
			if len(parts) != 2 || !strings.Contains(texts[1], "\r\nStatus: "+c.code+"\r\n") || !strings.Contains(strings.Join(strings.Fields(texts[0]), " "), c.words) {
				t.Errorf("want %s and %q:\n%s\n%s", c.code, c.words, texts[1], texts[0])
			}
		})
	}
}

// What is told, and of whom, is what the recipient's record says; of the attempts
// only the time. Words of ours are never laid to a host.
func TestB30_B105_WhoseWordsAreTold(t *testing.T) {
	unreachable := mail.RcptReply{N: 1, Reply: *mail.NewReply(451, "4.4.1", "connection timed out")}
	noTLS := mail.RcptReply{N: 1, Remote: true, Reply: *mail.NewReply(451, "4.7.5", "STARTTLS is not offered")}
	for _, c := range []struct {
		name, kind string
		last       *mail.Reply
		host       string
		remote     bool
		try        mail.RcptReply
		want, text []string
		never      []string
	}{
		{"policy_ended_it", KindFailed, mail.NewReply(550, "5.7.10", "policy demands a verified channel"), "mx1.far.test", false, noTLS,
			[]string{"Status: 5.7.10", "Diagnostic-Code: x-weir; 550 5.7.10 policy demands a verified channel"}, []string{"This recipient cannot be reached. Our finding was: 550 5.7.10"},
			[]string{"Remote-MTA", "4.7.5", "time for delivery", "mx1.far.test refuses"}},
		{"first_host_answered", KindFailed, mail.NewReply(452, "4.2.2", "mailbox full"), "mx1.far.test", true, unreachable,
			[]string{"Status: 4.2.2", "Remote-MTA: dns; mx1.far.test", "Diagnostic-Code: smtp; 452 4.2.2 mailbox full"}, []string{"mx1.far.test kept refusing for the moment. Its words were: 452"},
			[]string{"timed out", "mx2.far.test", "no host"}},
		{"first_host_answered_late", KindDelayed, mail.NewReply(452, "4.2.2", "mailbox full"), "mx1.far.test", true, unreachable,
			[]string{"Status: 4.2.2", "Remote-MTA: dns; mx1.far.test"}, []string{"mx1.far.test did not take the message yet"}, []string{"could be reached", "timed out"}},
		{"other_tenant", KindFailed, mail.NewReply(550, "5.7.1", "not wanted here"), "local", false, unreachable,
			[]string{"Status: 5.7.1", "Diagnostic-Code: x-weir; 550 5.7.1 not wanted here"}, []string{"This recipient cannot be reached."}, []string{"local refuses", "Remote-MTA", "smtp;"}},
		{"passed_to_other_tenant", KindRelayed, mail.NewReply(250, "2.0.0", "passed on"), "local", false, unreachable,
			[]string{"Action: relayed", "Status: 2.0.0"}, []string{"The destination took the message."}, []string{"local took", "Remote-MTA", "smtp;"}},
		{"throttled_to_the_end", KindFailed, mail.NewReply(451, "4.4.5", "the destination's own turn did not come"), "mx.far.test:25", false, unreachable,
			[]string{"Status: 4.4.5", "Diagnostic-Code: x-weir; 451 4.4.5"}, []string{"time for delivery is over; no host of the destination took the message"}, []string{"kept refusing", "Remote-MTA", "mx.far.test", "smtp;"}},
		{"no_record", KindFailed, nil, "", false, noTLS,
			[]string{"Status: 4.7.5", "Remote-MTA: dns; mx2.far.test", "Diagnostic-Code: smtp; 451 4.7.5"}, []string{"mx2.far.test kept refusing"}, nil},
		{"socket", KindFailed, mail.NewReply(452, "4.2.2", "mailbox full"), "/run/dovecot/lmtp", true, unreachable,
			[]string{"Status: 4.2.2", "Diagnostic-Code: smtp; 452 4.2.2 mailbox full"}, []string{"over; the destination kept refusing"}, []string{"/run", "Remote-MTA"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := original(t)
			r := &m.Recipients[0]
			r.Last, r.LastHost, r.LastRemote = c.last, c.host, c.remote
			tries := []mail.Attempt{{K: 1, Start: t0.Add(time.Hour), Host: "mx2.far.test", Outcome: []mail.RcptReply{c.try}}}
			made, b, err := DSN(c.kind, m, m.Recipients[:1], tries, opts(), nil)
			if err != nil {
				t.Fatal(err)
			}
			_, _, texts := wellFormed(t, made, b)
			people, machine := strings.Join(strings.Fields(texts[0]), " "), strings.ReplaceAll(texts[1], "\r\n ", " ")
			for _, s := range append(c.want, "Last-Attempt-Date: Sat, 21 Nov 2026 10:30:00 +0000") {
				if !strings.Contains(machine, "\r\n"+s) {
					t.Errorf("no %q in\n%s", s, machine)
				}
			}
			for _, s := range c.text {
				if !strings.Contains(people, s) {
					t.Errorf("no %q in\n%s", s, people)
				}
			}
			for _, s := range c.never {
				if strings.Contains(people+machine, s) {
					t.Errorf("%q in\n%s\n%s", s, people, machine)
				}
			}
		})
	}
}

// A socket's path is told in no language, and the sentence stays one.
func TestSocketsAreNotTold(t *testing.T) {
	for language, want := range map[string]string{"en": "; the destination kept", "de": "; das Ziel hat", "fr": " ; la destination refusait", "es": "; el destino seguía"} {
		m := original(t)
		m.Recipients[0].Last, m.Recipients[0].LastHost, m.Recipients[0].LastRemote = mail.NewReply(452, "4.2.2", "full"), "/run/lmtp", true
		o := opts()
		o.Language = language
		made, b, err := DSN(KindFailed, m, m.Recipients[:1], nil, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, _, texts := wellFormed(t, made, b)
		if s := strings.Join(strings.Fields(texts[0]), " "); !strings.Contains(s, want) || strings.Contains(s+texts[1], "/run") {
			t.Errorf("%s:\n%s", language, s)
		}
	}
}

func TestRemoteMTA(t *testing.T) {
	for host, want := range map[string]string{
		"mx1.far.test": "mx1.far.test", "127.0.0.1": "[127.0.0.1]", "2001:db8::1": "[IPv6:2001:db8::1]", "::ffff:192.0.2.1": "[192.0.2.1]", "fe80::1%eth0": "[IPv6:fe80::1]",
		"": "", "/run/lmtp": "", "@lmtp": "", "a b": "", "mx.far.test\r\nAction: delivered": "", "mx\u00fc.test": "", strings.Repeat("x", 256): "",
	} {
		if got := mtaName(host); got != want {
			t.Errorf("%q: %q, want %q", host, got, want)
		}
	}
}

func TestRedirectIsNotTold(t *testing.T) {
	m := original(t)
	m.Recipients[0].Original = addr(t, "info@far.test")
	_, b, err := DSN(KindFailed, m, m.Recipients[:1], nil, opts(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(b, []byte("bob@far.test")) || !bytes.Contains(b, []byte("rfc822; info@far.test")) {
		t.Errorf("%s", b)
	}
}

func TestForeignAddress(t *testing.T) {
	m := original(t)
	m.Sender = addr(t, "jürgen@acme.test")
	m.Recipients[0].Address = addr(t, "пример@far.test")
	made, b, err := DSN(KindFailed, m, m.Recipients[:1], nil, opts(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _, texts := wellFormed(t, made, b)
	if got := typed(addr(t, `"jü+a=b\\c d"@far.test`)); got != `utf-8; "j\x{FC}\x{2B}a\x{3D}b\x{5C}\x{5C}c\x{20}d"@far.test` {
		t.Errorf("%s", got)
	}
	if !made.Params.SMTPUTF8 || made.Params.Body != "8BITMIME" || !strings.Contains(texts[1], `utf-8; \x{43F}\x{440}`) {
		t.Errorf("%+v\n%s", made.Params, texts[1])
	}
}

func TestStallNotice(t *testing.T) {
	m := original(t)
	m.Direction = mail.Inbound
	r := m.Recipients[0]
	r.Status, r.Reason, r.Expires = mail.StatusStalled, "could not be inspected", t0.Add(7*24*time.Hour)
	r.Findings = []mail.Finding{
		{Filter: "base.stall", Class: mail.Class{Main: "unscannable", Sub: "encrypted-archive"}, Explanation: "The archive is protected by a password.", Part: "2 Rechnung März.zip", Path: "in/a.zip", Recommended: mail.ActionStall, Action: mail.ActionStall},
		{Filter: "base.other", Explanation: "never shown", Recommended: mail.ActionContinue},
	}
	to := []mail.Address{addr(t, "postmaster@acme.test"), addr(t, "it@acme.test")}
	made, b, err := StallNotice(m, []store.Recipient{r}, to, opts())
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "stall.eml", b)
	_, _, texts := wellFormed(t, made, b)
	for _, want := range []string{"protected by a password", "März.zip → in/a.zip", "weir stalled force " + m.ID.String()} {
		if !strings.Contains(strings.Join(strings.Fields(texts[0]), " "), want) {
			t.Errorf("no %q in\n%s", want, texts[0])
		}
	}
	if strings.Contains(texts[0], "never shown") || len(made.Recipients) != 2 || made.Kind != KindNotice {
		t.Errorf("%+v\n%s", made, texts[0])
	}
}

// TestHostileOriginals: whatever came in, what goes out is well-formed mail.
func TestHostileOriginals(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for name, text := range map[string]string{
		"empty": "", "no_header": "\r\nbody", "bare_lf": "A: b\nC: d\n\nbody\n", "nul": "A: \x00\r\n\r\n",
		"bare_cr": "A: b\rC: d\r\n\r\n", "long_line": "A: " + long + "\r\n\r\n", "latin1": "Subject: \xe9t\xe9\r\n\r\n",
		"endless": strings.Repeat("A: b\r\n", 20000), "one_line": strings.Repeat(long, 20),
	} {
		t.Run(name, func(t *testing.T) {
			m := original(t)
			m.Trace = ""
			made, b, err := DSN(KindFailed, m, m.Recipients[:1], attempts(), opts(), body(text))
			if err != nil {
				t.Fatal(err)
			}
			if wellFormed(t, made, b); len(b) > 2*maxHeader+8192 {
				t.Errorf("%d octets", len(b))
			}
		})
	}
	rapid.Check(t, func(rt *rapid.T) {
		m := original(t)
		m.Summary.Subject = rapid.String().Draw(rt, "subject")
		m.Summary.MessageID = "<" + rapid.String().Draw(rt, "id") + ">"
		m.Recipients[0].Last = &mail.Reply{Code: rapid.IntRange(0, 599).Draw(rt, "code"), Text: rapid.String().Draw(rt, "text") + string(rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(rt, "bytes"))}
		m.Recipients[0].LastHost, m.Recipients[0].LastRemote = rapid.String().Draw(rt, "host"), rapid.Bool().Draw(rt, "remote")
		made, b, err := DSN(KindFailed, m, m.Recipients[:1], nil, opts(), body(string(rapid.SliceOf(rapid.Byte()).Draw(rt, "body"))))
		if err != nil {
			rt.Fatal(err)
		}
		wellFormed(t, made, b)
	})
}

type brokenBody struct{ memBody }

func (brokenBody) ReadAt([]byte, int64) (int, error) { return 0, errors.New("disk on fire") }

func TestUnreadableOriginalIsAnError(t *testing.T) {
	m := original(t)
	if _, _, err := DSN(KindFailed, m, m.Recipients, nil, opts(), brokenBody{memBody{bytes.NewReader([]byte("x"))}}); err == nil || !strings.Contains(err.Error(), "disk on fire") {
		t.Error(err)
	}
}
