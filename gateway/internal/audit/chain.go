package audit

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// A line of the log is an entry as JSON with its hash as the last member; the
// hash is over the line without that member. Whoever checks a line needs no
// JSON for it, so there is no second way to write the same entry.

const (
	// maxValue bounds one value of an entry, octets: a thousand message IDs.
	maxValue = 32 << 10
	// maxName bounds who, whence and what of an entry, octets: whoever asks may
	// choose them before anybody knows who it is.
	maxName = 512
	// maxDetails bounds the members of Details.
	maxDetails = 32
)

// body is an Entry without its hash, in the order of the line.
type body struct {
	Seq     uint64            `json:"seq"`
	At      time.Time         `json:"at"`
	Actor   string            `json:"actor"`
	Source  string            `json:"source,omitempty"`
	Tenant  string            `json:"tenant,omitempty"`
	Action  string            `json:"action"`
	Target  string            `json:"target,omitempty"`
	Details map[string]string `json:"details,omitempty"`
	Refused string            `json:"refused,omitempty"`
	Prev    string            `json:"prev"`
}

const hashMember = `,"hash":"`

// seal sets the entry's hash and gives its line, with a line end.
func seal(e *Entry) ([]byte, error) {
	b, err := json.Marshal(body{e.Seq, e.At, e.Actor, e.Source, e.Tenant, e.Action, e.Target, e.Details, e.Refused, e.Prev})
	if err != nil {
		return nil, fmt.Errorf("writing an audit entry: %w", err)
	}
	e.Hash = sum(b)
	line := append(b[:len(b)-1], hashMember...)
	line = append(line, e.Hash...)
	return append(line, '"', '}', '\n'), nil
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}

// open reads a line (without its end) and checks its hash.
func open(line []byte) (Entry, error) {
	var e Entry
	const tail = len(hashMember) + 2*sha256.Size + len(`"}`)
	if len(line) <= tail || !bytes.HasPrefix(line[len(line)-tail:], []byte(hashMember)) {
		return e, errors.New("the line is not whole")
	}
	if err := json.Unmarshal(line, &e); err != nil {
		return e, fmt.Errorf("the line does not read: %w", err)
	}
	plain := append(bytes.Clone(line[:len(line)-tail]), '}')
	if sum(plain) != e.Hash {
		return e, errors.New("the entry was changed: its hash is another")
	}
	return e, nil
}

// tidy bounds what an entry says.
func tidy(e *Entry) {
	for _, s := range []*string{&e.Actor, &e.Source, &e.Target} {
		*s = cut(*s, maxName)
	}
	for _, s := range []*string{&e.Tenant, &e.Action, &e.Refused} {
		*s = cut(*s, maxValue)
	}
	n := 0
	var details map[string]string
	for k, v := range e.Details {
		if n++; n > maxDetails {
			break
		}
		if details == nil {
			details = make(map[string]string, len(e.Details))
		}
		details[cut(k, maxValue)] = cut(v, maxValue)
	}
	e.Details = details
}

// cut shortens s to most octets.
func cut(s string, most int) string {
	const more = "…"
	s = strings.ToValidUTF8(s, "�")
	if len(s) <= most {
		return s
	}
	n := most - len(more)
	for !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + more
}
