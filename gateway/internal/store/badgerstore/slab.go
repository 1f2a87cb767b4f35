package badgerstore

// ref is where a value of a slab is; 0 nowhere.
type ref uint32

// slabPart is how many values are allocated together.
const slabPart = 1024

// slab holds very many small values, named by refs instead of pointers. T has no
// pointers in it: so a deep queue is a few hundred objects to the garbage
// collector, of which it looks into none, instead of a million.
type slab[T any] struct {
	parts []*part[T] // nil: given back
	open  int        // none before it has room
}

type part[T any] struct {
	values [slabPart]T
	free   [slabPart]uint16 // the first so many that are free again
	frees  int
	used   int // those from here on were never taken
}

func (p *part[T]) full() bool { return p.frees == 0 && p.used == slabPart }

func (s *slab[T]) at(r ref) *T {
	r--
	return &s.parts[r/slabPart].values[r%slabPart]
}

// take gives a zero value its place: the lowest part that has room, so that
// those behind it become empty as the queue drains.
func (s *slab[T]) take() (ref, *T) {
	for s.open < len(s.parts) && s.parts[s.open] != nil && s.parts[s.open].full() {
		s.open++
	}
	if s.open == len(s.parts) {
		s.parts = append(s.parts, nil)
	}
	if s.parts[s.open] == nil {
		s.parts[s.open] = &part[T]{}
	}
	p, i := s.parts[s.open], 0
	if p.frees > 0 {
		p.frees--
		i = int(p.free[p.frees])
	} else {
		i = p.used
		p.used++
	}
	return ref(s.open*slabPart+i) + 1, &p.values[i]
}

// give frees a value's place, and a part that has none any more, but for the one
// that is taken from next: who takes and gives in turn makes no new ones.
func (s *slab[T]) give(r ref) {
	var zero T
	*s.at(r) = zero
	n, i := int(r-1)/slabPart, int(r-1)%slabPart
	p := s.parts[n]
	p.free[p.frees] = uint16(i)
	p.frees++
	if n < s.open {
		s.drop(s.open)
		s.open = n
	} else if n > s.open {
		s.drop(n)
	}
}

// drop gives a part back that has no values.
func (s *slab[T]) drop(n int) {
	if n >= len(s.parts) || s.parts[n] == nil || s.parts[n].frees < s.parts[n].used {
		return
	}
	s.parts[n] = nil
	for len(s.parts) > 0 && s.parts[len(s.parts)-1] == nil {
		s.parts = s.parts[:len(s.parts)-1]
	}
}

// places are the work keys in use, each once.
type places struct {
	of   map[workKey]ref
	keys []workKey
	uses []int
	free []ref
}

// use gives the number of a place, for one more user.
func (p *places) use(k workKey) ref {
	r, ok := p.of[k]
	if !ok {
		if n := len(p.free); n > 0 {
			r, p.free = p.free[n-1], p.free[:n-1]
		} else {
			p.keys, p.uses = append(p.keys, workKey{}), append(p.uses, 0)
			r = ref(len(p.keys))
		}
		p.of[k], p.keys[r-1] = r, k
	}
	p.uses[r-1]++
	return r
}

// leave ends one use.
func (p *places) leave(r ref) {
	if p.uses[r-1]--; p.uses[r-1] == 0 {
		delete(p.of, p.keys[r-1])
		p.keys[r-1] = workKey{}
		p.free = append(p.free, r)
	}
}

func (p *places) at(r ref) workKey { return p.keys[r-1] }
