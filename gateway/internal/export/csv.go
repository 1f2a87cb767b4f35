package export

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"
)

// CSV writes rows as RFC 4180 wants them: CRLF between records, and quotes
// around what needs them. Cells that a spreadsheet would run as a formula are
// disarmed. It buffers: Close writes the rest.
type CSV struct {
	w out
}

// CSVOptions change the form.
type CSVOptions struct {
	BOM bool // begin with U+FEFF, by which Excel knows UTF-8
}

// NewCSV begins with a record of titles.
func NewCSV(w io.Writer, columns []string, o CSVOptions) (*CSV, error) {
	c := &CSV{out{bufio.NewWriterSize(w, 32<<10)}}
	if o.BOM {
		if _, err := c.w.WriteString("\ufeff"); err != nil {
			return nil, err
		}
	}
	return c, c.Write(columns)
}

// Write writes one record.
func (c *CSV) Write(cells []string) error {
	for i, cell := range cells {
		if i > 0 {
			c.w.octet(',')
		}
		c.cell(Disarm(cell), len(cells) == 1)
	}
	_, err := c.w.WriteString("\r\n")
	return err
}

// cell writes one cell; alone tells that it is the only one of its record, so
// that an empty one has to show.
func (c *CSV) cell(s string, alone bool) {
	s = strings.ToValidUTF8(strings.ReplaceAll(s, "\x00", ""), "\ufffd")
	if !(alone && s == "") && !strings.ContainsAny(s, ",\"\r\n;\t'") && s == strings.TrimSpace(s) {
		c.w.text(s)
		return
	}
	c.w.octet('"')
	c.w.text(strings.ReplaceAll(s, `"`, `""`))
	c.w.octet('"')
}

// Flush passes on what is buffered.
func (c *CSV) Flush() error { return c.w.Flush() }

// Close ends it. The writer below stays open.
func (c *CSV) Close() error { return c.w.Flush() }

// Disarm puts an apostrophe before text that a spreadsheet would take for a
// formula: what begins with = + - @, TAB, CR or LF, or with their full-width
// forms (OWASP, CSV injection). Numbers stay numbers.
func Disarm(s string) string {
	first := strings.TrimLeftFunc(s, unseen)
	if first == "" || !strings.ContainsRune("=+-@\t\r\n＝＋－＠", firstRune(first)) || number(s) {
		return s
	}
	return "'" + s
}

// unseen is what some readers drop before they look for a formula.
func unseen(r rune) bool {
	switch r {
	case ' ', 0, '\u00a0', '\u200b', '\ufeff':
		return true
	}
	return false
}

// number reports a plain decimal number, which is no formula.
func number(s string) bool {
	if strings.Trim(s, "+-0123456789.") != "" {
		return false
	}
	_, err := strconv.ParseFloat(s, 64)
	return err == nil
}

func firstRune(s string) rune {
	r, _ := utf8.DecodeRuneInString(s)
	return r
}
