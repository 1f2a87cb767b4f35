package manifest

import (
	"encoding/binary"
	"fmt"
)

// Custom gives the content of the custom section of that name; nil where there
// is none. More than one is an error, so that readers cannot differ.
func Custom(module []byte, name string) ([]byte, error) {
	secs, err := sections(module)
	if err != nil {
		return nil, err
	}
	var body []byte
	for _, s := range secs {
		if s.name == name && module[s.start] == 0 {
			if body != nil {
				return nil, fmt.Errorf("the module has more than one section %q", name)
			}
			body = s.body[:len(s.body):len(s.body)]
			if body == nil {
				body = []byte{}
			}
		}
	}
	return body, nil
}

// WithoutCustom gives the module without its custom sections of that name; all
// other octets stay as they are. module is not changed.
func WithoutCustom(module []byte, name string) ([]byte, error) {
	secs, err := sections(module)
	if err != nil {
		return nil, err
	}
	out := append(make([]byte, 0, len(module)), magic...)
	for _, s := range secs {
		if s.name != name || module[s.start] != 0 {
			out = append(out, module[s.start:s.end]...)
		}
	}
	return out, nil
}

// WithCustom gives the module with one custom section of that name, at its
// end, in place of any it had. module is not changed.
func WithCustom(module []byte, name string, body []byte) ([]byte, error) {
	out, err := WithoutCustom(module, name)
	if err != nil {
		return nil, err
	}
	content := binary.AppendUvarint(nil, uint64(len(name)))
	content = append(append(content, name...), body...)
	out = append(out, 0)
	out = binary.AppendUvarint(out, uint64(len(content)))
	return append(out, content...), nil
}
