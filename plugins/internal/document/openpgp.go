package document

import (
	"bufio"
	"bytes"
	"compress/bzip2"
	"compress/flate"
	"io"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// Tags of OpenPGP packets (RFC 9580 §5).
const (
	pgpPKESK      = 1 // a session key for a public key
	pgpSignature  = 2
	pgpSKESK      = 3 // a session key for a passphrase
	pgpOnePass    = 4
	pgpCompressed = 8
	pgpEncrypted  = 9
	pgpMarker     = 10
	pgpLiteral    = 11
	pgpSEIPD      = 18
	pgpAEAD       = 20
	pgpPadding    = 21
)

// packet is the head of a packet.
type packet struct {
	tag     int
	size    int64 // of the body, or of its first piece; -1 to the end
	partial bool
	head    int // octets of the head
}

// packetHead reads the head of a packet (§4.2).
func packetHead(b []byte) (p packet, ok bool) {
	if len(b) < 2 || b[0] < 0x80 {
		return p, false
	}
	if b[0]&0x40 == 0 { // the old format
		p.tag = int(b[0] >> 2 & 15)
		n := 1 << (b[0] & 3)
		if n == 8 {
			p.size, p.head = -1, 1
			return p, p.tag != 0
		}
		if len(b) < 1+n {
			return p, false
		}
		for _, c := range b[1 : 1+n] {
			p.size = p.size<<8 | int64(c)
		}
		p.head = 1 + n
		return p, p.tag != 0
	}
	p.tag = int(b[0] & 0x3f)
	var n int
	p.size, p.partial, n = packetLength(b[1:])
	p.head = 1 + n
	return p, p.tag != 0 && n > 0
}

// packetLength reads a length of the new format (§4.2.1); n is 0 if it is none.
func packetLength(b []byte) (size int64, partial bool, n int) {
	switch {
	case len(b) < 1:
	case b[0] < 192:
		return int64(b[0]), false, 1
	case b[0] < 224:
		if len(b) >= 2 {
			return (int64(b[0])-192)<<8 + int64(b[1]) + 192, false, 2
		}
	case b[0] < 255:
		return 1 << (b[0] & 0x1f), true, 1
	case len(b) >= 5:
		return int64(b[1])<<24 | int64(b[2])<<16 | int64(b[3])<<8 | int64(b[4]), false, 5
	}
	return 0, false, 0
}

// What a run of packets is.
const (
	pgpNothing = iota
	pgpIsEncrypted
	pgpIsPlain // signed, compressed or literal data
)

// isOpenPGP: the content begins with packets that make sense together.
func isOpenPGP(head []byte) bool {
	return classifyPGP(head, -1) != pgpNothing
}

// classifyPGP judges a run of packets by its beginning. size is that of the
// whole, -1 if it is not known.
func classifyPGP(b []byte, size int64) int {
	keys := 0
	for at := 0; at < len(b) && keys < 1000; {
		p, ok := packetHead(b[at:])
		if !ok {
			break
		}
		body := b[min(len(b), at+p.head):]
		if len(body) < 2 {
			break
		}
		switch p.tag {
		case pgpPKESK:
			if p.partial || !soundPKESK(body, p.size) {
				return verdictPGP(keys)
			}
			keys++
		case pgpSKESK:
			if p.partial || !soundSKESK(body, p.size) {
				return verdictPGP(keys)
			}
			keys++
		case pgpMarker: // §5.8
			if p.size != 3 || !bytes.HasPrefix(body, []byte("PGP")) {
				return verdictPGP(keys)
			}
		case pgpSEIPD:
			if keys > 0 || body[0] == 1 && (p.partial || p.size > 40) || body[0] == 2 && body[1] <= 13 && (p.partial || p.size > 36) {
				return pgpIsEncrypted
			}
			return pgpNothing
		case pgpAEAD:
			if keys > 0 || body[0] == 1 && body[1] <= 13 {
				return pgpIsEncrypted
			}
			return pgpNothing
		case pgpEncrypted:
			if keys > 0 || size > 0 && int64(at+p.head)+p.size == size {
				return pgpIsEncrypted
			}
			return pgpNothing
		case pgpCompressed:
			if at == 0 && body[0] <= 3 && body[0] >= 1 {
				return pgpIsPlain
			}
			return pgpNothing
		case pgpOnePass: // §5.4
			if p.size == 13 && body[0] == 3 || body[0] == 6 && p.size > 40 && p.size < 100 {
				return pgpIsPlain
			}
			return pgpNothing
		default:
			return verdictPGP(keys)
		}
		at += p.head + int(min(p.size, 1<<20))
	}
	return verdictPGP(keys)
}

// verdictPGP: session keys are there for nothing but what is encrypted.
func verdictPGP(keys int) int {
	if keys > 0 {
		return pgpIsEncrypted
	}
	return pgpNothing
}

// soundPKESK (§5.1): a version, a key and an algorithm.
func soundPKESK(b []byte, size int64) bool {
	if size < 11 || size > 10_000 || len(b) < 10 {
		return false
	}
	algorithm := func(c byte) bool {
		return c >= 1 && c <= 3 || c == 8 || c == 16 || c == 18 || c == 20 || c >= 25 && c <= 40
	}
	switch b[0] {
	case 2, 3:
		return algorithm(b[9])
	case 6:
		n := 2 + int(b[1])
		return (b[1] == 0 || b[1] == 21 || b[1] == 33) && n < len(b) && algorithm(b[n])
	}
	return false
}

// soundSKESK (§5.3): a version, a cipher and a way to make a key of a passphrase.
func soundSKESK(b []byte, size int64) bool {
	if size < 4 || size > 300 || len(b) < 4 {
		return false
	}
	cipher := func(c byte) bool { return c >= 1 && c <= 13 }
	s2k := func(c byte) bool { return c == 0 || c == 1 || c == 3 || c == 4 }
	switch b[0] {
	case 4:
		return cipher(b[1]) && s2k(b[2])
	case 5:
		return cipher(b[1]) && b[2] >= 1 && b[2] <= 3 && s2k(b[3])
	case 6:
		return cipher(b[2]) && b[3] >= 1 && b[3] <= 3
	}
	return false
}

// openPGP judges packets that are not armoured.
func (x *inspection) openPGP(s octets.Source, path string) bool {
	head, err := s.Head(64 << 10)
	if err != nil {
		return false
	}
	switch classifyPGP(head, s.Size) {
	case pgpIsEncrypted:
		x.find(CauseEncryptedMessage, "pgp", path, "it needs a key or passphrase to be read")
	case pgpIsPlain:
		x.pgpContent(s.Reader(), path, 0)
	default:
		return false
	}
	return true
}

// pgpContent looks into what is signed or compressed only.
func (x *inspection) pgpContent(r io.Reader, path string, depth int) {
	br := bufio.NewReaderSize(r, 4096)
	for n := 0; n < 64 && depth < 4; n++ {
		head, err := br.Peek(6)
		if err != nil && len(head) < 2 {
			return
		}
		p, ok := packetHead(head)
		if !ok {
			return
		}
		if _, err := br.Discard(p.head); err != nil {
			return
		}
		body := &packetBody{r: br, left: p.size, partial: p.partial}
		switch p.tag {
		case pgpCompressed:
			x.pgpCompressed(body, path, depth)
			return
		case pgpLiteral:
			x.pgpLiteral(body, path)
			return
		case pgpPKESK, pgpSKESK, pgpSEIPD, pgpAEAD, pgpEncrypted:
			x.find(CauseEncryptedMessage, "pgp", path, "it needs a key or passphrase to be read")
			return
		case pgpSignature, pgpOnePass, pgpMarker, pgpPadding:
			if _, err := io.Copy(io.Discard, body); err != nil {
				return
			}
		default:
			return
		}
	}
}

// pgpCompressed (§5.6).
func (x *inspection) pgpCompressed(r io.Reader, path string, depth int) {
	br := bufio.NewReaderSize(r, 4096)
	c, err := br.ReadByte()
	if err != nil {
		return
	}
	switch c {
	case 1:
		x.pgpContent(x.unpacking(flate.NewReader(br)), path, depth+1)
	case 2:
		if _, err := br.Discard(2); err == nil {
			x.pgpContent(x.unpacking(flate.NewReader(br)), path, depth+1)
		}
	case 3:
		x.pgpContent(x.unpacking(bzip2.NewReader(br)), path, depth+1)
	}
}

// pgpLiteral (§5.9): format, name, date, content.
func (x *inspection) pgpLiteral(r io.Reader, path string) {
	br := bufio.NewReaderSize(r, 4096)
	h, err := br.Peek(2)
	if err != nil {
		return
	}
	n := int(h[1])
	h, err = br.Peek(2 + n + 4)
	if err != nil {
		return
	}
	name := string(h[2 : 2+n])
	if _, err := br.Discard(2 + n + 4); err != nil {
		return
	}
	if b, ok := x.unpack(br, maxPart, path); ok {
		x.object(octets.Source{R: b, Size: b.size}, join(path, "content"), name)
	}
}

// packetBody reads a packet's body, whose pieces may have lengths of their own.
type packetBody struct {
	r       *bufio.Reader
	left    int64 // -1 to the end
	partial bool
}

func (p *packetBody) Read(b []byte) (int, error) {
	for p.left == 0 {
		if !p.partial {
			return 0, io.EOF
		}
		h, err := p.r.Peek(5)
		size, partial, n := packetLength(h)
		if n == 0 {
			if err == nil || err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return 0, err
		}
		if _, err := p.r.Discard(n); err != nil {
			return 0, err
		}
		p.left, p.partial = size, partial
	}
	if p.left > 0 && int64(len(b)) > p.left {
		b = b[:p.left]
	}
	n, err := p.r.Read(b)
	if p.left > 0 {
		p.left -= int64(n)
		if err == io.EOF && p.left > 0 {
			err = io.ErrUnexpectedEOF
		}
	}
	return n, err
}
