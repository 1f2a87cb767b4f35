package mimetree

// b64 decodes base64 as a tolerant mail reader does (RFC 2045 §6.8): what is
// not of the alphabet is skipped, and decoding goes on after padding. bad tells
// that other readers may see something else. The zero value is at a start.
type b64 struct {
	acc    uint32
	n      uint8 // characters of the quantum so far
	need   uint8 // padding that must follow
	padded bool
	bad    bool
}

const (
	b64Space   = 0x80
	b64Pad     = 0x81
	b64Invalid = 0x82
)

// b64Table: 0–63 are values.
var b64Table = func() (t [256]uint8) {
	for i := range t {
		t[i] = b64Invalid
	}
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	for i := range len(alphabet) {
		t[alphabet[i]] = uint8(i)
	}
	for _, c := range " \t\r\n" {
		t[c] = b64Space
	}
	t['='] = b64Pad
	return
}()

// step takes one character and gives how many octets it completes; they are
// the low ones of acc>>shift.
func (d *b64) step(c byte) (octets int, bits uint32) {
	switch v := b64Table[c]; v {
	case b64Space:
	case b64Invalid:
		d.bad = true
	case b64Pad:
		switch {
		case d.need > 0:
			d.need--
		case d.n >= 2:
			octets, bits = d.partial()
			d.need = 3 - d.n
			d.n, d.acc, d.padded = 0, 0, true
		default:
			d.bad = true
			d.n, d.acc = 0, 0
		}
	default:
		if d.padded || d.need > 0 {
			d.bad = true // data after the end
			d.need = 0
		}
		d.acc = d.acc<<6 | uint32(v)
		if d.n++; d.n == 4 {
			octets, bits = 3, d.acc
			d.n, d.acc = 0, 0
		}
	}
	return octets, bits
}

// partial gives the octets of an unfinished quantum.
func (d *b64) partial() (int, uint32) {
	switch d.n {
	case 2:
		return 1, d.acc >> 4
	case 3:
		return 2, d.acc >> 2
	}
	return 0, 0
}

// finish ends the data: an unfinished quantum gives what it has.
func (d *b64) finish() (octets int, bits uint32) {
	if d.n > 0 || d.need > 0 {
		d.bad = true
	}
	octets, bits = d.partial()
	d.n, d.acc, d.need = 0, 0, 0
	return octets, bits
}

func appendOctets(dst []byte, n int, bits uint32) []byte {
	for i := n - 1; i >= 0; i-- {
		dst = append(dst, byte(bits>>(8*i)))
	}
	return dst
}

// feed decodes src to the end of dst.
func (d *b64) feed(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		if d.n == 0 && !d.padded {
			for i+4 <= len(src) {
				a, b, c, e := b64Table[src[i]], b64Table[src[i+1]], b64Table[src[i+2]], b64Table[src[i+3]]
				if (a|b|c|e)&0x80 != 0 {
					break
				}
				v := uint32(a)<<18 | uint32(b)<<12 | uint32(c)<<6 | uint32(e)
				dst = append(dst, byte(v>>16), byte(v>>8), byte(v))
				i += 4
			}
			if i == len(src) {
				break
			}
		}
		n, bits := d.step(src[i])
		dst = appendOctets(dst, n, bits)
		i++
	}
	return dst
}

func (d *b64) flush(dst []byte) []byte {
	n, bits := d.finish()
	return appendOctets(dst, n, bits)
}

// count is feed without the octets: how many there are.
func (d *b64) count(src []byte) int64 {
	if d.need == 0 && !d.padded {
		line := src[:len(src)-breakLen(src)]
		var or uint8
		i := 0
		for ; i+8 <= len(line); i += 8 {
			s := line[i : i+8 : i+8]
			or |= b64Table[s[0]] | b64Table[s[1]] | b64Table[s[2]] | b64Table[s[3]] |
				b64Table[s[4]] | b64Table[s[5]] | b64Table[s[6]] | b64Table[s[7]]
		}
		for ; i < len(line); i++ {
			or |= b64Table[line[i]]
		}
		if or&0x80 == 0 {
			all := int(d.n) + len(line)
			d.n = uint8(all % 4)
			return int64(all / 4 * 3)
		}
	}
	total := int64(0)
	for _, c := range src {
		n, _ := d.step(c)
		total += int64(n)
	}
	return total
}
