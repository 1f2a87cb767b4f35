package wire

import (
	"fmt"
	"io"
	"slices"
	"sort"
	"sync"
)

// maxOpen is how many pieces Content has open at one time: as many readers as may
// go through a message side by side before each steps the others back.
const maxOpen = 4

// Content is the message of a plan, from anywhere. It is composed as it is read
// and stands nowhere, neither in memory nor on a disk. What goes back within a
// part that is written anew composes that part from its start; all else is read
// where it lies. It is safe in parallel.
type Content struct {
	p     *Plan
	start []int64 // of each piece

	mu   sync.Mutex
	open []*opened // the last used is the last
}

// opened is a piece that is being read.
type opened struct {
	piece int
	r     io.Reader
	at    int64 // in the piece
}

// Content gives the whole message. It reads the body that the plan was made of,
// which stays open meanwhile.
func (p *Plan) Content() *Content {
	c := &Content{p: p, start: make([]int64, len(p.pieces))}
	at := int64(0)
	for i, x := range p.pieces {
		c.start[i] = at
		at += x.size
	}
	return c
}

// Size is the length of the message, octets.
func (c *Content) Size() int64 { return c.p.size }

// ReadAt implements io.ReaderAt.
func (c *Content) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 {
		return 0, fmt.Errorf("reading the message: offset %d is negative", off)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for n < len(b) {
		at := off + int64(n)
		if at >= c.p.size {
			return n, io.EOF
		}
		i := sort.Search(len(c.start), func(i int) bool { return c.start[i] > at }) - 1
		o, err := c.seek(i, at-c.start[i])
		if err != nil {
			return n, err
		}
		k, err := io.ReadFull(o.r, b[n:min(int64(len(b)), int64(n)+c.p.pieces[i].size-o.at)])
		o.at += int64(k)
		n += k
		if err != nil {
			c.open = c.open[:len(c.open)-1] // o
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, fmt.Errorf("reading the message: %w", err)
		}
	}
	return n, nil
}

// seek gives a piece that is open at a place; it is the last of c.open then.
func (c *Content) seek(piece int, to int64) (*opened, error) {
	best := -1
	for i, o := range c.open {
		if o.piece == piece && o.at <= to && (best < 0 || o.at > c.open[best].at) {
			best = i
		}
	}
	o := &opened{piece: piece}
	if best >= 0 {
		o = c.open[best]
		c.open = slices.Delete(c.open, best, best+1)
	} else {
		o.r = c.p.pieces[piece].open()
	}
	if err := o.skip(to, c.p.pieces[piece].size); err != nil {
		return nil, err
	}
	if len(c.open) == maxOpen {
		c.open = slices.Delete(c.open, 0, 1)
	}
	c.open = append(c.open, o)
	return o, nil
}

// skip goes forward to a place.
func (o *opened) skip(to, size int64) error {
	if o.at == to {
		return nil
	}
	var err error
	if w, ok := o.r.(*whole); ok {
		if s, ok := w.r.(io.Seeker); ok {
			_, err = s.Seek(to, io.SeekStart)
			w.left, o.at = size-to, to
		}
	}
	if err == nil && o.at < to {
		var n int64
		n, err = io.CopyN(io.Discard, o.r, to-o.at)
		o.at += n
	}
	if err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return fmt.Errorf("reading the message: %w", err)
	}
	return nil
}
