package badgerstore

import (
	"log/slog"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// walRoom gives Badger's write-ahead logs their blocks ahead of use. Badger
// makes each log sparse and writes through mmap: a page for which the disk has
// no block then kills the process (SIGBUS). With the blocks in place only
// tables need space, in the background, and the reserve is for those.
type walRoom struct {
	dir  string
	log  *slog.Logger
	done map[string]bool
	left int // octets until the next look
	off  bool
}

// walLook is how much is committed between looks: a new log is found while
// still almost empty.
const walLook = 256 << 10

func newWALRoom(dir string, log *slog.Logger) *walRoom {
	return &walRoom{dir: dir, log: log, done: map[string]bool{}}
}

// wrote notes n committed octets.
func (w *walRoom) wrote(n int) {
	if w.left -= n; w.left <= 0 {
		w.left = walLook
		w.look()
	}
}

func (w *walRoom) look() {
	if w.off {
		return
	}
	names, err := filepath.Glob(filepath.Join(w.dir, "*.mem"))
	if err != nil {
		return
	}
	now := make(map[string]bool, len(names))
	for _, n := range names {
		now[n] = w.done[n] || w.fill(n)
	}
	w.done = now
}

// fill reports whether the log needs no further look.
func (w *walRoom) fill(name string) (done bool) {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return true // just removed
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil || fi.Size() == 0 {
		return false // just made, and not yet given its size
	}
	if err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_KEEP_SIZE, 0, fi.Size()); err != nil {
		w.off = true
		w.log.Warn("cannot give the write-ahead log its space ahead of use; the free-space watermark alone guards it", "error", err)
	}
	return true
}
