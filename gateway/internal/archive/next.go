package archive

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// makeOne is how an operator makes a master key that nobody else reads, however
// short a time.
func makeOne(file string) string { return "(umask 077; openssl rand -hex 32 > " + file + ")" }

// readNext reads the master key that comes, where there is one, when the keys are
// opened. One that does not read matters only where a key needs it.
func (k *keys) readNext() {
	next, err := readMasterKey(k.file + nextEnd)
	switch {
	case err == nil:
		k.next = next
	case !errors.Is(err, fs.ErrNotExist):
		k.nextErr = err
	}
}

// needsNext reports whether a tenant's key is wrapped under the master key that
// comes.
func (k *keys) needsNext() bool {
	for _, of := range k.of {
		for _, key := range of {
			if key.underNext {
				return true
			}
		}
	}
	return false
}

// forNew is the master key that a new tenant's key is wrapped under: the one that
// comes where others are under it already, for whoever finishes the change by
// hand has only that; and only while a file holds it.
func (k *keys) forNew() *masterKey {
	if k.next == nil || !k.placing && !k.needsNext() {
		return k.master
	}
	for _, file := range []string{k.file + nextEnd, k.file} { // it may have been put in its place by hand
		if got, err := readMasterKey(file); err == nil && got.sum == k.next.sum {
			return k.next
		}
	}
	return k.master
}

// settleNext says which master key comes, before anything is wrapped under it: the
// one in its file. Where keys are wrapped under one already it is that one, and
// has to be there.
func (k *keys) settleNext() error {
	file := k.file + nextEnd
	got, err := readMasterKey(file)
	missing := errors.Is(err, fs.ErrNotExist)
	if missing && k.next != nil && k.placedByHand() {
		return nil
	}
	k.lookAgain()
	if !k.needsNext() {
		k.next, k.placing = nil, false
		switch {
		case err == nil:
			k.next = got
		case !missing:
			return fmt.Errorf("%w; or make it anew: %s", err, makeOne(file))
		}
		return nil
	}
	const put = "put it back before the gateway is stopped, for without it they do not open; nothing was changed now"
	switch {
	case missing:
		return fmt.Errorf("%s is missing, and keys of tenants are wrapped under the master key that it held; %s", file, put)
	case err != nil:
		return fmt.Errorf("keys of tenants are wrapped under the master key that comes; %s: %w", put, err)
	case got.sum != k.next.sum:
		return fmt.Errorf("%s is not the master key any more that keys of tenants are wrapped under already; %s", file, put)
	}
	return nil
}

// lookAgain asks the files of keys that are taken to be under the master key that
// comes: writing one may have failed, and reading it back, too.
func (k *keys) lookAgain() {
	for tenant, of := range k.of {
		for _, key := range of {
			key.underNext = key.underNext && k.isUnderNext(k.path(tenant, key.id))
		}
	}
}

// placedByHand reports whether somebody else put the master key that comes in its
// place, with every key under it; then it is the one that is.
func (k *keys) placedByHand() bool {
	got, err := readMasterKey(k.file)
	if err != nil || got.sum != k.next.sum {
		return false
	}
	for _, of := range k.of {
		for _, key := range of {
			if !key.underNext {
				return false
			}
		}
	}
	k.placed()
	return true
}

// placed notes that the master key that came is the one that is.
func (k *keys) placed() {
	k.master, k.next, k.placing = k.next, nil, false
	for _, of := range k.of {
		for _, key := range of {
			key.underNext = false
		}
	}
}

// path is the file of a tenant's key.
func (k *keys) path(tenant string, id keyID) string {
	return filepath.Join(k.dir, tenant, id.String()+keyEnd)
}
