package policy

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// maxDiagnostics bounds what one load reports.
const maxDiagnostics = 200

// fail reports an error. The detail is to end in a remedy.
func (l *loader) fail(summary string, subject hcl.Range, context *hcl.Range, format string, args ...any) {
	l.report(&hcl.Diagnostic{Severity: hcl.DiagError, Summary: summary, Detail: fmt.Sprintf(format, args...), Subject: &subject, Context: context})
}

// report keeps a diagnostic unless the same stands already: a template that
// is evaluated a thousand times says a thing once.
func (l *loader) report(d *hcl.Diagnostic) {
	key := d.Summary
	if d.Subject != nil {
		key += "\x00" + d.Subject.String()
	}
	if l.each == "" {
		key += "\x00" + d.Detail
	}
	if l.said[key] {
		return
	}
	l.said[key] = true
	if l.each != "" {
		d.Detail += " (In for_each element " + l.each + ".)"
	}
	l.diags = append(l.diags, d)
}

// remedies complete what the HCL library says.
var remedies = map[string]string{
	"Invalid function argument":                    "The HCL reference lists every function with its arguments.",
	"Not enough function arguments":                "The HCL reference lists every function with its arguments.",
	"Too many function arguments":                  "Remove the surplus arguments.",
	"Error in function call":                       "Change the argument or the file it names.",
	"Invalid operand":                              "Compare or convert values of one type: strings stand in quotes, numbers do not.",
	"Unsuitable value type":                        "Change the value or convert it.",
	"Invalid index":                                "Name an element that is there, or use lookup() with a default.",
	"Unsupported attribute":                        "Name an attribute that is there.",
	"Attempt to get attribute from null value":     "Give the value, or test it with == null first.",
	"Iteration over null value":                    "Give the value, or use an empty list.",
	"Iteration over non-iterable value":            "Use a list, a map or an object.",
	"Inconsistent conditional result types":        "Make both results of one type.",
	"Incorrect condition type":                     "Use a condition that is true or false.",
	"Invalid template interpolation value":         "Put only strings, numbers and bools into ${ }.",
	"Unclosed configuration block":                 "Close the block with } on a line of its own.",
	"Argument or block definition required":        "Write NAME = VALUE, or NAME { … }.",
	"Invalid block definition":                     "Write NAME \"label\" { on one line.",
	"Missing newline after argument":               "Start a new line after each attribute.",
	"Missing newline after block definition":       "Start a new line after the closing brace.",
	"Invalid single-argument block definition":     "Put several attributes on lines of their own, between braces.",
	"Attribute redefined":                          "Keep one of the two.",
	"Invalid expression":                           "Write a string in quotes, a number, true, false, a list in [ ] or a reference.",
	"Invalid multi-line string":                    "Close the string on its line, or use <<END for text of several lines.",
	"Unterminated template string":                 "Close the string with a quotation mark.",
	"Invalid character":                            "Remove the character.",
	"Invalid argument name":                        "Write the name without quotes.",
	"Unbalanced parentheses":                       "Close the parenthesis.",
	"Missing item separator":                       "Separate items with a comma.",
	"Missing attribute value":                      "Write NAME = VALUE, or NAME { … } for a block.",
	"Invalid default value for optional attribute": "Give a default of the attribute's type.",
}

// add takes over what the HCL library reports, with a remedy.
func (l *loader) add(diags hcl.Diagnostics) {
	for _, d := range diags {
		c := *d
		if r, ok := remedies[c.Summary]; ok {
			c.Detail = sentence(c.Detail) + " " + r
		} else {
			c.Detail = sentence(c.Detail) + " The HCL reference shows every block with an example."
		}
		l.report(&c)
	}
}

func sentence(s string) string {
	s = strings.TrimSpace(s)
	if s == "" || strings.ContainsAny(s[len(s)-1:], ".!?") {
		return s
	}
	return s + "."
}

// suggest is the remedy for a name that is not there.
func suggest(given string, names []string, what string) string {
	if near := nearest(given, names); len(near) > 0 {
		return "Did you mean " + orList(near) + "?"
	}
	if len(names) == 0 {
		return "There are no " + what + " here; remove it."
	}
	sorted := append([]string(nil), names...)
	sort.Strings(sorted)
	if len(sorted) > 12 {
		return "The " + what + " are " + strings.Join(sorted[:12], ", ") + ", …; use one of them."
	}
	return "The " + what + " are " + strings.Join(sorted, ", ") + "; use one of them."
}

// nearest are up to three names close to a mistyped one, the closest first.
func nearest(given string, names []string) []string {
	type hit struct {
		name string
		d    int
	}
	var hits, starts []hit
	g := strings.ToLower(given)
	limit := max(1, min(3, len(g)/3))
	for _, n := range names {
		if d := distance(g, strings.ToLower(n)); d <= limit {
			hits = append(hits, hit{n, d})
		} else if min(len(g), len(n)) >= 3 && (strings.HasPrefix(n, g) || strings.HasPrefix(g, n)) {
			starts = append(starts, hit{n, d})
		}
	}
	if len(hits) == 0 {
		hits = starts
	}
	sort.SliceStable(hits, func(i, j int) bool { return hits[i].d < hits[j].d })
	var out []string
	for _, h := range hits {
		if len(out) < 3 {
			out = append(out, h.name)
		}
	}
	return out
}

// distance is the number of insertions, deletions, changes and swaps of
// neighbours between two short names.
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	var before, prev, cur [65]int
	for j := 0; j <= len(b); j++ {
		prev[j] = j
	}
	for i := 1; i <= len(a); i++ {
		cur[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			cur[j] = min(prev[j]+1, cur[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				cur[j] = min(cur[j], before[j-2]+1)
			}
		}
		before, prev = prev, cur
	}
	return prev[len(b)]
}

func orList(names []string) string {
	q := make([]string, len(names))
	for i, n := range names {
		q[i] = fmt.Sprintf("%q", n)
	}
	if len(q) < 2 {
		return strings.Join(q, "")
	}
	return strings.Join(q[:len(q)-1], ", ") + " or " + q[len(q)-1]
}

// clip shortens what a message quotes.
func clip(s string) string {
	if len(s) > 60 {
		return strings.ToValidUTF8(s[:57], "") + "…"
	}
	return s
}

// rule is a place as the journal names it.
func rule(r hcl.Range) string {
	if r.Filename == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", r.Filename, r.Start.Line)
}

func sortedAttrs(b *hclsyntax.Body) []*hclsyntax.Attribute {
	out := make([]*hclsyntax.Attribute, 0, len(b.Attributes))
	for _, a := range b.Attributes {
		out = append(out, a)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].SrcRange.Start.Byte < out[j].SrcRange.Start.Byte })
	return out
}

// sortDiagnostics orders by file and place.
func sortDiagnostics(d hcl.Diagnostics) {
	sort.SliceStable(d, func(i, j int) bool {
		a, b := d[i].Subject, d[j].Subject
		switch {
		case a == nil || b == nil:
			return a == nil && b != nil
		case a.Filename != b.Filename:
			return a.Filename < b.Filename
		}
		return a.Start.Byte < b.Start.Byte
	})
}

// Format is the canonical layout of HCL source (weir fmt). Source that does
// not parse is still laid out as far as it can be.
func Format(src []byte) []byte { return hclwrite.Format(src) }

// WriteDiagnostics writes diagnostics with file:line:column and the source
// they are about, folded at width columns (0: not folded), with VT100
// sequences where color is set. files are Policy.Files or a Parser's; a file
// that is not among them is read from disk.
func WriteDiagnostics(w io.Writer, files map[string]*hcl.File, diags hcl.Diagnostics, width int, color bool) error {
	pr := &printer{w: w, files: files, width: width, color: color}
	for i, d := range diags {
		if i > 0 {
			pr.printf("\n")
		}
		pr.diagnostic(d)
	}
	return pr.err
}

type printer struct {
	w     io.Writer
	files map[string]*hcl.File
	read  map[string][]byte
	width int
	color bool
	err   error
}

func (p *printer) printf(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.w, format, args...)
	}
}

func (p *printer) paint(code, s string) string {
	if !p.color {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p *printer) diagnostic(d *hcl.Diagnostic) {
	kind := p.paint("1;31", "Error")
	if d.Severity == hcl.DiagWarning {
		kind = p.paint("1;33", "Warning")
	}
	p.printf("%s: %s\n", kind, p.paint("1", visible(d.Summary)))
	if d.Subject != nil {
		p.printf("  at %s:%d:%d\n", d.Subject.Filename, d.Subject.Start.Line, d.Subject.Start.Column)
		p.quote(d)
	}
	for _, line := range fold(visible(d.Detail), p.width-2) {
		p.printf("  %s\n", line)
	}
}

// quote shows the line of the subject, the head of its context when that is
// another line, and a row of carets below the subject.
func (p *printer) quote(d *hcl.Diagnostic) {
	lines := strings.Split(string(p.source(d.Subject.Filename)), "\n")
	s := d.Subject.Start
	if s.Line < 1 || s.Line > len(lines) {
		return
	}
	p.printf("\n")
	if c := d.Context; c != nil && c.Start.Line < s.Line && c.Start.Line >= 1 {
		p.line(c.Start.Line, lines[c.Start.Line-1], 0)
		if c.Start.Line < s.Line-1 {
			p.printf("       │ …\n")
		}
	}
	text := strings.TrimRight(lines[s.Line-1], "\r")
	col := s.Column
	n := max(1, len([]rune(text))-col+1)
	if d.Subject.End.Line == s.Line {
		n = max(1, d.Subject.End.Column-col)
	}
	from := p.line(s.Line, text, col)
	room := 1 << 20
	if p.width > 0 {
		room = max(1, p.width-9-(col-1-from))
	}
	p.printf("       │ %s%s\n\n", strings.Repeat(" ", max(0, col-1-from)), p.paint("1;31", strings.Repeat("^", min(n, room))))
}

// line prints one line of source, cut so that column col can be seen, and
// returns how many columns were cut at its start.
func (p *printer) line(no int, text string, col int) int {
	r := []rune(strings.ReplaceAll(visible(strings.TrimRight(text, "\r")), "\t", " "))
	from, room := 0, p.width-9
	if p.width > 0 && len(r) > room && room > 8 {
		if col > room-4 {
			from = min(col-room/2, len(r))
		}
		cut := r[from:]
		if len(cut) > room {
			cut = append(append([]rune{}, cut[:room-1]...), '…')
		}
		r = cut
	}
	p.printf("  %4d │ %s\n", no, string(r))
	return from
}

// source is a file's text, with secrets masked.
func (p *printer) source(name string) []byte {
	if p.read == nil {
		p.read = map[string][]byte{}
	}
	b, ok := p.read[name]
	if !ok {
		if f := p.files[name]; f != nil && f.Bytes != nil {
			b = f.Bytes
		} else if st, err := os.Stat(filepath.FromSlash(name)); err == nil && st.Mode().IsRegular() && st.Size() <= maxFile {
			b, _ = os.ReadFile(filepath.FromSlash(name)) // without its source a diagnostic is still of use
		}
		b = Masked(b)
		p.read[name] = b
	}
	return b
}

// visible replaces control characters, so that a configuration cannot write
// to the terminal.
func visible(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\t' && r != '\n' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return '\uFFFD'
		}
		return r
	}, s)
}

func fold(s string, width int) []string {
	var out []string
	for _, para := range strings.Split(s, "\n") {
		line := ""
		for _, word := range strings.Fields(para) {
			if line != "" && width > 0 && len([]rune(line))+1+len([]rune(word)) > width {
				out = append(out, line)
				line = ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		out = append(out, line)
	}
	return out
}
