package mimetree

// qp decodes quoted-printable as a tolerant mail reader does (RFC 2045 §6.7):
// white space before a line end goes, what is no escape stays as it is. bad
// tells that other readers may see something else. The zero value is at a start.
type qp struct {
	state uint8
	hex   byte
	space []byte // white space that a line end would drop
	bad   bool
}

const (
	qpText    uint8 = iota
	qpReturn        // a CR
	qpEqual         // =
	qpPadding       // = and white space
	qpSoft          // = and CR
	qpHex           // = and one digit
)

func unhex(c byte) (byte, bool) {
	switch {
	case '0' <= c && c <= '9':
		return c - '0', true
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10, true
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10, true
	}
	return 0, false
}

// feed decodes src to the end of dst.
func (d *qp) feed(dst, src []byte) []byte {
	for i := 0; i < len(src); {
		c := src[i]
		switch d.state {
		case qpText:
			j := i
			for j < len(src) && src[j] != '=' && src[j] != ' ' && src[j] != '\t' && src[j] != '\r' && src[j] != '\n' {
				j++
			}
			if j > i {
				dst = append(d.spaces(dst), src[i:j]...)
				i = j
				continue
			}
			switch c {
			case ' ', '\t':
				d.space = append(d.space, c)
			case '\r':
				d.state = qpReturn
			case '\n':
				d.space = d.space[:0]
				dst = append(dst, '\n')
			case '=':
				dst = d.spaces(dst)
				d.state = qpEqual
			}
			i++
		case qpReturn:
			d.state = qpText
			if c == '\n' {
				d.space = d.space[:0]
				dst = append(dst, '\r', '\n')
				i++
			} else {
				d.bad = true
				dst = append(d.spaces(dst), '\r')
			}
		case qpEqual:
			switch _, ok := unhex(c); {
			case ok:
				d.hex, d.state = c, qpHex
				i++
			case c == '\r':
				d.state = qpSoft
				i++
			case c == '\n':
				d.state = qpText
				i++
			case c == ' ' || c == '\t':
				d.state = qpPadding
				i++
			default:
				dst = d.literal(dst, '=')
			}
		case qpPadding:
			switch c {
			case ' ', '\t':
				i++
			case '\r':
				d.state = qpSoft
				i++
			case '\n':
				d.state = qpText
				i++
			default:
				dst = d.literal(dst, '=')
			}
		case qpSoft:
			if c == '\n' {
				d.state = qpText
				i++
			} else {
				dst = d.literal(dst, '=')
			}
		case qpHex:
			if lo, ok := unhex(c); ok {
				hi, _ := unhex(d.hex)
				dst = append(dst, hi<<4|lo)
				d.state = qpText
				i++
			} else {
				dst = d.literal(dst, '=', d.hex)
			}
		}
	}
	return dst
}

func (d *qp) spaces(dst []byte) []byte {
	dst = append(dst, d.space...)
	d.space = d.space[:0]
	return dst
}

// literal leaves a broken escape as it is.
func (d *qp) literal(dst []byte, c ...byte) []byte {
	d.bad, d.state = true, qpText
	return append(dst, c...)
}

func (d *qp) flush(dst []byte) []byte {
	switch d.state {
	case qpReturn:
		d.bad = true
		dst = append(d.spaces(dst), '\r')
	case qpHex:
		dst = d.literal(dst, '=', d.hex)
	}
	d.state, d.space = qpText, d.space[:0]
	return dst
}

// clean: a decoder that starts here, new, gives the same.
func (d *qp) clean() bool { return d.state == qpText && len(d.space) == 0 }
