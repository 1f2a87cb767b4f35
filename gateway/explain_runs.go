package main

import (
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/api"
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
		p.item2(label, strings.TrimSpace(f.Filter+"  "+strings.TrimSpace(f.Plugin+" "+f.Digest))+"  "+millis(f.Took))
		p.para(4+labelWidth, stageLine(&f))
	}
	if len(fs) > 1 {
		p.item2("", "all filters  "+millis(total))
	}
}

// stageLine is "headers 0.30 ms, message 1.50 ms: reject".
func stageLine(f *api.FilterRun) string {
	var stages []string
	for _, s := range f.Stages {
		stages = append(stages, s.Stage+" "+millis(s.Took)+nonEmpty(": ", s.Outcome))
	}
	return strings.Join(stages, ", ")
}

// millis is a time that is well below a second.
func millis(ms float64) string {
	if ms < 10 {
		return fmt.Sprintf("%.2f ms", ms)
	}
	return fmt.Sprintf("%.0f ms", ms)
}
