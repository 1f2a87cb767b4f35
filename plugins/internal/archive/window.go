package archive

import "io"

// input reads octets one by one from a stream.
type input struct {
	r    io.Reader
	buf  []byte
	i, n int
	used int64 // octets handed out before buf
	err  error
}

func newInput(r io.Reader) *input { return &input{r: r, buf: make([]byte, 4096)} }

// next is 0 beyond the end; err says so then.
func (in *input) next() byte {
	if in.i == in.n && !in.more() {
		return 0
	}
	c := in.buf[in.i]
	in.i++
	return c
}

func (in *input) more() bool {
	for in.err == nil {
		in.used += int64(in.n)
		in.i, in.n = 0, 0
		in.n, in.err = in.r.Read(in.buf)
		if in.n > 0 {
			in.err = nil
			return true
		}
	}
	return false
}

// pos is how many octets were handed out.
func (in *input) pos() int64 { return in.used + int64(in.i) }

// take reads n octets; what is missing is 0.
func (in *input) take(p []byte) {
	for len(p) > 0 {
		if in.i == in.n && !in.more() {
			clear(p)
			return
		}
		k := copy(p, in.buf[in.i:in.n])
		in.i += k
		p = p[k:]
	}
}

// fault is the error that the end of the input is, nil where it did not end.
func (in *input) fault() error {
	if in.err == io.EOF {
		return damaged("its data ends too early")
	}
	return in.err
}

const (
	minWindow = 64 << 10
	turn      = 32 << 10 // octets decoded at a time
)

// window is the last octets that were unpacked, for matches to refer to. It
// grows with what is unpacked, up to the dictionary or what memory is left.
type window struct {
	b     *Budget
	buf   []byte
	pos   int   // where the next octet goes
	total int64 // octets written
	base  int64 // total at the last reset: nothing before it may be referred to
	read  int64 // octets taken out
	dict  int64 // size of the dictionary
	held  int64
}

func newWindow(b *Budget, dict int64) *window { return &window{b: b, dict: max(dict, 1)} }

// grow makes room at the end of buf, or starts over at its beginning.
func (w *window) grow() error {
	n := int64(len(w.buf))
	if n < w.dict || n < minWindow {
		to := max(minWindow, min(2*n, (w.dict+minWindow-1)/minWindow*minWindow))
		if w.b.hold(to - w.held) {
			w.held = to
			buf := make([]byte, to)
			copy(buf, w.buf)
			w.buf = buf
			return nil
		}
		if n == 0 {
			return exceeded("there is no memory left to unpack it (" + mib(w.b.lim.Memory) + ")")
		}
		w.dict = max(w.dict, n+1) // so that matches from further back are seen to be too far
	}
	w.pos = 0
	return nil
}

func (w *window) put(c byte) error {
	if w.pos == len(w.buf) {
		if err := w.grow(); err != nil {
			return err
		}
	}
	w.buf[w.pos] = c
	w.pos++
	w.total++
	return nil
}

// back is the octet at a distance, 0 the last one; 0 before the beginning.
func (w *window) back(dist int64) byte {
	if dist >= w.total-w.base || dist >= int64(len(w.buf)) {
		return 0
	}
	i := w.pos - 1 - int(dist)
	if i < 0 {
		i += len(w.buf)
	}
	return w.buf[i]
}

// reach checks a distance, 0 the last octet.
func (w *window) reach(dist int64) error {
	if dist >= w.total-w.base {
		return damaged("its data cannot be unpacked")
	}
	if dist >= int64(len(w.buf)) {
		if dist >= w.dict {
			return damaged("its data cannot be unpacked")
		}
		return exceeded("unpacking it needs a dictionary larger than can be held for inspection (" + mib(w.b.lim.Memory) + ")")
	}
	return nil
}

// copy repeats n octets from a distance.
func (w *window) copy(dist int64, n int) error {
	for ; n > 0; n-- {
		if w.pos == len(w.buf) {
			if err := w.grow(); err != nil {
				return err
			}
		}
		i := w.pos - 1 - int(dist)
		if i < 0 {
			i += len(w.buf)
		}
		w.buf[w.pos] = w.buf[i]
		w.pos++
		w.total++
	}
	return nil
}

// unread is how many octets can be taken out.
func (w *window) unread() int { return int(w.total - w.read) }

// take takes octets out.
func (w *window) take(p []byte) int {
	n := min(len(p), w.unread())
	from := w.pos - w.unread()
	if from < 0 {
		from += len(w.buf)
	}
	k := copy(p[:n], w.buf[from:])
	if k < n {
		k += copy(p[k:n], w.buf)
	}
	w.read += int64(k)
	return k
}

// release gives the memory back.
func (w *window) release() {
	w.b.drop(w.held)
	w.buf, w.held = nil, 0
}
