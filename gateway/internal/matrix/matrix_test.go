package matrix

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"github.com/mailweir/weir/gateway/internal/filter/builtin"
)

// TestB11toB13_the_action_matrix tries every action of the behaviour list for
// every direction, status, level and role, on a message in that state: what is
// offered is carried out and judged by what it did, what is not is refused, also
// when it is forced by hand.
func TestB11toB13_the_action_matrix(t *testing.T) {
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
		for letter, v := range map[string]bool{"a": cases[i].Archived, "n": cases[i].Sender, "k": cases[i].Body, "t": cases[i].Attempt, "i": cases[i].Identity} {
			seen[fmt.Sprint(letter, v)] = true
		}
	}
	if len(seen) != 10 {
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

// additions are verbs that the behaviour list's table does not have, and the
// code offers beside: each is another behaviour.
var additions = []string{"freeze", "thaw", "flush", "reroute", "clear-routes", "copy", "deliver"}

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
	have := slices.DeleteFunc(got.Recipients[0].Verbs, func(v string) bool { return slices.Contains(additions, v) })
	slices.Sort(have)
	slices.Sort(want)
	if !slices.Equal(have, want) {
		t.Errorf("%s %s at level %s %s (%s) offers\n %v, the fixture says\n %v", c.M.Direction(), state.Status, c.Level, c.Role, c.M.For, have, want)
	}
}
