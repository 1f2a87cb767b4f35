package archive

// reader7 reads the fields of a 7z header (7zFormat.txt).
type reader7 struct {
	b   []byte
	bad bool
}

func (r *reader7) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader7) take(n int64) []byte {
	if n < 0 || n > int64(len(r.b)) {
		r.bad = true
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

// number reads a REAL_UINT64: the leading ones of the first octet say how many
// follow. What is beyond int64 is bad.
func (r *reader7) number() int64 {
	first := r.byte()
	mask, v := byte(0x80), uint64(0)
	for i := range 8 {
		if first&mask == 0 {
			v |= uint64(first&(mask-1)) << (8 * i)
			break
		}
		v |= uint64(r.byte()) << (8 * i)
		mask >>= 1
	}
	if v >= 1<<62 {
		r.bad = true
		return 0
	}
	return int64(v)
}

// count reads how many things follow, each of which takes at least one octet
// of the header, or none and is bounded.
func (r *reader7) count(most int64) int {
	n := r.number()
	if n > most {
		r.bad = true
		return 0
	}
	return int(n)
}

// bitsOf reads n bits, the first the highest.
func (r *reader7) bitsOf(n int) []bool {
	b := r.take(int64(n+7) / 8)
	if r.bad {
		return nil
	}
	out := make([]bool, n)
	for i := range out {
		out[i] = b[i/8]&(0x80>>(i%8)) != 0
	}
	return out
}

// optional reads n bits that may be given as "all".
func (r *reader7) optional(n int) []bool {
	if r.byte() == 0 {
		return r.bitsOf(n)
	}
	out := make([]bool, n)
	for i := range out {
		out[i] = true
	}
	return out
}

func (r *reader7) digests(n int) (sums []uint32, has []bool) {
	has = r.optional(n)
	sums = make([]uint32, n)
	for i := range has {
		if b := []byte(nil); has[i] {
			if b = r.take(4); r.bad {
				return sums, make([]bool, n)
			}
			sums[i] = uint32(u32(b))
		}
	}
	if len(has) != n {
		has = make([]bool, n)
	}
	return sums, has
}

// streams reads a StreamsInfo.
func (r *reader7) streams(b *Budget) (st streams7, ok bool) {
	most := int64(len(r.b))
	sub := false
	for id := r.byte(); id != id7End; id = r.byte() {
		if r.bad {
			return st, false
		}
		switch id {
		case id7Pack:
			r.packs(&st, most)
		case id7Unpack:
			r.folders(&st, most)
		case id7Sub:
			r.subStreams(&st, b)
			sub = true
		default:
			return st, false
		}
	}
	if !sub {
		for i := range st.folders {
			f := &st.folders[i]
			f.files, f.sums, f.hasSums = []int64{f.unpacked()}, []uint32{f.sum}, []bool{f.hasSum}
		}
	}
	first := 0
	for i := range st.folders {
		st.folders[i].first = first
		first += len(st.folders[i].packIn)
	}
	return st, !r.bad && first <= len(st.packed)
}

func (r *reader7) packs(st *streams7, most int64) {
	st.packPos = r.number()
	n := r.count(most)
	st.packed = make([]int64, n)
	for id := r.byte(); id != id7End && !r.bad; id = r.byte() {
		switch id {
		case id7Size:
			for i := range st.packed {
				st.packed[i] = r.number()
			}
		case id7CRC:
			r.digests(n)
		default:
			r.bad = true
		}
	}
}

func (r *reader7) folders(st *streams7, most int64) {
	if r.byte() != id7Folder {
		r.bad = true
		return
	}
	n := r.count(most)
	if r.byte() != 0 { // in another stream
		r.bad = true
		return
	}
	st.folders = make([]folder7, n)
	for i := range st.folders {
		r.folder(&st.folders[i])
	}
	if r.byte() != id7UnpackSize {
		r.bad = true
	}
	for i := range st.folders {
		for j := range st.folders[i].sizes {
			st.folders[i].sizes[j] = r.number()
		}
	}
	for id := r.byte(); id != id7End && !r.bad; id = r.byte() {
		if id != id7CRC {
			r.bad = true
			return
		}
		sums, has := r.digests(n)
		for i := range st.folders {
			st.folders[i].sum, st.folders[i].hasSum = sums[i], has[i]
		}
	}
}

// folder reads one folder: at most 32 coders with 32 streams each, as 7-Zip has it.
func (r *reader7) folder(f *folder7) {
	n := r.number()
	if n < 1 || n > 32 {
		r.bad = true
		return
	}
	var in, out int64
	for range n {
		flag := r.byte()
		if flag&0xc0 != 0 { // reserved; alternative methods
			r.bad = true
			return
		}
		c := coder7{method: string(r.take(int64(flag & 0x0f))), in: 1, out: 1}
		if flag&0x10 != 0 {
			c.in, c.out = r.number(), r.number()
		}
		if flag&0x20 != 0 {
			c.props = r.take(r.number())
		}
		if c.in < 1 || c.in > 32 || c.out < 1 || c.out > 32 || r.bad {
			r.bad = true
			return
		}
		in, out = in+c.in, out+c.out
		f.coders = append(f.coders, c)
	}
	for range out - 1 {
		f.binds = append(f.binds, bind7{r.number(), r.number()})
	}
	packed := in - (out - 1)
	if packed < 1 || r.bad {
		r.bad = true
		return
	}
	if packed == 1 {
		for i := range in {
			if f.bound(i) < 0 {
				f.packIn = append(f.packIn, i)
			}
		}
	} else {
		for range packed {
			f.packIn = append(f.packIn, r.number())
		}
	}
	if int64(len(f.packIn)) != packed {
		r.bad = true
	}
	f.sizes = make([]int64, out)
}

// bound is the out-stream that feeds an in-stream, -1 none.
func (f *folder7) bound(in int64) int64 {
	for _, b := range f.binds {
		if b.in == in {
			return b.out
		}
	}
	return -1
}

// main is the out-stream that feeds no other.
func (f *folder7) main() int64 {
next:
	for i := range f.sizes {
		for _, b := range f.binds {
			if b.out == int64(i) {
				continue next
			}
		}
		return int64(i)
	}
	return -1
}

func (f *folder7) unpacked() int64 {
	if i := f.main(); i >= 0 {
		return f.sizes[i]
	}
	return -1
}

func (r *reader7) subStreams(st *streams7, b *Budget) {
	counts := make([]int, len(st.folders))
	for i := range counts {
		counts[i] = 1
	}
	id := r.byte()
	if id == id7NumUnpack {
		for i := range counts {
			counts[i] = r.count(1 << 20)
		}
		id = r.byte()
	}
	total := 0
	for i := range st.folders {
		f := &st.folders[i]
		if total += counts[i]; total > b.lim.Entries || r.bad {
			r.bad = true
			b.entries = -1
			return
		}
		f.files = make([]int64, counts[i])
		f.sums, f.hasSums = make([]uint32, counts[i]), make([]bool, counts[i])
		left := f.unpacked()
		for j := range f.files {
			if j == len(f.files)-1 {
				f.files[j] = left
			} else if id == id7Size {
				f.files[j] = r.number()
			}
			if left -= f.files[j]; left < 0 {
				r.bad = true
				return
			}
		}
	}
	if id == id7Size {
		id = r.byte()
	}
	for ; id != id7End && !r.bad; id = r.byte() {
		if id != id7CRC {
			r.bad = true
			return
		}
		r.fileSums(st)
	}
}

// fileSums reads the checksums of the files whose folder does not have theirs.
func (r *reader7) fileSums(st *streams7) {
	n := 0
	for i := range st.folders {
		if f := &st.folders[i]; len(f.files) != 1 || !f.hasSum {
			n += len(f.files)
		}
	}
	sums, has := r.digests(n)
	for i := range st.folders {
		f := &st.folders[i]
		if len(f.files) == 1 && f.hasSum {
			continue
		}
		k := copy(f.sums, sums)
		copy(f.hasSums, has[:k])
		sums, has = sums[k:], has[k:]
	}
}

// files reads FilesInfo.
func (r *reader7) files(b *Budget) ([]file7, bool) {
	n := r.number()
	if n > int64(b.entries) {
		b.entries = -1
		return nil, false
	}
	b.entries -= int(n)
	fs := make([]file7, n)
	var empty []bool
	var emptyFile []byte
	for t := r.byte(); t != id7End && !r.bad; t = r.byte() {
		p := reader7{b: r.take(r.number())}
		switch t {
		case id7EmptyStream:
			empty = p.bitsOf(len(fs))
		case id7EmptyFile:
			emptyFile = p.b
		case id7Names:
			if p.byte() != 0 {
				return nil, false
			}
			p.names(fs)
		}
		if p.bad {
			return nil, false
		}
	}
	k := 0
	for i := range fs {
		if i < len(empty) && empty[i] {
			fs[i].empty = true
			fs[i].dir = k/8 >= len(emptyFile) || emptyFile[k/8]&(0x80>>(k%8)) == 0
			k++
		}
	}
	return fs, !r.bad
}

func (r *reader7) names(fs []file7) {
	for i := range fs {
		end := 0
		for ; ; end += 2 {
			if end+2 > len(r.b) {
				r.bad = true
				return
			}
			if r.b[end]|r.b[end+1] == 0 {
				break
			}
		}
		fs[i].name = utf16Name(r.b[:end])
		r.b = r.b[end+2:]
	}
}
