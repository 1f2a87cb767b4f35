package sqlindex

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"modernc.org/sqlite" // the driver "sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Options configure an Index; the zero value does.
type Options struct {
	Logger  *slog.Logger // default: discard
	Readers int          // searches at one time; default 4
}

// Index is one index file. Its methods are safe for use in parallel.
type Index struct {
	log   *slog.Logger
	write *sql.DB // one connection
	read  *sql.DB
	steps

	mu     sync.Mutex // of Apply, Begin and Finish
	nameMu sync.RWMutex
	names  map[string]int // kind, NUL, name: number
	skew   skew
	bulk   bool // between Begin and Finish
}

// skew bounds by how many milliseconds a message's time of reception is later
// than that of its ID, which rows are in the order of. It never shrinks.
type skew struct{ min, max int64 }

func (s skew) with(ms int64) skew { return skew{min(s.min, ms), max(s.max, ms)} }

func (x *Index) late() skew {
	x.nameMu.RLock()
	defer x.nameMu.RUnlock()
	return x.skew
}

func (x *Index) number(key string) int {
	x.nameMu.RLock()
	defer x.nameMu.RUnlock()
	return x.names[key]
}

func (x *Index) numbers() int {
	x.nameMu.RLock()
	defer x.nameMu.RUnlock()
	return len(x.names)
}

// State is how far an index has come.
type State struct {
	Epoch   string // of the store it was made from; "" none
	Applied uint64 // sequence number of the last change that is in it
}

const file = "search.db"

// Open opens the index in dir, which must exist. One that cannot be read, or
// that another version made, is thrown away and begun anew, empty.
func Open(ctx context.Context, dir string, o Options) (*Index, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Readers <= 0 {
		o.Readers = 4
	}
	path := filepath.Join(dir, file)
	x, err := open(ctx, path, o)
	if err == nil {
		return x, nil
	}
	if !errors.Is(err, errOther) {
		o.Logger.Warn("the search index cannot be read and is made anew", "err", err)
	}
	if err := Remove(dir); err != nil {
		return nil, err
	}
	if x, err = open(ctx, path, o); err != nil {
		return nil, fmt.Errorf("opening the search index: %w", err)
	}
	return x, nil
}

// errOther: the index was made by another version of the program.
var errOther = errors.New("the search index is of another version")

func open(ctx context.Context, path string, o Options) (*Index, error) {
	// Synced at checkpoints only, the file is whole after a power cut, and
	// perhaps behind. A transaction touches pages of every index; those that do not
	// fit the cache are written more than once, and so are those of every checkpoint
	// (BenchmarkApply).
	common := "&_pragma=busy_timeout(10000)"
	w, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(wal)&_pragma=synchronous(1)&_pragma=cache_size(-24000)&_pragma=wal_autocheckpoint(16000)&_txlock=immediate"+common)
	if err != nil {
		return nil, err
	}
	w.SetMaxOpenConns(1)
	x := &Index{log: o.Logger, write: w, steps: usual, names: map[string]int{}}
	if err := x.prepare(ctx); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	if x.read, err = sql.Open("sqlite", "file:"+path+"?_pragma=query_only(1)&_pragma=cache_size(-2000)&_pragma=mmap_size(268435456)"+common); err != nil {
		return nil, errors.Join(err, w.Close())
	}
	x.read.SetMaxOpenConns(o.Readers)
	x.read.SetMaxIdleConns(o.Readers)
	return x, nil
}

// prepare makes the tables, or sees that they are ours.
func (x *Index) prepare(ctx context.Context) error {
	var have int
	if err := x.write.QueryRowContext(ctx, "PRAGMA user_version").Scan(&have); err != nil {
		return err
	}
	switch have {
	case 0:
		tx, err := x.write.BeginTx(ctx, nil)
		if err != nil {
			return err
		}
		defer func() { _ = tx.Rollback() }()
		for _, q := range append([]string{tables, lowsTable}, indexes...) {
			if _, err := tx.ExecContext(ctx, q); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, "PRAGMA user_version = "+strconv.Itoa(version)); err != nil {
			return err
		}
		return tx.Commit()
	case version:
	default:
		return errOther
	}
	rows, err := x.write.QueryContext(ctx, "SELECT kind, name, no FROM names")
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }() // read to its end by then, or given up
	for rows.Next() {
		var kind, name string
		var no int
		if err := rows.Scan(&kind, &name, &no); err != nil {
			return err
		}
		x.names[kind+"\x00"+name] = no
	}
	if err := rows.Err(); err != nil {
		return err
	}
	return x.write.QueryRowContext(ctx, "SELECT ifnull(max(v + 0) FILTER (WHERE k = 'early'), 0), ifnull(max(v + 0) FILTER (WHERE k = 'late'), 0) FROM meta").Scan(&x.skew.min, &x.skew.max)
}

// Close closes the index.
func (x *Index) Close() error { return errors.Join(x.read.Close(), x.write.Close()) }

// State tells how far the index has come.
func (x *Index) State(ctx context.Context) (s State, err error) {
	rows, err := x.read.QueryContext(ctx, "SELECT k, v FROM meta")
	if err != nil {
		return s, fmt.Errorf("search index: %w", err)
	}
	defer func() { _ = rows.Close() }() // read to its end by then, or given up
	for rows.Next() {
		var k, v string
		if err := rows.Scan(&k, &v); err != nil {
			return s, fmt.Errorf("search index: %w", err)
		}
		switch k {
		case "epoch":
			s.Epoch = v
		case "applied":
			if s.Applied, err = strconv.ParseUint(v, 10, 64); err != nil {
				return s, fmt.Errorf("search index: %w", err)
			}
		}
	}
	return s, rows.Err()
}

// Size is what the index takes on disk, in octets, without its log.
func (x *Index) Size(ctx context.Context) (n int64, err error) {
	err = x.read.QueryRowContext(ctx, "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size").Scan(&n)
	return n, err
}

// Rows is how many rows there are.
func (x *Index) Rows(ctx context.Context) (n int, err error) {
	if err := x.read.QueryRowContext(ctx, "SELECT count(*) FROM rows").Scan(&n); err != nil {
		return 0, fmt.Errorf("search index: %w", err)
	}
	return n, nil
}

// Corrupt reports an error that says that the file is damaged: Discard helps.
func Corrupt(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && (e.Code()&0xff == sqlite3.SQLITE_CORRUPT || e.Code()&0xff == sqlite3.SQLITE_NOTADB)
}

// Remove removes the index in dir, which is not open.
func Remove(dir string) error {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(filepath.Join(dir, file+suffix)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("removing the search index: %w", err)
		}
	}
	return nil
}

// Damage spoils the file, for tests of what is done about it.
func (x *Index) Damage(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if _, err := x.write.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)"); err != nil {
		return err
	}
	var path string
	if err := x.write.QueryRowContext(ctx, "SELECT file FROM pragma_database_list WHERE name = 'main'").Scan(&path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	junk := make([]byte, 4096)
	for i := range junk {
		junk[i] = 0xa5
	}
	for at := int64(4096); at < info.Size(); at += 4096 {
		if _, err := f.WriteAt(junk, at); err != nil {
			return err
		}
	}
	return nil
}
