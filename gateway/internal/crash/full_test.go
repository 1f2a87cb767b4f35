package main

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestFullDisk fills the disk of a gateway, with mail and then with somebody
// else's file to the last octet: clients get 452 or 451 and never a 250 that
// does not hold, the gateway does not die of it, takes mail again when there
// is space, and starts again after it was killed with the disk full.
func TestFullDisk(t *testing.T) {
	disk, bin := disk(t, 1000<<20)
	d, err := startDestination()
	must(t, err)
	defer d.close()
	g, err := newGateway(bin, filepath.Join(disk.Dir, "data"), filepath.Join(t.TempDir(), "config.hcl"), d.addr, "560MiB")
	must(t, err)
	g.logTo(t)
	must(t, g.start())
	d.mode.Store(int32(deferring))
	l := new(ledger)
	load := &load{where: g.where, ledger: l, pace: 10 * time.Millisecond, make: heavy, stop: make(chan struct{})}
	load.run(6)
	ended := false
	end := func() {
		if !ended {
			ended = true
			load.end()
		}
	}
	defer end()
	wait := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !ok(); time.Sleep(10 * time.Millisecond) {
			if !g.alive() {
				t.Fatalf("waiting for %s: the gateway ended with %v", what, g.cmd.ProcessState)
			}
			if time.Now().After(end) {
				t.Fatalf("never happened: %s", what)
			}
		}
	}
	more := func(n interface{ Load() int64 }, by int64) func() bool {
		from := n.Load()
		return func() bool { return n.Load() >= from+by }
	}
	wait("452 for want of space that mail takes", more(&l.full, 20))
	byMail := len(l.all())

	// A little left, and mail that bounces: there is room for the outcome and
	// none for its DSN.
	hog := fill(t, filepath.Join(disk.Dir, "hog"), 464<<20)
	d.mode.Store(int32(accepting))
	wait("deliveries with little space", func() bool { return len(d.keys()) > 20 })
	d.mode.Store(int32(deferring))

	fill(t, hog.Name(), 0)
	wait("452 for want of any space", more(&l.full, 20))
	taken := l.direct.Load() + l.queued.Load()
	time.Sleep(2 * time.Second) // it goes on trying to deliver all the while
	wait("452 still", more(&l.full, 20))
	if n := l.direct.Load() + l.queued.Load() - taken; n > 0 {
		t.Errorf("%d messages were acknowledged with nothing left on the disk", n)
	}

	must(t, hog.Truncate(0))
	d.mode.Store(int32(accepting))
	wait("250 after there is space again", more(&l.queued, 5))
	wait("direct delivery after that", more(&l.direct, 5))
	time.Sleep(recordIn) // what was taken from us while nothing could be recorded is recorded now

	d.mode.Store(int32(deferring))
	wait("mail in the queue again", more(&l.queued, 20))
	full := time.Now()
	fill(t, hog.Name(), 0)
	wait("452 again", more(&l.full, 20))
	kill := g.kill()
	kill.from = full // nothing could be recorded from then on
	end()
	err = g.start()
	switch {
	case err == nil:
		g.kill()
	case !logged(t, g, "the disk of "):
		t.Errorf("a start on the full disk: %v, and the log does not say why", err)
	}
	must(t, hog.Truncate(0))
	d.mode.Store(int32(accepting))
	must(t, g.start())
	released, err := drain(context.Background(), g, *drainFor)
	must(t, err)
	arrived := func(k key) []receipt { return d.copies(k, time.Time{}) }
	v := judge(l.all(), arrived, d.keys(), released)
	c := g.client()
	defer c.Close()
	must(t, v.explain(context.Background(), d.keys(), arrived, []span{kill}, c))
	must(t, g.terminate())
	t.Logf("full disk: acknowledged before it was full of mail %d; answers of 452 %d; %v", byMail, l.full.Load(), v)
	if err := v.err(); err != nil {
		t.Error(err)
	}
}

// heavy is a parcel that fills a disk soon.
func heavy(token string, outbound bool) parcel {
	p := newParcel(token, outbound)
	if !strings.HasSuffix(p.data, encrypted+".") {
		p.data = strings.TrimSuffix(p.data, ".") + strings.Repeat("01234567890123456789012345678901234567890123456789\r\n", 6000) + "."
	}
	return p
}

// fill makes a file, or one that is there grow, until the disk has left octets.
func fill(t *testing.T, name string, left int64) *os.File {
	t.Helper()
	f, err := os.OpenFile(name, os.O_CREATE|os.O_RDWR, 0o600)
	must(t, err)
	t.Cleanup(func() { f.Close() })
	size, err := f.Seek(0, io.SeekEnd)
	must(t, err)
	for n := int64(32 << 20); n >= 4096; {
		var st unix.Statfs_t
		must(t, unix.Fstatfs(int(f.Fd()), &st))
		if int64(st.Bavail)*st.Bsize < left+n || unix.Fallocate(int(f.Fd()), 0, size, n) != nil {
			n /= 2
			continue
		}
		size += n
	}
	return f
}

func logged(t *testing.T, g *gateway, text string) bool {
	t.Helper()
	b, err := os.ReadFile(g.log.Name())
	must(t, err)
	return strings.Contains(string(b), text)
}
