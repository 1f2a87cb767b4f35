package archive

import "io"

// lz4Reader unpacks LZ4 frames (LZ4 Frame Format 1.6.x) and the legacy format.
// Checksums are not compared: they are xxHash.
type lz4Reader struct {
	in     *input
	w      *window
	state  int // 0 before a frame, 1 in one, 2 in a legacy one
	flags  byte
	any    bool
	left   int // octets of a plain block
	packed int // octets of a packed block
	lit    int // literals of the sequence at hand; its match follows
	match  int // octets of its match that are still to be copied
	dist   int64
	token  byte
	head   bool // the sequence's literals were begun
	err    error
}

func (l *lz4Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for l.w.unread() == 0 && l.err == nil {
		l.err = l.step()
	}
	if n := l.w.take(p); n > 0 {
		return n, nil
	}
	return 0, l.err
}

func (l *lz4Reader) step() error {
	switch {
	case l.left > 0:
		n := min(l.left, turn)
		for range n {
			if err := l.w.put(l.in.next()); err != nil {
				return err
			}
		}
		if l.left -= n; l.left == 0 {
			l.blockEnd()
		}
		return l.in.fault()
	case l.match > 0:
		return l.run()
	case l.packed > 0:
		return l.sequence()
	case l.state == 0:
		return l.frame()
	}
	return l.block()
}

func (l *lz4Reader) frame() error {
	var h [4]byte
	l.in.take(h[:])
	if l.in.err != nil {
		if l.any {
			return io.EOF
		}
		return l.in.fault()
	}
	switch m := u32(h[:]); {
	case m == 0x184d2204:
		l.flags = l.in.next()
		l.in.next()
		if l.flags>>6 != 1 {
			return damaged("its header is broken")
		}
		skip := 1
		if l.flags&8 != 0 {
			skip += 8
		}
		if l.flags&1 != 0 {
			skip += 4
		}
		for range skip {
			l.in.next()
		}
		l.state = 1
	case m == 0x184c2102:
		l.state, l.flags = 2, 0
	case m&^0xf == 0x184d2a50:
		l.in.take(h[:])
		for range u32(h[:]) {
			if l.in.next(); l.in.err != nil {
				break
			}
		}
	default:
		if l.any {
			return io.EOF
		}
		return damaged("its header is broken")
	}
	l.any = true
	return l.in.fault()
}

func (l *lz4Reader) block() error {
	var h [4]byte
	l.in.take(h[:])
	if l.in.err != nil {
		if l.state == 2 {
			return io.EOF
		}
		return l.in.fault()
	}
	n := u32(h[:])
	if l.state == 2 {
		if n == 0x184c2102 || n == 0x184d2204 {
			if l.state = 0; n == 0x184c2102 {
				l.state = 2
				return nil
			}
			return damaged("its frames are mixed")
		}
		if n > 16<<20 {
			return damaged("a block is too large")
		}
		l.packed = int(n)
		return nil
	}
	if n == 0 {
		if l.flags&4 != 0 {
			l.in.take(h[:])
		}
		l.state = 0
		return l.in.fault()
	}
	size := n & 0x7fffffff
	if size > 8<<20 {
		return damaged("a block is too large")
	}
	if l.flags&0x20 != 0 { // blocks stand alone
		l.w.base = l.w.total
	}
	if n>>31 != 0 {
		l.left = int(size)
	} else {
		l.packed = int(size)
	}
	return nil
}

func (l *lz4Reader) blockEnd() {
	if l.flags&0x10 != 0 {
		var h [4]byte
		l.in.take(h[:])
	}
}

// length adds octets to a length of 15 until one is not 255.
func (l *lz4Reader) length(n int) int {
	if n != 15 {
		return n
	}
	for l.packed > 0 {
		c := l.in.next()
		l.packed--
		if n += int(c); c != 255 || l.in.err != nil {
			break
		}
	}
	return n
}

// sequence unpacks literals and a match, some of them at a time.
func (l *lz4Reader) sequence() error {
	bad := damaged("its data cannot be unpacked")
	switch {
	case !l.head:
		l.token = l.in.next()
		l.packed--
		if l.lit = l.length(int(l.token >> 4)); l.lit > l.packed {
			return bad
		}
		l.head = true
	case l.lit > 0:
		n := min(l.lit, turn)
		for range n {
			if err := l.w.put(l.in.next()); err != nil {
				return err
			}
		}
		l.lit -= n
		l.packed -= n
	case l.packed < 2:
		return bad
	default:
		l.dist = int64(l.in.next()) | int64(l.in.next())<<8
		l.packed -= 2
		l.match = l.length(int(l.token&15)) + 4
		l.head = false
		if l.dist == 0 {
			return bad
		}
		if err := l.in.fault(); err != nil {
			return err
		}
		return l.w.reach(l.dist - 1)
	}
	if l.lit == 0 && l.packed == 0 { // the last sequence has no match
		l.head = false
		l.blockEnd()
	}
	return l.in.fault()
}

// run copies some of a match.
func (l *lz4Reader) run() error {
	n := min(l.match, turn)
	l.match -= n
	if err := l.w.copy(l.dist-1, n); err != nil {
		return err
	}
	if l.match == 0 && l.packed == 0 {
		l.blockEnd()
	}
	return nil
}

// free gives memory back.
func (l *lz4Reader) free() {
	l.w.release()
	l.err = io.EOF
}
