package manifest

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// MaxSize is how long the JSON of a manifest may be, in octets.
const MaxSize = 1 << 20

var (
	// ErrNone: the module is one, but has no manifest.
	ErrNone = errors.New(`the module has no manifest section "` + Section + `"; add one with weir plugin pack`)
	// ErrNotModule: the bytes are no core WebAssembly module.
	ErrNotModule = errors.New("not a WebAssembly module")
	// ErrTwice: more than one section, so that readers might differ.
	ErrTwice = errors.New(`the module has more than one manifest section "` + Section + `"`)
)

var magic = []byte("\x00asm\x01\x00\x00\x00")

// section is one section of a module: module[start:end], content in body.
type section struct {
	start, end int
	body       []byte
	name       string // of a custom section
}

// sections walks a module without looking into anything but the names of
// custom sections.
func sections(module []byte) ([]section, error) {
	if !bytes.HasPrefix(module, magic) {
		return nil, ErrNotModule
	}
	var out []section
	for at := len(magic); at < len(module); {
		s := section{start: at}
		id := module[at]
		n, w := uleb(module[at+1:])
		at += 1 + w
		if w == 0 || n > uint64(len(module)-at) {
			return nil, fmt.Errorf("%w: the section at octet %d goes past the end", ErrNotModule, s.start)
		}
		s.body = module[at : at+int(n)]
		at += int(n)
		s.end = at
		if id == 0 {
			k, w := uleb(s.body)
			if w == 0 || k > uint64(len(s.body)-w) {
				return nil, fmt.Errorf("%w: the custom section at octet %d has no name", ErrNotModule, s.start)
			}
			s.name, s.body = string(s.body[w:w+int(k)]), s.body[w+int(k):]
		}
		out = append(out, s)
	}
	return out, nil
}

// uleb reads a u32 in LEB128; w is 0 if there is none.
func uleb(b []byte) (v uint64, w int) {
	v, w = binary.Uvarint(b)
	if w <= 0 || w > 5 || v > 1<<32-1 {
		return 0, 0
	}
	return v, w
}

// Read gives the manifest of a module, without running anything. It is not
// validated; see Validate.
func Read(module []byte) (*Manifest, error) {
	secs, err := sections(module)
	if err != nil {
		return nil, err
	}
	var body []byte
	for _, s := range secs {
		if s.name == Section {
			if body != nil {
				return nil, ErrTwice
			}
			body = s.body
		}
	}
	if body == nil {
		return nil, ErrNone
	}
	return Parse(body)
}

// Parse reads the JSON of a manifest. Members it does not know are an error:
// a misspelt "grant" must not be dropped.
func Parse(b []byte) (*Manifest, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("manifest of %d octets; at most %d", len(b), MaxSize)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	m := new(Manifest)
	if err := d.Decode(m); err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	if d.More() {
		return nil, errors.New("manifest: text after the JSON object")
	}
	return m, nil
}

// Append validates m and returns the module with m as its manifest, in place
// of one it had. module is not changed.
func Append(module []byte, m *Manifest) ([]byte, error) {
	if err := m.Validate(); err != nil {
		return nil, err
	}
	secs, err := sections(module)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("manifest: %w", err)
	}
	out := append(make([]byte, 0, len(module)+len(body)+32), magic...)
	for _, s := range secs {
		if s.name != Section {
			out = append(out, module[s.start:s.end]...)
		}
	}
	content := binary.AppendUvarint(nil, uint64(len(Section)))
	content = append(append(content, Section...), body...)
	out = append(out, 0)
	out = binary.AppendUvarint(out, uint64(len(content)))
	return append(out, content...), nil
}
