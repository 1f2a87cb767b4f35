package actions

import (
	"fmt"
	"testing"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// TestB96_bulk_over_many_pages clears a flooded queue (B96): over several pages of rows, with
// messages that lie across their borders, and more results than are listed.
func TestB96_bulk_over_many_pages(t *testing.T) {
	h := newHouse(t)
	const messages, each = 16, 75
	for range messages {
		var rcpts []string
		for i := range each {
			rcpts = append(rcpts, fmt.Sprintf("u%d@acme.test queued", i))
		}
		h.put(mail.Inbound, "x@far.test", rcpts...)
	}
	r, err := h.Do(t.Context(), admin, lifecycle.Remove, Selection{Filter: query.Where("sender", query.Is, "x@far.test")}, Args{})
	if err != nil || r.Matched != messages*each || r.Changed != messages*each || len(r.Items) != MaxItems {
		t.Fatalf("matched %d, changed %d, %d items, %v", r.Matched, r.Changed, len(r.Items), err)
	}
	counts, err := h.st.Counts(t.Context())
	if err != nil || counts[mail.StatusQueued] != 0 {
		t.Errorf("%v %v", counts, err)
	}
}
