package main

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// TestB96_surgery_fits_80_columns looks at what the commands of queue surgery
// print about a large queue with long names.
func TestB96_surgery_fits_80_columns(t *testing.T) {
	v := view{now: apitest.Now, loc: time.UTC}
	long := "a-rather-long-name-of-a-destination.department.university.example"
	group := func(key string) api.QueueGroup {
		return api.QueueGroup{Key: key, Total: 123456, Ages: []int{23456, 12345, 43210, 34567, 9876, 1, 0, 1}, Oldest: apitest.Now.Add(-90 * time.Hour)}
	}
	shape := &api.QueueShape{
		Counts: map[string]int{"queued": 123456}, Bounds: []int64{900, 3600, 14400, 43200, 86400, 172800, 345600}, All: group(""),
		By: map[string][]api.QueueGroup{"destination": {group(long), group("b.test")}, "reason": {group("451 4.7.1 " + strings.Repeat("greylisted, please try again later ", 4))}},
	}
	job := api.Job{ID: "mb2k1x9c", Verb: "clear-routes", State: "cancelled", Actor: "administrator (offline)", Started: apitest.Now, Total: 200000, Changed: 123456, Refused: 4321, Query: "status:queued sender:*@" + long}
	out := &api.OutboundReport{Since: apitest.Now.Add(-24 * time.Hour), Until: apitest.Now, Messages: 3, Counts: map[string]int{"queued": 1, "delivered": 2}, Recent: []api.OutboundMessage{{
		ID: apitest.ID(time.Hour, 1).String(), Received: apitest.Now.Add(-time.Hour), Sender: "someone.with.a.long.name@" + long, Subject: strings.Repeat("A subject of words ", 9),
		Recipients: []api.Row{{Recipient: "a@" + long, Status: "queued", State: "attempt-failed", Next: apitest.Now.Add(time.Hour)}, {Recipient: "b@b.test", Status: "delivered"}},
		Events: []api.Event{
			{Type: "Reception", At: apitest.Now.Add(-time.Hour), Client: "192.0.2.7"},
			{Type: "TransientFailure", N: 1, Recipient: "a@" + long, At: apitest.Now, Host: "mx1." + long, Reply: &api.Reply{Code: 451, Enhanced: "4.7.1", Text: strings.Repeat("later ", 30)}},
			{Type: "Freeze", N: 2, Recipient: "b@b.test", At: apitest.Now.Add(24 * time.Hour), Actor: "root (socket)", Text: "look"},
		},
	}}}
	for name, write := range map[string]func(*terminal.Screen) error{
		"counts":      func(s *terminal.Screen) error { return countTable(shape.Counts, true).Write(s) },
		"destination": func(s *terminal.Screen) error { return shapeTable("destination", shape).Write(s) },
		"reason":      func(s *terminal.Screen) error { return reasonTable(v, shape).Write(s) },
		"jobs":        func(s *terminal.Screen) error { return jobTable(v, []api.Job{job}).Write(s) },
		"outbound":    func(s *terminal.Screen) error { showOutbound(s, v, out); return nil },
	} {
		var b bytes.Buffer
		if err := write(terminal.NewFixedScreen(&b, 80, false)); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := terminal.Columns(strings.TrimSuffix(line, "\n")); n > 80 {
				t.Errorf("%s: %d columns: %s", name, n, line)
			}
		}
		t.Logf("%s\n%s", name, b.String())
		if strings.TrimSpace(b.String()) == "" {
			t.Errorf("%s prints nothing", name)
		}
	}
}
