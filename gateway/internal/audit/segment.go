package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The log is a row of files, audit-SEQ.jsonl, named for their first entry: one
// a day or more, so that what is past its time goes file by file.

const (
	segmentStart = "audit-"
	segmentEnd   = ".jsonl"
)

type segment struct {
	path  string
	first uint64 // by its name
}

func segmentPath(dir string, first uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%s%016d%s", segmentStart, first, segmentEnd))
}

// segments lists the files, oldest first.
func segments(dir string) ([]segment, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	var out []segment
	for _, e := range entries {
		n, ok := strings.CutPrefix(e.Name(), segmentStart)
		n, ok2 := strings.CutSuffix(n, segmentEnd)
		first, err := strconv.ParseUint(n, 10, 64)
		if ok && ok2 && err == nil && e.Type().IsRegular() {
			out = append(out, segment{filepath.Join(dir, e.Name()), first})
		}
	}
	slices.SortFunc(out, func(a, b segment) int {
		switch {
		case a.first < b.first:
			return -1
		case a.first > b.first:
			return 1
		}
		return 0
	})
	return out, nil
}

// lines splits a file; rest is what stands behind the last line end.
func lines(b []byte) (whole [][]byte, rest []byte) {
	for len(b) > 0 {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			return whole, b
		}
		whole = append(whole, b[:i])
		b = b[i+1:]
	}
	return whole, nil
}

// tail is the end of the newest segment.
type tail struct {
	path  string
	entry Entry // the last that reads; zero: none
	good  int64 // octets up to and with it
	size  int64
	torn  bool // what stands behind it has no whole line that reads
}

func readTail(s segment) (tail, error) {
	t := tail{path: s.path}
	b, err := os.ReadFile(s.path)
	if err != nil {
		return t, fmt.Errorf("reading the audit log: %w", err)
	}
	t.size = int64(len(b))
	whole, _ := lines(b)
	at := int64(0)
	for _, line := range whole {
		at += int64(len(line)) + 1
		if e, err := open(line); err == nil {
			t.entry, t.good = e, at
		}
	}
	t.torn = t.good < t.size
	return t, nil
}

// hashAt is the hash of an entry; "" where it is not there.
func hashAt(segs []segment, seq uint64) (string, error) {
	for i := len(segs) - 1; i >= 0; i-- {
		if segs[i].first > seq {
			continue
		}
		b, err := os.ReadFile(segs[i].path)
		if err != nil {
			return "", fmt.Errorf("reading the audit log: %w", err)
		}
		whole, _ := lines(b)
		for _, line := range whole {
			if e, err := open(line); err == nil && e.Seq == seq {
				return e.Hash, nil
			}
		}
		return "", nil
	}
	return "", nil
}

// cutOff shortens a file durably.
func cutOff(path string, size int64, sync bool) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	err = f.Truncate(size)
	if err == nil && sync {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}
