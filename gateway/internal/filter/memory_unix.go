//go:build unix

package filter

import (
	"sync"
	"syscall"

	"github.com/tetratelabs/wazero/experimental"
)

// mmapped gives guests their linear memory outside the Go heap: the limit is
// reserved as addresses, the kernel gives pages as they are touched, and what
// an instance held goes back at once when it is closed. That halves resident
// memory against a Go slice, which is copied when it grows.
func mmapped(capacity, limit uint64) experimental.LinearMemory {
	b, err := syscall.Mmap(-1, 0, int(limit), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE)
	if err != nil {
		return &heapMemory{b: make([]byte, 0, capacity), limit: limit}
	}
	return &mmapMemory{b: b}
}

type mmapMemory struct {
	b    []byte
	kept int // octets of an image, see memory_linux.go
	once sync.Once
}

func (m *mmapMemory) Reallocate(size uint64) []byte {
	if size > uint64(len(m.b)) {
		return nil
	}
	return m.b[:size:size]
}

// Free unmaps the memory. wazero calls it when the instance is closed, which
// the pool does only after the guest's last call has returned: a guest that
// still ran would crash the process.
func (m *mmapMemory) Free() {
	m.once.Do(func() {
		_ = syscall.Munmap(m.b) // fails only for an address that is not ours
		m.b = nil
	})
}
