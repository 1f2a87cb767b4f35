package matrix

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
)

// TestB11toB13_B2toB5_the_action_matrix tries every action of the behaviour list for
// every direction, status, level and role, on a message in that state: what is
// offered is carried out and judged by what it did, what is not is refused, also
// when it is forced by hand.
func TestB11toB13_B2toB5_the_action_matrix(t *testing.T) {
	if _, err := builtin.Module("bayes"); err != nil {
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal(err)
		}
		t.Skip("build the plugins with: make plugins")
	}
	rows, err := Rows()
	if err != nil {
		t.Fatal(err)
	}
	h := Open(t)
	all := Cells(rows, []string{"admin", "domain", "mailbox"}, []string{"", "auditor", "helpdesk"}, true)
	ms := Messages(all)
	h.Make(ms)
	t.Logf("%d messages in %d statuses", len(ms), len(Statuses()))
	for _, level := range []string{"admin", "domain"} {
		for _, role := range []string{"", "auditor", "helpdesk"} {
			h.Token(level, role, "")
		}
	}

	t.Run("statuses", func(t *testing.T) {
		for _, s := range Statuses() {
			t.Run(statusNumber[s]+"_"+s, func(t *testing.T) { reached(t, h, pick(ms, s)) })
		}
	})

	// What the API offers for each is what the fixture says.
	cases := make([]Case, len(all))
	var g errgroup.Group
	g.SetLimit(8)
	for i, c := range all {
		g.Go(func() error {
			cases[i] = h.Case(c.M, c.Level, c.Role)
			checkOffered(t, h, rows, c, cases[i])
			return nil
		})
	}
	_ = g.Wait()

	var mu sync.Mutex
	done, refused := 0, 0
	seen := map[string]bool{} // conditions by letter and value, that were met
	for i := range cases {
		for letter, v := range map[string]bool{"a": cases[i].Archived, "n": cases[i].Sender, "k": cases[i].Body, "t": cases[i].Attempt, "i": cases[i].Identity, "h": cases[i].Hold} {
			seen[fmt.Sprint(letter, v)] = true
		}
	}
	if len(seen) != 12 {
		t.Errorf("conditions that were met: %v", seen)
	}
	t.Run("verbs", func(t *testing.T) {
		for _, r := range rows {
			t.Run(Number[r.Verb]+"_"+r.Verb, func(t *testing.T) {
				t.Parallel()
				offered := 0
				for i, c := range all {
					if c.Verb != "" && c.Verb != r.Verb {
						continue
					}
					should := r.Offered(cases[i])
					if should && slices.Contains(Consumes, r.Verb) && c.Verb == "" {
						continue // another message is for that
					}
					name := fmt.Sprintf("%s %s at level %s %s (%s)", c.M.Direction(), cases[i].Status, c.Level, c.Role, c.M.For)
					token := h.TokenOf(c.M, c.Level, c.Role)
					if should {
						offered++
						out := h.Do(token, r.Verb, c.M)
						if out.Error != "" {
							t.Errorf("%s: it is offered, and refused: %s", name, out.Error)
						} else if err := h.Effect(token, r.Verb, c.M, c.Level, cases[i], out); err != nil {
							t.Errorf("%s: %v", name, err)
						}
						continue
					}
					if err := h.Refused(token, r.Verb, c.M, cases[i].Status); err != nil {
						t.Errorf("%s: %v", name, err)
					}
					mu.Lock()
					refused++
					mu.Unlock()
				}
				mu.Lock()
				done += offered
				mu.Unlock()
				if offered == 0 {
					t.Error("it was offered nowhere")
				}
			})
		}
	})
	t.Logf("%d actions carried out, %d refused", done, refused)
}

// statusNumber is the behaviour that a status is.
var statusNumber = map[string]string{
	"auto-released": "B14", "blackholed": "B15", "bounced": "B16", "delivered": "B17", "delivery-failed": "B18", "not-accepted": "B19", "quarantined": "B20",
	"quarantine-expired": "B21", "quarantine-removed": "B22", "queued": "B1_B23", "queue-frozen": "B24", "queue-bounced": "B25", "queue-removed": "B26",
	"queue-expired": "B27", "rejected": "B28", "released": "B29", "secure-delivered": "B30", "stalled": "B20a", "accepted": "B23a",
}

// told is what has to have happened to a message of a status: one event of each.
var told = map[string][]string{
	"auto-released": {"Stall", "Retry", "Delivery"}, "blackholed": {"Discard"}, "bounced": {"TransientFailure", "Bounce", "Notice"}, "delivered": {"Delivery"},
	"delivery-failed": {"TransientFailure", "Bounce"}, "not-accepted": {"Deferral"}, "quarantined": {"Quarantine"},
	"quarantine-expired": {"Quarantine", "Expiration"}, "quarantine-removed": {"Quarantine", "Remove"}, "queued": {"TransientFailure"},
	"queue-frozen": {"TransientFailure", "Freeze"}, "queue-bounced": {"AdminBounce"}, "queue-removed": {"Remove"},
	"queue-expired": {"TransientFailure", "Expiration"}, "rejected": {"Rejection"}, "released": {"Quarantine", "Release", "Delivery"},
	"secure-delivered": {"Delivery"}, "stalled": {"Stall"}, "accepted": {"FilterError"},
}

// reached judges how messages came to their status: by what happened to them, and
// by who was told.
func reached(t *testing.T, h *House, ms []*Message) {
	dirs := map[bool]int{}
	for _, m := range ms {
		if dirs[m.Inbound]++; dirs[m.Inbound] > 1 || m.Null {
			continue // one of each direction will do
		}
		es, err := h.Admin.Events(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range told[m.Status] {
			if !slices.ContainsFunc(es, func(e api.Event) bool { return e.Type == want }) {
				t.Errorf("%s %s: nothing in its history is a %s: %+v", m.Direction(), m.Status, want, es)
			}
		}
		r := h.Row(m)
		switch m.Status {
		case "secure-delivered":
			as, err := h.Admin.Attempts(t.Context(), m.ID)
			if err != nil || len(as) == 0 || !as[len(as)-1].Verified || as[len(as)-1].TLS == "" {
				t.Errorf("not over a verified channel: %+v, %v", as, err)
			}
		case "queue-expired", "delivery-failed":
			for _, e := range es {
				if e.Type == "Notice" && strings.HasPrefix(e.Text, "dsn ") { // administrators may be told
					t.Errorf("%s %s: a DSN was made that is not owed: %s", m.Direction(), m.Status, e.Text)
				}
			}
		case "queued":
			if r.Next.IsZero() || r.Last == nil || r.Last.Code != 451 {
				t.Errorf("queued without a next attempt or the answer: %+v", r)
			}
		case "queue-frozen":
			if !r.Next.IsZero() {
				t.Errorf("frozen mail is due %s", r.Next)
			}
		}
	}
	if dirs[false] == 0 || dirs[true] == 0 && ms[0].Status != "secure-delivered" {
		t.Errorf("reached in %v", dirs)
	}
}

// checkOffered compares the verbs of a message with the fixture.
func checkOffered(t *testing.T, h *House, rows []Row, c Cell, state Case) {
	code, b := h.Call(h.TokenOf(c.M, c.Level, c.Role), http.MethodGet, "/v1/messages/"+c.M.ID, nil)
	var got struct {
		Recipients []struct {
			Verbs []string `json:"verbs"`
		} `json:"recipients"`
	}
	if c.Level == "mailbox" && !c.M.Inbound && c.M.Null {
		return
	}
	if err := json.Unmarshal(b, &got); err != nil || code != http.StatusOK || len(got.Recipients) != 1 {
		t.Errorf("%s %s: %d %.200s", c.M.ID, c.Level, code, b)
		return
	}
	var want []string
	for i := range rows {
		if rows[i].Offered(state) {
			want = append(want, rows[i].Verb)
		}
	}
	have := got.Recipients[0].Verbs
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("%s %s at level %s %s (%s) offers\n %v, the fixture says\n %v", c.M.Direction(), state.Status, c.Level, c.Role, c.M.For, have, want)
	}
}
