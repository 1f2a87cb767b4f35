package filter

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/binary"
	"fmt"
	"log/slog"
	"runtime"
	"time"

	"github.com/tetratelabs/wazero"
)

// The cut of WASI preview 1 that a guest built for wasip1 gets: no arguments,
// an environment of one word to Go's runtime, clocks, random, stdout and stderr as log lines, a bounded
// poll, and an exit that is a trap. There are no files and no sockets: what
// asks for them is answered EBADF or ENOSYS.

const wasiModule = "wasi_snapshot_preview1"

// Error numbers of WASI.
const (
	wasiOK    = 0
	wasiBadf  = 8
	wasiInval = 28
	wasiNosys = 52
)

// start is when the monotonic clock of guests and of tick begins.
var start = time.Now()

type wasiFunc struct {
	params string
	result string // "i", or "" for proc_exit
	f      hostFunc
}

var wasiFuncs = map[string]wasiFunc{
	"args_get":                {"ii", "i", wasiErrno(wasiOK)},
	"args_sizes_get":          {"ii", "i", wasiNoSizes},
	"environ_get":             {"ii", "i", wasiEnviron},
	"environ_sizes_get":       {"ii", "i", wasiEnvironSizes},
	"clock_res_get":           {"ii", "i", wasiClockRes},
	"clock_time_get":          {"ili", "i", wasiClockTime},
	"random_get":              {"ii", "i", wasiRandom},
	"fd_write":                {"iiii", "i", wasiWrite},
	"fd_fdstat_get":           {"ii", "i", wasiFdstat},
	"poll_oneoff":             {"iiii", "i", wasiPoll},
	"sched_yield":             {"", "i", wasiYield},
	"proc_exit":               {"i", "", wasiExit},
	"proc_raise":              {"i", "i", wasiErrno(wasiNosys)},
	"fd_advise":               {"illi", "i", wasiErrno(wasiBadf)},
	"fd_allocate":             {"ill", "i", wasiErrno(wasiBadf)},
	"fd_close":                {"i", "i", wasiErrno(wasiBadf)},
	"fd_datasync":             {"i", "i", wasiErrno(wasiBadf)},
	"fd_fdstat_set_flags":     {"ii", "i", wasiErrno(wasiBadf)},
	"fd_fdstat_set_rights":    {"ill", "i", wasiErrno(wasiBadf)},
	"fd_filestat_get":         {"ii", "i", wasiErrno(wasiBadf)},
	"fd_filestat_set_size":    {"il", "i", wasiErrno(wasiBadf)},
	"fd_filestat_set_times":   {"illi", "i", wasiErrno(wasiBadf)},
	"fd_pread":                {"iiili", "i", wasiErrno(wasiBadf)},
	"fd_prestat_get":          {"ii", "i", wasiErrno(wasiBadf)},
	"fd_prestat_dir_name":     {"iii", "i", wasiErrno(wasiBadf)},
	"fd_pwrite":               {"iiili", "i", wasiErrno(wasiBadf)},
	"fd_read":                 {"iiii", "i", wasiErrno(wasiBadf)},
	"fd_readdir":              {"iiili", "i", wasiErrno(wasiBadf)},
	"fd_renumber":             {"ii", "i", wasiErrno(wasiBadf)},
	"fd_seek":                 {"ilii", "i", wasiErrno(wasiBadf)},
	"fd_sync":                 {"i", "i", wasiErrno(wasiBadf)},
	"fd_tell":                 {"ii", "i", wasiErrno(wasiBadf)},
	"path_create_directory":   {"iii", "i", wasiErrno(wasiNosys)},
	"path_filestat_get":       {"iiiii", "i", wasiErrno(wasiNosys)},
	"path_filestat_set_times": {"iiiilli", "i", wasiErrno(wasiNosys)},
	"path_link":               {"iiiiiii", "i", wasiErrno(wasiNosys)},
	"path_open":               {"iiiiillii", "i", wasiErrno(wasiNosys)},
	"path_readlink":           {"iiiiii", "i", wasiErrno(wasiNosys)},
	"path_remove_directory":   {"iii", "i", wasiErrno(wasiNosys)},
	"path_rename":             {"iiiiii", "i", wasiErrno(wasiNosys)},
	"path_symlink":            {"iiiii", "i", wasiErrno(wasiNosys)},
	"path_unlink_file":        {"iii", "i", wasiErrno(wasiNosys)},
	"sock_accept":             {"iii", "i", wasiErrno(wasiNosys)},
	"sock_recv":               {"iiiiii", "i", wasiErrno(wasiNosys)},
	"sock_send":               {"iiiii", "i", wasiErrno(wasiNosys)},
	"sock_shutdown":           {"ii", "i", wasiErrno(wasiNosys)},
}

func linkWASI(ctx context.Context, r wazero.Runtime) error {
	b := r.NewHostModuleBuilder(wasiModule)
	for name, w := range wasiFuncs {
		b.NewFunctionBuilder().WithGoModuleFunction(bind(name, w.f), types(w.params), types(w.result)).Export(name)
	}
	if _, err := b.Instantiate(ctx); err != nil {
		return fmt.Errorf("linking %s: %w", wasiModule, err)
	}
	return nil
}

func wasiErrno(n uint64) hostFunc {
	return func(_ *instance, _ *call, _ guestMemory, st []uint64) { st[0] = n }
}

func wasiNoSizes(_ *instance, _ *call, mem guestMemory, st []uint64) {
	binary.LittleEndian.PutUint32(mem.at(st[0], 4), 0)
	binary.LittleEndian.PutUint32(mem.at(st[1], 4), 0)
	st[0] = wasiOK
}

// environment is what every guest finds in its environment: Go's runtime
// collects garbage at a quarter over the live heap, from 1 MiB on, instead of
// growing to 4 MiB first. A pooled Go guest then stays at about half the
// linear memory.
const environment = "GOGC=25\x00"

func wasiEnvironSizes(_ *instance, _ *call, mem guestMemory, st []uint64) {
	binary.LittleEndian.PutUint32(mem.at(st[0], 4), 1)
	binary.LittleEndian.PutUint32(mem.at(st[1], 4), uint32(len(environment)))
	st[0] = wasiOK
}

func wasiEnviron(_ *instance, _ *call, mem guestMemory, st []uint64) {
	binary.LittleEndian.PutUint32(mem.at(st[0], 4), uint32(st[1]))
	copy(mem.at(st[1], uint64(len(environment))), environment)
	st[0] = wasiOK
}

// Clocks of WASI: 0 is wall time, 1 is monotonic.
func wasiNow(id uint64) (uint64, bool) {
	switch uint32(id) {
	case 0:
		return uint64(time.Now().UnixNano()), true
	case 1:
		return uint64(time.Since(start)) + 1, true
	}
	return 0, false
}

func wasiClockRes(_ *instance, _ *call, mem guestMemory, st []uint64) {
	to := mem.at(st[1], 8)
	if _, ok := wasiNow(st[0]); !ok {
		st[0] = wasiInval
		return
	}
	binary.LittleEndian.PutUint64(to, 1)
	st[0] = wasiOK
}

func wasiClockTime(_ *instance, c *call, mem guestMemory, st []uint64) {
	to := mem.at(st[2], 8)
	t, ok := wasiNow(st[0])
	if uint32(st[0]) == 0 {
		t = uint64(c.now().UnixNano())
	}
	if !ok {
		st[0] = wasiInval
		return
	}
	binary.LittleEndian.PutUint64(to, t)
	st[0] = wasiOK
}

func wasiRandom(_ *instance, c *call, mem guestMemory, st []uint64) {
	b := mem.at(st[0], st[1])
	for len(b) > 0 {
		n := min(len(b), 64<<10)
		_, _ = rand.Read(b[:n]) // never fails: crypto/rand
		b = b[n:]
		c.must()
	}
	st[0] = wasiOK
}

// maxVectors is how many iovecs, and how many poll subscriptions, a call takes.
const maxVectors = 1024

func wasiWrite(in *instance, c *call, mem guestMemory, st []uint64) {
	fd, n := uint32(st[0]), uint64(uint32(st[2]))
	if fd != 1 && fd != 2 {
		st[0] = wasiBadf
		return
	}
	if n > maxVectors {
		st[0] = wasiInval
		return
	}
	vecs, done := mem.at(st[1], n*8), mem.at(st[3], 4)
	total := uint32(0)
	for ; len(vecs) > 0; vecs = vecs[8:] {
		b := mem.at(uint64(binary.LittleEndian.Uint32(vecs)), uint64(binary.LittleEndian.Uint32(vecs[4:])))
		in.output(c, fd, b)
		c.must()
		total += uint32(len(b))
	}
	binary.LittleEndian.PutUint32(done, total)
	st[0] = wasiOK
}

// partial gathers a line of output; what is longer than a line may be is dropped.
type partial struct{ b []byte }

func (p *partial) add(b []byte) {
	if room := maxLine - len(p.b); room > 0 {
		p.b = append(p.b, b[:min(len(b), room)]...)
	}
}

// output makes log lines of what a guest prints.
func (in *instance) output(c *call, fd uint32, b []byte) {
	level := slog.LevelInfo
	if fd == 2 {
		level = slog.LevelWarn
		c.stderr = append(c.stderr, b[:min(len(b), maxStderr-len(c.stderr))]...)
	}
	p := &c.out[fd-1]
	for len(b) > 0 && c.lines <= maxLines {
		i := bytes.IndexByte(b, '\n')
		if i < 0 {
			p.add(b)
			return
		}
		p.add(b[:i])
		in.line(c, level, clean(p.b, maxLine))
		p.b, b = p.b[:0], b[i+1:]
	}
}

// flush logs the line that did not end.
func (in *instance) flush(c *call) {
	for i, level := range []slog.Level{slog.LevelInfo, slog.LevelWarn} {
		if p := &c.out[i]; len(p.b) > 0 {
			in.line(c, level, clean(p.b, maxLine))
			p.b = p.b[:0]
		}
	}
}

// wasiFdstat says that stdout and stderr are character devices that take
// writes; other descriptors do not exist.
func wasiFdstat(_ *instance, _ *call, mem guestMemory, st []uint64) {
	to := mem.at(st[1], 24)
	if fd := uint32(st[0]); fd != 1 && fd != 2 {
		st[0] = wasiBadf
		return
	}
	clear(to)
	to[0] = 2                                // character device
	binary.LittleEndian.PutUint16(to[2:], 1) // append
	binary.LittleEndian.PutUint64(to[8:], 1<<6 /*fd_write*/)
	st[0] = wasiOK
}

func wasiYield(_ *instance, c *call, _ guestMemory, st []uint64) {
	c.must()
	runtime.Gosched()
	st[0] = wasiOK
}

func wasiExit(_ *instance, _ *call, _ guestMemory, st []uint64) { panic(exitError(uint32(st[0]))) }

// Layout of poll_oneoff's records.
const (
	subscriptionSize = 48
	wasiEventSize    = 32
)

// wasiPoll sleeps until the first clock of the subscriptions, at most until
// the guest's deadline. Descriptors are answered EBADF at once: there are none
// to wait for.
func wasiPoll(_ *instance, c *call, mem guestMemory, st []uint64) {
	n := uint64(uint32(st[2]))
	if n == 0 || n > maxVectors {
		st[0] = wasiInval
		return
	}
	subs, events, count := mem.at(st[0], n*subscriptionSize), mem.at(st[1], n*wasiEventSize), mem.at(st[3], 4)
	fired := 0
	fire := func(i uint64, errno uint16) {
		wasiEvent(events[fired*wasiEventSize:], subs[i*subscriptionSize:], errno)
		fired++
	}
	delays, wait := make([]time.Duration, n), time.Duration(1<<62)
	for i := range n {
		s := subs[i*subscriptionSize:]
		d, ok := wasiDelay(s)
		switch {
		case s[8] != 0: // not a clock
			fire(i, wasiBadf)
		case !ok:
			fire(i, wasiInval)
		}
		delays[i], wait = d, min(wait, d)
	}
	if fired == 0 {
		c.sleep(wait)
		for i, d := range delays {
			if d <= wait {
				fire(uint64(i), wasiOK)
			}
		}
	}
	binary.LittleEndian.PutUint32(count, uint32(fired))
	st[0] = wasiOK
}

// wasiDelay is how long a clock subscription waits from now.
func wasiDelay(s []byte) (time.Duration, bool) {
	now, ok := wasiNow(uint64(binary.LittleEndian.Uint32(s[16:])))
	if !ok {
		return 0, false
	}
	t := binary.LittleEndian.Uint64(s[24:])
	if s[40]&1 != 0 { // an absolute time
		t -= min(t, now)
	}
	return time.Duration(min(t, 1<<62)), true
}

func wasiEvent(e, sub []byte, errno uint16) {
	e = e[:wasiEventSize]
	clear(e)
	copy(e, sub[:8])
	binary.LittleEndian.PutUint16(e[8:], errno)
	e[10] = sub[8]
}

// sleep waits for d, or ends the guest when its time is over before.
func (c *call) sleep(d time.Duration) {
	t := time.NewTimer(min(d, max(0, time.Until(c.deadline))+time.Millisecond))
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.ctx.Done():
	}
	c.must()
}
