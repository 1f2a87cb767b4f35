package badgerstore

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// spool holds the durable bodies: one file each above memBody octets, frames
// of shared segments below it.
//
//	spool/tmp/       drafts, where the file system has no O_TMPFILE
//	spool/0 … f/     message files, by the last four bits of the ID
//	spool/seg/       segments
type spool struct {
	dir    string
	noSync bool
	shards [16]*dirSyncer
	segs   *segLog

	noTmpfile atomic.Bool
	tmpSeq    atomic.Uint64
}

const fileSuffix = ".msg"

func openSpool(dir string, o *settings) (*spool, error) {
	p := &spool{dir: dir, noSync: o.NoSync}
	made := false
	mk := func(d string) error {
		switch err := os.Mkdir(d, 0o700); {
		case err == nil:
			made = true
		case !errors.Is(err, fs.ErrExist):
			return fmt.Errorf("create spool: %w", err)
		}
		return nil
	}
	if err := mk(dir); err != nil {
		return nil, err
	}
	for _, d := range []string{"tmp", "seg"} {
		if err := mk(filepath.Join(dir, d)); err != nil {
			return nil, err
		}
	}
	for i := range p.shards {
		d := filepath.Join(dir, strconv.FormatInt(int64(i), 16))
		if err := mk(d); err != nil {
			return nil, err
		}
		p.shards[i] = &dirSyncer{dir: d, off: o.NoSync}
	}
	if made && !o.NoSync {
		if err := syncDir(dir); err != nil {
			return nil, err
		}
	}
	return p, nil
}

func (p *spool) shard(id mail.ID) *dirSyncer { return p.shards[id[15]&15] }

func (p *spool) path(id mail.ID) string {
	return filepath.Join(p.shard(id).dir, id.String()+fileSuffix)
}

// temp opens a file for a draft: unnamed where the file system can, else
// with a name in spool/tmp, which is returned.
func (p *spool) temp() (*os.File, string, error) {
	tmp := filepath.Join(p.dir, "tmp")
	if !p.noTmpfile.Load() {
		fd, err := unix.Open(tmp, unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
		if err == nil {
			return os.NewFile(uintptr(fd), "draft"), "", nil
		}
		if !errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.EISDIR) && !errors.Is(err, unix.EINVAL) {
			return nil, "", fmt.Errorf("open draft in spool: %w", err)
		}
		p.noTmpfile.Store(true)
	}
	name := filepath.Join(tmp, fmt.Sprintf("%d-%d", os.Getpid(), p.tmpSeq.Add(1)))
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, "", fmt.Errorf("open draft in spool: %w", err)
	}
	return f, name, nil
}

// put makes the draft's body durable under m's ID. On an error nothing of it
// is left under that name.
func (p *spool) put(d *draft, m *store.Message) error {
	d.mu.RLock() // readers go on meanwhile
	defer d.mu.RUnlock()
	if d.gone {
		return errDiscarded
	}
	sum := d.digest()
	if m.SHA256 == "" {
		m.SHA256 = fmt.Sprintf("%x", sum)
	}
	if m.Size == 0 {
		m.Size = d.size
	}
	if d.file == nil {
		t, err := appendTrailer(nil, d.size, sum, m)
		if err != nil {
			return err
		}
		return p.segs.append(m.ID, d.mem, t)
	}
	t, err := appendTrailer(nil, d.size, sum, m)
	if err != nil {
		return err
	}
	if _, err := d.file.WriteAt(t, d.size); err != nil {
		return fullOr(fmt.Errorf("write body %s: %w", m.ID, err))
	}
	if !p.noSync {
		if err := unix.Fdatasync(int(d.file.Fd())); err != nil {
			return fullOr(fmt.Errorf("sync body %s: %w", m.ID, err))
		}
	}
	if err := p.link(d, m.ID); err != nil {
		return fullOr(err)
	}
	if err := p.shard(m.ID).sync(); err != nil {
		os.Remove(p.path(m.ID))
		return fullOr(err)
	}
	return nil
}

// link gives the draft's file its name. A file that is there already belongs
// to an earlier try that was never committed, and is replaced.
func (p *spool) link(d *draft, id mail.ID) error {
	to := p.path(id)
	for range 2 {
		var err error
		if d.name != "" {
			err = unix.Link(d.name, to)
		} else {
			err = unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(int(d.file.Fd())), unix.AT_FDCWD, to, unix.AT_SYMLINK_FOLLOW)
		}
		if err == nil {
			return nil
		}
		if !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("name body %s: %w", id, err)
		}
		if err := os.Remove(to); err != nil {
			return fmt.Errorf("replace body %s: %w", id, err)
		}
	}
	return fmt.Errorf("name body %s: another process writes to the spool", id)
}

// drop removes a body. That it is gone is durable after flush.
func (p *spool) drop(id mail.ID) error {
	if p.segs.drop(id) {
		return nil
	}
	sh := p.shard(id)
	err := os.Remove(p.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove body %s: %w", id, err)
	}
	sh.removed()
	return nil
}

// flush makes the removal of a body durable, so that it cannot come back
// once its record is forgotten.
func (p *spool) flush(id mail.ID) error {
	return errors.Join(p.segs.flush(), p.shard(id).flush())
}

// open opens a body for reading. store.ErrNotFound.
func (p *spool) open(id mail.ID) (*body, error) {
	if b, ok := p.segs.open(id); ok {
		return b, nil
	}
	f, err := os.Open(p.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("body %s: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("open body %s: %w", id, err)
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open body %s: %w", id, err)
	}
	t, err := readTrailer(f, fi.Size())
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("open body %s: %w", id, err)
	}
	return &body{r: f, trailer: t, close: f.Close}, nil
}

// files calls f for every message file and removes what has no business here.
func (p *spool) files(f func(id mail.ID) error) error {
	for _, sh := range p.shards {
		names, err := readNames(sh.dir)
		if err != nil {
			return err
		}
		for _, n := range names {
			id, err := mail.ParseID(strings.TrimSuffix(n, fileSuffix))
			if err != nil || !strings.HasSuffix(n, fileSuffix) {
				continue // not ours: leave it
			}
			if err := f(id); err != nil {
				return err
			}
		}
	}
	return nil
}

// clearTemp removes the drafts that a dead process left behind.
func (p *spool) clearTemp() error {
	dir := filepath.Join(p.dir, "tmp")
	names, err := readNames(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := os.Remove(filepath.Join(dir, n)); err != nil {
			return fmt.Errorf("remove old draft: %w", err)
		}
	}
	return nil
}

func readNames(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	defer f.Close()
	names, err := f.Readdirnames(-1)
	if err != nil {
		return nil, fmt.Errorf("read spool: %w", err)
	}
	return names, nil
}

// body is a durable body, open.
type body struct {
	r       io.ReaderAt
	trailer *trailer
	close   func() error
	closed  atomic.Bool
}

// ReadAt implements store.Body; the trailer is out of its reach.
func (b *body) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, fmt.Errorf("read body: offset %d is negative", off)
	}
	rest := b.trailer.bodyLen - off
	if rest <= 0 {
		return 0, io.EOF
	}
	if int64(len(p)) <= rest {
		return b.r.ReadAt(p, off)
	}
	n, err := b.r.ReadAt(p[:rest], off)
	if err == nil {
		err = io.EOF
	}
	return n, err
}

// Size implements store.Body.
func (b *body) Size() int64 { return b.trailer.bodyLen }

// Close implements store.Body.
func (b *body) Close() error {
	if b.closed.Swap(true) {
		return nil
	}
	return b.close()
}
