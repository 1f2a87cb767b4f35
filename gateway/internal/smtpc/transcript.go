package smtpc

import (
	"fmt"
	"strings"
	"sync"
	"unicode/utf8"
)

// DefaultTranscript is the size a transcript is kept to, in bytes.
const DefaultTranscript = 32 << 10

// transcriptLine bounds one line, in bytes.
const transcriptLine = 1 << 10

// Transcript is the dialogue of one attempt, for operators (B92, B153): lines
// we sent start with "> ", lines the peer sent with "< ", remarks with "* ".
// It never holds a body or a credential. Beyond its size the middle is left
// out, so that start and end remain. The zero value is ready to use, a nil
// *Transcript drops everything; both are safe in parallel.
type Transcript struct {
	// Max is the size to keep to in bytes; 0 means DefaultTranscript.
	Max int
	// Tee, when set, gets every line as it is added, prefix included.
	Tee func(line string)

	mu       sync.Mutex
	head     []string
	headSize int
	tail     []string // lines after the head was full, bounded by a quarter of Max
	tailSize int
	left     int // lines dropped between head and tail
}

func (t *Transcript) sent(line string) { t.add("> ", line) }
func (t *Transcript) got(line string)  { t.add("< ", line) }

// Note adds a remark of ours.
func (t *Transcript) Note(format string, args ...any) {
	if t != nil {
		t.add("* ", fmt.Sprintf(format, args...))
	}
}

func (t *Transcript) add(prefix, line string) {
	if t == nil {
		return
	}
	line = prefix + printable(line)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.Tee != nil {
		t.Tee(line)
	}
	max := t.Max
	if max <= 0 {
		max = DefaultTranscript
	}
	n := len(line) + 1
	if t.tail == nil && t.headSize+n <= max-max/4 {
		t.head = append(t.head, line)
		t.headSize += n
		return
	}
	t.tail = append(t.tail, line)
	t.tailSize += n
	for t.tailSize > max/4 && len(t.tail) > 1 {
		t.tailSize -= len(t.tail[0]) + 1
		t.tail = t.tail[1:]
		t.left++
	}
}

// String is the dialogue, each line ended by "\n".
func (t *Transcript) String() string {
	if t == nil {
		return ""
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	var b strings.Builder
	b.Grow(t.headSize + t.tailSize + 32)
	for _, l := range t.head {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	if t.left > 0 {
		fmt.Fprintf(&b, "* %d lines left out\n", t.left)
	}
	for _, l := range t.tail {
		b.WriteString(l)
		b.WriteByte('\n')
	}
	return b.String()
}

// printable makes a line safe for a terminal and a log: control bytes and
// broken UTF-8 are escaped, and the line is cut to transcriptLine bytes.
func printable(s string) string {
	cut := false
	if len(s) > transcriptLine {
		s, cut = s[:transcriptLine], true
	}
	if !clean(s) {
		var b strings.Builder
		for i := 0; i < len(s); {
			r, n := utf8.DecodeRuneInString(s[i:])
			if (r == utf8.RuneError && n <= 1) || isControl(r) {
				for _, c := range []byte(s[i : i+n]) {
					fmt.Fprintf(&b, `\x%02x`, c)
				}
			} else {
				b.WriteString(s[i : i+n])
			}
			i += n
		}
		s = b.String()
	}
	if cut {
		s += " …"
	}
	return s
}

// isControl covers C0, DEL, C1 and the Unicode marks that reorder a line.
func isControl(r rune) bool {
	return (r < 0x20 && r != '\t') || (r >= 0x7f && r < 0xa0) ||
		(r >= 0x202a && r <= 0x202e) || (r >= 0x2066 && r <= 0x2069)
}

func clean(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 0x20 && c != '\t') || c >= 0x7f {
			return false
		}
	}
	return true
}
