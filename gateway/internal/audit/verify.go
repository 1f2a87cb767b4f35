package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Report is what Verify found.
type Report struct {
	Entries  uint64  `json:"entries"`
	First    uint64  `json:"first,omitempty"`
	Last     uint64  `json:"last,omitempty"`
	Head     string  `json:"head,omitempty" doc:"Hash of the last entry"`
	Problems []Fault `json:"problems"`
}

// Fault is one thing that is not as it was written.
type Fault struct {
	Seq  uint64 `json:"seq,omitempty"`
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	Text string `json:"text"`
}

// maxProblems bounds a report.
const maxProblems = 100

func (r *Report) wrong(p Fault) {
	if len(r.Problems) < maxProblems {
		r.Problems = append(r.Problems, p)
	}
}

// Verify reads the whole log and checks every hash, the chain, its beginning
// and its end. known is the hash of an entry that was noted elsewhere, or "":
// the chain has to hold it. The error is one of reading.
func Verify(ctx context.Context, dir string, key []byte, known string) (Report, error) {
	r := Report{Problems: []Fault{}}
	// The head first: the log may grow meanwhile, and then holds it still.
	h, headErr := readHead(dir, key)
	segs, err := segments(dir)
	if err != nil {
		return r, err
	}
	switch {
	case notThere(headErr):
		r.wrong(Fault{Text: "the head is missing: whether the log was cut short cannot be told"})
	case errors.Is(headErr, errHead):
		r.wrong(Fault{File: headName, Text: headErr.Error()})
	case headErr != nil:
		return r, headErr
	}
	v := verifier{report: &r, h: h, trusted: headErr == nil, known: known}
	if v.trusted {
		v.next, v.prev = max(h.First, 1), h.Prev
	}
	for i, s := range segs {
		if err := v.segment(ctx, s, i == len(segs)-1); err != nil {
			return r, err
		}
	}
	switch {
	case v.trusted && h.Seq > r.Last:
		r.wrong(Fault{Seq: r.Last + 1, Text: fmt.Sprintf("entries %d to %d are missing at the end", r.Last+1, h.Seq)})
	case v.trusted && h.Seq > 0 && !v.met:
		r.wrong(Fault{Seq: h.Seq, Text: "the entry that the head names is not in the log"})
	}
	if known != "" && !v.found {
		r.wrong(Fault{Text: fmt.Sprintf("no entry has the hash %.64s: the log was cut short or written anew since that was noted", known)})
	}
	return r, nil
}

type verifier struct {
	report  *Report
	h       head
	trusted bool // h is
	known   string
	next    uint64 // seq that is due; 0: any
	prev    string
	met     bool // the entry the head names
	found   bool // the known one
}

func (v *verifier) segment(ctx context.Context, s segment, newest bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	b, err := os.ReadFile(s.path)
	if err != nil {
		return fmt.Errorf("reading the audit log: %w", err)
	}
	name := filepath.Base(s.path)
	whole, rest := lines(b)
	if len(rest) > 0 && !newest { // at the very end it may be being written
		v.report.wrong(Fault{File: name, Line: len(whole) + 1, Text: "the last line is not whole"})
	}
	for i, line := range whole {
		v.line(name, i+1, line)
	}
	return nil
}

func (v *verifier) line(file string, n int, line []byte) {
	e, err := open(line)
	r := v.report
	at := Fault{Seq: e.Seq, File: file, Line: n}
	wrong := func(format string, a ...any) {
		at.Text = fmt.Sprintf(format, a...)
		r.wrong(at)
	}
	if err != nil {
		if at.Seq == 0 {
			at.Seq = v.next
		}
		wrong("%v", err)
		if e.Seq == 0 { // nothing is known of it: what follows is not its fault
			v.next, v.prev = 0, ""
			return
		}
	}
	switch {
	case v.next == 0:
	case e.Seq > v.next:
		wrong("entries %d to %d are missing", v.next, e.Seq-1)
	case e.Seq < v.next:
		wrong("entry %d stands where %d is due", e.Seq, v.next)
	case e.Prev != v.prev:
		wrong("it does not follow the entry before: one of them is not the one that was written")
	}
	if v.next == 0 && r.Entries == 0 {
		r.First = e.Seq
	}
	if r.Entries == 0 {
		r.First = e.Seq
	}
	r.Entries++
	r.Last, r.Head = max(r.Last, e.Seq), e.Hash
	v.next, v.prev = e.Seq+1, e.Hash
	if v.trusted && e.Seq == v.h.Seq {
		if v.met = e.Hash == v.h.Hash && err == nil; !v.met {
			wrong("it is not the entry that the head names")
			v.met = true // said
		}
	}
	if v.known != "" && err == nil && e.Hash == v.known {
		v.found = true
	}
}
