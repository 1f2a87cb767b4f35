package archive

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Store is what the archive asks of the store.
type Store interface {
	store.Docs
	Get(ctx context.Context, id mail.ID) (*store.Message, error)
	Update(ctx context.Context, id mail.ID, f func(*store.Message) ([]mail.Event, error)) error
	Record(m *store.Message, attempts []mail.Attempt, events ...mail.Event)
	Sync(ctx context.Context) error
	Each(ctx context.Context, f query.Filter, do func(store.Row) error) error
}

// Options make an Archive. Dir, KeyFile and Store are needed.
type Options struct {
	Dir     string // of copies and wrapped keys
	KeyFile string // of the master key
	OwnKey  bool   // KeyFile is made when it is first needed; else it has to be there
	Store   Store
	MinFree int64            // octets that stay free where Dir is; below: store.ErrFull
	Clock   func() time.Time // default time.Now
	Logger  *slog.Logger     // default slog.Default()
}

// Archive is the tenants' archives. It is safe in parallel.
type Archive struct {
	o    Options
	keys *keys
	// syncDir has a folder's entries on stable storage; tests have it fail.
	syncDir func(dir string) error

	// life is held for writing while a key is destroyed, for reading by who uses one.
	life    sync.RWMutex
	stripes [64]sync.Mutex // by message: who makes, moves or drops a copy

	mu      sync.Mutex
	pending map[place]int // copies whose record is not durable yet
	sizes   map[string]daySize

	holds holds
}

// place is a copy's: one for a message and tenant.
type place struct {
	tenant string
	id     mail.ID
}

// Open reads the keys, and settles what a crash left unfinished. It makes
// nothing before the first copy.
func Open(ctx context.Context, o Options) (*Archive, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	ks, err := openKeys(filepath.Join(o.Dir, "keys"), o.KeyFile, o.OwnKey)
	if err != nil {
		return nil, err
	}
	a := &Archive{o: o, syncDir: syncDir, keys: ks, pending: map[place]int{}, sizes: map[string]daySize{}}
	switch {
	case ks.nextErr != nil:
		o.Logger.Warn("the master key that lies beside the archive's cannot be used; no key needs it yet. Mend it or remove it before: weir archive rotate-key", "file", o.KeyFile+nextEnd, "error", ks.nextErr)
	case ks.next != nil && !ks.needsNext():
		o.Logger.Warn("a new master key lies beside the archive's; put it in its place with: weir archive rotate-key", "file", o.KeyFile, "next", o.KeyFile+nextEnd)
	case ks.next != nil:
		o.Logger.Warn("a change of the archive's master key was interrupted; finish it with: weir archive rotate-key", "file", o.KeyFile, "next", o.KeyFile+nextEnd)
	}
	tenants, err := a.Tenants()
	if err != nil {
		return nil, err
	}
	for _, t := range tenants {
		if !ks.has(t) {
			return nil, fmt.Errorf("archive: tenant %q has archived mail in %s and no key in %s; restore its key from your backup, or move that folder away if it is lost for good", t, filepath.Join(o.Dir, "mail", t), filepath.Join(o.Dir, "keys", t))
		}
	}
	if err := a.openHolds(ctx); err != nil {
		return nil, err
	}
	if err := a.recover(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Tenants are those that have, or had, copies.
func (a *Archive) Tenants() ([]string, error) {
	entries, err := os.ReadDir(filepath.Join(a.o.Dir, "mail"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("archive: %w", err)
	}
	var out []string
	for _, e := range entries {
		if e.IsDir() {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// filed is where a copy stays: its tenant's folder, by day.
func (a *Archive) filed(p place) string {
	return filepath.Join(a.o.Dir, "mail", p.tenant, p.id.Time().Format("2006/01/02"), p.id.String())
}

// incoming is where a copy is until its record is durable.
func (a *Archive) incoming(p place) string {
	return filepath.Join(a.o.Dir, "incoming", p.id.String()+"."+p.tenant)
}

func (a *Archive) lock(p place) (unlock func()) {
	h := fnv.New32a()
	_, _ = h.Write(p.id[:])
	m := &a.stripes[h.Sum32()%uint32(len(a.stripes))]
	m.Lock()
	return m.Unlock
}

// open opens a copy where it is.
func (a *Archive) open(p place) (c *Copy, path string, err error) {
	a.life.RLock()
	defer a.life.RUnlock()
	for range 2 { // it may be filed in between
		for _, path = range []string{a.filed(p), a.incoming(p)} {
			if c, err = openCopy(path, p.tenant, p.id, a.keys.find); !errors.Is(err, store.ErrNotFound) {
				return c, path, err
			}
		}
	}
	return nil, "", err
}

// Copy opens a tenant's copy of a message. The errors are store.ErrNotFound,
// ErrNoKey and ErrDamaged, or about the disk. The caller closes it, and has
// asked whether whoever reads it may.
func (a *Archive) Copy(ctx context.Context, tenant string, id mail.ID) (*Copy, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !validTenant(tenant) {
		return nil, fmt.Errorf("archived copy of %s: %w", id, store.ErrNotFound)
	}
	c, _, err := a.open(place{tenant, id})
	return c, err
}

// validTenant keeps names out that would lead elsewhere; the policy's names are
// letters, digits, "-" and "_".
func validTenant(s string) bool {
	return s != "" && filepath.IsLocal(s) && filepath.Base(s) == s && s[0] != '.'
}

// Staged is a copy that is on the disk while its record is not. End it with one
// of its methods.
type Staged struct {
	a    *Archive
	p    place
	made bool // by this call: there was none before
	done bool
}

// Stage makes a tenant's copy of a message, for those of its recipients that ns
// names, and has it on stable storage when it returns. Where there is a copy for
// them already it is that one; one for others is replaced by one for all.
// store.ErrFull: there is no room.
func (a *Archive) Stage(ctx context.Context, tenant string, m *store.Message, ns []int, body io.ReaderAt, size int64) (*Staged, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if !validTenant(tenant) {
		return nil, fmt.Errorf("archive: %q is no tenant", tenant)
	}
	p := place{tenant, m.ID}
	defer a.lock(p)()
	meta := Meta{Tenant: tenant, Made: a.o.Clock().UTC(), Message: *m}
	meta.Message.Recipients = nil
	for _, r := range m.Recipients {
		if slices.Contains(ns, r.N) && r.Tenant == tenant {
			meta.Message.Recipients = append(meta.Message.Recipients, r)
		}
	}
	meta.Message.PartEdits = m.PartEdits
	target, fresh := a.incoming(p), false
	old, path, err := a.open(p)
	switch {
	case err == nil:
		_ = old.Close() // it was only read
		if !meta.merge(&old.Meta) {
			a.begin(p)
			return &Staged{a: a, p: p}, nil
		}
		target = path
	case errors.Is(err, store.ErrNotFound):
		fresh = true
	case errors.Is(err, ErrDamaged), errors.Is(err, ErrNoKey):
		a.o.Logger.Warn("an archived copy that cannot be read is made anew", "message", m.ID.String(), "tenant", tenant, "err", err)
		target = path
	default:
		return nil, err
	}
	meta.Message.Prune()
	if err := a.room(size); err != nil {
		return nil, err
	}
	if err := a.write(target, fresh, &meta, io.NewSectionReader(body, 0, size)); err != nil {
		return nil, err
	}
	a.begin(p)
	return &Staged{a: a, p: p, made: target == a.incoming(p) && old == nil}, nil
}

// merge takes in the recipients of an earlier copy, and tells whether there are
// any that it had not.
func (m *Meta) merge(old *Meta) (more bool) {
	var all []store.Recipient
	for _, r := range m.Message.Recipients {
		if !slices.ContainsFunc(old.Message.Recipients, func(o store.Recipient) bool { return o.N == r.N }) {
			more = true
			all = append(all, r)
		}
	}
	edits := map[string][]mail.PartEdit{}
	maps.Copy(edits, m.Message.PartEdits)
	maps.Copy(edits, old.Message.PartEdits) // the record may have lost their content
	m.Message.PartEdits = edits
	m.Message.Recipients = append(slices.Clone(old.Message.Recipients), all...)
	slices.SortFunc(m.Message.Recipients, func(a, b store.Recipient) int { return a.N - b.N })
	return more
}

// room reports whether a copy of so many octets fits.
func (a *Archive) room(size int64) error {
	dir := a.o.Dir
	for {
		var st unix.Statfs_t
		err := unix.Statfs(dir, &st)
		switch {
		case err == nil:
			if free := int64(st.Bavail) * st.Bsize; free-size < a.o.MinFree {
				return fmt.Errorf("archive: %d octets are free in %s, %d are to stay free: %w", free, dir, a.o.MinFree, store.ErrFull)
			}
			return nil
		case errors.Is(err, fs.ErrNotExist) && filepath.Dir(dir) != dir:
			dir = filepath.Dir(dir)
		default:
			return fmt.Errorf("archive: free space of %s: %w", dir, err)
		}
	}
}

// write makes a copy under a temporary name, syncs it, gives it its name and
// syncs that. Should that fail, one that is fresh goes again; in place of one
// that was there before it stays: it is as good, and may be the only one.
func (a *Archive) write(target string, fresh bool, meta *Meta, body *io.SectionReader) (err error) {
	a.life.RLock()
	defer a.life.RUnlock()
	tmpDir := filepath.Join(a.o.Dir, "incoming")
	if err := makeDirs(tmpDir); err != nil {
		return err
	}
	key, err := a.keys.current(meta.Tenant, meta.Made)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(tmpDir, tmpStart+"*")
	if err != nil {
		return fullOr(fmt.Errorf("archive: %w", err))
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	err = writeCopy(f, key, meta, body)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fullOr(fmt.Errorf("archive: %w", err))
	}
	if err := os.Rename(f.Name(), target); err != nil {
		return fullOr(fmt.Errorf("archive: %w", err))
	}
	if err := a.syncDir(filepath.Dir(target)); err != nil {
		if fresh {
			os.Remove(target)
		}
		return err
	}
	return nil
}

func (a *Archive) begin(p place) {
	a.mu.Lock()
	a.pending[p]++
	a.mu.Unlock()
}

// end is the counterpart of begin; false: it ended before.
func (s *Staged) end() bool {
	s.a.mu.Lock()
	defer s.a.mu.Unlock()
	if s.done {
		return false
	}
	s.done = true
	if s.a.pending[s.p]--; s.a.pending[s.p] <= 0 {
		delete(s.a.pending, s.p)
	}
	return true
}

// File puts a copy in its place, now that its record is durable. Should that
// fail it can still be read, and the next start does it.
func (s *Staged) File() {
	defer s.a.lock(s.p)()
	if !s.end() {
		return
	}
	if err := s.a.file(s.p); err != nil {
		s.a.o.Logger.Warn("an archived copy stays among the incoming ones until the next start", "message", s.p.id.String(), "tenant", s.p.tenant, "err", err)
	}
}

func (a *Archive) file(p place) error {
	to := a.filed(p)
	if err := makeDirs(filepath.Dir(to)); err != nil {
		return err
	}
	err := os.Rename(a.incoming(p), to)
	if errors.Is(err, fs.ErrNotExist) { // filed before
		return nil
	}
	return err
}

// Leave ends it where nobody knows whether there is a record: the next start finds out.
func (s *Staged) Leave() { s.end() }

// Discard drops a copy of what was not taken.
func (s *Staged) Discard() {
	defer s.a.lock(s.p)()
	if s.end() && s.made {
		if err := os.Remove(s.a.incoming(s.p)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.a.o.Logger.Warn("a copy of a message that was not taken stays until the next start", "message", s.p.id.String(), "tenant", s.p.tenant, "err", err)
		}
	}
}

// drop deletes a copy.
func (a *Archive) drop(p place) error {
	var first error
	for _, path := range []string{a.filed(p), a.incoming(p)} {
		err := os.Remove(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && first == nil {
			first = fmt.Errorf("archive: deleting a copy: %w", err)
		}
	}
	return first
}

// Forget deletes the copies of a message that no recipient of their tenant is
// archived by any more. Call it once that is durable.
func (a *Archive) Forget(ctx context.Context, id mail.ID) error {
	m, err := a.o.Store.Get(ctx, id)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	var failed error
	for t, kept := range archivedIn(m) {
		if !kept && validTenant(t) {
			failed = errors.Join(failed, a.dropUnless(place{t, id}))
		}
	}
	return failed
}

// dropUnless drops a copy that nobody is just about to record.
func (a *Archive) dropUnless(p place) error {
	defer a.lock(p)()
	a.mu.Lock()
	busy := a.pending[p] > 0
	a.mu.Unlock()
	if busy {
		return nil
	}
	return a.drop(p)
}

// archivedIn are the tenants of a message's recipients, and whether any of each
// is archived.
func archivedIn(m *store.Message) map[string]bool {
	out := map[string]bool{}
	for i := range m.Recipients {
		r := &m.Recipients[i]
		out[r.Tenant] = out[r.Tenant] || r.Archived
	}
	return out
}
