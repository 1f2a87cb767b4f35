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

// Whoever sees some recipients of a message is not told of the others, nor what an
// action on those was to do.
func TestB40_an_entry_for_some_recipients_of_a_message(t *testing.T) {
	const one, two = "01m7z1bfa0fqb0000000000001", "01m7z1bfa0fqb0000000000002"
	dir := t.TempDir()
	l, err := audit.Open(audit.Options{Dir: dir, Key: make([]byte, 32), NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	for _, e := range []audit.Entry{
		{Action: "whole", Target: one},
		{Action: "theirs", Target: one + ".1"},
		{Action: "another's", Target: one + ".2"},
		{Action: "no number", Target: one + ".x"},
		{Action: "both", Refused: "b@other.test is none of yours", Target: one + ".2", Details: map[string]string{
			"ids": one + ".1 " + one + ".2", "args.to": "b@other.test", "args.recipient": "b@other.test", "to": "b@other.test", "q": "recipient:b@other.test", "error": "b@other.test", "result": "asked",
		}},
		{Action: "others", Details: map[string]string{"ids": one + ".2 " + two + ".1", "args.to": "b@other.test"}},
		{Action: "all theirs", Details: map[string]string{"ids": one + ".1 " + one + ".3", "args.to": "a@other.test"}},
	} {
		e.Actor = "root"
		if err := l.Record(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	q := audit.Query{Message: one, Recipients: []int{1, 3}}
	got, _, err := l.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var actions []string
	for _, e := range got {
		actions = append(actions, e.Action)
		e = e.Only(q.Message, q.Recipients...)
		switch e.Action {
		case "both":
			if e.Target != "" || e.Refused != "refused" || len(e.Details) != 3 || e.Details["ids"] != one+".1" || e.Details["others"] != "1" || e.Details["result"] != "asked" {
				t.Errorf("%+v", e)
			}
		case "all theirs":
			if e.Details["args.to"] != "a@other.test" || e.Details["others"] != "" {
				t.Errorf("%+v", e)
			}
		}
	}
	if s := strings.Join(actions, ", "); s != "all theirs, both, theirs, whole" {
		t.Errorf("they are shown %s", s)
	}
	for n, recipients := range map[int][]int{7: nil, 1: {}} {
		got, _, err := l.List(t.Context(), audit.Query{Message: one, Recipients: recipients})
		if err != nil || len(got) != n {
			t.Errorf("recipients %v: %d entries, want %d: %v", recipients, len(got), n, err)
		}
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
