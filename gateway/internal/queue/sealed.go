package queue

import (
	"regexp"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// A host that refuses a message for a link in it may well say which. Of sealed
// mail the link is for its recipient alone, and what the host says is for
// whoever reads the delivery log.

// links are addresses, and signed tokens without one.
var links = regexp.MustCompile(`[A-Za-z][A-Za-z0-9+.-]*://\S+|[A-Za-z0-9_-]{32,}\.[A-Za-z0-9_-]{32,}`)

func withoutLinks(s string) string { return links.ReplaceAllLiteralString(s, "(a link)") }

// unlink takes links out of what hosts said about a sealed message.
func unlink(m *store.Message, results []deliver.RcptResult, attempts []mail.Attempt) {
	if !m.Sealed {
		return
	}
	for i := range results {
		r := &results[i].Reply
		r.Text = withoutLinks(r.Text)
	}
	for i := range attempts {
		a := &attempts[i]
		a.Transcript = withoutLinks(a.Transcript)
		for j := range a.Outcome {
			r := &a.Outcome[j].Reply
			r.Text = withoutLinks(r.Text)
		}
	}
}
