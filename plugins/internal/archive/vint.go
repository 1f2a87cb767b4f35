package archive

// vint reads the variable-length integer of RAR 5 and xz; n is 0 if there is none.
func vint(b []byte) (v, n int64) {
	for i, c := range b {
		if i == 9 {
			return 0, 0
		}
		v |= int64(c&0x7f) << (7 * i)
		if c < 0x80 {
			return v, int64(i) + 1
		}
	}
	return 0, 0
}

type vints struct {
	b   []byte
	bad bool
}

func (r *vints) next() int64 {
	v, n := vint(r.b)
	if n == 0 {
		r.bad = true
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *vints) take(n int64) []byte {
	if n < 0 || n > int64(len(r.b)) {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *vints) skip(n int64) { r.take(n) }
