package badgerstore

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// draft is a body being received. Up to memBody octets it is memory only, so
// that small mail delivered directly never touches the disk; beyond that it
// is an unnamed file in the spool, gone by itself if the process dies.
type draft struct {
	s    *Store
	mu   sync.RWMutex
	mem  []byte
	file *os.File
	name string // where the file system has no O_TMPFILE
	sum  hash.Hash
	size int64
	held int64 // octets reserved against the free space
	// next is the size at which free space is looked at again.
	next int64
	gone bool
}

var errDiscarded = errors.New("draft was discarded")

const spaceStep = 1 << 20

func (s *Store) newDraft(size int64) *draft {
	d := &draft{s: s}
	if size > 0 && size <= int64(s.o.memBody) {
		d.mem = make([]byte, 0, size)
	}
	d.reserve(size)
	return d
}

// reserve raises what the draft holds of the free space to n octets.
func (d *draft) reserve(n int64) {
	if n > d.held {
		d.s.space.reserve(n - d.held)
		d.held = n
	}
}

func (d *draft) release() {
	d.s.space.reserve(-d.held)
	d.held = 0
}

// Write implements store.Draft. store.ErrFull: the disk has no room for it.
func (d *draft) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return 0, errDiscarded
	}
	if d.file == nil {
		if len(d.mem)+len(p) <= d.s.o.memBody {
			d.mem = append(d.mem, p...)
			d.size += int64(len(p))
			return len(p), nil
		}
		if err := d.spill(); err != nil {
			return 0, err
		}
	}
	if d.size+int64(len(p)) > d.next {
		d.reserve(d.size + int64(len(p)))
		if err := d.s.space.room(); err != nil {
			return 0, err
		}
		d.next = d.size + spaceStep
	}
	n, err := d.file.Write(p)
	d.sum.Write(p[:n])
	d.size += int64(n)
	if err != nil {
		return n, fullOr(fmt.Errorf("write body to the spool: %w", err))
	}
	return n, nil
}

// spill moves the draft from memory to a file.
func (d *draft) spill() error {
	if err := d.s.space.room(); err != nil {
		return err
	}
	f, name, err := d.s.spool.temp()
	if err != nil {
		return fullOr(err)
	}
	if _, err := f.Write(d.mem); err != nil {
		discardFile(f, name)
		return fullOr(fmt.Errorf("write body to the spool: %w", err))
	}
	d.file, d.name, d.sum = f, name, sha256.New()
	d.sum.Write(d.mem)
	d.mem = nil
	return nil
}

// ReadAt implements store.Draft.
func (d *draft) ReadAt(p []byte, off int64) (int, error) {
	d.mu.RLock()
	mem, f, size, gone := d.mem, d.file, d.size, d.gone
	d.mu.RUnlock()
	switch {
	case gone:
		return 0, errDiscarded
	case off < 0:
		return 0, fmt.Errorf("read body: offset %d is negative", off)
	case off >= size:
		return 0, io.EOF
	}
	cut := int64(len(p)) > size-off
	if cut {
		p = p[:size-off] // the trailer behind the body is none of the reader's business
	}
	var n int
	var err error
	if f == nil {
		n = copy(p, mem[off:])
	} else {
		n, err = f.ReadAt(p, off)
	}
	if err == nil && cut {
		err = io.EOF
	}
	return n, err
}

// Size implements store.Draft.
func (d *draft) Size() int64 {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.size
}

// Discard implements store.Draft. A body that Enqueue took over stays: only
// the handle goes.
func (d *draft) Discard() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.gone {
		return
	}
	d.gone = true
	d.release()
	d.mem = nil
	if d.file != nil {
		discardFile(d.file, d.name)
	}
}

// digest is the SHA-256 of what was written.
func (d *draft) digest() (sum [sha256.Size]byte) {
	if d.file == nil {
		return sha256.Sum256(d.mem)
	}
	d.sum.Sum(sum[:0])
	return sum
}

func discardFile(f *os.File, name string) {
	f.Close()
	if name != "" {
		os.Remove(name)
	}
}

// fullOr makes an error about space store.ErrFull.
func fullOr(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return errors.Join(errFull, err)
	}
	return err
}
