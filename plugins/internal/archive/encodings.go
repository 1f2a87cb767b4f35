package archive

import (
	"bytes"
	"strings"

	"github.com/mailweir/weir/plugins/internal/filetype"
)

// decode64 decodes base64, past whatever is not of its alphabet.
func decode64(b []byte) []byte {
	out := make([]byte, 0, len(b)/4*3+3)
	var acc uint32
	n := 0
	for _, c := range b {
		var v byte
		switch {
		case c >= 'A' && c <= 'Z':
			v = c - 'A'
		case c >= 'a' && c <= 'z':
			v = c - 'a' + 26
		case c >= '0' && c <= '9':
			v = c - '0' + 52
		case c == '+':
			v = 62
		case c == '/':
			v = 63
		case c == '=':
			switch n {
			case 2:
				out = append(out, byte(acc>>4))
			case 3:
				out = append(out, byte(acc>>10), byte(acc>>2))
			}
			acc, n = 0, 0
			continue
		default:
			continue
		}
		acc = acc<<6 | uint32(v)
		if n++; n == 4 {
			out = append(out, byte(acc>>16), byte(acc>>8), byte(acc))
			acc, n = 0, 0
		}
	}
	switch n {
	case 2:
		out = append(out, byte(acc>>4))
	case 3:
		out = append(out, byte(acc>>10), byte(acc>>2))
	}
	return out
}

// decodeQP decodes quoted-printable; what is none stays as it is.
func decodeQP(b []byte) []byte {
	out := make([]byte, 0, len(b))
	for i := 0; i < len(b); i++ {
		if b[i] != '=' {
			out = append(out, b[i])
			continue
		}
		if i+2 < len(b) {
			if h, l := hexDigit(b[i+1]), hexDigit(b[i+2]); h >= 0 && l >= 0 {
				out = append(out, byte(h<<4|l))
				i += 2
				continue
			}
		}
		j := i + 1
		for j < len(b) && (b[j] == ' ' || b[j] == '\t' || b[j] == '\r') {
			j++
		}
		if j < len(b) && b[j] == '\n' {
			i = j
			continue
		}
		out = append(out, '=')
	}
	return out
}

func hexDigit(c byte) int {
	switch {
	case c >= '0' && c <= '9':
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

// uudecode decodes one file ("begin mode name" to "end"); rest is what follows.
func uudecode(b []byte) (name string, out, rest []byte) {
	line, rest, _ := bytes.Cut(b, []byte("\n"))
	f := strings.SplitN(strings.TrimRight(string(line), "\r"), " ", 3)
	if len(f) == 3 {
		name = f[2]
	}
	if f[0] == "begin-base64" {
		i := bytes.Index(rest, []byte("\n===="))
		if i < 0 {
			return name, decode64(rest), nil
		}
		return name, decode64(rest[:i]), rest[i+5:]
	}
	for len(rest) > 0 {
		line, rest, _ = bytes.Cut(rest, []byte("\n"))
		line = bytes.TrimRight(line, "\r")
		if len(line) == 0 || string(line) == "end" {
			if len(line) > 0 {
				return name, out, rest
			}
			continue
		}
		n := int(line[0]-' ') & 0x3f
		line = line[1:]
		for i := 0; n > 0 && i < len(line); i += 4 {
			var q [4]byte
			for j := range q {
				q[j] = ' '
				if i+j < len(line) {
					q[j] = line[i+j]
				}
				q[j] = (q[j] - ' ') & 0x3f
			}
			t := [3]byte{q[0]<<2 | q[1]>>4, q[1]<<4 | q[2]>>2, q[2]<<6 | q[3]}
			out = append(out, t[:min(3, n)]...)
			n -= 3
		}
	}
	return name, out, nil
}

// uuencoded walks the uuencoded files of a text.
func (w *walker) uuencoded(s source, p place) (int64, error) {
	if !w.b.hold(2 * s.size) {
		return -1, exceeded("it is larger than can be held for inspection (" + mib(w.b.lim.Memory) + ")")
	}
	defer w.b.drop(2 * s.size)
	b, err := s.at(0, s.size)
	if err != nil {
		return -1, err
	}
	for len(b) > 0 {
		if filetype.Head(b[:min(len(b), 256)]) != filetype.UUEncode {
			_, b, _ = bytes.Cut(b, []byte("\n"))
			continue
		}
		if err := w.b.entry(); err != nil {
			return -1, err
		}
		var name string
		var out []byte
		name, out, b = uudecode(b)
		if err := w.b.decoded(int64(len(out))); err != nil {
			return -1, err
		}
		e := p.entry(name)
		e.Size = int64(len(out))
		if err := w.visit(e, source{bytesAt(out), e.Size}, nil, e.Size, false); err != nil {
			return -1, err
		}
	}
	return s.size, nil
}
