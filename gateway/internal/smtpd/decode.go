package smtpd

import "bytes"

// fault is the first thing found wrong with a message's bytes.
type fault int

const (
	faultNone fault = iota
	faultBareCR
	faultBareLF
	faultNUL
)

// decoder turns what stands on the wire between DATA and the end of data, or
// in BDAT chunks, into the message's bytes, and finds the end of data.
//
// The end of data is CRLF "." CRLF and nothing else (RFC 5321 §4.1.1.4; the
// CRLF of the DATA command counts as the first). Every other candidate, such
// as LF "." LF or CR "." CR, is content, and content with a bare CR, a NUL or
// (unless normalised) a bare LF is a fault: the message is read to its true
// end and refused, so that no server behind us sees those bytes, and the session
// ends, for what comes behind it may be part of it in the client's eyes. A fault
// never moves the end.
//
// It works on whole buffers: a message without dots at line starts is passed
// on without being copied.
type decoder struct {
	dots      bool // DATA: undo dot-stuffing and look for the end
	normalise bool // a bare LF becomes CRLF; otherwise it is a fault
	fault     fault
	state     decoderState
	scratch   []byte // output that outgrew the input
}

// decoderState is what the last byte was.
type decoderState int

const (
	atStart  decoderState = iota // behind CRLF, or at the start of the message
	behindLF                     // behind a bare LF
	atDot                        // behind CRLF "."
	atDotCR                      // behind CRLF "." CR
	inLine                       // anywhere else
	behindCR                     // behind a CR that is not atDotCR's
)

// decode consumes p up to and including the end of data, or all of it. It
// returns the message's bytes, how much of p it consumed and whether the end
// of data was seen. The bytes alias p, which is overwritten, or the decoder's
// own scratch; they are good until the next call. Behind a fault they are nil.
func (d *decoder) decode(p []byte) (msg []byte, n int, done bool) {
	var (
		i, w, seg int    // p[:i] is consumed, p[seg:i] not yet put out
		crs       int    // CRs of p[seg:i] that belong to a line end
		out       []byte // output once it outgrew p[:w]
		grown     bool
	)
	// flush checks and puts out p[seg:end]. Searching whole runs at once, not
	// lines, is what makes this fast.
	flush := func(end int) {
		run := p[seg:end]
		switch {
		case d.fault != faultNone:
			return
		case bytes.IndexByte(run, 0) >= 0:
			d.spoil(faultNUL)
		case bytes.Count(run, carriageReturn) != crs:
			d.spoil(faultBareCR)
		case grown:
			out = append(out, run...)
		case w == seg:
			w = end
		default:
			w += copy(p[w:], run)
		}
		crs = 0
	}
	for i < len(p) && !done {
		switch d.state {
		case atStart:
			d.state = inLine
			if d.dots && p[i] == '.' {
				d.state = atDot
				flush(i)
				i++
				seg = i
			}
		case behindLF:
			// Whoever ends lines with LF stuffs dots behind LF too.
			d.state = inLine
			if d.dots && p[i] == '.' {
				flush(i)
				i++
				seg = i
			}
		case atDot:
			d.state = inLine
			if p[i] == '\r' {
				d.state = atDotCR
				i++
				seg = i
			}
		case atDotCR:
			if p[i] == '\n' {
				i++
				seg = i
				done = true
			} else {
				d.spoil(faultBareCR)
				d.state = inLine
			}
		case behindCR:
			if p[i] == '\n' {
				d.state = atStart
				i++
			} else {
				d.spoil(faultBareCR)
				d.state = inLine
			}
		case inLine:
			j := bytes.IndexByte(p[i:], '\n')
			switch {
			case j < 0:
				i = len(p)
				if p[i-1] == '\r' {
					d.state = behindCR
					crs++
				}
			case j > 0 && p[i+j-1] == '\r':
				d.state = atStart
				crs++
				i += j + 1
			case d.normalise:
				d.state = behindLF
				flush(i + j)
				if !grown {
					grown = true
					out = append(d.scratch[:0], p[:w]...)
				}
				out = append(out, '\r', '\n')
				i += j + 1
				seg = i
			default:
				d.spoil(faultBareLF)
				d.state = behindLF
				i += j + 1
			}
		}
	}
	flush(i)
	if grown {
		d.scratch = out
	} else {
		out = p[:w]
	}
	if d.fault != faultNone {
		return nil, i, done
	}
	return out, i, done
}

// finish ends a message whose end was counted, not marked (BDAT LAST). It
// returns the CRLF that the last line lacks, if it does (RFC 3030 leaves that
// open; the message may leave by DATA, which cannot).
func (d *decoder) finish() []byte {
	switch d.state {
	case behindCR:
		d.spoil(faultBareCR)
	case inLine:
		if d.fault == faultNone {
			return crlf
		}
	}
	return nil
}

// spoil keeps the first fault.
func (d *decoder) spoil(f fault) {
	if d.fault == faultNone {
		d.fault = f
	}
}

var (
	carriageReturn = []byte{'\r'}
	crlf           = []byte("\r\n")
)
