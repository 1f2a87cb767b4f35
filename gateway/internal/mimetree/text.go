package mimetree

import (
	"io"
	"mime"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/htmlindex"
)

// maxText is the longest text of a summary or name, octets (RFC 5322 §2.1.1).
const maxText = 998

var words = mime.WordDecoder{CharsetReader: func(charset string, r io.Reader) (io.Reader, error) {
	e, err := htmlindex.Get(charset)
	if err != nil {
		return nil, err
	}
	return e.NewDecoder().Reader(r), nil
}}

// decodeWords decodes the encoded words of RFC 2047; what cannot be decoded
// stays as it is.
func decodeWords(s string) string {
	if strings.Contains(s, "=?") {
		if d, err := words.DecodeHeader(s); err == nil {
			return d
		}
	}
	return s
}

func toUTF8(charset, s string) string {
	if isASCII(s) {
		return s
	}
	if e, err := htmlindex.Get(charset); err == nil {
		if d, err := e.NewDecoder().String(s); err == nil {
			return d
		}
	}
	return s
}

func isASCII(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// plainText makes a text safe to store and show: valid UTF-8 of at most
// maxText octets on one line, without control characters. Raw 8-bit that is
// not UTF-8 is read as Windows-1252, what most of it is.
func plainText(s string) string {
	if !utf8.ValidString(s) {
		if e, err := htmlindex.Get("windows-1252"); err == nil {
			if d, err := e.NewDecoder().String(s); err == nil {
				s = d
			}
		}
	}
	s = strings.Map(func(r rune) rune {
		switch {
		case r == '\t' || r == '\r' || r == '\n' || r == 0x2028 || r == 0x2029:
			return ' '
		case r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069:
			return -1 // controls, and what turns the direction of a name around
		}
		return r
	}, s)
	if len(s) > maxText {
		s = s[:maxText]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}

// Summary is what lists show of a message, decoded, each text at most 998
// octets. The fields are those of store.Summary.
type Summary struct {
	From, To, Cc, Subject, MessageID string
	Attachments                      []string
}

// maxNames is how many attachments a summary names.
const maxNames = 50

// Summary decodes the header fields that lists show; of a field that is there
// twice, the first.
func (t *Tree) Summary() Summary {
	var s Summary
	for i := range t.headers {
		h := &t.headers[i]
		for _, f := range []struct {
			name string
			dst  *string
		}{{"From", &s.From}, {"To", &s.To}, {"Cc", &s.Cc}, {"Subject", &s.Subject}, {"Message-ID", &s.MessageID}} {
			if len(h.Name) == len(f.name) && *f.dst == "" && strings.EqualFold(h.Name, f.name) {
				*f.dst = plainText(decodeWords(h.Value))
			}
		}
	}
	for i := range t.parts {
		if p := &t.parts[i]; p.Attachment && len(s.Attachments) < maxNames {
			name := p.Filename
			if name == "" {
				name = p.Type
			}
			s.Attachments = append(s.Attachments, name)
		}
	}
	return s
}
