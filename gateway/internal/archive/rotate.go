package archive

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
)

// nextEnd ends the name of the master key that comes, beside the one that is.
// While it is there a change of the master key is under way: a tenant's key is
// wrapped under the one or the other.
const nextEnd = ".next"

// oldEnd is in the name of a master key that was; what it is of comes behind.
const oldEnd = ".old-"

// ErrNoMaster: there is no master key that could be changed.
var ErrNoMaster = errors.New("there is no master key yet; it is made with the first copy")

// ErrNextKey: the file of the master key that comes is not as it has to be, or
// cannot be made or put in its place; the error says what to do.
var ErrNextKey = errors.New("the new master key is not in its place")

// Rotated is a change of the master key.
type Rotated struct {
	Keys   int    // of tenants that are wrapped anew
	Master string // file of the master key
	Old    string // file of the one before, which backups made until now need
}

// RotateKey puts a new master key in the place of the old, and wraps every
// tenant's key under it; copies stay as they are. The new key is the one that
// lies beside the old as ….next, or is made there. Wherever this is interrupted,
// the keys open with the files that are there, and calling it again does the
// rest. ErrNoMaster, ErrNextKey.
func (a *Archive) RotateKey(ctx context.Context, actor string) (Rotated, error) {
	if err := ctx.Err(); err != nil {
		return Rotated{}, err
	}
	r, err := a.keys.rotate()
	if err != nil {
		return r, fmt.Errorf("archive: %w", err)
	}
	a.o.Logger.Warn("the master key of the archive was changed; back it up", "keys", r.Keys, "file", r.Master, "old", r.Old, "actor", actor)
	return r, nil
}

func (k *keys) rotate() (r Rotated, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	r.Master = k.file
	if k.master == nil {
		return r, ErrNoMaster
	}
	if err := k.settleNext(); err != nil {
		return r, fmt.Errorf("%w: %w", ErrNextKey, err)
	}
	if k.next == nil {
		if k.next, err = makeMaster(k.file + nextEnd); err != nil {
			return r, fmt.Errorf("%w: making it beside the old: %w; where the gateway may not write there, make it yourself: %s", ErrNextKey, err, makeOne(k.file+nextEnd))
		}
	}
	if err := k.step("made"); err != nil {
		return r, err
	}
	for _, tenant := range slices.Sorted(maps.Keys(k.of)) {
		for _, key := range k.of[tenant] {
			if err := k.rewrap(tenant, key); err != nil {
				return r, err
			}
			r.Keys++
			if err := k.step("wrapped"); err != nil {
				return r, err
			}
		}
	}
	if err := k.proveNext(); err != nil {
		return r, fmt.Errorf("%w: %w", ErrNextKey, err)
	}
	r.Old, err = k.promote()
	return r, err
}

// makeMaster makes a master key in a file that is not there.
func makeMaster(file string) (*masterKey, error) {
	key := make([]byte, masterLen)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	if err := writeNew(file, []byte(hex.EncodeToString(key)+"\n")); err != nil {
		return nil, err
	}
	return sealerOf(key)
}

// rewrap puts a tenant's key, wrapped under the master key that comes, in the
// place of what its file was, and overwrites that.
func (k *keys) rewrap(tenant string, key *dataKey) (err error) {
	path := k.path(tenant, key.id)
	b, err := wrap(k.next, tenant, key)
	if err != nil {
		return err
	}
	old, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("wrapping the key of tenant %q anew: %w", tenant, err)
	}
	err = atomicfile.Write(path, b, atomicfile.Options{})
	key.underNext = key.underNext || err == nil || k.isUnderNext(path)
	if err == nil {
		err = scrub(old)
	}
	if err = errors.Join(err, old.Close()); err != nil {
		return fullOr(fmt.Errorf("wrapping the key of tenant %q anew: %w", tenant, err))
	}
	return nil
}

// isUnderNext reports whether a tenant's key has to be taken for one that is
// wrapped under the master key that comes: whatever does not open under the other.
func (k *keys) isUnderNext(path string) bool {
	w, err := readWrapped(path)
	if err != nil {
		return true
	}
	_, err = w.open(k.master)
	return err != nil
}

// proveNext reads every key back and opens it under the master key that comes, as
// its file has it now, before the old one goes from its place.
func (k *keys) proveNext() error {
	next, err := readMasterKey(k.file + nextEnd)
	if err != nil {
		return fmt.Errorf("every tenant's key is wrapped under the new master key, which cannot be read back, and the old one stays in its place; put it back before the gateway is stopped: %w", err)
	}
	for tenant, of := range k.of {
		for _, key := range of {
			path := k.path(tenant, key.id)
			w, err := readWrapped(path)
			if err != nil {
				return err
			}
			got, err := w.open(next)
			if err != nil || !bytes.Equal(got, key.key) {
				return fmt.Errorf("the new master key does not open %s, which was just written under it; the old one stays in its place. If somebody changed %s meanwhile, put it back before the gateway is stopped", path, k.file+nextEnd)
			}
		}
	}
	return nil
}

// promote keeps the master key under another name, and puts the one that comes
// in its place.
func (k *keys) promote() (old string, err error) {
	b, err := os.ReadFile(k.file)
	if err != nil {
		return "", fmt.Errorf("keeping the old master key: %w", err)
	}
	sum := sha256.Sum256(bytes.TrimSpace(b))
	old = k.file + oldEnd + hex.EncodeToString(sum[:4])
	if err := writeNew(old, b); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", fmt.Errorf("keeping the old master key: %w", err)
	}
	k.placing = true
	if err := k.step("kept"); err != nil {
		return "", err
	}
	if err := os.Rename(k.file+nextEnd, k.file); err != nil {
		return "", fmt.Errorf("%w: every tenant's key is wrapped under %s, which cannot be put there: %w; rename it to %s yourself and keep the old one under another name. Until then the gateway needs both", ErrNextKey, k.file+nextEnd, err, k.file)
	}
	k.placed()
	if err := syncDir(filepath.Dir(k.file)); err != nil {
		return "", err
	}
	return old, k.step("placed")
}

// step is called between two steps of a change; tests stop there.
func (k *keys) step(name string) error {
	if k.stop == nil {
		return nil
	}
	return k.stop(name)
}
