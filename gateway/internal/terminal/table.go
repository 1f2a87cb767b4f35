package terminal

import (
	"strings"
)

// Column describes one column of a Table.
type Column struct {
	Title string
	Right bool // aligned to the right, as numbers are
	// Min is the least width, in columns, to which the column may be cut when
	// the table does not fit; 0 means that it is never cut. Want is a width
	// above it at which other columns are dropped before this one is cut more.
	Min, Want int
	End       bool // cut at its end rather than in its middle: prose
	// Drop, when positive, lets the column go when the table does not fit: the
	// highest goes first.
	Drop int
}

// Cell is one field of a row. The table cleans the text.
type Cell struct {
	Text  string
	Style Style
}

// Table is rows under titles, each one line of the screen.
type Table struct {
	cols []Column
	rows [][]Cell
}

// NewTable starts a table with these columns.
func NewTable(cols ...Column) *Table { return &Table{cols: cols} }

// Add appends a row of plain cells. Missing cells are empty.
func (t *Table) Add(texts ...string) {
	row := make([]Cell, len(texts))
	for i, s := range texts {
		row[i].Text = s
	}
	t.AddCells(row...)
}

// AddCells appends a row.
func (t *Table) AddCells(cells ...Cell) {
	row := make([]Cell, len(t.cols))
	copy(row, cells)
	for i := range row {
		row[i].Text = Clean(row[i].Text)
	}
	t.rows = append(t.rows, row)
}

// Len is the number of rows.
func (t *Table) Len() int { return len(t.rows) }

// gap stands between two columns.
const gap = "  "

// Write draws the table to fit the screen. Columns in which every cell is
// empty are left out.
func (t *Table) Write(s *Screen) error {
	shown, widths := t.layout(s.Width())
	var b strings.Builder
	t.line(&b, s, shown, widths, func(i int) Cell { return Cell{Text: t.cols[i].Title, Style: Bold} })
	for _, row := range t.rows {
		t.line(&b, s, shown, widths, func(i int) Cell { return row[i] })
	}
	_, err := s.Write([]byte(b.String()))
	return err
}

func (t *Table) line(b *strings.Builder, s *Screen, shown, widths []int, cell func(int) Cell) {
	var line strings.Builder
	blanks := 0 // owed before the next text: a line has none at its end
	for k, i := range shown {
		if k > 0 {
			blanks += len(gap)
		}
		c, col := cell(i), t.cols[i]
		text := CutMiddle(c.Text, widths[k])
		if col.End {
			text = Cut(c.Text, widths[k])
		}
		fill := widths[k] - Columns(text)
		if col.Right {
			blanks += fill
			fill = 0
		}
		if text != "" {
			line.WriteString(strings.Repeat(" ", blanks))
			line.WriteString(s.Paint(c.Style, text))
			blanks = 0
		}
		blanks += fill
	}
	b.WriteString(line.String())
	b.WriteByte('\n')
}

// layout chooses the columns to show and their widths for a screen of limit
// columns (0: without limit).
func (t *Table) layout(limit int) (shown, widths []int) {
	for i, c := range t.cols {
		widest, empty := Columns(c.Title), true
		for _, row := range t.rows {
			if row[i].Text != "" {
				empty = false
				widest = max(widest, Columns(row[i].Text))
			}
		}
		if empty && len(t.rows) > 0 {
			continue
		}
		shown, widths = append(shown, i), append(widths, widest)
	}
	if limit <= 0 {
		return shown, widths
	}
	for !t.shrink(shown, widths, limit, func(c Column) int { return max(c.Min, c.Want) }) {
		k := t.dropFirst(shown)
		if k < 0 {
			t.shrink(shown, widths, limit, func(c Column) int { return c.Min })
			break
		}
		shown = append(shown[:k], shown[k+1:]...)
		widths = t.natural(shown)
	}
	return shown, widths
}

func (t *Table) natural(shown []int) []int {
	widths := make([]int, len(shown))
	for k, i := range shown {
		widths[k] = Columns(t.cols[i].Title)
		for _, row := range t.rows {
			widths[k] = max(widths[k], Columns(row[i].Text))
		}
	}
	return widths
}

// shrink takes width away from the widest of the columns that may be cut, none
// below its least, until the table fits limit. It reports whether it does.
func (t *Table) shrink(shown, widths []int, limit int, least func(Column) int) bool {
	for over := total(widths) - limit; over > 0; over-- {
		widest := -1
		for k, i := range shown {
			c := t.cols[i]
			if c.Min > 0 && widths[k] > least(c) && (widest < 0 || widths[k] > widths[widest]) {
				widest = k
			}
		}
		if widest < 0 {
			return false
		}
		widths[widest]--
	}
	return true
}

func (t *Table) dropFirst(shown []int) int {
	best := -1
	for k, i := range shown {
		if d := t.cols[i].Drop; d > 0 && (best < 0 || d > t.cols[shown[best]].Drop) {
			best = k
		}
	}
	return best
}

func total(widths []int) int {
	n := max(0, len(widths)-1) * len(gap)
	for _, w := range widths {
		n += w
	}
	return n
}
