package journal

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// TestDialogueWithoutOthers: what a host says of somebody else's recipients of
// the same message is not in the dialogue, in whatever order it is had.
func TestDialogueWithoutOthers(t *testing.T) {
	whole := &store.Message{Recipients: []store.Recipient{
		{N: 1, Address: addr(t, "ann@acme.test")}, {N: 2, Address: addr(t, "bob@beta.test")}, {N: 3, Address: addr(t, "cy@acme.test")},
	}}
	seen := &store.Message{Recipients: whole.Recipients[1:2]}
	for _, c := range []struct{ name, in, want string }{
		{"one_by_one", `
* connected to 192.0.2.1:25
< 220 mx
> EHLO weir
< 250-mx
< 250 SIZE
> MAIL FROM:<x@far.test>
< 250 ok
> RCPT TO:<ann@acme.test> NOTIFY=FAILURE ORCPT=rfc822;a@acme.test
< 550-5.1.1 ann has left
< 550 5.1.1 her successor is cy
> RCPT TO:<bob@beta.test>
< 250 2.1.5 bob
> RCPT TO:<CY@acme.test>
< 250 2.1.5 cy
> DATA
< 354 go on
> .
< 250 2.0.0 taken
`, `
* connected to 192.0.2.1:25
< 220 mx
> EHLO weir
< 250-mx
< 250 SIZE
> MAIL FROM:<x@far.test>
< 250 ok
> RCPT TO:<bob@beta.test>
< 250 2.1.5 bob
> DATA
< 354 go on
> .
< 250 2.0.0 taken
`},
		{"pipelined_on_a_used_connection", `
* using the connection to 192.0.2.1:25
> MAIL FROM:<x@far.test>
> RCPT TO:<ann@acme.test>
> RCPT TO:<bob@beta.test>
> RCPT TO:<cy@acme.test>
> DATA
< 250 ok
< 452 4.2.2 ann is full
< 450 4.2.1 bob is slow
< 550 5.7.1 cy is blocked
< 503 nobody
`, `
* using the connection to 192.0.2.1:25
> MAIL FROM:<x@far.test>
> RCPT TO:<bob@beta.test>
> DATA
< 250 ok
< 450 4.2.1 bob is slow
< 503 nobody
`},
		{"lmtp", `
< 220 mx
> LHLO weir
< 250 mx
> MAIL FROM:<>
< 250 ok
> RCPT TO:<ann@acme.test>
< 250 ann
> RCPT TO:<bob@beta.test>
< 250 bob
> RCPT TO:<cy@acme.test>
< 550 cy
> DATA
< 354 go on
> .
< 552 ann is full
< 250 bob has it
> QUIT
< 221 bye
`, `
< 220 mx
> LHLO weir
< 250 mx
> MAIL FROM:<>
< 250 ok
> RCPT TO:<bob@beta.test>
< 250 bob
> DATA
< 354 go on
> .
< 250 bob has it
> QUIT
< 221 bye
`},
		{"not_whole", "> MAIL FROM:<x@far.test>\n* 7 lines left out\n< 550 ann has left\n", notShown},
	} {
		a := mail.Attempt{Recipients: []int{1, 2, 3}, Transcript: strings.TrimPrefix(c.in, "\n")}
		got, ok := newRedactor(whole, seen).attempt(a)
		if want := strings.TrimPrefix(c.want, "\n"); !ok || got.Transcript != want {
			t.Errorf("%s:\n%s\nwant\n%s", c.name, got.Transcript, want)
		}
	}
	if got := withoutOthers("> RCPT TO:<ann@acme.test>\n", whole, whole); !strings.Contains(got, "ann") {
		t.Errorf("everybody's own: %s", got)
	}
}

// TestB93_B121_own_is_what_was_tried: with addresses that an operator changed, a
// view has what was said to its recipients' old ones, and nothing of the others',
// also where a new address is one that somebody else had.
func TestB93_B121_own_is_what_was_tried(t *testing.T) {
	moved := t0.Add(time.Hour)
	former := func(a string) []store.Former { return []store.Former{{Address: addr(t, a), Until: moved}} }
	whole := &store.Message{Recipients: []store.Recipient{
		{N: 1, Address: addr(t, "bob@beta.test"), Former: former("ann@acme.test")}, {N: 2, Address: addr(t, "cy@beta.test"), Former: former("bob@beta.test")},
	}}
	seen := &store.Message{Recipients: whole.Recipients[:1]}
	try := func(start time.Time, first, second string) string {
		a, _ := newRedactor(whole, seen).attempt(mail.Attempt{Start: start, Recipients: []int{1, 2}, Outcome: []mail.RcptReply{{N: 1, Reply: mail.Reply{Code: 250, Text: "for " + first + " " + second}}},
			Transcript: "> RCPT TO:<" + first + ">\n< 450 first\n> RCPT TO:<" + second + ">\n< 451 second\n"})
		return a.Transcript + a.Outcome[0].Reply.Text
	}
	for got, want := range map[string]string{
		try(t0, "ann@acme.test", "bob@beta.test"):   "> RCPT TO:<ann@acme.test>\n< 450 first\nfor ann@acme.test (another recipient)",
		try(moved, "bob@beta.test", "cy@beta.test"): "> RCPT TO:<bob@beta.test>\n< 450 first\nfor bob@beta.test (another recipient)",
	} {
		if got != want {
			t.Errorf("%s\nwant\n%s", got, want)
		}
	}
}

// BenchmarkRedactThousand is one attempt of a message to a thousand recipients,
// one of whom is shown.
func BenchmarkRedactThousand(b *testing.B) {
	whole, a := thousand(b)
	seen := &store.Message{Recipients: whole.Recipients[499:500]}
	for b.Loop() {
		if got, ok := newRedactor(whole, seen).attempt(a); !ok || len(got.Outcome) != 1 {
			b.Fatal("not redacted")
		}
	}
}

// thousand is a message to a thousand, and an attempt at it whose last answer
// names everybody.
func thousand(t testing.TB) (*store.Message, mail.Attempt) {
	m, a := &store.Message{}, mail.Attempt{}
	var d, all strings.Builder
	for n := 1; n <= 1000; n++ {
		x, err := mail.ParseAddress(fmt.Sprintf("user.%04d@dept%d.example-company.test", n, n%7))
		if err != nil {
			t.Fatal(err)
		}
		m.Recipients = append(m.Recipients, store.Recipient{N: n, Address: x, DSN: mail.RcptParams{ORcpt: fmt.Sprintf("rfc822;alias+%d@example.test", n)}})
		a.Recipients = append(a.Recipients, n)
		a.Outcome = append(a.Outcome, mail.RcptReply{N: n, Reply: mail.Reply{Code: 250, Text: "ok"}})
		fmt.Fprintf(&d, "> RCPT TO:<%s> ORCPT=rfc822;alias+2B%d@example.test\n< 250 ok\n", x, n)
		fmt.Fprintf(&all, " %s", strings.ToUpper(x.String()))
	}
	a.Transcript = "> MAIL FROM:<x@far.test>\n< 250 ok\n" + d.String() + "> DATA\n< 354 go\n> .\n< 250 taken for" + all.String() + "\n"
	return m, a
}
