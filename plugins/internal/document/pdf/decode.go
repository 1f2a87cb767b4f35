package pdf

import (
	"bufio"
	"bytes"
	"compress/flate"
	"io"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// raw gives a stream's data as it stands in the file, decrypted.
func (f *File) raw(s *Stream) io.Reader {
	n, ok := f.Resolve(s.Dict["Length"]).(int64)
	if !ok || n < 0 || !f.ends(s.off+n) {
		n = f.endstream(s.off) - s.off
	}
	sec := f.s.Section(s.off, n)
	if f.crypt != nil && !s.plain && !f.identity(s) {
		if t, _ := s.Dict["Type"].(Name); t == "XRef" || t == "Metadata" && !f.crypt.metadata {
			return sec.Reader()
		}
		return f.crypt.stream(sec.Reader(), s.num, s.gen)
	}
	return sec.Reader()
}

// identity: the stream says that it is not encrypted (ISO 32000-2 §7.4.10).
func (f *File) identity(s *Stream) bool {
	filters := f.Array(s.Dict["Filter"])
	if len(filters) == 0 || f.Name(filters[0]) != "Crypt" {
		return false
	}
	params := f.Array(s.Dict["DecodeParms"])
	if len(params) == 0 {
		return true
	}
	name := f.Name(f.Dict(params[0])["Name"])
	return name == "" || name == "Identity"
}

// ends: "endstream" follows.
func (f *File) ends(off int64) bool {
	if off > f.s.Size {
		return false
	}
	b := f.window(off, 16)
	return bytes.HasPrefix(bytes.TrimLeft(b, "\r\n \t\x00"), []byte("endstr"))
}

func (f *File) endstream(off int64) int64 {
	const step = 64 << 10
	for at := off; at < f.s.Size; at += step {
		b, err := f.s.Range(at, step+16)
		if err != nil {
			break
		}
		if i := bytes.Index(b, []byte("endstream")); i >= 0 {
			return at + int64(i)
		}
	}
	return f.s.Size
}

// Decode unpacks a stream, at most limit octets of it. What it could unpack
// before an error it gives too.
func (f *File) Decode(s *Stream, limit int64) ([]byte, error) {
	r, err := f.Reader(s)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(io.LimitReader(r, limit+1))
	if f.work += int64(len(b)); f.work > maxWork {
		return nil, errWork
	}
	if int64(len(b)) > limit {
		return nil, errWork
	}
	if err != nil {
		return b, errStream
	}
	return b, nil
}

// Reader unpacks a stream as it is read.
func (f *File) Reader(s *Stream) (io.Reader, error) {
	r := f.raw(s)
	filter, parms := s.Dict["Filter"], s.Dict["DecodeParms"]
	if filter == nil {
		filter = s.Dict["F"]
		if _, ok := f.Resolve(filter).(Name); !ok {
			filter = nil
		}
	}
	if parms == nil {
		parms = s.Dict["DP"]
	}
	ps := f.Array(parms)
	for i, v := range f.Array(filter) {
		if i > 8 {
			return nil, errFilter
		}
		var parm Dict
		if i < len(ps) {
			parm = f.Dict(ps[i])
		}
		var err error
		if r, err = f.filter(r, f.Name(v), parm); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (f *File) filter(r io.Reader, name Name, parm Dict) (io.Reader, error) {
	switch name {
	case "FlateDecode", "Fl":
		return f.predictor(flate.NewReader(&zlibHead{r: bufio.NewReaderSize(r, 4096)}), parm)
	case "LZWDecode", "LZW":
		early := int64(1)
		if n, ok := f.Resolve(parm["EarlyChange"]).(int64); ok {
			early = n
		}
		return f.predictor(newLZW(r, early != 0), parm)
	case "ASCIIHexDecode", "AHx":
		return &hexReader{r: bufio.NewReaderSize(r, 4096)}, nil
	case "ASCII85Decode", "A85":
		return &ascii85{r: bufio.NewReaderSize(r, 4096)}, nil
	case "RunLengthDecode", "RL":
		return &runLength{r: bufio.NewReaderSize(r, 4096)}, nil
	case "Crypt":
		return r, nil
	}
	return nil, errFilter
}

// zlibHead skips zlib's header (RFC 1950), and the line end that some writers
// put in front of it.
type zlibHead struct {
	r    *bufio.Reader
	done bool
}

func (z *zlibHead) head() error {
	if z.done {
		return nil
	}
	z.done = true
	for {
		c, err := z.r.ReadByte()
		if err != nil {
			return err
		}
		if c == '\r' || c == '\n' {
			continue
		}
		if c&15 != 8 {
			return errStream
		}
		_, err = z.r.ReadByte()
		return err
	}
}

func (z *zlibHead) Read(b []byte) (int, error) {
	if err := z.head(); err != nil {
		return 0, err
	}
	return z.r.Read(b)
}

// ReadByte makes flate read no more than it needs.
func (z *zlibHead) ReadByte() (byte, error) {
	if err := z.head(); err != nil {
		return 0, err
	}
	return z.r.ReadByte()
}

// predictor undoes PNG's (ISO 32000-2 §7.4.4.4); TIFF's is not used where
// structure is packed.
func (f *File) predictor(r io.Reader, parm Dict) (io.Reader, error) {
	get := func(key Name, def int64) int64 {
		if n, ok := f.Resolve(parm[key]).(int64); ok {
			return n
		}
		return def
	}
	p := get("Predictor", 1)
	if p < 10 {
		if p == 2 {
			return nil, errFilter
		}
		return r, nil
	}
	bits := get("Colors", 1) * get("BitsPerComponent", 8) //nolint:misspell // as the format has it
	columns := get("Columns", 1)
	if bits < 1 || bits > 1<<10 || columns < 1 || columns > 1<<20 {
		return nil, errStream
	}
	row := (bits*columns + 7) / 8
	return &png{r: r, bpp: int(max(1, bits/8)), row: make([]byte, 1+row), prev: make([]byte, row)}, nil
}

// png undoes the predictors of PNG, row by row.
type png struct {
	r         io.Reader
	bpp       int
	row, prev []byte
	out       []byte
}

func (p *png) Read(b []byte) (int, error) {
	for len(p.out) == 0 {
		n, err := io.ReadFull(p.r, p.row)
		if n <= 1 {
			if err == io.ErrUnexpectedEOF {
				err = io.EOF
			}
			return 0, err
		}
		p.unfilter(p.row[0], p.row[1:n])
		p.out = p.prev[:copy(p.prev, p.row[1:n])]
	}
	n := copy(b, p.out)
	p.out = p.out[n:]
	return n, nil
}

func (p *png) unfilter(kind byte, row []byte) {
	for i := range row {
		var left, up, corner int
		up = int(p.prev[i])
		if i >= p.bpp {
			left, corner = int(row[i-p.bpp]), int(p.prev[i-p.bpp])
		}
		switch kind {
		case 1:
			row[i] += byte(left)
		case 2:
			row[i] += byte(up)
		case 3:
			row[i] += byte((left + up) / 2)
		case 4:
			row[i] += byte(paeth(left, up, corner))
		}
	}
}

func paeth(a, b, c int) int {
	p := a + b - c
	pa, pb, pc := abs(p-a), abs(p-b), abs(p-c)
	if pa <= pb && pa <= pc {
		return a
	}
	if pb <= pc {
		return b
	}
	return c
}

func abs(n int) int {
	if n < 0 {
		return -n
	}
	return n
}

// Section gives the data of a stream for ranged reads where it is neither
// packed nor encrypted.
func (f *File) Section(s *Stream) (octets.Source, bool) {
	if f.crypt != nil || len(f.Array(s.Dict["Filter"])) > 0 {
		return octets.Source{}, false
	}
	n, ok := f.Resolve(s.Dict["Length"]).(int64)
	if !ok || n < 0 || !f.ends(s.off+n) {
		n = f.endstream(s.off) - s.off
	}
	return f.s.Section(s.off, n), true
}
