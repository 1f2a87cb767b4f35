package cfb

import "github.com/mailweir/weir/plugins/internal/document/octets"

// chain gives the sectors that begin at start. size < 0: as many as there are.
func (f *File) chain(start uint32, size int64) *chain {
	return &chain{f: f, start: start, size: size}
}

// chain is content in sectors; it is followed only as far as it is read.
type chain struct {
	f     *File
	start uint32
	size  int64
	list  []uint32
	ended bool
}

// at gives the i-th sector.
func (c *chain) at(i int64) (uint32, error) {
	for int64(len(c.list)) <= i {
		n := c.start
		if len(c.list) > 0 {
			if c.ended {
				return 0, errChain
			}
			var err error
			if n, err = c.f.next(c.list[len(c.list)-1]); err != nil {
				return 0, err
			}
		}
		if n >= maxSector || int64(n) >= c.f.sectors() || int64(len(c.list)) > c.f.sectors() {
			c.ended = true
			return 0, errChain
		}
		c.list = append(c.list, n)
	}
	return c.list[i], nil
}

// ReadAt implements io.ReaderAt.
func (c *chain) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if c.size >= 0 && off >= c.size {
			return n, octets.ErrShort
		}
		sec, err := c.at(off >> c.f.shift)
		if err != nil {
			return n, err
		}
		in := off & (1<<c.f.shift - 1)
		want := min(int64(len(p)-n), 1<<c.f.shift-in)
		if c.size >= 0 {
			want = min(want, c.size-off)
		}
		// Sectors that follow one another are read at once.
		for i := off>>c.f.shift + 1; want < int64(len(p)-n) && (c.size < 0 || off+want < c.size); i++ {
			s, err := c.at(i)
			if err != nil || int64(s) != int64(sec)+i-off>>c.f.shift {
				break
			}
			want = min(want+1<<c.f.shift, int64(len(p)-n))
			if c.size >= 0 {
				want = min(want, c.size-off)
			}
		}
		b := p[n : n+int(want)]
		at := c.f.sector(sec) + in
		if at >= c.f.s.Size {
			return n, errChain
		}
		m, err := c.f.s.R.ReadAt(b, at)
		n, off = n+m, off+int64(m)
		if int64(m) < want {
			if err == nil {
				err = octets.ErrShort
			}
			return n, err
		}
	}
	return n, nil
}

// mini is content in sectors of the mini stream (§2.4).
type mini struct {
	f     *File
	start uint32
	size  int64
	list  []uint32
}

const miniShift = 6

func (m *mini) at(i int64) (uint32, error) {
	for int64(len(m.list)) <= i {
		n := m.start
		if len(m.list) > 0 {
			var b [4]byte
			if _, err := m.f.miniFAT.ReadAt(b[:], int64(m.list[len(m.list)-1])*4); err != nil {
				return 0, err
			}
			n = octets.U32(b[:])
		}
		if n >= maxSector || int64(n)<<miniShift >= m.f.s.Size || int64(len(m.list)) > m.size>>miniShift+1 {
			return 0, errChain
		}
		m.list = append(m.list, n)
	}
	return m.list[i], nil
}

// ReadAt implements io.ReaderAt.
func (m *mini) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	for n < len(p) {
		if off >= m.size {
			return n, octets.ErrShort
		}
		sec, err := m.at(off >> miniShift)
		if err != nil {
			return n, err
		}
		in := off & (1<<miniShift - 1)
		want := min(int64(len(p)-n), 1<<miniShift-in, m.size-off)
		k, err := m.f.miniStream.ReadAt(p[n:n+int(want)], int64(sec)<<miniShift+in)
		n, off = n+k, off+int64(k)
		if int64(k) < want {
			return n, err
		}
	}
	return n, nil
}
