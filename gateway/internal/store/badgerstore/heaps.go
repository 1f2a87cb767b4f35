package badgerstore

import (
	"bytes"
	"container/heap"
)

// The index's heaps (container/heap), each keeping its members' positions.

// itemHeap is a group's items, by refs.
type itemHeap struct {
	of   *index
	refs []ref
}

func (h *itemHeap) at(i int) *item { return h.of.items.at(h.refs[i]) }
func (h *itemHeap) Len() int       { return len(h.refs) }
func (h *itemHeap) Less(i, j int) bool {
	a, b := h.at(i), h.at(j)
	if a.due != b.due {
		return a.due < b.due
	}
	// The older message first.
	return bytes.Compare(h.of.entries.at(a.entry).id[:], h.of.entries.at(b.entry).id[:]) < 0
}
func (h *itemHeap) Swap(i, j int) {
	h.refs[i], h.refs[j] = h.refs[j], h.refs[i]
	h.at(i).pos, h.at(j).pos = int32(i), int32(j)
}

// add is heap.Push, which would make an object of each ref.
func (h *itemHeap) add(r ref) {
	h.refs = append(h.refs, r)
	i := len(h.refs) - 1
	h.at(i).pos = int32(i)
	heap.Fix(h, i)
}
func (h *itemHeap) Push(any) { panic("add is for that") }
func (h *itemHeap) Pop() any { // nobody looks at what heap.Remove took out
	last := len(h.refs) - 1
	h.at(last).pos = -1
	h.refs = h.refs[:last]
	return nil
}

// due is when the first of a group's items is; it has one.
func (g *group) due() int64 { return g.items.at(0).due }

type groupHeap []*group

func (h groupHeap) Len() int           { return len(h) }
func (h groupHeap) Less(i, j int) bool { return h[i].due() < h[j].due() }
func (h groupHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *groupHeap) Push(v any)        { g := v.(*group); g.pos = len(*h); *h = append(*h, g) }
func (h *groupHeap) Pop() any {
	old := *h
	g := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	g.pos = -1
	return g
}

type leaseHeap []*lease

func (h leaseHeap) Len() int           { return len(h) }
func (h leaseHeap) Less(i, j int) bool { return h[i].until < h[j].until }
func (h leaseHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i]; h[i].pos, h[j].pos = i, j }
func (h *leaseHeap) Push(v any)        { l := v.(*lease); l.pos = len(*h); *h = append(*h, l) }
func (h *leaseHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	old[len(old)-1] = nil
	*h = old[:len(old)-1]
	l.pos = -1
	return l
}
