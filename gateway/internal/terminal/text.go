package terminal

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/width"
)

// Clean makes foreign text safe to print on one line: line breaks become
// " / ", tabs become blanks, and every other control, escape or reordering
// character and every byte that is no UTF-8 is spelt out, such as \x1b.
func Clean(s string) string { return clean(s, " / ") }

// CleanLines is Clean that leaves line feeds as they are.
func CleanLines(s string) string { return clean(s, "\n") }

func clean(s, newline string) string {
	if isClean(s) {
		return s
	}
	s = strings.TrimRight(s, "\r\n")
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, s[i])
		case r == '\r' && strings.HasPrefix(s[i+n:], "\n"):
			// the line feed that follows says it
		case r == '\n':
			b.WriteString(newline)
		case r == '\t':
			b.WriteByte(' ')
		case r < 0x80 && unicode.IsControl(r):
			fmt.Fprintf(&b, `\x%02x`, r)
		case !printable(r):
			fmt.Fprintf(&b, `\u%04x`, r)
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

func isClean(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < 0x20 || s[i] >= 0x7f {
			return false
		}
	}
	return true
}

// printable refuses controls, line and paragraph separators, and format
// characters: bidirectional overrides can make a name read as another.
func printable(r rune) bool {
	return !unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp, unicode.Co, unicode.Cs)
}

// Columns is the number of columns that text takes on a screen.
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func runeColumns(r rune) int {
	if r < 0x300 {
		return 1
	}
	if unicode.In(r, unicode.Mn, unicode.Me) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// Cut shortens text to at most n columns, with "…" at its end.
func Cut(s string, n int) string {
	if Columns(s) <= n {
		return s
	}
	if n <= 0 {
		return ""
	}
	return head(s, n-1) + "…"
}

// CutMiddle shortens text to at most n columns with "…" in its middle, keeping
// a little more of the end: of an address, the domain.
func CutMiddle(s string, n int) string {
	if Columns(s) <= n {
		return s
	}
	if n < 5 {
		return Cut(s, n)
	}
	left := (n - 1) * 2 / 5
	return head(s, left) + "…" + tail(s, n-1-left)
}

func head(s string, n int) string {
	used := 0
	for i, r := range s {
		w := runeColumns(r)
		if used+w > n {
			return s[:i]
		}
		used += w
	}
	return s
}

func tail(s string, n int) string {
	used, start := 0, len(s)
	for start > 0 {
		r, size := utf8.DecodeLastRuneInString(s[:start])
		w := runeColumns(r)
		if used+w > n {
			break
		}
		used += w
		start -= size
	}
	return s[start:]
}

// Wrap breaks text into lines of at most n columns at blanks; a word that is
// longer is broken where it must be. n of 0 is without limit.
func Wrap(s string, n int) []string {
	if n <= 0 {
		return []string{strings.Join(strings.Fields(s), " ")}
	}
	var lines []string
	line, used := "", 0
	for _, word := range strings.Fields(s) {
		w := Columns(word)
		if used > 0 && used+1+w > n {
			lines = append(lines, line)
			line, used = "", 0
		}
		for w > n {
			piece := head(word, n)
			if piece == "" { // one rune wider than the line
				break
			}
			lines = append(lines, piece)
			word = word[len(piece):]
			w = Columns(word)
		}
		if used > 0 {
			line += " "
			used++
		}
		line += word
		used += w
	}
	if line != "" || len(lines) == 0 {
		lines = append(lines, line)
	}
	return lines
}

// Pad fills text with blanks on the right to n columns.
func Pad(s string, n int) string {
	if c := Columns(s); c < n {
		return s + strings.Repeat(" ", n-c)
	}
	return s
}
