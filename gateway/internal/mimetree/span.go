package mimetree

// span is where an entity lies in the message, beside its body.
type span struct {
	delim int64 // of its delimiter's line; -1 none: the message, or a message in a message
	head  int64
	next  int64 // where the next delimiter's line begins, or the message ends
	shaky bool

	boundary string // of a multipart that was opened
}

// Span is where a part lies in the raw message, in octets from its start.
//
//	Delim  "--boundary" CRLF     -1 for an entity without a delimiter
//	Head   header and empty line
//	Body   content, still transfer-encoded
//	End    the line break that belongs to the next delimiter (or nothing)
//	Next   the next delimiter's line, or the end of the message
//
// So a part of a multipart goes when Delim to Next is left out, and becomes
// another when Head to End is written anew (RFC 2046 §5.1.1).
type Span struct{ Delim, Head, Body, End, Next int64 }

// Span gives the place of a part. The part must be one of Parts.
func (t *Tree) Span(part int) Span {
	s, b := &t.spans[part], &t.bodies[part]
	return Span{Delim: s.delim, Head: s.head, Body: b.off, End: b.end, Next: max(s.next, b.end)}
}

// Certain reports whether there is no doubt that the part is where and what
// the tree says. That a multipart lacks its end, or that text holds a
// uuencoded file, leaves no such doubt, though the part is Malformed.
func (t *Tree) Certain(part int) bool { return !t.shaky && !t.spans[part].shaky }

// Boundary is what separates the parts of a multipart; "" for anything else.
func (t *Tree) Boundary(part int) string { return t.spans[part].boundary }

// Children are the parts directly inside a part.
func (t *Tree) Children(part int) []int {
	var out []int
	for i := part + 1; i < len(t.parts) && t.parts[i].Depth > t.parts[part].Depth; i++ {
		if int(t.parts[i].Parent) == part {
			out = append(out, i)
		}
	}
	return out
}
