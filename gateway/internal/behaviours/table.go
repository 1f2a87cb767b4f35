package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
)

// result is what became of a test.
type result string

// The results, worst first: what a number with several tests counts as.
const (
	failed  result = "FAIL"
	skipped result = "skip"
	passed  result = "pass"
	missing result = "MISSING"
)

// table is what tests show of each behaviour.
type table struct {
	tests    map[string]result // by package and name
	started  map[string]bool   // run, and not ended yet
	packages int               // whose end was told
	broken   int               // of them, failed
	echo     *echo             // nil: nothing is printed along the way
}

func newTable() *table { return &table{tests: map[string]result{}, started: map[string]bool{}} }

// event is one line of go test -json (see "go doc test2json").
type event struct {
	Action  string
	Package string
	Test    string
	Output  string
}

// read takes in the output of go test -json. Lines that are no JSON are what
// builds print.
func (t *table) read(r io.Reader) error {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 8<<20)
	for s.Scan() {
		var e event
		if json.Unmarshal(s.Bytes(), &e) != nil {
			if t.echo != nil {
				t.echo.print(s.Text(), "\n")
			}
			continue
		}
		if t.echo != nil {
			t.echo.take(e)
		}
		t.take(e)
	}
	if err := s.Err(); err != nil {
		return fmt.Errorf("reading the output of go test: %w", err)
	}
	return nil
}

func (t *table) take(e event) {
	if e.Test == "" {
		if e.Action == "pass" || e.Action == "fail" || e.Action == "skip" {
			t.packages++
		}
		if e.Action == "fail" {
			t.broken++
		}
		return
	}
	id := e.Package + " " + e.Test
	switch e.Action {
	case "run":
		t.started[id] = true
	case "pass", "fail", "skip":
		delete(t.started, id)
		t.tests[id] = map[string]result{"pass": passed, "fail": failed, "skip": skipped}[e.Action]
	}
}

// shown are the tests of one behaviour.
type shown struct {
	result result
	tests  []string // package's last folder, and name
}

// behaviours sorts the tests by number. A test that never ended has failed.
// Where a number has tests that passed and others that were skipped (another
// program is missing), it has passed.
func (t *table) behaviours() map[int]*shown {
	for id := range t.started {
		t.tests[id] = failed
	}
	out := map[int]*shown{}
	for id, res := range t.tests {
		pkg, name, _ := strings.Cut(id, " ")
		for _, n := range behavioursOf(name) {
			s := out[n]
			if s == nil {
				s = &shown{result: res}
				out[n] = s
			}
			s.tests = append(s.tests, pkg[strings.LastIndexByte(pkg, '/')+1:]+"."+name)
			if res == failed || s.result == skipped {
				s.result = res
			}
		}
	}
	for _, s := range out {
		slices.Sort(s.tests)
	}
	return out
}

// print writes the table and reports whether each number has passed.
func (t *table) print(w io.Writer, numbers []int, all bool) bool {
	by := t.behaviours()
	counts := map[result]int{}
	for _, n := range numbers {
		s := by[n]
		if s == nil {
			s = &shown{result: missing}
		}
		counts[s.result]++
		names := s.tests
		more := ""
		if !all && len(names) > 3 {
			more = fmt.Sprintf(", and %d more", len(names)-3)
			names = names[:3]
		}
		fmt.Fprintf(w, "B%-4d %-8s %s%s\n", n, s.result, strings.Join(names, ", "), more)
	}
	fmt.Fprintf(w, "%d behaviours: %d pass, %d fail, %d skipped, %d without a test\n",
		len(numbers), counts[passed], counts[failed], counts[skipped], counts[missing])
	return counts[passed] == len(numbers)
}
