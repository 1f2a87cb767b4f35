package export

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Mbox writes messages into one file as mboxrd has them: a From_ line before
// each, every line of the message that begins with any number of ">" and
// "From " has one ">" more, and an empty line behind (RFC 4155 describes the
// family). Lines end with LF.
type Mbox struct {
	w out
}

// NewMbox makes one.
func NewMbox(w io.Writer) *Mbox { return &Mbox{out{bufio.NewWriterSize(w, 32<<10)}} }

// Add implements Messages.
func (m *Mbox) Add(e Entry, r io.Reader) error {
	fmt.Fprintf(m.w, "From %s %s\n", fromAddress(e.Sender), e.At.UTC().Format("Mon Jan _2 15:04:05 2006"))
	q := quoter{w: m.w, start: true}
	if _, err := io.Copy(&q, r); err != nil {
		return fmt.Errorf("adding message %s to the mailbox: %w", safeID(e.ID), err)
	}
	q.end()
	if err := m.w.WriteByte('\n'); err != nil {
		return fmt.Errorf("adding message %s to the mailbox: %w", safeID(e.ID), err)
	}
	return nil
}

// Flush passes on what is buffered.
func (m *Mbox) Flush() error { return m.w.Flush() }

// Close ends it. The writer below stays open.
func (m *Mbox) Close() error { return m.w.Flush() }

// fromAddress is a sender for a From_ line, in which a space ends the address.
func fromAddress(s string) string {
	s = strings.Map(func(r rune) rune {
		if r <= ' ' || r == 0x7f {
			return '_'
		}
		return r
	}, strings.ToValidUTF8(s, "_"))
	if s == "" {
		return "MAILER-DAEMON"
	}
	return s
}

// quoter writes one message. A line of any length passes in a few octets of
// state: that the ">" to add may stand behind those that are there is why.
type quoter struct {
	w     out
	start bool // of a line, with nothing but ">" so far
	match int  // octets of "From " held back
	cr    bool // a CR held back
	open  bool // the last line has no end yet
}

const from = "From "

// Write implements io.Writer.
func (q *quoter) Write(p []byte) (int, error) {
	for _, c := range p {
		q.octet(c)
	}
	_, err := q.w.Write(nil)
	return len(p), err
}

func (q *quoter) octet(c byte) {
	if q.cr {
		q.cr = false
		if c != '\n' {
			q.w.octet('\r')
			q.start, q.open = false, true
		}
	}
	if q.start && c == from[q.match] {
		if q.match++; q.match == len(from) {
			q.w.text(">" + from)
			q.start, q.match, q.open = false, 0, true
		}
		return
	}
	if q.match > 0 {
		q.w.text(from[:q.match])
		q.start, q.match, q.open = false, 0, true
	}
	switch c {
	case '\r':
		q.cr = true
	case '\n':
		q.w.octet(c)
		q.start, q.open = true, false
	case '>':
		q.w.octet(c)
		q.open = true // still the start, if it was
	default:
		q.w.octet(c)
		q.start, q.open = false, true
	}
}

// end writes what is held back and ends the last line.
func (q *quoter) end() {
	if q.match > 0 {
		q.w.text(from[:q.match])
		q.open = true
	}
	if q.cr {
		q.w.octet('\r')
		q.open = true
	}
	if q.open {
		q.w.octet('\n')
	}
}
