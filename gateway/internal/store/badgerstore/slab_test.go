package badgerstore

import (
	"math/rand/v2"
	"testing"
)

// TestSlab: what is taken is zero and nobody else's, keeps its value until it is
// given back, and what has become empty is given back.
func TestSlab(t *testing.T) {
	type value struct{ n int64 }
	var s slab[value]
	r := rand.New(rand.NewPCG(1, 2))
	have := map[ref]int64{}
	var refs []ref
	take := func() {
		at, v := s.take()
		if _, twice := have[at]; twice || at == 0 || *v != (value{}) || s.at(at) != v {
			t.Fatalf("ref %d: twice %v, %+v", at, twice, *v)
		}
		v.n = r.Int64()
		have[at] = v.n
		refs = append(refs, at)
	}
	give := func() {
		i := r.IntN(len(refs))
		at := refs[i]
		if s.at(at).n != have[at] {
			t.Fatalf("ref %d lost its value", at)
		}
		s.give(at)
		delete(have, at)
		refs[i] = refs[len(refs)-1]
		refs = refs[:len(refs)-1]
	}
	parts := func() (n int) {
		for _, p := range s.parts {
			if p != nil {
				n++
			}
		}
		return n
	}
	for range 50 * slabPart {
		take()
	}
	if n := parts(); n != 50 {
		t.Errorf("%d parts of %d values for %d", n, slabPart, len(refs))
	}
	for range 200_000 {
		if r.IntN(2) == 0 && len(refs) > 0 {
			give()
		} else {
			take()
		}
	}
	for len(refs) > 3*slabPart { // a queue that drains, with mail coming in
		give()
		give()
		take()
	}
	for range 100 * slabPart { // and goes on
		give()
		take()
	}
	if n := parts(); n > 8 {
		t.Errorf("%d parts hold %d values", n, len(refs))
	}
	for range 50 * slabPart {
		take()
	}
	for len(refs) > 0 { // the newest first
		at := refs[len(refs)-1]
		s.give(at)
		delete(have, at)
		refs = refs[:len(refs)-1]
	}
	if n := parts(); n > 1 {
		t.Errorf("%d parts hold nothing", n)
	}
	for range 2 * slabPart {
		take()
	}
}

// TestPlaces: a place has one number while it is in use.
func TestPlaces(t *testing.T) {
	p := places{of: map[workKey]ref{}}
	a, b := workKey{"a:25", "acme"}, workKey{"b:25", "acme"}
	x, y := p.use(a), p.use(b)
	if x == y || p.use(a) != x || p.at(x) != a || p.at(y) != b {
		t.Fatalf("%d and %d: %+v", x, y, p)
	}
	p.leave(x)
	if p.use(a) != x {
		t.Error("another number for a place in use")
	}
	p.leave(x)
	p.leave(x)
	p.leave(y)
	if len(p.of) != 0 || p.use(b) > 2 || len(p.keys) != 2 {
		t.Errorf("numbers are not used again: %+v", p)
	}
}
