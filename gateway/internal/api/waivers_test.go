package api

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// A waiver tells which of the recipient's findings it is bound to, whatever they
// score and say by now, and which of them were not made again.
func TestB150_waiver_tells_its_findings(t *testing.T) {
	at := time.Date(2026, 11, 22, 9, 0, 0, 0, time.UTC)
	seen := mail.Finding{Filter: "stall", Plugin: "stall", Class: mail.Class{Main: "unscannable", Sub: "encrypted-archive"}, Part: "2 report.zip", Path: "report.csv", Score: 3}
	gone := mail.Finding{Filter: "spam", Class: mail.Class{Main: "spam"}}
	now := seen
	now.Score, now.Explanation = 7, "report.csv is protected"
	other := mail.Finding{Filter: "stall", Plugin: "stall", Class: seen.Class, Part: "3 other.zip"}
	r := &store.Recipient{Findings: []mail.Finding{other, now}}
	w := waiverOf(r, mail.Waiver{Classes: []string{"spam"}, By: "anna", Reason: "she rang", At: at, Findings: []string{mail.Fingerprint(seen), mail.Fingerprint(gone)}})
	if w.By != "anna" || w.Reason != "she rang" || !w.At.Equal(at) || w.Stage != "" || len(w.Findings) != 2 {
		t.Fatalf("%+v", w)
	}
	want := WaivedFinding{
		Fingerprint: mail.Fingerprint(seen), Filter: "stall", Plugin: "stall", Class: "unscannable/encrypted-archive", Part: "2 report.zip", Path: "report.csv", Explanation: "report.csv is protected",
	}
	if w.Findings[0] != want {
		t.Errorf("%+v, want %+v", w.Findings[0], want)
	}
	if g := w.Findings[1]; !g.Gone || g.Fingerprint != mail.Fingerprint(gone) || g.Filter != "" {
		t.Errorf("%+v", g)
	}
	if w := waiverOf(r, mail.Waiver{Classes: []string{"*"}, By: "baseline.lists", Stage: "rcpt"}); w.Stage != "rcpt" || w.Findings != nil {
		t.Errorf("%+v", w)
	}
}
