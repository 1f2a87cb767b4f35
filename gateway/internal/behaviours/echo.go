package main

import (
	"fmt"
	"io"
	"strings"
)

// echo prints what go test without -json would: a line for each package, and
// what tests said that failed.
type echo struct {
	w    io.Writer
	said map[string][]string // by package and test, of those that have not ended
}

func newEcho(w io.Writer) *echo { return &echo{w: w, said: map[string][]string{}} }

func (e *echo) take(ev event) {
	id := ev.Package + " " + ev.Test
	switch ev.Action {
	case "build-output":
		e.print(ev.Output)
	case "output":
		switch {
		case ev.Test != "":
			e.said[id] = append(e.said[id], ev.Output)
		case ev.Output != "PASS\n" && !strings.HasSuffix(ev.Output, "[no test files]\n"):
			e.print(ev.Output)
		}
	case "fail":
		if ev.Test == "" { // those that were running when it broke down
			for k, lines := range e.said {
				if strings.HasPrefix(k, id) {
					e.print(lines...)
					delete(e.said, k)
				}
			}
			return
		}
		e.print(e.said[id]...)
		delete(e.said, id)
	case "pass", "skip":
		delete(e.said, id)
	}
}

func (e *echo) print(lines ...string) {
	for _, l := range lines {
		_, _ = fmt.Fprint(e.w, l)
	}
}
