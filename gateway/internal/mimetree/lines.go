package mimetree

import (
	"bytes"
	"io"
)

// window is how much of the message is held at once.
const window = 64 << 10

// lines reads a message line by line. A line longer than the window comes in
// pieces.
type lines struct {
	r    io.ReaderAt
	size int64
	buf  []byte
	pos  int   // in buf
	at   int64 // offset of buf[0]
	cont bool  // the next piece continues a line
}

func newLines(r io.ReaderAt, size int64) *lines {
	return &lines{r: r, size: size, buf: make([]byte, 0, min(size, window))}
}

// next gives a line with its end, and its offset; start is false for what
// continues a line. The slice is valid until the next call. io.EOF at the end.
func (l *lines) next() (line []byte, off int64, start bool, err error) {
	for {
		rest := l.buf[l.pos:]
		if i := bytes.IndexByte(rest, '\n'); i >= 0 {
			return l.take(i+1, true)
		}
		end := l.at + int64(len(l.buf))
		if end >= l.size {
			if len(rest) == 0 {
				return nil, end, false, io.EOF
			}
			return l.take(len(rest), false)
		}
		if len(rest) == cap(l.buf) {
			n := len(rest)
			if rest[n-1] == '\r' {
				n-- // its line feed may follow
			}
			return l.take(n, false)
		}
		if err := l.fill(); err != nil {
			return nil, 0, false, err
		}
	}
}

func (l *lines) take(n int, whole bool) ([]byte, int64, bool, error) {
	line, off, start := l.buf[l.pos:l.pos+n], l.at+int64(l.pos), !l.cont
	l.pos += n
	l.cont = !whole
	return line, off, start, nil
}

func (l *lines) fill() error {
	n := copy(l.buf[:cap(l.buf)], l.buf[l.pos:])
	l.at += int64(l.pos)
	l.pos = 0
	room := min(int64(cap(l.buf)-n), l.size-l.at-int64(n))
	m, err := l.r.ReadAt(l.buf[n:n+int(room)], l.at+int64(n))
	l.buf = l.buf[:n+m]
	if int64(m) < room {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	return nil
}

// breakLen is the length of the line end: 2, 1 or 0.
func breakLen(line []byte) int {
	n := len(line)
	switch {
	case n >= 2 && line[n-1] == '\n' && line[n-2] == '\r':
		return 2
	case n >= 1 && line[n-1] == '\n':
		return 1
	}
	return 0
}
