package badgerstore

import (
	"fmt"
	"log/slog"
	"os"
	"strings"
	"time"

	badger "github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Options configure a store. Only Dir is needed.
type Options struct {
	// Dir is the data directory. The store makes `meta` (Badger), `spool`
	// (bodies) and `ballast` in it; one process at a time may have it open.
	Dir string
	// Clock gives the time of leases' ends and recovery events. Default time.Now.
	Clock func() time.Time
	// Logger gets what an operator should know. Default: slog.Default().
	Logger *slog.Logger
	// IndexDir is where the search index is (package sqlindex), made where
	// there is none, in a file system that may lose it. "": searches read the
	// record itself.
	IndexDir string
	// FreeWatermark is the free space in octets below which no new mail is
	// taken; at least 512 MiB. Default 1 GiB.
	FreeWatermark int64
	// BallastSize is the size in octets of a file that is given up when the
	// disk is full, so that the queue can still be drained. Default 64 MiB;
	// negative: none.
	BallastSize int64
	// Fatal is called once, when a commit failed: the process has to exit,
	// for nothing that follows a failed sync can be trusted. Until it does,
	// everything is answered ErrUnavailable. It must not call Close, which
	// waits for the goroutine that calls it. Default: log and exit with 1.
	Fatal func(error)
	// NoSync switches all syncing off. It loses acknowledged mail when power
	// fails and is here only so that the power-cut test can prove it would
	// notice. Not for configuration.
	NoSync bool
}

// settings are Options with what only tests change.
type settings struct {
	Options
	memBody int           // octets of a body kept in memory and in segments
	segSize int64         // of a segment
	linger  time.Duration // how long records nobody waits for gather
	reserve int64         // free octets kept for Badger
	verify  int64         // octets of bodies verified on open; the rest when first read
	stat    func(dir string) (free int64, err error)
}

func (o Options) defaults() *settings {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.FreeWatermark == 0 {
		o.FreeWatermark = 1 << 30
	}
	if o.BallastSize == 0 {
		o.BallastSize = 64 << 20
	}
	if o.Fatal == nil {
		log := o.Logger
		o.Fatal = func(err error) {
			log.Error("the store cannot go on, exiting; mail that was acknowledged is on disk", "error", err)
			os.Exit(1)
		}
	}
	return &settings{
		Options: o, memBody: 64 << 10, segSize: 32 << 20, linger: 20 * time.Millisecond,
		reserve: engineReserve, verify: 256 << 20, stat: statFree,
	}
}

// badgerOptions are those that were measured together. What is not obvious:
// nothing may reach the value log, which gives no space back and has brought
// deleted mail back to life; so the threshold is above any record
// (maxRecord), its GC is never run, and neither is Badger's TTL, which goes
// by the wall clock. Without compression, blocks are read from the page cache
// in place: 90 MiB of anonymous memory under load instead of 220, and faster.
// Small memtables keep what a flush builds in memory small, too.
func badgerOptions(dir string, version uint16, noSync bool, log *slog.Logger) badger.Options {
	o := badger.DefaultOptions(dir).
		WithSyncWrites(!noSync). // off by default
		WithValueThreshold(1 << 20).
		// A page less than a power of two: the builder of a table takes the next
		// power above twice its size, 16 MiB instead of 32. It also bounds a
		// transaction, at 15 % of it.
		WithMemTableSize(8<<20 - 4096).
		WithBaseTableSize(2<<20 - 4096).
		WithNumMemtables(4).
		// Every memtable spans all kinds of keys, and with a deep queue all ages of
		// mail: a compaction of level 0 rewrites the whole level below, and what comes
		// of it much of the last one. So it comes seldom, and there is one level less.
		// engineReserve goes by both.
		WithNumLevelZeroTables(20).
		WithNumLevelZeroTablesStall(30).
		WithBaseLevelSize(64 << 20).
		WithValueLogFileSize(16 << 20).
		WithCompression(options.None).
		WithBlockCacheSize(8 << 20).
		WithIndexCacheSize(8 << 20).
		WithChecksumVerificationMode(options.OnTableAndBlockRead).
		WithNumCompactors(2).
		WithCompactL0OnClose(true).
		WithDetectConflicts(true).
		WithMetricsEnabled(false).
		WithExternalMagic(version).
		WithLogger(badgerLog{log})
	o.TableSizeMultiplier = 1 // a compaction builds some ten tables at a time, each in twice its size of memory
	return o
}

// maxRecord bounds one record, in octets: safely below the value threshold.
const maxRecord = 1000 << 10

// badgerLog passes on Badger's warnings and errors.
type badgerLog struct{ log *slog.Logger }

func (l badgerLog) Errorf(f string, a ...any) { l.log.Error("badger: " + trim(f, a)) }
func (l badgerLog) Warningf(f string, a ...any) {
	if s := trim(f, a); !strings.Contains(s, "Block cache might be too small") && !strings.HasPrefix(s, "Cache life expectancy") {
		l.log.Warn("badger: " + s) // what a walk through the record does to a small cache is no fault
	}
}
func (l badgerLog) Infof(string, ...any)  {}
func (l badgerLog) Debugf(string, ...any) {}

func trim(f string, a []any) string {
	s := fmt.Sprintf(f, a...)
	for len(s) > 0 && s[len(s)-1] == '\n' {
		s = s[:len(s)-1]
	}
	return s
}
