package export

import "bufio"

// out is a bufio.Writer for many small pieces: it keeps its first error, which
// whoever ends a piece of work asks for.
type out struct{ *bufio.Writer }

func (o out) text(s string) { _, _ = o.WriteString(s) }
func (o out) octet(c byte)  { _ = o.WriteByte(c) }
