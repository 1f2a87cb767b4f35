package pdf

import "bytes"

// maxSections bounds cross-reference sections that lead to one another.
const maxSections = 1000

// readXrefs follows the cross-reference sections from the end of the file
// (ISO 32000-2 §7.5.4–§7.5.8). What a newer section says of an object counts.
func (f *File) readXrefs() error {
	from := max(0, f.s.Size-4096)
	tail, err := f.s.Range(from, f.s.Size-from)
	if err != nil {
		return err
	}
	i := bytes.LastIndex(tail, []byte("startxref"))
	if i < 0 {
		return errXref
	}
	p := parser{b: tail[i+len("startxref"):]}
	off, ok := p.value().(int64)
	if !ok {
		return errXref
	}
	seen := map[int64]bool{}
	todo := []int64{off}
	for len(todo) > 0 {
		off := todo[0]
		todo = todo[1:]
		if seen[off] {
			continue
		}
		if seen[off] = true; len(seen) > maxSections {
			return errXref
		}
		trailer, err := f.section(off)
		if err != nil {
			return err
		}
		if f.Trailer == nil {
			f.Trailer = trailer
		}
		for _, key := range []Name{"Root", "Encrypt", "ID"} {
			if _, ok := f.Trailer[key]; !ok && trailer[key] != nil {
				f.Trailer[key] = trailer[key]
			}
		}
		if n, ok := number64(trailer["XRefStm"]); ok {
			todo = append(todo, n)
		}
		if n, ok := number64(trailer["Prev"]); ok {
			todo = append(todo, n)
		}
	}
	return nil
}

func number64(v any) (int64, bool) {
	switch v := v.(type) {
	case int64:
		return v, true
	case float64:
		return int64(v), true
	}
	return 0, false
}

// section reads one section: a table or a stream, at an offset from the header
// or from the beginning of the file.
func (f *File) section(off int64) (Dict, error) {
	for _, at := range []int64{off + f.base, off} {
		if at < 0 || at >= f.s.Size {
			continue
		}
		b := f.window(at, 64)
		p := parser{b: b}
		p.skip()
		if bytes.HasPrefix(b[p.at:], []byte("xref")) {
			return f.table(at+int64(p.at)+4, at-off)
		}
		if _, _, v := f.at(at); v != nil {
			if s, ok := v.(*Stream); ok {
				return f.xrefStream(s, at-off)
			}
		}
	}
	return nil, errXref
}

// table reads a cross-reference table (§7.5.4) and its trailer.
func (f *File) table(off, shift int64) (Dict, error) {
	for {
		head := f.window(off, 64)
		p := parser{b: head}
		p.skip()
		if bytes.HasPrefix(head[p.at:], []byte("trailer")) {
			off += int64(p.at) + int64(len("trailer"))
			break
		}
		first, ok1 := p.value().(int64)
		count, ok2 := p.value().(int64)
		if !ok1 || !ok2 || first < 0 || count < 0 || count > maxObjects || first > maxObjects {
			return nil, errXref
		}
		p.skip()
		off += int64(p.at)
		n, err := f.entries(off, shift, int(first), int(count))
		if err != nil {
			return nil, err
		}
		off += n
	}
	for size := int64(2048); ; size = min(8*size, maxObject) {
		b := f.window(off, size)
		p := parser{b: b}
		d, ok := p.value().(Dict)
		if p.short && int64(len(b)) == size && size < maxObject {
			continue
		}
		if !ok {
			return nil, errXref
		}
		return d, nil
	}
}

// entries reads a subsection's entries, and says how many octets they are.
func (f *File) entries(off, shift int64, first, count int) (int64, error) {
	start := off
	for count > 0 {
		n := min(count, 1000)
		b, err := f.s.Range(off, int64(n)*24)
		if err != nil {
			return 0, err
		}
		p := parser{b: b}
		for ; n > 0; n-- {
			o, ok1 := p.value().(int64)
			g, ok2 := p.value().(int64)
			k, _ := p.value().(keyword)
			if !ok1 || !ok2 || k != "n" && k != "f" || g > 1<<16 {
				return 0, errXref
			}
			if k == "n" && o > 0 {
				f.put(first, place{kind: 1, gen: uint16(g), off: o + shift})
			} else {
				f.put(first, place{})
			}
			first++
			count--
		}
		off += int64(p.at)
	}
	return off - start, nil
}

// unset marks places that no section has said anything of.
const unset = 0xff

// put notes where an object is, unless a newer section has.
func (f *File) put(num int, p place) {
	if num < 0 || num >= maxObjects {
		return
	}
	f.grow(num)
	if f.places[num].kind == unset {
		f.places[num] = p
	}
}

func (f *File) grow(num int) {
	for len(f.places) <= num {
		f.places = append(f.places, place{kind: unset})
	}
}

// xrefStream reads a cross-reference stream (§7.5.8).
func (f *File) xrefStream(s *Stream, shift int64) (Dict, error) {
	if t, _ := s.Dict["Type"].(Name); t != "XRef" {
		return nil, errXref
	}
	s.plain = true
	data, err := f.Decode(s, maxStream)
	if err != nil {
		return nil, err
	}
	w, _ := s.Dict["W"].(Array)
	if len(w) < 3 {
		return nil, errXref
	}
	var width [3]int
	for i := range width {
		n, ok := w[i].(int64)
		if !ok || n < 0 || n > 8 {
			return nil, errXref
		}
		width[i] = int(n)
	}
	size, _ := s.Dict["Size"].(int64)
	index, ok := s.Dict["Index"].(Array)
	if !ok {
		index = Array{int64(0), size}
	}
	row := width[0] + width[1] + width[2]
	if row == 0 {
		return nil, errXref
	}
	for ; len(index) >= 2; index = index[2:] {
		first, ok1 := index[0].(int64)
		count, ok2 := index[1].(int64)
		if !ok1 || !ok2 || first < 0 || first > maxObjects {
			return nil, errXref
		}
		for ; count > 0 && len(data) >= row; count-- {
			f.put(int(first), streamPlace(data, width, shift))
			data = data[row:]
			first++
		}
	}
	return s.Dict, nil
}

func streamPlace(b []byte, w [3]int, shift int64) place {
	field := func(n int) (v int64) {
		for ; n > 0; n-- {
			v = v<<8 | int64(b[0])
			b = b[1:]
		}
		return v
	}
	kind := int64(1)
	if w[0] > 0 {
		kind = field(w[0])
	}
	second, third := field(w[1]), field(w[2])
	switch kind {
	case 1:
		return place{kind: 1, gen: uint16(third), off: second + shift}
	case 2:
		return place{kind: 2, off: second}
	}
	return place{}
}

// rebuild finds the objects by looking through the whole file, as viewers do
// where the cross-reference table is damaged. Of objects with one number the
// last one counts.
func (f *File) rebuild() error {
	f.rebuilt, f.places, f.loaded, f.held, f.crypt, f.unread = true, nil, nil, 0, nil, false
	old := f.Trailer
	f.Trailer = Dict{}
	const step, overlap = 64 << 10, 64
	var trailers []int64
	begun, ended := int64(-1), int64(-1) // the last object's, and of what stands behind one
	b := make([]byte, step+overlap)
	for off := int64(0); off < f.s.Size; off += step {
		n := min(step+overlap, f.s.Size-off)
		if m, err := f.s.R.ReadAt(b[:n], off); err != nil && int64(m) < n {
			return err
		}
		for i := 0; ; {
			j := bytes.Index(b[i:n], []byte("obj"))
			if j < 0 {
				break
			}
			i += j + 3
			if at, num, gen, ok := objectHead(b[:i-3]); ok && i-3 < step+overlap/2 && (i-3 >= overlap/2 || off == 0) {
				if num >= maxObjects {
					return errTooMany
				}
				f.grow(num)
				f.places[num] = place{kind: 1, gen: uint16(gen), off: off + int64(at)}
				begun = off + int64(at)
			}
		}
		for _, mark := range []string{"endobj", "endstream", "trailer", "startxref"} {
			if i := bytes.LastIndex(b[:n], []byte(mark)); i >= 0 {
				ended = max(ended, off+int64(i))
			}
		}
		for i := 0; ; {
			j := bytes.Index(b[i:n], []byte("trailer"))
			if j < 0 || i+j >= step {
				break
			}
			i += j + len("trailer")
			if trailers = append(trailers, off+int64(i)); len(trailers) > maxSections {
				trailers = trailers[1:]
			}
		}
	}
	if len(f.places) == 0 {
		return errNoObjects
	}
	f.cut = begun > ended
	for _, at := range trailers {
		p := parser{b: f.window(at, 8192)}
		if d, ok := p.value().(Dict); ok {
			f.addTrailer(d)
		}
	}
	f.rebuildStreams()
	for k, v := range old {
		if _, ok := f.Trailer[k]; !ok && (k == "Encrypt" || k == "ID" || k == "Root") {
			f.Trailer[k] = v
		}
	}
	return nil
}

func (f *File) addTrailer(d Dict) {
	for _, k := range []Name{"Root", "Encrypt", "ID"} {
		if v, ok := d[k]; ok && v != nil {
			f.Trailer[k] = v
		}
	}
}

// rebuildStreams takes the trailer from cross-reference streams, and the objects
// from streams of objects. Where nothing names the catalogue, its type does.
func (f *File) rebuildStreams() {
	var streams []int
	catalog := -1
	for num, p := range f.places {
		if p.kind != 1 {
			continue
		}
		v := f.load(num)
		d, ok := v.(Dict)
		if s, is := v.(*Stream); is {
			d, ok = s.Dict, true
		}
		if !ok {
			continue
		}
		switch t, _ := d["Type"].(Name); t {
		case "XRef":
			f.addTrailer(d)
		case "ObjStm":
			streams = append(streams, num)
		case "Catalog":
			catalog = num
		}
	}
	if len(streams) > 0 {
		if f.decryption() != nil {
			return
		}
		for _, n := range streams {
			os := f.objectStream(n)
			if os == nil {
				continue
			}
			for num, off := range os.offs {
				f.grow(num)
				if f.places[num].kind == 1 {
					continue
				}
				f.places[num] = place{kind: 2, off: int64(n)}
				p := parser{b: os.data, at: off}
				if d, ok := p.value().(Dict); ok && d["Type"] == Name("Catalog") {
					catalog = num
				}
			}
		}
	}
	if _, ok := f.Trailer["Root"]; !ok && catalog >= 0 {
		f.Trailer["Root"] = Ref{catalog, 0}
	}
}

// objectHead reads "12 0 " backwards from the end of b.
func objectHead(b []byte) (at, num, gen int, ok bool) {
	i := len(b)
	spaces := func() bool {
		n := i
		for i > 0 && white(b[i-1]) {
			i--
		}
		return i < n
	}
	digits := func(most int) (int, bool) {
		to := i
		for i > 0 && to-i < most && '0' <= b[i-1] && b[i-1] <= '9' {
			i--
		}
		n := 0
		for _, c := range b[i:to] {
			n = n*10 + int(c-'0')
		}
		return n, i < to
	}
	spaces() // "0obj" is read too
	if gen, ok = digits(5); !ok || !spaces() {
		return 0, 0, 0, false
	}
	num, ok = digits(9)
	return i, num, gen, ok
}
