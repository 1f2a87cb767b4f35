// Package vba tells whether a VBA project ([MS-OVBA]) has code: many ordinary
// files carry a project whose modules are empty. It does not judge code.
package vba

import (
	"bytes"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/cfb"
	"github.com/mailweir/weir/plugins/internal/document/octets"
)

type damage string

func (d damage) Error() string { return string(d) }

// What a project may be damaged in.
const (
	errContainer = damage("its compressed VBA source is damaged")
	errTooLarge  = damage("its VBA source is too large")
)

// maxModule bounds one module: stream and source.
const maxModule = 4 << 20

// IsProject says whether a storage is the VBA storage of a project (§2.2.1).
func IsProject(e *cfb.Entry) bool {
	return e.Storage && (e.Stream("_VBA_PROJECT") != nil || e.Stream("dir") != nil && cfb.Fold(e.Name, "VBA"))
}

// HasCode says whether a module of the project has anything that could run, in
// its source or in its compiled form. What cannot be read counts as code, and so
// does a project without a module, as Office makes none. unpack bounds what is
// unpacked.
func HasCode(f *cfb.File, e *cfb.Entry, unpack func(int64) bool) bool {
	offsets := moduleOffsets(f, e)
	modules := 0
	for _, c := range e.Children {
		if c.Storage || !isModule(c.Name) {
			continue
		}
		modules++
		if c.Size > maxModule || !unpack(c.Size) {
			return true
		}
		s := f.Open(c)
		b, err := s.Range(0, s.Size)
		if err != nil {
			return true
		}
		offset, known := offsets[strings.ToLower(c.Name)]
		if moduleHasCode(b, offset, known) {
			return true
		}
	}
	return modules == 0
}

// isModule: not one of the streams that Office keeps for itself (§2.3.4).
func isModule(name string) bool {
	name = strings.ToLower(name)
	return name != "dir" && name != "_vba_project" && !strings.HasPrefix(name, "__srp_")
}

func moduleHasCode(b []byte, offset int, known bool) bool {
	var source []byte
	var err error = errContainer
	if known && offset < len(b) {
		source, err = Decompress(b[offset:])
	}
	if err != nil {
		if offset = findSource(b); offset < 0 {
			return true // a module without source that can be read
		}
		if source, err = Decompress(b[offset:]); err != nil {
			return true
		}
	}
	lines, code := sourceLines(source)
	return code || compiledLines(b[:offset]) > lines
}

// findSource looks for compressed source that begins as every module's does,
// with "Attribute".
func findSource(b []byte) int {
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("\x00Attribut"))
		if i < 0 {
			return -1
		}
		if at += i; at >= 3 && b[at-3] == 1 && b[at-1]>>4 == 0xb {
			return at - 3
		}
		at++
	}
}

// sourceLines counts the lines that the compiled form has too, and says whether
// any of them could do something: attributes, options, comments and blank lines
// do nothing.
func sourceLines(source []byte) (lines int, code bool) {
	for len(source) > 0 {
		i := bytes.IndexAny(source, "\r\n")
		line := source
		if i >= 0 {
			line = source[:i]
			if source[i] == '\r' && i+1 < len(source) && source[i+1] == '\n' {
				i++
			}
			source = source[i+1:]
		} else {
			source = nil
		}
		line = bytes.TrimSpace(bytes.TrimRight(line, "\x00"))
		if word(line, "attribute") {
			continue
		}
		lines++
		switch {
		case len(line) == 0, line[0] == '\'', word(line, "option"), word(line, "rem"):
		default:
			code = true
		}
	}
	return lines, code
}

func word(line []byte, w string) bool {
	return len(line) >= len(w) && cfb.Fold(string(line[:len(w)]), w) && (len(line) == len(w) || line[len(w)] == ' ' || line[len(w)] == '\t')
}

// compiledLines is how many lines the compiled form of a module has; it stands
// in front of the source, behind the mark 0xCAFE. The form is not specified
// ([MS-OVBA] §2.3.4.3 calls it a cache), but Office runs it in place of the
// source, so that a module may have code and no source.
func compiledLines(b []byte) int {
	most := 0
	for {
		i := bytes.Index(b, []byte("\xfe\xca"))
		if i < 0 || i+6 > len(b) {
			return most
		}
		if n := octets.U16(b[i+4:]); octets.U16(b[i+2:]) <= 4 && i+6+12*n <= len(b) {
			most = max(most, n)
		}
		b = b[i+2:]
	}
}

// moduleOffsets reads from the dir stream where each module's source begins
// (§2.3.4.2), by the lower-case name of its stream.
func moduleOffsets(f *cfb.File, e *cfb.Entry) map[string]int {
	dir := e.Stream("dir")
	if dir == nil || dir.Size > maxModule {
		return nil
	}
	s := f.Open(dir)
	b, err := s.Range(0, s.Size)
	if err != nil {
		return nil
	}
	if b, err = Decompress(b); err != nil {
		return nil
	}
	offsets := map[string]int{}
	name := ""
	for len(b) >= 6 {
		id, n := octets.U16(b), int64(octets.U32(b[2:]))
		if id == 0x0009 { // PROJECTVERSION says 4 and has 6
			n = 6
		}
		b = b[6:]
		if n > int64(len(b)) {
			break
		}
		switch id {
		case 0x001a: // MODULESTREAMNAME
			name = string(b[:n])
		case 0x0032: // the same in UTF-16
			name = octets.UTF16(b[:n])
		case 0x0031: // MODULEOFFSET
			if n == 4 {
				offsets[strings.ToLower(name)] = int(min(octets.U32(b), 1<<30))
			}
		}
		b = b[n:]
	}
	return offsets
}

// Decompress unpacks a CompressedContainer (§2.4.1.3.1).
func Decompress(b []byte) ([]byte, error) {
	if len(b) == 0 || b[0] != 1 {
		return nil, errContainer
	}
	var out []byte
	for b = b[1:]; len(b) >= 2; {
		head := octets.U16(b)
		n := min(head&0xfff+3, len(b))
		if head>>12&7 != 3 {
			if len(out) > 0 {
				break // what stands behind it is no chunk
			}
			return nil, errContainer
		}
		if len(out)+4096 > maxModule {
			return nil, errTooLarge
		}
		chunk := b[2:n]
		b = b[n:]
		if head&0x8000 == 0 {
			out = append(out, chunk[:min(len(chunk), 4096)]...)
			continue
		}
		var err error
		if out, err = inflate(out, chunk); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// inflate unpacks one chunk (§2.4.1.3.3).
func inflate(out, b []byte) ([]byte, error) {
	start := len(out)
	for len(b) > 0 {
		flags := b[0]
		b = b[1:]
		for bit := 0; bit < 8 && len(b) > 0; bit++ {
			if flags>>bit&1 == 0 {
				out = append(out, b[0])
				b = b[1:]
				continue
			}
			if len(b) < 2 {
				return nil, errContainer
			}
			token := octets.U16(b)
			b = b[2:]
			bits := uint(4) // §2.4.1.3.19.1
			for at := len(out) - start; 1<<bits < at; {
				bits++
			}
			n := token&(0xffff>>bits) + 3
			back := token>>(16-bits) + 1
			if back > len(out)-start || len(out)-start+n > 4096+3 {
				return nil, errContainer
			}
			for ; n > 0; n-- {
				out = append(out, out[len(out)-back])
			}
		}
	}
	return out, nil
}
