package audit_test

import (
	"context"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/audit"
)

// Whoever sees one of the messages of an entry and not the others is told how
// many there were, and nothing of which.
func TestB40_an_entry_for_one_of_its_messages(t *testing.T) {
	const one, two, three = "01m7z1bfa0fqb0000000000001", "01m7z1bfa0fqb0000000000002", "01m7z1bfa0fqb0000000000003"
	e := audit.Entry{Seq: 7, Hash: "h", Actor: "root", Action: "remove", Details: map[string]string{"result": "done", "ids": strings.Join([]string{one + ".1", one + ".2", two + ".1", three}, " ")}}
	for _, c := range []struct{ of, ids, others string }{
		{one, one + ".1 " + one + ".2", "2"},
		{two, two + ".1", "3"},
		{three, three, "3"},
	} {
		got := e.Only(c.of)
		if got.Details["ids"] != c.ids || got.Details["others"] != c.others || got.Details["result"] != "done" || got.Seq != 7 || got.Hash != "h" {
			t.Errorf("%s: %+v", c.of, got)
		}
	}
	if len(strings.Fields(e.Details["ids"])) != 4 || e.Details["others"] != "" {
		t.Errorf("the entry itself was changed: %+v", e)
	}
	single := audit.Entry{Target: one + ".1"}
	if got := single.Only(one); got.Target != single.Target || got.Details != nil {
		t.Errorf("%+v", got)
	}
}

// What a cause says is joined, the last word first.
func TestB40_entries_of_one_undertaking(t *testing.T) {
	ctx := audit.Because(context.Background(), audit.Cause{Source: "192.0.2.9", Details: map[string]string{"request": "a", "job": "x"}})
	inner := audit.Because(ctx, audit.Cause{Details: map[string]string{"job": "y"}})
	if c := audit.CauseOf(inner); c.Source != "192.0.2.9" || c.Details["request"] != "a" || c.Details["job"] != "y" {
		t.Errorf("%+v", c)
	}
	if c := audit.CauseOf(ctx); c.Details["job"] != "x" {
		t.Errorf("the outer one was changed: %+v", c)
	}
	if c := audit.CauseOf(context.Background()); c.Source != "" || len(c.Details) != 0 {
		t.Errorf("%+v", c)
	}
}
