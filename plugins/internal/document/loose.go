package document

import (
	"bufio"
	"bytes"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// looseText looks at text of no other kind: for armoured messages, and, where
// its name makes a program that runs what is in it open it, for that.
func (x *inspection) looseText(s octets.Source, head []byte, path string) bool {
	if bytes.IndexByte(head, 0) >= 0 {
		return false
	}
	switch ext := strings.ToLower(x.name[strings.LastIndexByte(x.name, '.')+1:]); ext {
	case "csv", "tsv":
		x.csv(s, path)
	case "doc", "dot", "docx", "docm", "dotx", "wbk":
		x.html(s, path) // Word opens HTML whatever it is called
	}
	return x.armoured(s, path)
}

// maxCSV bounds how much of a table is read.
const maxCSV = 8 << 20

// csv looks for a cell that starts another program: a formula with a DDE
// reference, =program|'topic'!item.
func (x *inspection) csv(s octets.Source, path string) {
	r := bufio.NewReaderSize(s.Section(0, maxCSV).Reader(), 64<<10)
	for {
		line, err := r.ReadSlice('\n')
		for _, cell := range bytes.FieldsFunc(line, func(c rune) bool { return c == ',' || c == ';' || c == '\t' || c == '\n' || c == '\r' }) {
			if ddeFormula(string(cell)) {
				x.find(CauseMacro, "dde", path, "a cell starts another program (DDE)")
				return
			}
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

// ddeFormula: what a spreadsheet takes as a formula, with a name, a bar and a
// topic.
func ddeFormula(cell string) bool {
	cell = strings.Trim(cell, "\" '\xef\xbb\xbf")
	if cell == "" || !strings.ContainsRune("=+-@", rune(cell[0])) {
		return false
	}
	return ddeReference(cell)
}

// ddeReference: a name that stands where an operand may, a bar, a topic, and an
// item behind an exclamation mark.
func ddeReference(formula string) bool {
	for from := 0; ; {
		i := strings.IndexByte(formula[from:], '|')
		if i < 0 {
			return false
		}
		i += from
		from = i + 1
		bang := strings.LastIndexByte(formula, '!')
		if bang < i || bang+1 >= len(formula) || strings.ContainsRune(" \t.,;", rune(formula[bang+1])) {
			return false
		}
		name := formula[:i]
		if strings.HasSuffix(name, "'") { // 'my program'|…
			if strings.Count(name, "'") >= 2 {
				return true
			}
			continue
		}
		start := len(strings.TrimRight(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.\\:"))
		before := strings.TrimRight(name[:start], " \t")
		if start < len(name) && (before == "" || strings.ContainsRune("=+-@*/^&(,;<>%\"{", rune(before[len(before)-1]))) {
			return true
		}
	}
}

// sylk looks into a symbolic link spreadsheet, which may be a macro sheet.
func (x *inspection) sylk(s octets.Source, path string) {
	r := bufio.NewReaderSize(s.Section(0, maxCSV).Reader(), 64<<10)
	for {
		b, err := r.ReadSlice('\n')
		line := strings.TrimSpace(string(b))
		switch {
		case strings.HasPrefix(line, "O;") && hasField(line, "E"):
			x.find(CauseMacro, "xlm", path, "it is an Excel 4 macro sheet")
		case strings.HasPrefix(line, "NN;") && strings.Contains(strings.ToLower(line), "auto_"):
			x.find(CauseMacro, "xlm", path, "it has an Excel 4 macro that runs when it is opened")
		case strings.HasPrefix(line, "C;"):
			if i := strings.Index(line, ";E"); i >= 0 && ddeReference(line[i+2:]) {
				x.find(CauseMacro, "dde", path, "a cell starts another program (DDE)")
			}
		}
		if err != nil && err != bufio.ErrBufferFull {
			return
		}
	}
}

func hasField(line, name string) bool {
	for _, f := range strings.Split(line, ";")[1:] {
		if f == name {
			return true
		}
	}
	return false
}

// webQuery looks into a web query (.iqy): its third line is where Excel fetches.
func (x *inspection) webQuery(s octets.Source, path string) {
	b, err := s.Range(0, 4096)
	if err != nil {
		return
	}
	lines := strings.Split(strings.ReplaceAll(string(b), "\r", "\n"), "\n")
	for _, l := range lines[1:] {
		if l = strings.TrimSpace(l); l != "" && l != "1" {
			if remote(l) {
				x.find(CauseTracking, "web-beacon", path, "it fetches data from elsewhere when it is opened")
			}
			return
		}
	}
}
