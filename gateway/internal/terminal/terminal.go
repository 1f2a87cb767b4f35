// Package terminal writes what operators read: tables, sections, prompts and
// colour, on a screen of known width.
//
// It is not for deciding what to show: it knows no message, status or rule of
// the gateway.
package terminal

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/term"
)

// The rules of terminal output, which every command obeys:
//
//   - Results go to standard output and nothing else does. Questions, hints,
//     counts and errors go to standard error, so that a pipe gets data only.
//   - A line of a table is one line of the screen. What does not fit is cut in
//     the middle with "…", where an address says least; --wide shows it whole.
//   - Without a terminal the width is 80 columns (or $COLUMNS), so that the
//     same command gives the same lines in a log, a mail or a test.
//   - Colour repeats what the words already say. It is off without a terminal,
//     with NO_COLOR set, and with TERM=dumb.
//   - Text that came with mail or from a remote server is never written as it
//     is: control characters, escape sequences and characters that reorder a
//     line are shown as what they are (Clean).
//   - An error is one line that says what failed, followed by a hint that says
//     what to do.

// DefaultWidth is the width, in columns, of a screen that does not tell its own.
const DefaultWidth = 80

// Screen is a place to write results to. It is not safe for use in parallel.
type Screen struct {
	w     io.Writer
	width int // columns; 0 means without limit
	color bool
	tty   bool
}

// ColorMode says when to use colour.
type ColorMode string

// The colour modes.
const (
	ColorAuto   ColorMode = "auto"
	ColorAlways ColorMode = "always"
	ColorNever  ColorMode = "never"
)

// NewScreen describes the file as a screen. A file that is no terminal gets
// the width of $COLUMNS or 80 columns, and no colour unless the mode insists.
func NewScreen(f *os.File, mode ColorMode) *Screen {
	s := &Screen{w: f, tty: term.IsTerminal(int(f.Fd()))}
	s.width = columnsFromEnvironment()
	if s.tty {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			s.width = w
		}
	}
	switch mode {
	case ColorAlways:
		s.color = true
	case ColorNever:
	default:
		s.color = s.tty && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
	}
	return s
}

// NewFixedScreen describes any writer as a screen of the given width in
// columns; 0 is without limit.
func NewFixedScreen(w io.Writer, width int, color bool) *Screen {
	return &Screen{w: w, width: width, color: color}
}

func columnsFromEnvironment() int {
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n >= 20 {
		return n
	}
	return DefaultWidth
}

// Write makes the screen a plain writer.
func (s *Screen) Write(p []byte) (int, error) { return s.w.Write(p) }

// Width is the screen's width in columns; 0 is without limit.
func (s *Screen) Width() int { return s.width }

// Unlimited is the same screen without a limit of width, for --wide.
func (s *Screen) Unlimited() *Screen {
	c := *s
	c.width = 0
	return &c
}

// Color reports whether colour is used.
func (s *Screen) Color() bool { return s.color }

// IsTerminal reports whether a person is likely to look at the screen.
func (s *Screen) IsTerminal() bool { return s.tty }

// Style is how a piece of text stands out.
type Style string

// The styles. Plain changes nothing.
const (
	Plain  Style = ""
	Bold   Style = "1"
	Dim    Style = "2"
	Red    Style = "31"
	Green  Style = "32"
	Yellow Style = "33"
	Cyan   Style = "36"
)

// Paint wraps text in the style, if the screen uses colour.
func (s *Screen) Paint(st Style, text string) string {
	if !s.color || st == Plain || text == "" {
		return text
	}
	return "\x1b[" + string(st) + "m" + text + "\x1b[0m"
}
