package xmlscan

import (
	"bytes"
	"io"
	"strings"
	"unicode/utf8"
)

// wide goes on in UTF-16; high is 1 where the high octet comes first.
func (s *Scanner) wide(b []byte, high int) {
	rest := append([]byte(nil), b...)
	s.r = &utf16Reader{r: io.MultiReader(bytes.NewReader(rest), &errReader{s.r, s.err}), high: high}
	s.buf, s.mem, s.err = nil, make([]byte, 0, bufSize), nil
	for len(s.buf) < 3 && s.fill() {
	}
	s.buf = bytes.TrimPrefix(s.buf, []byte("\xef\xbb\xbf"))
}

// errReader goes on with a reader that may have ended.
type errReader struct {
	r   io.Reader
	err error
}

func (e *errReader) Read(b []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	return e.r.Read(b)
}

// utf16Reader makes UTF-8 of UTF-16.
type utf16Reader struct {
	r    io.Reader
	high int
	in   [2048]byte
	n    int
	lead uint16
	out  []byte
}

func (u *utf16Reader) Read(p []byte) (int, error) {
	for len(u.out) == 0 {
		n, err := u.r.Read(u.in[u.n:])
		u.n += n
		i := 0
		for ; i+1 < u.n; i += 2 {
			c := uint16(u.in[i])<<8 | uint16(u.in[i+1])
			if u.high == 0 {
				c = c>>8 | c<<8 // the low octet comes first
			}
			u.put(c)
		}
		copy(u.in[:], u.in[i:u.n])
		u.n -= i
		if err != nil && len(u.out) == 0 {
			return 0, err
		}
	}
	n := copy(p, u.out)
	u.out = u.out[n:]
	return n, nil
}

func (u *utf16Reader) put(c uint16) {
	switch {
	case c >= 0xd800 && c < 0xdc00:
		u.lead = c
		return
	case c >= 0xdc00 && c < 0xe000 && u.lead != 0:
		u.out = utf8.AppendRune(u.out, 0x10000+(rune(u.lead)-0xd800)<<10+rune(c)-0xdc00)
	default:
		u.out = utf8.AppendRune(u.out, rune(c))
	}
	u.lead = 0
}

// readable: the declared encoding agrees with ASCII.
func readable(decl string) bool {
	i := strings.Index(decl, "encoding")
	if i < 0 {
		return true
	}
	v := strings.TrimLeft(decl[i+len("encoding"):], " \t\r\n=")
	if len(v) < 2 {
		return true
	}
	v = v[1:]
	if j := strings.IndexByte(v, decl[len(decl)-len(v)-1]); j >= 0 {
		v = v[:j]
	}
	v = strings.ToLower(v)
	for _, p := range []string{"utf-8", "utf8", "us-ascii", "ascii", "iso-8859-", "iso8859", "latin", "windows-", "cp125", "utf-16", "gb", "euc-", "shift_jis", "big5", "koi8", "ks_c"} {
		if strings.HasPrefix(v, p) {
			return true
		}
	}
	return false
}
