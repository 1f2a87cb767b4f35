package filter

// heapMemory is linear memory on the Go heap, where there is no mmap or it fails.
type heapMemory struct {
	b     []byte
	limit uint64
}

func (m *heapMemory) Reallocate(size uint64) []byte {
	if size > m.limit {
		return nil
	}
	if size > uint64(cap(m.b)) {
		grown := make([]byte, size, min(2*size, m.limit))
		copy(grown, m.b)
		m.b = grown
	}
	m.b = m.b[:size]
	return m.b
}

func (m *heapMemory) Free() { m.b = nil }
