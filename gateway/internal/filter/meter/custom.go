package meter

import "unicode/utf8"

// custom keeps the custom section "name", renumbered, and drops all others:
// the offsets of DWARF would be wrong, and what else there is means nothing to
// the program. So plugins of one program but other manifests are the same code.
func (w *rewriter) custom(r *reader, b []byte) ([]byte, bool) {
	nm := r.name()
	if !r.ok() {
		return b, false
	}
	if !utf8.Valid(nm) {
		r.fail("custom section whose name is not valid UTF-8")
		return b, false
	}
	q := &reader{b: r.b[r.off:]}
	r.off = len(r.b)
	if string(nm) != "name" {
		return b, false
	}
	b, ok := w.names(q, appendName(b, nm))
	ok = ok && !w.named
	w.named = w.named || ok
	return b, ok
}

// maxName is the longest name that is kept, in octets. Each line of a crash's
// stack trace has one, beside the module's.
const maxName = 1 << 10

// names renumbers the function names, keeps the module's name and leaves the
// rest out (names of locals and labels, which nothing reads, and very long
// ones). A broken name section is dropped whole: it means nothing to the
// program, and what decodes it later trusts its counts.
func (w *rewriter) names(r *reader, b []byte) ([]byte, bool) {
	for r.more() {
		id := r.u8()
		s := r.sub(r.u32())
		if !r.ok() {
			return b, false
		}
		var nb []byte
		switch id {
		case 0:
			nm := s.name()
			if !utf8.Valid(nm) {
				return b, false
			}
			if len(nm) > maxName {
				continue
			}
			nb = appendName(nb, nm)
		case 1:
			var kept uint32
			var list []byte
			for n := s.count(2); n > 0 && s.ok(); n-- {
				f := s.u32()
				nm := s.name()
				if s.ok() && (f >= 1<<31 || !utf8.Valid(nm)) {
					return b, false
				}
				if len(nm) <= maxName {
					kept++
					list = appendName(appendU32(list, w.fi(f)), nm)
				}
			}
			nb = append(appendU32(nb, kept), list...)
		default:
			continue
		}
		if s.end() != nil {
			return b, false
		}
		b = append(b, id)
		b = appendName(b, nb)
	}
	return b, r.ok()
}
