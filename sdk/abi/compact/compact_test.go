package compact

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// module makes one of sections; id 5 is a memory section.
func module(sections ...[]byte) []byte {
	return append(bytes.Clone(magic), bytes.Join(sections, nil)...)
}

func sec(id byte, body ...byte) []byte {
	return append(binary.AppendUvarint([]byte{id}, uint64(len(body))), body...)
}

func seg(at int, data string) []byte {
	b := appendSigned([]byte{0, 0x41}, int64(int32(uint32(at))))
	return append(append(b, 0x0b, byte(len(data))), data...)
}

func data(segs ...[]byte) []byte {
	return sec(sectionData, append([]byte{byte(len(segs))}, bytes.Join(segs, nil)...)...)
}

var memory = sec(5, 1, 0, 1)

// image is what memory holds once a module's segments are applied in order.
func image(t *testing.T, m []byte) map[int]byte {
	t.Helper()
	out := map[int]byte{}
	for at := len(magic); at < len(m); {
		n, w := uleb(m[at+1:])
		body := m[at+1+w : at+1+w+n]
		if m[at] == sectionData {
			count, w := uleb(body)
			body = body[w:]
			for range count {
				s, rest, ok := read(body)
				if !ok {
					t.Fatal("the data section cannot be read")
				}
				for i, c := range s.data {
					if out[s.at+i] = c; c == 0 {
						delete(out, s.at+i)
					}
				}
				body = rest
			}
		}
		at += 1 + w + n
	}
	return out
}

func TestData(t *testing.T) {
	name := sec(0, 4, 'n', 'a', 'm', 'e')
	for what, c := range map[string]struct {
		in   []byte
		segs int // after; 0: unchanged
	}{
		"neighbours":        {module(memory, data(seg(16, "ab"), seg(18, "cd"), seg(24, "e")), name), 1},
		"far apart":         {module(memory, data(seg(16, "ab"), seg(200, "cd"), seg(202, "e"))), 2},
		"high addresses":    {module(memory, data(seg(0x7fffffff, "ab"), seg(0x80000002, "cd"))), 1},
		"overlapping":       {module(memory, data(seg(16, "abcd"), seg(18, "xy"))), 0},
		"backwards":         {module(memory, data(seg(18, "ab"), seg(16, "xy"))), 1},
		"data count":        {module(memory, sec(sectionDataCount, 2), data(seg(16, "ab"), seg(18, "cd"))), 0},
		"imported memory":   {module(data(seg(16, "ab"), seg(18, "cd"))), 0},
		"passive":           {module(memory, data([]byte{1, 2, 'a', 'b'}, seg(18, "cd"))), 0},
		"of another memory": {module(memory, data([]byte{2, 0, 0x41, 0, 0x0b, 1, 'x'})), 0},
		"global's address":  {module(memory, data([]byte{0, 0x23, 0, 0x0b, 1, 'x'})), 0},
		"cut":               {module(memory, data(seg(16, "ab")))[:len(module(memory))+4], 0},
		"no module":         {[]byte("nothing"), 0},
	} {
		before := bytes.Clone(c.in)
		out := Data(c.in)
		if !bytes.Equal(before, c.in) {
			t.Errorf("%s: the input was changed", what)
		}
		if c.segs == 0 {
			if !bytes.Equal(out, c.in) {
				t.Errorf("%s: changed to %x", what, out)
			}
			continue
		}
		if got := bytes.Count(out, []byte{0, 0x41}); got != c.segs {
			t.Errorf("%s: %d segments, want %d: %x", what, got, c.segs, out)
		}
		a, b := image(t, c.in), image(t, out)
		if len(a) != len(b) {
			t.Errorf("%s: another memory", what)
		}
		for k, v := range a {
			if b[k] != v {
				t.Errorf("%s: octet %d is %x, was %x", what, k, b[k], v)
			}
		}
		if what == "neighbours" && !bytes.HasSuffix(out, name) {
			t.Errorf("%s: the section behind is gone", what)
		}
	}
}

func FuzzData(f *testing.F) {
	f.Add(module(memory, data(seg(16, "ab"), seg(18, "cd"))))
	f.Fuzz(func(t *testing.T, m []byte) {
		if out := Data(m); !bytes.Equal(out, m) {
			a, b := image(t, m), image(t, out)
			for k, v := range a {
				if b[k] != v {
					t.Fatalf("octet %d is %x, was %x", k, b[k], v)
				}
			}
			if len(a) != len(b) {
				t.Fatal("another memory")
			}
		}
	})
}
