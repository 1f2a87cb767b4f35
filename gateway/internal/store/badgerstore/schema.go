package badgerstore

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/store/badgerfiles"
)

// schema is the version of keys and encodings that this program writes. It
// is kept in the external magic of Badger's manifest, so that Badger itself
// refuses a store of another version.
const schema = 3

// migration is one step.
type migration func(*badger.DB, *settings) error

// migrations[v] turns a store of version v into one of version v+1.
var migrations = map[uint16]migration{
	1: func(*badger.DB, *settings) error { return nil }, // records may be packed; those that are not are read as they are
	2: layOut,
}

const manifestName = "MANIFEST"

// openBadger opens the database, migrating an older one.
func openBadger(dir string, o *settings) (*badger.DB, error) {
	have, err := storedSchema(dir)
	if err != nil {
		return nil, err
	}
	if err := badgerfiles.DropHalfMade(dir); err != nil {
		return nil, err
	}
	switch {
	case have == 0: // new
	case have > schema:
		return nil, fmt.Errorf("the store in %s has version %d, written by a newer weir; this one knows versions up to %d: run the newer program, or restore a backup made before the upgrade", dir, have, schema)
	case have < schema:
		if err := migrate(dir, have, schema, migrations, o); err != nil {
			return nil, err
		}
	}
	db, err := badger.Open(badgerOptions(dir, schema, o.NoSync, o.Logger))
	if err != nil {
		return nil, fmt.Errorf("open the store's database in %s: %w", dir, err)
	}
	if err := dropOld(db); err != nil {
		return nil, fmt.Errorf("open the store's database in %s: %w", dir, errors.Join(err, db.Close()))
	}
	return db, nil
}

// storedSchema reads the version from Badger's manifest; 0: no store yet.
// The manifest starts with "Bdgr", the external magic and Badger's own
// version, two octets each.
func storedSchema(dir string) (uint16, error) {
	f, err := os.Open(filepath.Join(dir, manifestName))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read the store's version: %w", err)
	}
	defer f.Close()
	var h [8]byte
	if _, err := f.ReadAt(h[:], 0); err != nil || string(h[:4]) != "Bdgr" {
		return 0, fmt.Errorf("%s is not the manifest of a store; restore it from a backup, or move %s away: mail that is in the spool is then recovered", f.Name(), dir)
	}
	return binary.BigEndian.Uint16(h[4:]), nil
}

// migrate runs the steps from one version to another. Each step leaves the
// store complete, so that an interrupted migration goes on where it was.
func migrate(dir string, from, to uint16, steps map[uint16]migration, o *settings) error {
	for v := from; v < to; v++ {
		step := steps[v]
		if step == nil {
			return fmt.Errorf("the store in %s has version %d, which this weir can no longer migrate: upgrade by way of an older release", dir, v)
		}
		o.Logger.Info("migrating the store", "from", v, "to", v+1)
		db, err := badger.Open(badgerOptions(dir, v, o.NoSync, o.Logger))
		if err != nil {
			return fmt.Errorf("open the store's database in %s: %w", dir, err)
		}
		err = step(db, o)
		if e := db.Close(); err == nil {
			err = e
		}
		if err == nil {
			err = stampSchema(dir, v+1)
		}
		if err != nil {
			return fmt.Errorf("migrate the store from version %d: %w", v, err)
		}
	}
	return nil
}

// stampSchema writes the version into the manifest of a closed database.
func stampSchema(dir string, v uint16) error {
	f, err := os.OpenFile(filepath.Join(dir, manifestName), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(binary.BigEndian.AppendUint16(nil, v), 4); err != nil {
		return err
	}
	return f.Sync()
}
