package filter

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// keep puts a private mapping of a file in memory, with the same content, in
// the place of the first size octets. What is written from then on are copies
// of its pages, and to drop those is to be back: 10 to 60 us for a Go guest,
// by how many it touched.
func (m *mmapMemory) keep(size int) bool {
	if size == 0 || size > len(m.b) || size%pageSize != 0 {
		return false
	}
	fd, err := unix.MemfdCreate("weir-image", unix.MFD_CLOEXEC)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }() // the mapping keeps the file
	for off := 0; off < size; {
		n, err := unix.Pwrite(fd, m.b[off:size], int64(off))
		if err != nil || n == 0 {
			return false
		}
		off += n
	}
	_, err = unix.MmapPtr(fd, 0, unsafe.Pointer(&m.b[0]), uintptr(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_FIXED)
	if err != nil {
		return false
	}
	m.kept = size
	return true
}

func (m *mmapMemory) reset() bool {
	return m.kept > 0 && unix.Madvise(m.b[:m.kept], unix.MADV_DONTNEED) == nil
}
