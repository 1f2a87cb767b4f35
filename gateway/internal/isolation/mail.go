package isolation

import (
	"fmt"
	"net/smtp"
	"net/url"
	"strings"
	"testing"
)

// letter is one message that the world begins with.
type letter struct {
	subject  string // what a rule of the tenant's looks for
	from, to string // local parts of the tenant's; with @ whole
	also     string // another recipient, to whom it is delivered
	outbound bool
	refused  bool   // its client is refused
	want     string // status
	verb     string // applied by the administrator once it has that status
	then     string // the status after it
}

// letters bring about as many statuses as come quickly.
var letters = []letter{
	{subject: "delivered", to: "anna", want: "delivered"},
	{subject: "queued", to: "later.anna", want: "queued"},
	{subject: "frozen", to: "later.anna", want: "queued", verb: "freeze", then: "queue-frozen"},
	{subject: "to-quarantine", to: "anna", want: "quarantined"},
	{subject: "to-quarantine then released", to: "anna", want: "quarantined", verb: "release", then: "released"},
	{subject: "to-quarantine then removed", to: "anna", want: "quarantined", verb: "remove-quarantined", then: "quarantine-removed"},
	{subject: "to-stall", to: "anna", want: "stalled"},
	{subject: "to-reject", to: "anna", refused: true, want: "rejected"},
	{subject: "to-discard", to: "anna", want: "blackholed"},
	{subject: "sent", from: "anna", to: "friend@far.test", outbound: true, want: "delivered"},
	{subject: "waiting", from: "anna", to: "later.MARK@far.test", outbound: true, want: "queued"},
	{subject: "waiting then returned", from: "anna", to: "later.MARK@far.test", outbound: true, want: "queued", verb: "bounce", then: "queue-bounced"},
	{subject: "bounced", from: "anna", to: "never.MARK@far.test", also: "friend@far.test", outbound: true, want: "bounced"},
}

// body is a message with the tenant's word in all of its parts.
func body(from, to, subject, mark string) []byte {
	return []byte(strings.NewReplacer("FROM", from, "TO", to, "SUBJECT", subject, "MARK", mark, "\n", "\r\n").Replace(`From: MARK Sender <FROM>
To: TO
Cc: MARK-cc@elsewhere.test
Subject: MARK SUBJECT
Message-ID: <MARK.SUBJECT@elsewhere.test>
X-MARK: MARK-header
MIME-Version: 1.0
Content-Type: multipart/mixed; boundary=b

--b
Content-Type: text/plain

The MARK body.
--b
Content-Type: application/octet-stream; name="MARK.bin"
Content-Disposition: attachment; filename="MARK.bin"

MARK attached
--b--
`))
}

func (t tenant) address(local string) string {
	if strings.Contains(local, "@") {
		return strings.ReplaceAll(local, "MARK", t.mark)
	}
	return local + "@" + t.domain()
}

// send sends the letters of a tenant and notes the messages.
func (w *World) send(t testing.TB, of tenant, into map[string][]string) {
	t.Helper()
	for i, l := range letters {
		from, at := fmt.Sprintf("%s-%d@elsewhere.test", of.mark, i), w.at.Listeners["mx"]
		if l.outbound {
			from, at = of.address(l.from), w.at.Listeners["submission"]
		}
		to := of.address(l.to)
		all := []string{to}
		if l.also != "" {
			all = append(all, of.address(l.also))
		}
		err := smtp.SendMail(at, nil, from, all, body(from, to, l.subject, of.mark))
		if err != nil && !l.refused {
			t.Fatalf("%s to %s: %v", l.subject, to, err)
		}
		subject := of.mark + " " + l.subject
		id := w.await(t, subject, l.want)
		if l.verb != "" {
			w.must(t, "POST", "/v1/actions", map[string]any{"verb": l.verb, "ids": []string{id}, "args": map[string]string{"reason": of.mark + " reason"}})
			w.await(t, subject, l.then)
		}
		into["message"] = append(into["message"], id)
		into["recipient"] = append(into["recipient"], id+".1")
		into["subject"] = append(into["subject"], subject)
	}
}

// shared sends messages that Acme and Beta get together, over one connection to
// one host, and notes the recipients' IDs.
func (w *World) shared(t testing.TB) {
	t.Helper()
	for _, local := range []string{"anna", "later.anna"} {
		from := "both@elsewhere.test"
		to := []string{local + "@" + AcmeDomain, local + "@" + BetaDomain}
		text := strings.NewReplacer("FROM", from, "LOCAL", local, "\n", "\r\n").Replace("From: FROM\nTo: undisclosed-recipients:;\nSubject: both LOCAL\n\nHello.\n")
		check(t, smtp.SendMail(w.at.Listeners["mx"], nil, from, to, []byte(text)))
		var rows []map[string]any
		await(t, "a message of two tenants", func() bool {
			rows = w.rows(t, fmt.Sprintf("subject:=%q", "both "+local))
			return len(rows) == 2
		})
		for _, r := range rows {
			id, _ := r["id"].(string)
			whole, _, _ := strings.Cut(id, ".")
			switch r["tenant"] {
			case Acme:
				w.acme["shared"] = append(w.acme["shared"], id)
			case Beta:
				w.beta["shared"] = append(w.beta["shared"], id)
				w.beta["message"] = append(w.beta["message"], whole)
			}
		}
	}
	// The queue tries both recipients of the second in one attempt.
	last := strings.Split(w.acme["shared"][1], ".")[0]
	tries := func() int {
		items, _ := w.must(t, "GET", "/v1/messages/"+last+"/attempts", nil)["items"].([]any)
		return len(items)
	}
	before := tries()
	w.must(t, "POST", "/v1/actions", map[string]any{"verb": "flush", "ids": []string{last}})
	await(t, "another attempt", func() bool { return tries() > before })
	if len(w.acme["shared"]) != 2 || len(w.beta["shared"]) != 2 {
		t.Fatalf("messages of two tenants: %v, %v", w.acme["shared"], w.beta["shared"])
	}
}

// rows are what a search of the administrator finds.
func (w *World) rows(t testing.TB, q string) []map[string]any {
	t.Helper()
	out := w.must(t, "GET", "/v1/messages?limit=1000&q="+url.QueryEscape(q), nil)
	var rows []map[string]any
	items, _ := out["items"].([]any)
	for _, x := range items {
		if r, ok := x.(map[string]any); ok {
			rows = append(rows, r)
		}
	}
	return rows
}

// await waits until the one message with a subject has a status, and gives its ID.
func (w *World) await(t testing.TB, subject, status string) string {
	t.Helper()
	id, had := "", ""
	defer func() {
		if id == "" {
			t.Logf("%s is %s", subject, had)
		}
	}()
	await(t, subject+" to be "+status, func() bool {
		for _, r := range w.rows(t, fmt.Sprintf("subject:=%q", subject)) {
			if had, _ = r["status"].(string); had == status {
				id, _ = r["id"].(string)
				id, _, _ = strings.Cut(id, ".")
				return true
			}
		}
		return false
	})
	return id
}
