package main

import (
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// runs tells what ran on a recipient's mail, in the order of the chain, and how
// long that took, whether it found something or not.
func (p story) runs(fs []api.FilterRun) {
	total := 0.0
	for i, f := range fs {
		total += f.Took
		label := ""
		if i == 0 {
			label = "Ran"
		}
		p.item2(label, runLine(&f))
	}
	if len(fs) > 1 {
		p.item2("", "all filters  "+millis(total))
	}
}

// runLine is "office.spam  bayes 0123456789abcdef  1.8 ms (headers 0.3, message 1.5 reject)".
func runLine(f *api.FilterRun) string {
	line := f.Filter + "  " + strings.TrimSpace(f.Plugin+" "+f.Digest) + "  " + millis(f.Took)
	var stages []string
	for _, s := range f.Stages {
		stages = append(stages, s.Stage+" "+strings.TrimSuffix(millis(s.Took), " ms")+nonEmpty(" ", s.Outcome))
	}
	return terminal.Clean(line + " (" + strings.Join(stages, ", ") + ")")
}

// millis is a time that is well below a second.
func millis(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}
