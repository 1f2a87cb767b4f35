package badgerstore

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/store"
)

// A document's value is its revision, eight octets, and its JSON. Revisions
// come from one counter of the store, so that a document that was deleted and
// made again never has one it had before.

func decodeDoc(it *badger.Item) (rev uint64, json []byte, err error) {
	v, err := it.ValueCopy(nil)
	if err != nil {
		return 0, nil, err
	}
	if len(v) < 8 {
		return 0, nil, errState
	}
	return binary.BigEndian.Uint64(v), v[8:], nil
}

// docRev is the revision of a document; 0: there is none.
func docRev(txn *badger.Txn, key []byte) (uint64, error) {
	it, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	rev, _, err := decodeDoc(it)
	return rev, err
}

// GetDoc implements store.Docs.
func (s *Store) GetDoc(ctx context.Context, tenant, kind, key string) (store.Doc, error) {
	d := store.Doc{Tenant: tenant, Kind: kind, Key: key}
	if err := ctx.Err(); err != nil {
		return d, err
	}
	err := s.view(func(txn *badger.Txn) error {
		it, err := txn.Get(docKey(tenant, kind, key))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return store.ErrNotFound
		}
		if err != nil {
			return err
		}
		d.Rev, d.JSON, err = decodeDoc(it)
		return err
	})
	if err != nil {
		return store.Doc{}, fmt.Errorf("read document %s/%s/%s: %w", tenant, kind, key, err)
	}
	return d, nil
}

// PutDoc implements store.Docs.
func (s *Store) PutDoc(ctx context.Context, d store.Doc, ifRev uint64) (uint64, error) {
	end, err := s.begin(ctx)
	if err != nil {
		return 0, err
	}
	defer end()
	if len(d.JSON) > maxRecord-8 {
		return 0, fmt.Errorf("write document %s/%s/%s: %d octets are over the limit of %d", d.Tenant, d.Kind, d.Key, len(d.JSON), maxRecord-8)
	}
	k := docKey(d.Tenant, d.Kind, d.Key)
	val := make([]byte, 8+len(d.JSON))
	copy(val[8:], d.JSON)
	var rev uint64
	err = s.com.commit(&op{
		size: len(k) + len(val) + 64, grows: true,
		write: func(b *batch) error {
			have, err := docRev(b.Txn, k)
			if err != nil {
				return err
			}
			if have != ifRev {
				return fmt.Errorf("revision is %d, not %d: %w", have, ifRev, store.ErrConflict)
			}
			b.doc++
			rev = b.doc
			// A copy: the transaction keeps the slice, and write may run again.
			v := append([]byte(nil), val...)
			binary.BigEndian.PutUint64(v, rev)
			return b.set(k, v)
		},
	})
	if err != nil {
		return 0, fmt.Errorf("write document %s/%s/%s: %w", d.Tenant, d.Kind, d.Key, err)
	}
	return rev, nil
}

// DeleteDoc implements store.Docs.
func (s *Store) DeleteDoc(ctx context.Context, tenant, kind, key string, ifRev uint64) error {
	end, err := s.begin(ctx)
	if err != nil {
		return err
	}
	defer end()
	k := docKey(tenant, kind, key)
	err = s.com.commit(&op{
		size: len(k) + 64,
		write: func(b *batch) error {
			have, err := docRev(b.Txn, k)
			switch {
			case err != nil:
				return err
			case have == 0:
				return store.ErrNotFound
			case have != ifRev:
				return fmt.Errorf("revision is %d, not %d: %w", have, ifRev, store.ErrConflict)
			}
			return b.Delete(k)
		},
	})
	if err != nil {
		return fmt.Errorf("delete document %s/%s/%s: %w", tenant, kind, key, err)
	}
	return nil
}

// ListDocs implements store.Docs; in order of their keys.
func (s *Store) ListDocs(ctx context.Context, tenant, kind, prefix string) ([]store.Doc, error) {
	var out []store.Doc
	skip := len(docPrefix(tenant, kind))
	err := s.view(func(txn *badger.Txn) error {
		return scan(ctx, txn, docKey(tenant, kind, prefix), func(it *badger.Item) error {
			d := store.Doc{Tenant: tenant, Kind: kind, Key: string(it.Key()[skip:])}
			var err error
			d.Rev, d.JSON, err = decodeDoc(it)
			out = append(out, d)
			return err
		})
	})
	if err != nil {
		return nil, fmt.Errorf("list documents %s/%s: %w", tenant, kind, err)
	}
	return out, nil
}
