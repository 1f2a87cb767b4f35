// Package xmlscan reads XML as far as the inspection of documents needs it:
// elements, attributes and text, in UTF-8 or UTF-16. It is tolerant of what it
// does not need to understand, expands no entities but the predefined ones, and
// reads nothing from elsewhere. It does not check well-formedness.
package xmlscan

import (
	"bytes"
	"io"
	"strings"
)

// Kind is what a token is.
type Kind uint8

// The kinds of tokens. An empty element gives Start and End.
const (
	Start Kind = iota + 1
	End
	Text
	Instruction // a processing instruction; its name and content are in Text
)

// Attr is one attribute.
type Attr struct{ Prefix, Name, Value string }

// Token is one piece of markup or text.
type Token struct {
	Kind         Kind
	Prefix, Name string
	Attrs        []Attr
	Text         string // long text comes in pieces
}

// Get gives an attribute by its local name, "" if there is none.
func (t *Token) Get(name string) string {
	for i := range t.Attrs {
		if t.Attrs[i].Name == name {
			return t.Attrs[i].Value
		}
	}
	return ""
}

// GetPrefix gives an attribute by prefix and local name.
func (t *Token) GetPrefix(prefix, name string) string {
	for i := range t.Attrs {
		if t.Attrs[i].Name == name && t.Attrs[i].Prefix == prefix {
			return t.Attrs[i].Value
		}
	}
	return ""
}

type damage string

func (d damage) Error() string { return string(d) }

// What XML may be damaged in.
const (
	ErrDoctype  = damage("its XML declares a document type, so that it may mean something else than it says")
	ErrMarkup   = damage("its XML is cut off or damaged")
	ErrEncoding = damage("its XML has an encoding that cannot be read")
)

const (
	bufSize = 8 << 10
	maxTag  = 2 << 20 // of markup; far beyond what documents have
	maxAttr = 1000
	maxText = 4 << 10
)

// Scanner gives tokens one after another.
type Scanner struct {
	r   io.Reader
	buf []byte // unread
	mem []byte
	err error // of r
	end *Token
	// AllowDoctype skips a document type declaration that declares no entities.
	AllowDoctype bool
}

// New reads XML from r; UTF-16 by its mark or its first character.
func New(r io.Reader) *Scanner {
	s := &Scanner{r: r, mem: make([]byte, 0, bufSize)}
	for len(s.buf) < 4 && s.fill() {
	}
	b := s.buf
	switch {
	case bytes.HasPrefix(b, []byte("\xef\xbb\xbf")):
		s.buf = b[3:]
	case bytes.HasPrefix(b, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(b, []byte("\x00\x00\xfe\xff")), bytes.HasPrefix(b, []byte("\x4c\x6f\xa7\x94")), bytes.HasPrefix(b, []byte("<\x00\x00\x00")), bytes.HasPrefix(b, []byte("\x00\x00\x00<")):
		s.buf, s.err = nil, ErrEncoding // UTF-32, EBCDIC
	case bytes.HasPrefix(b, []byte("\xff\xfe")), bytes.HasPrefix(b, []byte("<\x00")):
		s.wide(b, 0)
	case bytes.HasPrefix(b, []byte("\xfe\xff")), bytes.HasPrefix(b, []byte("\x00<")):
		s.wide(b, 1)
	}
	return s
}

// fill reads more behind what is unread; false at the end.
func (s *Scanner) fill() bool {
	if s.err != nil {
		return false
	}
	if len(s.buf) == 0 {
		s.buf = s.mem[:0]
	}
	if cap(s.buf)-len(s.buf) < bufSize/4 {
		b := s.mem[:0]
		if len(s.buf) > cap(s.mem)/2 {
			b = make([]byte, 0, 2*cap(s.mem))
			s.mem = b
		}
		s.buf = append(b, s.buf...)
	}
	for {
		n, err := s.r.Read(s.buf[len(s.buf):cap(s.buf)])
		s.buf = s.buf[:len(s.buf)+n]
		s.err = err
		if n > 0 || err != nil {
			return n > 0
		}
	}
}

// Next gives the next token; io.EOF at the end.
func (s *Scanner) Next() (Token, error) {
	if s.end != nil {
		t := *s.end
		s.end = nil
		return t, nil
	}
	for {
		if len(s.buf) == 0 && !s.fill() {
			if s.err == nil {
				return Token{}, io.EOF
			}
			return Token{}, s.err
		}
		if s.buf[0] != '<' {
			if t := s.text(); t.Text != "" {
				return t, nil
			}
			continue
		}
		t, err := s.markup()
		if err != nil || t.Kind != 0 {
			return t, err
		}
	}
}

func (s *Scanner) text() Token {
	for {
		i := bytes.IndexByte(s.buf, '<')
		if i < 0 && len(s.buf) < maxText && s.fill() {
			continue
		}
		if i < 0 {
			i = len(s.buf)
			if j := bytes.LastIndexByte(s.buf, '&'); j > 0 && i-j < 12 && s.err == nil {
				i = j // an entity stays whole
			}
		}
		t := Token{Kind: Text, Text: unescape(s.buf[:i])}
		s.buf = s.buf[i:]
		return t
	}
}

// until gives what stands in front of mark, and goes on behind it.
func (s *Scanner) until(mark string, from int) (string, error) {
	for at := from; ; {
		if len(s.buf) >= at {
			if i := bytes.Index(s.buf[at:], []byte(mark)); i >= 0 {
				text := string(s.buf[from : at+i])
				s.buf = s.buf[at+i+len(mark):]
				return text, nil
			}
			at = max(at, len(s.buf)-len(mark)+1)
		}
		if len(s.buf) > maxTag || !s.fill() {
			return "", s.broken()
		}
	}
}

// broken is why markup does not end.
func (s *Scanner) broken() error {
	if s.err != nil && s.err != io.EOF {
		return s.err
	}
	return ErrMarkup
}

// skip goes on behind mark, however far that is.
func (s *Scanner) skip(mark string, from int) error {
	for {
		if len(s.buf) >= from {
			if i := bytes.Index(s.buf[from:], []byte(mark)); i >= 0 {
				s.buf = s.buf[from+i+len(mark):]
				return nil
			}
			if n := len(s.buf) - len(mark) + 1; n > from {
				s.buf, from = s.buf[n:], 0
			}
		}
		if !s.fill() {
			return s.broken()
		}
	}
}

func (s *Scanner) has(prefix string) bool {
	for len(s.buf) < len(prefix) && s.fill() {
	}
	return bytes.HasPrefix(s.buf, []byte(prefix))
}

func (s *Scanner) markup() (Token, error) {
	switch {
	case s.has("<!--"):
		return Token{}, s.skip("-->", 4)
	case s.has("<![CDATA["):
		text, err := s.until("]]>", 9)
		return Token{Kind: Text, Text: text}, err
	case s.has("<!["): // Office's conditions, in VML
		return Token{}, s.skip(">", 3)
	case s.has("<?"):
		text, err := s.until("?>", 2)
		if err == nil && strings.HasPrefix(text, "xml ") && !readable(text) {
			err = ErrEncoding
		}
		return Token{Kind: Instruction, Text: text}, err
	case s.has("<!"):
		if s.AllowDoctype {
			text, err := s.until(">", 2)
			if err == nil && strings.Contains(text, "[") {
				err = ErrDoctype
			}
			return Token{}, err
		}
		return Token{}, ErrDoctype
	case s.has("</"):
		text, err := s.until(">", 2)
		t := Token{Kind: End}
		t.Prefix, t.Name = split(strings.TrimSpace(text))
		return t, err
	}
	return s.start()
}

func (s *Scanner) start() (Token, error) {
	// The end is the first > outside of quotes.
	i, quote := 1, byte(0)
	for {
		for ; i < len(s.buf); i++ {
			c := s.buf[i]
			if quote != 0 {
				if c == quote {
					quote = 0
				}
			} else if c == '"' || c == '\'' {
				quote = c
			} else if c == '>' {
				t := parseTag(s.buf[1:i])
				s.buf = s.buf[i+1:]
				if t.Name == "" {
					return Token{}, ErrMarkup
				}
				if t.Text == "/" {
					t.Text = ""
					s.end = &Token{Kind: End, Prefix: t.Prefix, Name: t.Name}
				}
				return t, nil
			}
		}
		if len(s.buf) > maxTag || !s.fill() {
			return Token{}, s.broken()
		}
	}
}
