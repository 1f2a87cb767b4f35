package archive

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

const (
	keyIDLen  = 16
	masterLen = 32
)

type keyID [keyIDLen]byte

func (id keyID) String() string { return hex.EncodeToString(id[:]) }

// dataKey is a tenant's key.
type dataKey struct {
	id   keyID
	key  []byte // 32 octets
	made time.Time

	underNext bool // it is wrapped under the master key that comes
}

// wrapped is a tenant's key as its file has it.
type wrapped struct {
	Version int       `json:"version"`
	Tenant  string    `json:"tenant"`
	ID      string    `json:"id"`
	Made    time.Time `json:"made"`
	Nonce   []byte    `json:"nonce"`
	Key     []byte    `json:"key"` // under the master key, AES-256-GCM; tenant and ID are bound to it

	id keyID // ID
}

// keys are the tenants' keys, in memory while the gateway runs.
type keys struct {
	dir     string // one folder for each tenant, one file for each key
	file    string // of the master key
	own     bool   // it is made when it is needed
	mu      sync.Mutex
	master  *masterKey // nil: not there yet
	next    *masterKey // the one that comes: it lies ready, or is being put in its place; or nil
	nextErr error      // why it could not be read when the keys were opened
	placing bool       // every key is under next, which has only to be put in its place
	stop    func(step string) error
	of      map[string]map[keyID]*dataKey
	gone    map[keyID]bool // destroyed
}

// masterKey is what tenants' keys are wrapped under.
type masterKey struct {
	cipher.AEAD
	sum [sha256.Size]byte // tells it from another
}

const (
	keyEnd  = ".key"
	goneEnd = ".destroyed"
)

// openKeys reads every key there is, so that one that is missing or does not
// open is known before mail is taken.
func openKeys(dir, file string, own bool) (*keys, error) {
	k := &keys{dir: dir, file: file, own: own, of: map[string]map[keyID]*dataKey{}, gone: map[keyID]bool{}}
	files, err := filepath.Glob(filepath.Join(dir, "*", "*"))
	if err != nil {
		return nil, fmt.Errorf("archive: looking for keys: %w", err)
	}
	files = keepKeys(files)
	if err := k.readMaster(files); err != nil {
		return nil, err
	}
	for _, f := range files {
		if strings.HasSuffix(f, goneEnd) {
			if b, err := hex.DecodeString(strings.TrimSuffix(filepath.Base(f), goneEnd)); err == nil && len(b) == keyIDLen {
				k.gone[keyID(b)] = true
			}
			continue
		}
		if err := k.read(f); err != nil {
			return nil, err
		}
	}
	return k, nil
}

func keepKeys(files []string) (out []string) {
	for _, f := range files {
		if strings.HasSuffix(f, keyEnd) || strings.HasSuffix(f, goneEnd) {
			out = append(out, f)
		}
	}
	return out
}

// readMaster reads the master key, where there is one.
func (k *keys) readMaster(files []string) error {
	master, err := readMasterKey(k.file)
	if errors.Is(err, fs.ErrNotExist) {
		n := 0
		for _, f := range files {
			if strings.HasSuffix(f, keyEnd) {
				n++
			}
		}
		switch {
		case n > 0:
			return fmt.Errorf("archive: the master key %s is missing, and %d keys of tenants in %s are wrapped under it; restore it from your backup. Only if it is lost for good, and what is archived with it, move that folder away", k.file, n, k.dir)
		case !k.own:
			return fmt.Errorf("archive: there is no master key at %s, which the policy names; make one with: %s", k.file, makeOne(k.file))
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	k.master = master
	k.readNext()
	return nil
}

// readMasterKey reads a master key. fs.ErrNotExist.
func readMasterKey(file string) (*masterKey, error) {
	b, err := readKeyFile(file)
	if err != nil {
		return nil, err
	}
	return sealerOf(b)
}

// readKeyFile reads a master key. fs.ErrNotExist.
func readKeyFile(file string) ([]byte, error) {
	b, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	fi, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("reading the master key: %w", err)
	}
	if fi.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read the master key %s (mode %04o); make it yours alone: chmod 600", file, fi.Mode().Perm())
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(b)))
	if err != nil || len(key) != masterLen {
		return nil, fmt.Errorf("the master key %s is not %d hexadecimal digits; restore it from your backup", file, 2*masterLen)
	}
	return key, nil
}

func sealerOf(master []byte) (*masterKey, error) {
	block, err := aes.NewCipher(master)
	if err != nil {
		return nil, fmt.Errorf("the master key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("the master key: %w", err)
	}
	return &masterKey{aead, sha256.Sum256(master)}, nil
}

// read reads and unwraps one key.
func (k *keys) read(file string) error {
	w, err := readWrapped(file)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	key, err := w.open(k.master)
	underNext := err != nil && k.next != nil
	if underNext {
		key, err = w.open(k.next)
	}
	if err != nil && k.nextErr != nil {
		return fmt.Errorf("archive: the master key %s does not open %s; it may be wrapped under the one that comes, which cannot be used: %w", k.file, file, k.nextErr)
	}
	if err != nil || w.Tenant != filepath.Base(filepath.Dir(file)) {
		return fmt.Errorf("archive: the master key %s does not open %s; it is another one, or the file was changed. Restore the one that was in use when it was made (after an interrupted change of the master key it may be %s)", k.file, file, k.file+nextEnd)
	}
	if k.of[w.Tenant] == nil {
		k.of[w.Tenant] = map[keyID]*dataKey{}
	}
	k.of[w.Tenant][w.id] = &dataKey{id: w.id, key: key, made: w.Made, underNext: underNext}
	return nil
}

// readWrapped reads a tenant's key as its file has it.
func readWrapped(file string) (*wrapped, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading a tenant's key: %w", err)
	}
	var w wrapped
	id, bad := []byte(nil), json.Unmarshal(b, &w)
	if bad == nil {
		id, bad = hex.DecodeString(w.ID)
	}
	if bad != nil || len(id) != keyIDLen || w.Version != 1 {
		return nil, fmt.Errorf("%s is not a key of this program; restore it from your backup", file)
	}
	w.id = keyID(id)
	return &w, nil
}

// open unwraps a key.
func (w *wrapped) open(master *masterKey) ([]byte, error) {
	if len(w.Nonce) != master.NonceSize() {
		return nil, errWrapped
	}
	key, err := master.Open(nil, w.Nonce, w.Key, bind(w.Tenant, w.ID))
	if err != nil || len(key) != 32 {
		return nil, errWrapped
	}
	return key, nil
}

// errWrapped: a key does not open under a master key.
var errWrapped = errors.New("it does not open")

// wrap is the file of a tenant's key.
func wrap(master *masterKey, tenant string, key *dataKey) ([]byte, error) {
	w := wrapped{Version: 1, Tenant: tenant, ID: key.id.String(), Made: key.made, Nonce: make([]byte, master.NonceSize())}
	_, _ = rand.Read(w.Nonce) // never fails (crypto/rand)
	w.Key = master.Seal(nil, w.Nonce, key.key, bind(tenant, w.ID))
	b, err := json.Marshal(w)
	if err != nil {
		return nil, fmt.Errorf("wrapping a key: %w", err)
	}
	return append(b, '\n'), nil
}

func bind(tenant, id string) []byte {
	sum := sha256.Sum256([]byte("weir archive key 1\x00" + tenant + "\x00" + id))
	return sum[:]
}

// find gives the key that a copy names.
func (k *keys) find(tenant string, id keyID) (*dataKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if key := k.of[tenant][id]; key != nil {
		return key, nil
	}
	if k.gone[id] {
		return nil, fmt.Errorf("%w: its key was destroyed", ErrNoKey)
	}
	return nil, fmt.Errorf("%w: its key %s is not among those of tenant %q", ErrNoKey, id, tenant)
}

// has reports whether a tenant has, or had, a key.
func (k *keys) has(tenant string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.of[tenant]) > 0 {
		return true
	}
	gone, _ := filepath.Glob(filepath.Join(k.dir, tenant, "*"+goneEnd))
	return len(gone) > 0
}

// current is the key for new copies, the newest; it is made with the first.
func (k *keys) current(tenant string, now time.Time) (*dataKey, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var newest *dataKey
	for _, key := range k.of[tenant] {
		if newest == nil || key.made.After(newest.made) {
			newest = key
		}
	}
	if newest != nil {
		return newest, nil
	}
	return k.create(tenant, now)
}

func (k *keys) create(tenant string, now time.Time) (*dataKey, error) {
	if k.master == nil {
		if err := k.createMaster(); err != nil {
			return nil, err
		}
	}
	key := &dataKey{key: make([]byte, 32), made: now}
	_, _ = rand.Read(key.key) // never fails (crypto/rand)
	_, _ = rand.Read(key.id[:])
	master := k.forNew()
	key.underNext = master == k.next
	b, err := wrap(master, tenant, key)
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(k.dir, tenant)
	if err := makeDirs(dir); err != nil {
		return nil, err
	}
	if err := writeNew(k.path(tenant, key.id), b); err != nil {
		return nil, fmt.Errorf("making a key for tenant %q: %w", tenant, err)
	}
	if k.of[tenant] == nil {
		k.of[tenant] = map[keyID]*dataKey{}
	}
	k.of[tenant][key.id] = key
	return key, nil
}

func (k *keys) createMaster() (err error) {
	if k.master, err = makeMaster(k.file); err != nil {
		return fmt.Errorf("making the archive's master key: %w", err)
	}
	return nil
}

// destroy makes everything that a tenant has archived so far unreadable: its
// keys go from memory and disk, and a note stays of when and by whom.
func (k *keys) destroy(tenant, by string, now time.Time) (n int, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, key := range k.of[tenant] {
		base := filepath.Join(k.dir, tenant, id.String())
		note, err := json.Marshal(map[string]any{"tenant": tenant, "id": id.String(), "destroyed": now, "by": by})
		if err != nil {
			return n, fmt.Errorf("destroying a key: %w", err)
		}
		if err := writeNew(base+goneEnd, append(note, '\n')); err != nil && !errors.Is(err, fs.ErrExist) {
			return n, fmt.Errorf("destroying a key: %w", err)
		}
		if err := shred(base + keyEnd); err != nil {
			return n, fmt.Errorf("destroying a key: %w", err)
		}
		clear(key.key)
		delete(k.of[tenant], id)
		k.gone[id] = true
		n++
	}
	return n, nil
}

// shred overwrites a small file before it goes: on most disks the old blocks are
// the new ones.
func shred(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(scrub(f), f.Close()); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

// scrub overwrites a small file.
func scrub(f *os.File) error {
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	junk := make([]byte, fi.Size())
	_, _ = rand.Read(junk) // never fails (crypto/rand)
	if _, err := f.WriteAt(junk, 0); err != nil {
		return err
	}
	return f.Sync()
}
