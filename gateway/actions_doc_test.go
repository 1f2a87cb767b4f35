package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// groups are the columns of the table in docs/actions.md.
var groups = []struct {
	head     string
	statuses []mail.Status
}{
	{"accepted", []mail.Status{mail.StatusAccepted}},
	{"queued", []mail.Status{mail.StatusQueued}},
	{"frozen", []mail.Status{mail.StatusQueueFrozen}},
	{"stalled", []mail.Status{mail.StatusStalled}},
	{"quarantined", []mail.Status{mail.StatusQuarantined}},
	{"delivered", []mail.Status{mail.StatusDelivered, mail.StatusReleased, mail.StatusAutoReleased, mail.StatusSecureDelivered}},
	{"failed", []mail.Status{mail.StatusDeliveryFailed, mail.StatusBounced, mail.StatusQueueBounced, mail.StatusQueueExpired}},
	{"removed", []mail.Status{mail.StatusQueueRemoved, mail.StatusBlackholed}},
	{"held, ended", []mail.Status{mail.StatusQuarantineRemoved, mail.StatusQuarantineExpired}},
	{"rejected", []mail.Status{mail.StatusRejected}},
	{"not accepted", []mail.Status{mail.StatusNotAccepted}},
}

// actionsTable is the table in docs/actions.md.
func actionsTable() string {
	var b strings.Builder
	b.WriteString("| Action | Mail | Level |")
	for _, g := range groups {
		b.WriteString(" " + g.head + " |")
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---|", len(groups)) + "\n")
	all := lifecycle.Conditions{Archived: true, Sender: true, Body: true, Classes: true, Attempts: true, Identity: true, Hold: true, DomainForce: true}
	for _, v := range lifecycle.Verbs() {
		may := func(d mail.Direction, l lifecycle.Level, force bool) bool {
			return lifecycle.Permitted(v, d, l, "", force) == nil
		}
		dir := mail.Inbound
		mailOf := "both"
		switch {
		case !may(mail.Inbound, lifecycle.LevelAdmin, true):
			mailOf, dir = "outgoing", mail.Outbound
		case !may(mail.Outbound, lifecycle.LevelAdmin, true):
			mailOf = "incoming"
		}
		level := "admin"
		switch {
		case may(dir, lifecycle.LevelMailbox, true) && mailOf == "both" && !may(mail.Outbound, lifecycle.LevelMailbox, true):
			level = "all; outgoing: admin"
		case may(dir, lifecycle.LevelMailbox, true):
			level = "all"
		case may(dir, lifecycle.LevelDomain, false):
			level = "domain, admin"
		case may(dir, lifecycle.LevelDomain, true):
			level = "admin; domain where `force` says so"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s |", v, mailOf, level)
		for _, g := range groups {
			cell := ""
			for _, s := range g.statuses {
				q := lifecycle.Query{Direction: dir, Status: s, Level: lifecycle.LevelAdmin}
				c := "–"
				if lifecycle.Check(v, q) == nil {
					c = "●"
				} else if q.Conditions = all; lifecycle.Check(v, q) == nil {
					c = "○"
				}
				if cell != "" && cell != c {
					c = "?"
				}
				cell = c
			}
			b.WriteString(" " + cell + " |")
		}
		b.WriteString("\n")
	}
	return b.String()
}

// The table of the document is the one that the gateway goes by. With
// WEIR_UPDATE=1 it is written anew.
func TestActionsDocumentHasTheTable(t *testing.T) {
	const file, begin, end = "docs/actions.md", "<!-- the table: TestActionsDocumentHasTheTable -->\n", "<!-- end of the table -->\n"
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, ok := strings.Cut(string(b), begin)
	have, tail, ok2 := strings.Cut(rest, end)
	if !ok || !ok2 {
		t.Fatal("the marks of the table are missing")
	}
	want := "\n" + actionsTable() + "\n"
	if have == want {
		return
	}
	if os.Getenv("WEIR_UPDATE") == "" {
		t.Fatalf("%s is not what the code goes by; run: WEIR_UPDATE=1 go test ./gateway -run %s", file, t.Name())
	}
	if err := os.WriteFile(file, []byte(head+begin+want+end+tail), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Every action has its sentence below the table.
func TestActionsDocumentExplainsEach(t *testing.T) {
	b, err := os.ReadFile("docs/actions.md")
	if err != nil {
		t.Fatal(err)
	}
	_, below, _ := strings.Cut(string(b), "<!-- end of the table -->")
	var missing []string
	for _, v := range lifecycle.Verbs() {
		if !strings.Contains(below, "`"+string(v)+"`") {
			missing = append(missing, string(v))
		}
	}
	if slices.Sort(missing); len(missing) > 0 {
		t.Errorf("without a word: %v", missing)
	}
}
