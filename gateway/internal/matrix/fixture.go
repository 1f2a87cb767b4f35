package matrix

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

//go:embed matrix.txt
var text string

// Row is one verb of the fixture.
type Row struct {
	Verb, Dir, Who, Roles string
	cells                 map[string]string // by column
}

// columns are the statuses of each, as the fixture's head has them.
var columns = map[string][]string{
	"A": {"queued"}, "B": {"queue-frozen"}, "C": {"quarantined"},
	"D": {"delivered", "released", "auto-released", "secure-delivered"},
	"E": {"delivery-failed", "bounced", "queue-bounced", "queue-expired"},
	"F": {"queue-removed", "blackholed"}, "G": {"quarantine-removed", "quarantine-expired"},
	"H": {"rejected"}, "I": {"not-accepted"}, "S": {"stalled"}, "X": {"accepted"},
}

// Statuses are all of the fixture.
func Statuses() []string {
	var out []string
	for _, c := range strings.Fields("X A B S C D E F G H I") {
		out = append(out, columns[c]...)
	}
	return out
}

// Rows reads the fixture.
func Rows() ([]Row, error) {
	var out []Row
	for i, line := range strings.Split(text, "\n") {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		p := strings.Split(line, "|")
		if len(p) != 5 {
			return nil, fmt.Errorf("matrix.txt:%d: %d columns", i+1, len(p))
		}
		r := Row{Verb: strings.TrimSpace(p[0]), Dir: strings.TrimSpace(p[1]), Who: strings.TrimSpace(p[2]), Roles: p[3], cells: map[string]string{}}
		cells, heads := strings.Fields(p[4]), strings.Fields("A B C D E F G H I S X")
		if len(cells) != len(heads) {
			return nil, fmt.Errorf("matrix.txt:%d: %d cells", i+1, len(cells))
		}
		for k, h := range heads {
			r.cells[h] = cells[k]
		}
		out = append(out, r)
	}
	return out, nil
}

// Case is what a cell depends on, as it is to be seen from outside.
type Case struct {
	Inbound                         bool
	Status, Level, Role             string
	Archived, Sender, Body, Attempt bool
	Identity, Hold, DomainForce     bool
}

// Offered reports what the fixture says.
func (r *Row) Offered(c Case) bool {
	switch {
	case r.Dir == "in" && !c.Inbound, r.Dir == "out" && c.Inbound:
		return false
	case c.Role == "auditor" && !strings.Contains(r.Roles, "a"), c.Role == "helpdesk" && !strings.Contains(r.Roles, "h"):
		return false
	case c.Level == "mailbox" && (r.Who == "domain" || r.Who == "force"),
		c.Level == "domain" && r.Who == "force" && !c.DomainForce,
		c.Level != "admin" && r.Who == "own" && !c.Inbound:
		return false
	}
	cell := "-"
	for k, ss := range columns {
		if slices.Contains(ss, c.Status) {
			cell = r.cells[k]
		}
	}
	holds := map[rune]bool{'*': true, 'a': c.Archived, 'n': c.Sender, 'k': c.Body, 't': c.Attempt, 'i': c.Identity, 'h': c.Hold}
	for _, x := range cell {
		if holds[x] {
			return true
		}
	}
	return false
}
