package daemon_test

import (
	"bytes"
	"html"
	"io"
	"mime"
	"net/http"
	"net/smtp"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

const digestPolicy = `
gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
admin {
  address = "127.0.0.1:0"
  url     = "http://links.weir.test"
}
ruleset "held" {
  action "suspicious" {
    when = sender.domain == "far.test"
    do   = quarantine("everything from there is suspicious")
  }
}
tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.held]
  route {
    hosts = ["DESTINATION"]
    tls   = "none"
  }
  recipients { verify = "none" }
  digest {
    at       = ["07:00"]
    zone     = "Europe/Vienna"
    except   = ["list@acme.test"]
    language = "de"
  }
  report "held" {
    at     = ["07:30"]
    zone   = "Europe/Vienna"
    to     = ["boss@acme.test"]
    search = "status:quarantined after:-1d"
  }
}
`

// page asks for a page of the gateway, as a browser on its site does.
func page(t *testing.T, d *daemon.Daemon, method, link string) (int, string, http.Header) {
	t.Helper()
	path, ok := strings.CutPrefix(link, "http://links.weir.test/")
	if !ok {
		t.Fatalf("the link %q does not begin with the policy's url", link)
	}
	at := "http://" + d.Addresses().Admin
	r, err := http.NewRequest(method, at+"/"+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		r.Header.Set("Origin", at)
		r.Header.Set("Sec-Fetch-Site", "same-origin")
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b), resp.Header
}

var hrefs = regexp.MustCompile(`href="([^"]+)"`)

// A user's digest from end to end: mail is held, the digest comes at its time,
// once, its link asks before it acts, the release is done with the mailbox's
// rights, and log, delivery log and audit log show it (B41, B52, B40).
func TestB52_digest_of_held_mail_releases_by_link(t *testing.T) {
	dest := smtptest.Start(t, smtptest.Script{})
	dir := configDir(t, strings.Replace(digestPolicy, "DESTINATION", dest.Addr, 1))
	// Vienna is one hour ahead: 07:00 there is 06:00 UTC.
	clk := newMoved(time.Date(2026, 11, 23, 4, 50, 0, 0, time.UTC))
	log := &logged{}
	d, c, stop := gatewayLogging(t, dir, clk, log)
	submit := func(subject string, rcpts ...string) {
		t.Helper()
		text := "From: Eve <eve@far.test>\r\nTo: somebody\r\nSubject: " + subject + "\r\n\r\nClick here.\r\n"
		if err := smtp.SendMail(d.Addresses().Listeners["mx"], nil, "eve@far.test", rcpts, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	subject := mime.QEncoding.Encode("utf-8", "<b>You \u202ewon</b> at http://evil.test/?a=1&b=2")
	submit(subject, "ann@acme.test", "bob@acme.test", "list@acme.test")
	submit("the second", "ann@acme.test")

	// It is new in the policy: the time before the start is not made up for.
	log.waitFor(t, "mail by the clock is planned", 2)
	if n := len(dest.Messages()); n != 0 {
		t.Fatalf("%d messages before the time", n)
	}
	clk.to(time.Date(2026, 11, 23, 6, 2, 0, 0, time.UTC))
	got := arrivals(t, dest, 2)
	if len(to(got, "ann@acme.test")) != 1 || len(to(got, "bob@acme.test")) != 1 || len(to(got, "list@acme.test")) != 0 {
		t.Fatalf("digests went to %v, %v", got[0].To, got[1].To)
	}
	digest := to(got, "ann@acme.test")[0]
	if digest.From != "" {
		t.Errorf("return path <%s>", digest.From)
	}
	head, byType := parts(t, digest)
	if s, _ := new(mime.WordDecoder).DecodeHeader(head.Header.Get("Subject")); s != "Zurückgehaltene Nachrichten: 2" {
		t.Errorf("subject %q", s)
	}
	if head.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Error("not marked as made by a program")
	}
	page1, text := byType["text/html"], byType["text/plain"]
	for _, bad := range []string{"<b>You", "\u202e", "<img", "<script", "src=", "http://evil.test", "url("} {
		if strings.Contains(page1, bad) {
			t.Errorf("the digest has %q", bad)
		}
	}
	if !strings.Contains(page1, "&lt;b&gt;You won&lt;/b&gt;") || !strings.Contains(text, "<b>You won</b> at http[:]//evil.test/") {
		t.Errorf("the subject is not shown:\n%s", text)
	}
	var release, remove []string
	for _, h := range hrefs.FindAllStringSubmatch(page1, -1) {
		link := html.UnescapeString(h[1])
		if !strings.Contains(text, link) {
			t.Errorf("the text lacks %s", link)
		}
		if strings.Contains(link, "/link/release/") {
			release = append(release, link)
		} else {
			remove = append(remove, link)
		}
	}
	if len(release) != 2 || len(remove) != 2 {
		t.Fatalf("%d links to release, %d to remove", len(release), len(remove))
	}

	// The newest stands first: the one with the odd subject is the second. GET
	// and HEAD change nothing, however often a scanner asks.
	held := func(rcpt string) []api.Row {
		t.Helper()
		var out []api.Row
		for r, err := range c.All(t.Context(), client.Search{Q: "kind:ordinary recipient:" + rcpt}, 0) {
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, r)
		}
		return out
	}
	for range 3 {
		status, body, h := page(t, d, http.MethodGet, release[1])
		if status != http.StatusOK || !strings.Contains(body, "<form method=\"post\">") || !strings.Contains(body, "Diese Nachricht freigeben?") {
			t.Fatalf("%d:\n%s", status, body)
		}
		if strings.Contains(body, "<b>You") || strings.Contains(body, "\u202e") || strings.Contains(body, "<script") {
			t.Errorf("the page shows the subject as it came:\n%s", body)
		}
		if csp := h.Get("Content-Security-Policy"); !strings.HasPrefix(csp, "default-src 'none'") || !strings.Contains(csp, "frame-ancestors 'none'") || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%v", h)
		}
		if status, _, _ := page(t, d, http.MethodHead, remove[1]); status != http.StatusOK {
			t.Errorf("HEAD: %d", status)
		}
	}
	for _, r := range held("ann@acme.test") {
		if r.Status != "quarantined" {
			t.Fatalf("GET made it %s", r.Status)
		}
	}

	// POST releases, for this mailbox alone, and once.
	status, body, _ := page(t, d, http.MethodPost, release[1])
	if status != http.StatusOK || !strings.Contains(body, "<h1>Freigegeben</h1>") {
		t.Fatalf("%d:\n%s", status, body)
	}
	status, body, _ = page(t, d, http.MethodPost, release[1])
	if status != http.StatusOK || !strings.Contains(body, "bereits freigegeben") {
		t.Fatalf("again, %d:\n%s", status, body)
	}
	if status, body, _ = page(t, d, http.MethodPost, remove[1]); status != http.StatusOK || !strings.Contains(body, "bereits freigegeben") {
		t.Errorf("removing what was released: %d\n%s", status, body)
	}
	got = arrivals(t, dest, 3)
	if n := len(to(got, "ann@acme.test")); n != 2 || !strings.Contains(to(got, "ann@acme.test")[1].Body, "Click here.") {
		t.Fatalf("%d messages to ann", n)
	}
	var id string
	for end := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		rows := held("ann@acme.test")
		if id = rows[1].ID; rows[1].Status == "released" && rows[0].Status == "quarantined" {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the log has %s and %s", rows[0].Status, rows[1].Status)
		}
	}
	if rows := held("bob@acme.test"); rows[0].Status != "quarantined" {
		t.Errorf("bob's is %s", rows[0].Status)
	}
	attempts, err := c.Attempts(t.Context(), id)
	if err != nil || len(attempts) != 1 || len(attempts[0].Outcome) != 1 || attempts[0].Outcome[0].Reply.Code != 250 || attempts[0].Outcome[0].Recipient != "ann@acme.test" {
		t.Errorf("the delivery log has %+v, %v", attempts, err)
	}
	entries, _, err := c.Audit(t.Context(), client.AuditQuery{Action: "release"}, "", 10)
	if err != nil || len(entries) != 1 {
		t.Fatalf("the audit log has %+v, %v", entries, err)
	}
	if e := entries[0]; e.Actor != "ann@acme.test" || e.Target != id || e.Tenant != "acme" || e.Source != "127.0.0.1" || e.Refused != "" || e.Details["via"] == "" {
		t.Errorf("%+v", e)
	}

	// The other link deletes.
	if status, body, _ = page(t, d, http.MethodPost, remove[0]); status != http.StatusOK || !strings.Contains(body, "<h1>Gelöscht</h1>") {
		t.Errorf("%d:\n%s", status, body)
	}
	if rows := held("ann@acme.test"); rows[0].Status != "quarantine-removed" {
		t.Errorf("it is %s", rows[0].Status)
	}

	// What was tampered with is not there, whatever it is.
	for _, link := range []string{
		release[1][:len(release[1])-2] + "xx", strings.Replace(release[1], "/release/", "/remove/", 1), "http://links.weir.test/link/release/",
		"http://links.weir.test/link/release/" + strings.Repeat("a", 3000), "http://links.weir.test/link/force/x", "http://links.weir.test/link/",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if status, _, _ := page(t, d, method, link); status != http.StatusNotFound {
				t.Errorf("%s %.80s: %d", method, link, status)
			}
		}
	}

	quiet(t, c)
	// A restart sends nothing twice, and the report of the half hour comes with what
	// is held still: bob's and the list's.
	stop()
	d, c, _ = gatewayAt(t, dir, clk)
	clk.to(time.Date(2026, 11, 23, 6, 32, 0, 0, time.UTC))
	got = arrivals(t, dest, 4)
	if n := len(to(got, "ann@acme.test")) + len(to(got, "bob@acme.test")); n != 3 {
		t.Errorf("%d messages to ann and bob after the restart", n)
	}
	report := to(got, "boss@acme.test")
	if len(report) != 1 {
		t.Fatalf("no report among %d messages", len(got))
	}
	_, byType = parts(t, report[0])
	if !strings.Contains(byType["text/plain"], "Recipients found: 2") || byType["application/zip"] == "" {
		t.Errorf("%s", byType["text/plain"])
	}

	quiet(t, c)
	// Days later nothing new is held: no digest. The link of what is still there
	// has ended.
	_, byType = parts(t, to(got, "bob@acme.test")[0])
	link := html.UnescapeString(hrefs.FindStringSubmatch(byType["text/html"])[1])
	clk.to(time.Date(2026, 12, 8, 6, 2, 0, 0, time.UTC))
	if status, body, _ := page(t, d, http.MethodPost, link); status != http.StatusGone {
		t.Errorf("after its time: %d\n%s", status, body)
	}
	arrivals(t, dest, 5) // the report of one of those days, once
	time.Sleep(300 * time.Millisecond)
	if n := len(dest.Messages()); n != 5 {
		t.Errorf("%d messages", n)
	}
}

// What fell due while the gateway was down is made when it starts, once, and
// tells of everything held meanwhile.
func TestDigestMissedWhileDownComesOnce(t *testing.T) {
	dest := smtptest.Start(t, smtptest.Script{})
	const everything = "report \"everything\" {\n  at     = [\"1. 00:00\"]\n  to     = [\"post@acme.test\"]\n  search = \"kind:ordinary\"\n  format = \"jsonl\"\n}\n"
	dir := configDir(t, strings.Replace(digestPolicy, "DESTINATION", dest.Addr, 1)+everything)
	clk := newMoved(time.Date(2026, 11, 23, 4, 50, 0, 0, time.UTC))
	log := &logged{}
	d, _, stop := gatewayLogging(t, dir, clk, log)
	log.waitFor(t, "mail by the clock is planned", 3)
	text := []byte("From: Eve <eve@far.test>\r\nSubject: one\r\n\r\nx\r\n")
	if err := smtp.SendMail(d.Addresses().Listeners["mx"], nil, "eve@far.test", []string{"ann@acme.test"}, text); err != nil {
		t.Fatal(err)
	}
	stop()
	clk.to(time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)) // three digests and three reports have passed
	_, c, stop := gatewayAt(t, dir, clk)
	got := arrivals(t, dest, 2)
	if len(to(got, "ann@acme.test")) != 1 || len(to(got, "boss@acme.test")) != 1 {
		t.Errorf("%v, %v", got[0].To, got[1].To)
	}
	quiet(t, c)
	stop()
	_, c, _ = gatewayAt(t, dir, clk)
	time.Sleep(300 * time.Millisecond)
	if n := len(dest.Messages()); n != 2 {
		t.Errorf("%d messages", n)
	}
	// By hand it lists all that is held, told of or not.
	p, err := c.PreviewDigest(t.Context(), "ann@acme.test")
	if err != nil || !strings.Contains(p.Text, "one") || !strings.Contains(p.Text, "/link/release/…") {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := c.SendDigest(t.Context(), "ann@acme.test"); err != nil {
		t.Error(err)
	}
	got = arrivals(t, dest, 3)
	if n := len(to(got, "ann@acme.test")); n != 2 {
		t.Errorf("%d digests for ann", n)
	}
	if _, err := c.SendDigest(t.Context(), "list@acme.test"); err == nil {
		t.Error("a mailbox that is to get none got one")
	}
	if _, err := c.RunReport(t.Context(), "acme", "held", []string{"other@acme.test"}); err != nil {
		t.Error(err)
	}
	if got = arrivals(t, dest, 4); len(to(got, "other@acme.test")) != 1 {
		t.Error("no report by hand")
	}
	if _, err := c.RunReport(t.Context(), "", "everything", nil); err != nil { // the gateway's own
		t.Error(err)
	}
	if got = arrivals(t, dest, 5); len(to(got, "post@acme.test")) != 1 || !strings.Contains(to(got, "post@acme.test")[0].Body, "Recipients found: 1") {
		t.Error("no report of the gateway's")
	}
	plans, err := c.Reports(t.Context())
	if err != nil || len(plans) != 2 || plans[0].Tenant != "" || plans[1].Last.IsZero() || plans[1].Next.IsZero() || !plans[0].Last.IsZero() {
		t.Errorf("%+v, %v", plans, err)
	}
	var out bytes.Buffer
	n, err := c.Export(t.Context(), client.Export{Format: "csv", Columns: []string{"recipient", "status", "message_id"}}, &out)
	if err != nil || n.Written != 6 || !strings.HasPrefix(out.String(), "recipient,status,message_id\r\n") {
		t.Errorf("%+v, %v\n%s", n, err, out.String())
	}
}
