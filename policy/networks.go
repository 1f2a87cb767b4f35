package policy

import (
	"cmp"
	"iter"
	"net/netip"
	"slices"
)

// Networks is a set of networks. An address is found in it by one look-up for
// each length of network there is, however many there are. The zero value is
// empty. It is not safe for changes in parallel.
type Networks struct {
	has     map[netip.Prefix]bool
	lengths []length // the longest first
}

// length is how many networks of a family have so many bits.
type length struct {
	v6      bool
	bits, n int
}

// Add adds a network; its host bits are dropped.
func (s *Networks) Add(p netip.Prefix) {
	p = p.Masked()
	if !p.IsValid() || s.has[p] {
		return
	}
	if s.has == nil {
		s.has = map[netip.Prefix]bool{}
	}
	s.has[p] = true
	i, ok := s.length(p)
	if !ok {
		s.lengths = slices.Insert(s.lengths, i, length{p.Addr().Is6(), p.Bits(), 0})
	}
	s.lengths[i].n++
}

// Remove removes a network, if it is there.
func (s *Networks) Remove(p netip.Prefix) {
	p = p.Masked()
	if !s.has[p] {
		return
	}
	delete(s.has, p)
	i, _ := s.length(p)
	if s.lengths[i].n--; s.lengths[i].n == 0 {
		s.lengths = slices.Delete(s.lengths, i, i+1)
	}
}

func (s *Networks) length(p netip.Prefix) (int, bool) {
	return slices.BinarySearchFunc(s.lengths, p, func(l length, p netip.Prefix) int {
		if v6 := p.Addr().Is6(); l.v6 != v6 {
			return map[bool]int{false: -1, true: 1}[l.v6]
		}
		return cmp.Compare(p.Bits(), l.bits)
	})
}

// Of gives the networks that hold an address, the narrowest first. What is no
// address is in none.
func (s *Networks) Of(address string) iter.Seq[netip.Prefix] {
	return func(yield func(netip.Prefix) bool) {
		if len(s.lengths) == 0 {
			return
		}
		ip, err := netip.ParseAddr(address)
		if err != nil {
			return
		}
		ip = ip.Unmap().WithZone("")
		for _, l := range s.lengths {
			if l.v6 != ip.Is6() {
				continue
			}
			if p := netip.PrefixFrom(ip, l.bits).Masked(); s.has[p] && !yield(p) {
				return
			}
		}
	}
}
