package wire

import (
	"bytes"
	"encoding/binary"
	"io"
	"unicode/utf8"
)

// stats is what content is like.
type stats struct {
	size    int64
	high    bool  // octets over 127
	highs   int64 // how many
	bare    bool  // a CR without LF, a LF without CR, or a NUL
	longest int   // line, octets without its end
	utf8    bool  // all of it is valid UTF-8
	tail    []byte
}

// maxLine is the longest line mail may have, without CRLF (RFC 5322 §2.1.1).
const maxLine = 998

// clean: it may go out as it is.
func (s *stats) clean() bool { return !s.bare && s.longest <= maxLine }

// dense: base64 is shorter than quoted-printable.
func (s *stats) dense() bool { return s.highs > s.size/6 }

func (s *stats) endsLine() bool { return s.size == 0 || bytes.HasSuffix(s.tail, []byte("\n")) }

// flows: the last line is one that flows into the next (RFC 3676 §4.2).
func (s *stats) flows() bool {
	return bytes.HasSuffix(s.tail, []byte(" \r\n")) && !bytes.HasSuffix(s.tail, []byte("\n-- \r\n")) && string(s.tail) != "-- \r\n"
}

const tailLen = 8

// scanner gathers stats while content passes by.
type scanner struct {
	stats
	col  int
	cr   bool
	part []byte // octets of a character that is not whole yet
}

func (s *scanner) Write(b []byte) (int, error) {
	for rest := b; len(rest) > 0; {
		seg, ended := rest, false
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			seg, ended = rest[:i], true
			rest = rest[i+1:]
		} else {
			rest = nil
		}
		s.segment(seg)
		if ended {
			s.bare = s.bare || !s.cr
			s.longest = max(s.longest, s.col)
			s.col, s.cr = 0, false
		}
	}
	s.size += int64(len(b))
	s.characters(b)
	s.tail = append(s.tail, b[max(0, len(b)-tailLen):]...)
	s.tail = s.tail[max(0, len(s.tail)-tailLen):]
	return len(b), nil
}

// segment takes octets of one line, without its LF. A CR counts only at the
// end, before the LF.
func (s *scanner) segment(seg []byte) {
	if len(seg) == 0 {
		return
	}
	s.bare = s.bare || s.cr // one before, that no LF followed
	s.cr = seg[len(seg)-1] == '\r'
	if s.cr {
		seg = seg[:len(seg)-1]
	}
	s.bare = s.bare || bytes.IndexByte(seg, '\r') >= 0 || bytes.IndexByte(seg, 0) >= 0
	s.col += len(seg)
	for len(seg) >= 8 && binary.LittleEndian.Uint64(seg)&0x8080808080808080 == 0 {
		seg = seg[8:]
	}
	for _, c := range seg {
		if c >= 0x80 {
			s.highs++
		}
	}
}

func (s *scanner) characters(b []byte) {
	if s.highs == 0 {
		return
	}
	if !s.utf8 {
		return
	}
	if len(s.part) > 0 {
		b = append(s.part, b...)
		s.part = nil
	}
	for len(b) > 0 {
		if b[0] < 0x80 {
			b = b[1:]
			continue
		}
		if !utf8.FullRune(b) {
			s.part = bytes.Clone(b)
			return
		}
		r, n := utf8.DecodeRune(b)
		if r == utf8.RuneError && n == 1 {
			s.utf8 = false
			return
		}
		b = b[n:]
	}
}

func (s *scanner) finish() stats {
	s.bare = s.bare || s.cr
	s.longest = max(s.longest, s.col)
	s.utf8 = s.utf8 && len(s.part) == 0
	s.high = s.highs > 0
	return s.stats
}

func scan(r io.Reader) (stats, error) {
	s := scanner{stats: stats{utf8: true}}
	if _, err := io.Copy(&s, r); err != nil {
		return stats{}, err
	}
	return s.finish(), nil
}

func scanBytes(b []byte) stats {
	st, _ := scan(bytes.NewReader(b)) // a reader of bytes does not fail
	return st
}
