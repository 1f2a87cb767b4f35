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

// cell is one message and who is to try what with it.
type cell struct {
	m           *Message
	level, role string
	verb        string // it was made for this verb alone; "" for all that leave it as it is
}

// cells plans the messages.
func cells(rows []Row) []cell {
	var out []cell
	levels := []string{"admin", "domain", "mailbox"}
	for _, inbound := range []bool{true, false} {
		for _, status := range Statuses() {
			if inbound && status == "secure-delivered" { // outgoing only (B30)
				continue
			}
			for _, level := range levels {
				shared := &Message{Inbound: inbound, Status: status, For: level}
				for _, role := range []string{"", "auditor", "helpdesk"} {
					out = append(out, cell{shared, level, role, ""})
					for _, r := range rows {
						could := r.Offered(Case{Inbound: inbound, Status: status, Level: level, Role: role, Archived: true, Sender: true, Body: true, Attempt: true, Identity: true, DomainForce: true})
						if could && slices.Contains(Consumes, r.Verb) && (role == "" || level == "admin") {
							out = append(out, cell{&Message{Inbound: inbound, Status: status, For: level + " " + r.Verb}, level, role, r.Verb})
						}
					}
				}
			}
			// Conditions that do not hold: no archive, and the null sender.
			out = append(out, cell{&Message{Inbound: inbound, Status: status, Plain: true, For: "no archive"}, "admin", "", ""})
			if !slices.Contains([]string{"queue-bounced", "bounced", "secure-delivered"}, status) {
				out = append(out, cell{&Message{Inbound: inbound, Status: status, Null: true, For: "null sender"}, "admin", "", ""})
			}
		}
	}
	return out
}

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
	all := cells(rows)
	var ms []*Message
	for _, c := range all {
		if !slices.Contains(ms, c.m) {
			ms = append(ms, c.m)
		}
	}
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
			cases[i] = h.Case(c.m, c.level, c.role)
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
					if c.verb != "" && c.verb != r.Verb {
						continue
					}
					should := r.Offered(cases[i])
					if should && slices.Contains(Consumes, r.Verb) && c.verb == "" {
						continue // another message is for that
					}
					name := fmt.Sprintf("%s %s at level %s %s (%s)", direction(c.m), cases[i].Status, c.level, c.role, c.m.For)
					token := h.tokenOf(c.m, c.level, c.role)
					if should {
						offered++
						out := h.Do(token, r.Verb, c.m)
						if out.Error != "" {
							t.Errorf("%s: it is offered, and refused: %s", name, out.Error)
						} else if err := h.Effect(token, r.Verb, c.m, c.level, cases[i], out); err != nil {
							t.Errorf("%s: %v", name, err)
						}
						continue
					}
					if err := h.Refused(token, r.Verb, c.m, cases[i].Status); err != nil {
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

func direction(m *Message) string {
	if m.Inbound {
		return "inbound"
	}
	return "outbound"
}

// additions are verbs that the behaviour list's table does not have, and the
// code offers beside: each is another behaviour.
var additions = []string{"freeze", "thaw", "flush", "reroute", "clear-routes", "copy", "deliver"}

// checkOffered compares the verbs of a message with the fixture.
func checkOffered(t *testing.T, h *House, rows []Row, c cell, state Case) {
	code, b := h.Call(h.tokenOf(c.m, c.level, c.role), http.MethodGet, "/v1/messages/"+c.m.ID, nil)
	var got struct {
		Recipients []struct {
			Verbs []string `json:"verbs"`
		} `json:"recipients"`
	}
	if c.level == "mailbox" && !c.m.Inbound && c.m.Null {
		return
	}
	if err := json.Unmarshal(b, &got); err != nil || code != http.StatusOK || len(got.Recipients) != 1 {
		t.Errorf("%s %s: %d %.200s", c.m.ID, c.level, code, b)
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
		t.Errorf("%s %s at level %s %s (%s) offers\n %v, the fixture says\n %v", direction(c.m), state.Status, c.level, c.role, c.m.For, have, want)
	}
}
