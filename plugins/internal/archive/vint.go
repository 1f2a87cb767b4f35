package archive

// vint reads RAR 5's variable-length integer; n is 0 if there is none.
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
