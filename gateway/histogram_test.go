package main

import (
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// TestHistogram: a line for each step with a bar that says how many, no line over
// 80 columns, and times without mail among them.
func TestHistogram(t *testing.T) {
	at := time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC)
	v := view{now: at, loc: time.UTC}
	for _, tt := range []struct {
		name  string
		step  time.Duration
		width int
		bars  []api.Bar
		want  string
	}{
		{"hours", time.Hour, 30, []api.Bar{{At: at, Count: 3}, {At: at.Add(2 * time.Hour), Count: 6}, {At: at.Add(9 * time.Hour), Count: 1}}, `
FROM              ROWS
2026-03-01 10:00     3  ###
2026-03-01 11:00     0
2026-03-01 12:00     6  ######
2026-03-01 13:00     0  (6 steps)
2026-03-01 19:00     1  #
`},
		{"seconds", time.Second, 33, []api.Bar{{At: at, Count: 1_000_000}, {At: at.Add(time.Second), Count: 1}}, `
FROM                    ROWS
2026-03-01 10:00:00  1000000  ###
2026-03-01 10:00:01        1  #
`},
		{"days", 24 * time.Hour, 20, []api.Bar{{At: at.Truncate(24 * time.Hour), Count: 2}}, `
FROM        ROWS
2026-03-01     2  ##
`},
		{"no width", time.Hour, 0, []api.Bar{{At: at, Count: 5}}, "\nFROM              ROWS\n2026-03-01 10:00     5  " + strings.Repeat("#", 56) + "\n"},
		{"wide", time.Hour, 200, []api.Bar{{At: at, Count: 5}}, "\nFROM              ROWS\n2026-03-01 10:00     5  " + strings.Repeat("#", 56) + "\n"},
	} {
		var out strings.Builder
		if err := histogramTable(v, tt.bars, tt.step, tt.width).Write(terminal.NewFixedScreen(&out, tt.width, false)); err != nil {
			t.Fatal(err)
		}
		if got := "\n" + out.String(); got != tt.want {
			t.Errorf("%s:%s\nwant:%s", tt.name, got, tt.want)
		}
		for line := range strings.Lines(out.String()) {
			if len(line) > barWidth+1 {
				t.Errorf("%s: a line of %d columns", tt.name, len(line)-1)
			}
		}
	}
}
