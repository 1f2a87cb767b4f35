package smtpc

import (
	"bytes"
	"errors"
)

var (
	errBareCR = errors.New("it holds a carriage return without a line feed")
	errBareLF = errors.New("it holds a line feed without a carriage return")
	errNUL    = errors.New("it holds a NUL byte")
)

// stuffer copies a message block by block into its form on the wire: a line
// that starts with a dot gets another (RFC 5321 §4.5.2). It refuses what a
// peer might read as another line's end: a stray CR or LF, and NUL. Nothing is
// mended.
type stuffer struct {
	bol bool // at the beginning of a line
	cr  bool // the last octet was a CR
}

func newStuffer() *stuffer { return &stuffer{bol: true} }

// append adds src to dst. After an error dst must not be sent.
func (s *stuffer) append(dst, src []byte) ([]byte, error) {
	if bytes.IndexByte(src, 0) >= 0 {
		return dst, errNUL
	}
	i := 0
	if s.cr && len(src) > 0 {
		if src[0] != '\n' {
			return dst, errBareCR
		}
		i, s.cr, s.bol = 1, false, true
	}
	run := 0 // start of what was checked but is not copied yet
	for i < len(src) {
		if s.bol && src[i] == '.' {
			dst = append(append(dst, src[run:i]...), '.')
			run = i
		}
		s.bol = false
		lf := bytes.IndexByte(src[i:], '\n')
		if lf < 0 {
			if cr := bytes.IndexByte(src[i:], '\r'); cr >= 0 {
				if i+cr != len(src)-1 {
					return dst, errBareCR
				}
				s.cr = true
			}
			break
		}
		if lf == 0 || src[i+lf-1] != '\r' {
			return dst, errBareLF
		}
		if bytes.IndexByte(src[i:i+lf-1], '\r') >= 0 {
			return dst, errBareCR
		}
		i += lf + 1
		s.bol = true
	}
	return append(dst, src[run:]...), nil
}

// end adds the final dot, on a line of its own.
func (s *stuffer) end(dst []byte) ([]byte, error) {
	if s.cr {
		return dst, errBareCR
	}
	if !s.bol {
		dst = append(dst, "\r\n"...)
	}
	return append(dst, ".\r\n"...), nil
}
