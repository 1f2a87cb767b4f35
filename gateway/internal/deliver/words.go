package deliver

import (
	"errors"
	"regexp"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// What a host says is about one message: it may name its recipients and quote its
// links. The state of a destination outlives the message and is everybody's, so
// words are cleaned where they come into it, and other messages get codes alone.

var (
	// links are addresses of the web, and signed tokens without one.
	links = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://\S+|[A-Za-z0-9_-]{32,}\.[A-Za-z0-9_-]{32,}`)
	// addresses are those of mail (RFC 5321 §4.1.2), and what looks like them.
	addresses = regexp.MustCompile(`(?:"(?:[^"\\\n]|\\.)*"|[^\s<>()\[\],;:"]+)@(?:\[[^\]\s]*\]|[^\s<>()\[\],;:"]+)`)
)

// WithoutLinks puts a remark in place of links and signed tokens.
func WithoutLinks(s string) string { return links.ReplaceAllLiteralString(s, "(a link)") }

// anonymous is a reply that tells nothing of the message it was given to.
func anonymous(r mail.Reply) mail.Reply {
	if strings.Contains(r.Text, "@") || strings.Contains(r.Text, "://") || len(r.Text) > 64 {
		r.Text = addresses.ReplaceAllLiteralString(WithoutLinks(r.Text), "(an address)")
	}
	return r
}

// notKept stands for the words of hosts about sealed mail.
const notKept = "(the host's words are not kept, for the message is for its recipient alone)"

// quotes reports a reply that has words of the host's in it: its own ones, and ours
// of what belongs to no dialogue (RFC 3463 §3.6: X.5.0).
func quotes(remote bool, r mail.Reply) bool {
	return r.Text != "" && (remote || r.Enhanced == mail.Enhanced{4, 5, 0})
}

// sealed takes the words out of a host's answers about a message that is for its
// recipient alone, as they come in: a host that refuses it for a link in it may
// well say which. It returns err likewise.
func (t *try) sealed(answers []smtpc.Answer, err error) error {
	if !t.a.req.Sealed {
		return err
	}
	for i := range answers {
		if a := &answers[i]; quotes(a.Remote, a.Reply) {
			a.Reply.Text = notKept
		}
	}
	var se *smtpc.Error
	if !errors.As(err, &se) || !quotes(se.Remote, se.Reply) {
		return err
	}
	c := *se
	c.Reply.Text = notKept
	return &c
}

// spoken is a line of an answer in a transcript: the code, the enhanced one, words.
var spoken = regexp.MustCompile(`^([2-5][0-9][0-9](?:[ -](?:[245]\.[0-9]{1,3}\.[0-9]{1,3}(?: |$))?|$))?(.*)$`)

// codesOnly takes the words of the host out of a transcript.
func codesOnly(transcript string) string {
	var b strings.Builder
	for line := range strings.Lines(transcript) {
		said, ok := strings.CutPrefix(strings.TrimRight(line, "\n"), "< ")
		if !ok {
			b.WriteString(line)
			continue
		}
		parts := spoken.FindStringSubmatch(said)
		b.WriteString("< ")
		if parts == nil {
			parts = []string{"", "", said}
		}
		b.WriteString(parts[1])
		if parts[2] != "" {
			b.WriteString(notKept)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
