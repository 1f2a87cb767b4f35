package lifecycle

import (
	"slices"
	"testing"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// TestEntriesAreWhatIsOffered: whoever reads the table comes to what Check says,
// for every verb, direction, status, level and role, under each condition alone,
// none and all.
func TestEntriesAreWhatIsOffered(t *testing.T) {
	set := map[Condition]func(*Conditions){
		NeedsArchived: func(c *Conditions) { c.Archived = true }, NeedsSender: func(c *Conditions) { c.Sender = true }, NeedsBody: func(c *Conditions) { c.Body = true },
		NeedsClasses: func(c *Conditions) { c.Classes = true }, NeedsAttempts: func(c *Conditions) { c.Attempts = true }, NeedsIdentity: func(c *Conditions) { c.Identity = true },
		NeedsHold: func(c *Conditions) { c.Hold = true }, DomainForces: func(c *Conditions) { c.DomainForce = true },
		IsOriginal: func(c *Conditions) { c.Original = true }, IsSealed: func(c *Conditions) { c.Sealed = true },
	}
	var every []Condition
	sets := [][]Condition{nil}
	for c := range set {
		every, sets = append(every, c), append(sets, []Condition{c}, []Condition{c, DomainForces, NeedsSender})
	}
	sets = append(sets, every)
	offered := 0
	for _, l := range []Level{LevelAdmin, LevelDomain, LevelMailbox} {
		for _, role := range []Role{RoleOperator, RoleAuditor, RoleHelpdesk} {
			entries := Entries(l, role)
			for _, v := range Verbs() {
				i := slices.IndexFunc(entries, func(e Entry) bool { return e.Verb == v })
				for _, d := range []mail.Direction{mail.Inbound, mail.Outbound} {
					for _, s := range mail.Statuses() {
						for _, holds := range sets {
							q := Query{Direction: d, Status: s, Level: l, Role: role}
							for _, c := range holds {
								set[c](&q.Conditions)
							}
							got := i >= 0 && says(&entries[i], d, s, holds)
							if want := Check(v, q) == nil; got != want {
								t.Fatalf("%s, %s %s, %s %q, %v: the table says %v, and Check %v", v, d, s, l, role, holds, got, want)
							} else if got {
								offered++
							}
						}
					}
				}
			}
		}
	}
	if offered == 0 {
		t.Error("nothing is offered at all")
	}
}

func says(e *Entry, d mail.Direction, s mail.Status, holds []Condition) bool {
	has := func(c Condition) bool { return slices.Contains(holds, c) }
	i := slices.IndexFunc(e.Cells, func(c Cell) bool { return c.Status == s })
	if i < 0 || !slices.Contains(e.Directions, d) || slices.ContainsFunc(e.Except, has) {
		return false
	}
	for _, c := range e.Needs {
		if !has(c) {
			return false
		}
	}
	return len(e.Cells[i].AnyOf) == 0 || slices.ContainsFunc(e.Cells[i].AnyOf, has)
}

func TestEveryVerbHasItsWords(t *testing.T) {
	for _, v := range Verbs() {
		if docs[v] == "" {
			t.Errorf("%s has none", v)
		}
	}
}
