package document

import (
	"strconv"
	"strings"
	"unicode/utf8"
)

// fields follows the fields of a Word document, in whichever format: their
// instructions may be spread over many runs and hold further fields.
type fields struct {
	x     *inspection
	path  string
	stack []field
	lost  int // fields within one another beyond maxFields
}

type field struct {
	instruction []byte
	result      bool // what follows is what the field gave
	quoted      bool // its value is known: a QUOTE
}

const (
	maxFields      = 32
	maxInstruction = 8 << 10
)

func (f *fields) begin() {
	if len(f.stack) >= maxFields {
		f.lost++
		return
	}
	f.stack = append(f.stack, field{})
}

// inside says whether text belongs to a field's instruction.
func (f *fields) inside() bool { return len(f.stack) > 0 }

// text is part of an instruction, or of the result of a field within one.
func (f *fields) text(s string) {
	for i := len(f.stack) - 1; i >= 0; i-- {
		t := &f.stack[i]
		if !t.result {
			if len(t.instruction)+len(s) <= maxInstruction {
				t.instruction = append(t.instruction, s...)
			}
			return
		}
		if t.quoted {
			return
		}
	}
}

func (f *fields) separate() {
	if len(f.stack) == 0 || f.lost > 0 {
		return
	}
	t := &f.stack[len(f.stack)-1]
	if !t.result {
		f.evaluate(t)
		t.result = true
	}
}

func (f *fields) end() {
	if f.lost > 0 {
		f.lost--
		return
	}
	if len(f.stack) == 0 {
		return
	}
	f.separate()
	f.stack = f.stack[:len(f.stack)-1]
}

// evaluate judges a field; the value of a QUOTE goes to the field around it.
func (f *fields) evaluate(t *field) {
	keyword, args := fieldWords(string(t.instruction))
	if keyword == "QUOTE" && len(f.stack) > 1 {
		value := make([]byte, 0, 64)
		for _, a := range args {
			if n, err := strconv.Atoi(a); err == nil && n > 0 && n < utf8.MaxRune {
				value = utf8.AppendRune(value, rune(n))
			} else if !strings.HasPrefix(a, `\`) {
				value = append(value, a...)
			}
		}
		t.result, t.quoted = true, true
		f.stack[len(f.stack)-2].addValue(value)
		return
	}
	f.x.field(keyword, args, f.path)
}

func (t *field) addValue(b []byte) {
	if !t.result && len(t.instruction)+len(b) <= maxInstruction {
		t.instruction = append(t.instruction, b...)
	}
}

// field judges a field by its keyword (ECMA-376 part 1 §17.16.5).
func (x *inspection) field(keyword string, args []string, path string) {
	var cause, sub, detail string
	switch keyword {
	case "DDE", "DDEAUTO":
		x.find(CauseMacro, "dde", path, "a field starts another program (DDE)")
		return
	case "INCLUDEPICTURE", "IMPORT":
		cause, sub, detail = CauseTracking, "external-image", "a field fetches a picture from elsewhere"
	case "LINK":
		cause, sub, detail = CauseTracking, "linked-ole", "a field fetches a linked object from elsewhere"
	case "INCLUDETEXT", "INCLUDE", "RD", "DATABASE":
		cause, sub, detail = CauseTracking, "web-beacon", "a field fetches text from elsewhere"
	default:
		return
	}
	for _, a := range args {
		if remote(a) {
			x.find(cause, sub, path, detail)
			return
		}
	}
}

// fieldWords splits an instruction into its keyword, in capitals, and the
// arguments, without quotes.
func fieldWords(s string) (keyword string, args []string) {
	for {
		s = strings.TrimLeft(s, " \t\r\n\v\f\a\u00a0")
		if s == "" {
			break
		}
		var w string
		if q, n := utf8.DecodeRuneInString(s); q == '"' || q == '\u201c' || q == '\u201d' || q == '\u201e' {
			end := strings.IndexAny(s[n:], "\"\u201c\u201d")
			if end < 0 {
				w, s = s[n:], ""
			} else {
				w = s[n : n+end]
				_, m := utf8.DecodeRuneInString(s[n+end:])
				s = s[n+end+m:]
			}
		} else {
			end := strings.IndexAny(s, " \t\r\n\v\f\"\u201c\u00a0")
			if end < 0 {
				end = len(s)
			}
			w, s = s[:end], s[end:]
		}
		if keyword == "" {
			keyword = strings.ToUpper(w)
		} else if len(args) < 64 {
			args = append(args, w)
		}
	}
	return keyword, args
}
