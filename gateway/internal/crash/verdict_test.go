package main

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// book is a journal in memory: message ID to the time of its delivery to
// u@crash.test.
type book map[string]time.Time

func (b book) Events(_ context.Context, id string, _ ...client.AtMost) ([]api.Event, error) {
	out := []api.Event{{Type: string(mail.EventReception)}}
	if at, ok := b[id]; ok {
		out = append(out, api.Event{Type: string(mail.EventDelivery), Recipient: "u@crash.test", At: at})
	}
	return out, nil
}

// TestExplain: which second copies have a reason, and which fail the harness.
func TestExplain(t *testing.T) {
	zero := time.Now()
	ms := func(n int) time.Time { return zero.Add(time.Duration(n) * time.Millisecond) }
	copyOf := func(id string, from, at int, m mode) receipt {
		return receipt{id: id, to: "u@crash.test", from: ms(from), at: ms(at), mode: m}
	}
	again := copyOf("a", 5000, 5010, accepting)
	for _, tc := range []struct {
		name     string
		first    receipt
		second   receipt
		kills    []span
		recorded book
		want     string // "" explained
	}{
		{"no_reply", copyOf("a", 0, 10, ambiguous), again, nil, nil, ""},
		{"killed_in_the_transaction", copyOf("a", 0, 1000, slow), again, []span{{ms(500), ms(510)}}, nil, ""},
		{"killed_before_it_was_recorded", copyOf("a", 0, 10, accepting), again, []span{{ms(200), ms(210)}}, nil, ""},
		{"killed_and_recorded_by_the_next_copy_only", copyOf("a", 0, 10, accepting), again, []span{{ms(200), ms(210)}}, book{"a": ms(5011)}, ""},
		{"killed_long_after", copyOf("a", 0, 10, accepting), again, []span{{ms(1100), ms(1110)}}, nil, "to record it"},
		{"killed_before_the_transaction", copyOf("a", 100, 110, accepting), again, []span{{ms(50), ms(90)}}, nil, "nobody was killed"},
		{"killed_after_the_second", copyOf("a", 0, 10, accepting), again, []span{{ms(5005), ms(5006)}}, nil, "nobody was killed"},
		{"nobody_killed", copyOf("a", 0, 10, accepting), again, nil, nil, "nobody was killed"},
		{"slow_is_no_reason", copyOf("a", 0, 1500, slow), again, nil, nil, "nobody was killed"},
		{"recorded_and_killed", copyOf("a", 0, 10, accepting), again, []span{{ms(200), ms(210)}}, book{"a": ms(20)}, "was recorded"},
		{"recorded_without_reply", copyOf("a", 0, 10, ambiguous), again, nil, book{"a": ms(20)}, "was recorded"},
		{"two_messages_of_one", copyOf("b", 0, 10, ambiguous), again, []span{{ms(5), ms(6)}}, nil, "first as"},
		{"no_id", copyOf("", 0, 10, ambiguous), copyOf("", 5000, 5010, accepting), nil, nil, "first as"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			k := key{token: "c0-1", to: "u@crash.test"}
			var d duplicates
			err := d.explain(t.Context(), []key{k}, func(key) []receipt { return []receipt{tc.second, tc.first} }, tc.kills, tc.recorded)
			if err != nil {
				t.Fatal(err)
			}
			got := strings.Join(d.unexplained, "\n")
			if (got == "") != (tc.want == "") || !strings.Contains(got, tc.want) || d.ambiguous+d.killed+len(d.unexplained) != 1 {
				t.Errorf("%+v", d)
			}
		})
	}
}

// TestJudge: what the ledger has to find at the destination.
func TestJudge(t *testing.T) {
	released := time.Now()
	early, late := receipt{id: "a", at: released.Add(-time.Second)}, receipt{id: "a", at: released.Add(time.Second)}
	good := map[key][]receipt{
		{"t1", "u@crash.test", false}: {early}, {"t2", "no-u@world.test", true}: {early}, {"t3", "u@crash.test", false}: {late},
	}
	claims := []claim{{token: "t1", to: "u@crash.test"}, {token: "t2", to: "no-u@world.test", want: bounce}, {token: "t3", to: "u@crash.test", want: held}}
	for _, tc := range []struct {
		name   string
		change func(map[key][]receipt)
		want   string
	}{
		{"all_is_well", func(map[key][]receipt) {}, ""},
		{"a_copy_is_missing", func(m map[key][]receipt) { delete(m, key{"t1", "u@crash.test", false}) }, "acknowledged and missing"},
		{"a_dsn_is_missing", func(m map[key][]receipt) { delete(m, key{"t2", "no-u@world.test", true}) }, "acknowledged and missing"},
		{"held_mail_is_missing", func(m map[key][]receipt) { delete(m, key{"t3", "u@crash.test", false}) }, "acknowledged and missing"},
		{"held_mail_slipped", func(m map[key][]receipt) { m[key{"t3", "u@crash.test", false}] = []receipt{early} }, "held by a filter"},
		{"a_false_dsn", func(m map[key][]receipt) { m[key{"t1", "u@crash.test", true}] = []receipt{early} }, "had not failed"},
		{"more_than_was_acknowledged", func(m map[key][]receipt) { m[key{"t9", "u@crash.test", false}] = []receipt{early} }, ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := map[key][]receipt{}
			var seen []key
			for k, r := range good {
				m[k] = r
			}
			tc.change(m)
			for k := range m {
				seen = append(seen, k)
			}
			err := judge(claims, func(k key) []receipt { return m[k] }, seen, released).err()
			if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%v", err)
			}
		})
	}
	if err := judge(nil, func(key) []receipt { return nil }, nil, released).err(); err == nil {
		t.Error("a run in which nothing was acknowledged shows nothing")
	}
}
