package queue

import (
	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// unlink takes links out of what was said about a sealed message. Package deliver
// keeps no words of hosts about it; this is for those of the gateway's own filters,
// where another hosted tenant gets it.
func unlink(m *store.Message, results []deliver.RcptResult, attempts []mail.Attempt) {
	if !m.Sealed {
		return
	}
	for i := range results {
		r := &results[i].Reply
		r.Text = deliver.WithoutLinks(r.Text)
	}
	for i := range attempts {
		a := &attempts[i]
		a.Transcript = deliver.WithoutLinks(a.Transcript)
		for j := range a.Outcome {
			r := &a.Outcome[j].Reply
			r.Text = deliver.WithoutLinks(r.Text)
		}
	}
}
