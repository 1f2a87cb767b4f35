package filter

import (
	"context"
	"log/slog"
	"runtime"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/tetratelabs/wazero/api"
)

// yieldEvery is how often a guest that computes lets others have its processor.
const yieldEvery = 500 * time.Microsecond

// tick is what the metered guest calls about every million instructions. It is
// the watchdog: it ends the guest at its deadline, and lets other goroutines
// in, which compiled code never does by itself. (The garbage collector needs
// no more than that a Go function is called.) Since Go's compiler turns a loop
// in a long function into one that costs the whole function a turn, ticks can
// come every half microsecond: only the clock is looked at each time.
func tick(ctx context.Context, _ api.Module, _ []uint64) {
	in := instanceOf(ctx)
	if in == nil || in.call == nil {
		panic(trap("running outside of a call"))
	}
	c := in.call
	c.ticks++
	now := time.Since(start)
	if now >= c.until {
		panic(errDeadline)
	}
	if in.depth.octets() > maxStack {
		panic(errStack)
	}
	if now-c.yielded >= yieldEvery {
		runtime.Gosched()
		c.must()
		c.yielded = time.Since(start)
	}
}

func eventRead(_ *instance, c *call, mem guestMemory, st []uint64) {
	result(st, mem.give(c.input, st[0], st[1]))
}

// configGrace is how long a call may take from when its instance first reads a
// configuration. A guest compiles it then, which may take longer than an
// envelope stage allows; without this the guest would be stopped half-way,
// thrown away, and stopped again by the next message, for ever.
const configGrace = time.Second

// maxSeen bounds what an instance remembers of configurations it has read.
const maxSeen = 100_000

func configRead(in *instance, c *call, mem guestMemory, st []uint64) {
	id := st[0]
	b, ok := c.configs[id]
	if !ok {
		result(st, c.fail(abi.ErrNotFound, "no configuration of this plugin has that ID"))
		return
	}
	n := mem.give(b, st[1], st[2])
	if !in.seen[id] && int(n) <= int(uint32(st[2])) {
		if len(in.seen) >= maxSeen || in.seen == nil {
			in.seen = map[uint64]bool{}
		}
		in.seen[id] = true
		c.extend(configGrace)
	}
	result(st, n)
}

func resultWrite(_ *instance, c *call, mem guestMemory, st []uint64) {
	b := mem.at(st[0], st[1])
	if len(b) > maxResult {
		result(st, c.fail(abi.ErrTooLarge, "a verdict has at most 256 KiB"))
		return
	}
	c.result, c.written = append(c.result[:0], b...), true
	result(st, 0)
}

func errorRead(_ *instance, c *call, mem guestMemory, st []uint64) {
	result(st, mem.give([]byte(c.errText), st[0], st[1]))
}

var slogLevels = [...]slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError}

func logWrite(in *instance, c *call, mem guestMemory, st []uint64) {
	level := min(uint32(st[0]), uint32(abi.LogLevelError))
	line := mem.at(st[1], st[2])
	text := clean(line[:min(len(line), maxLine)], maxLine)
	if level == uint32(abi.LogLevelError) {
		c.said = text
	}
	in.line(c, slogLevels[level], text)
}

func logLevel(in *instance, c *call, _ guestMemory, st []uint64) {
	for i, l := range slogLevels {
		if in.gen.log.Enabled(c.ctx, l) {
			st[0] = uint64(i)
			return
		}
	}
	st[0] = uint64(len(slogLevels))
}

// clean makes a guest's words fit for one line of a log or an error.
func clean(b []byte, limit int) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), limit)]), "?")
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError || r > 0x7f && unicode.In(r, unicode.Zl, unicode.Zp, unicode.Bidi_Control) {
			return ' '
		}
		return r
	}, s)
	return strings.TrimSpace(s)
}

// line logs one line of the guest's, while it has lines left.
func (in *instance) line(c *call, level slog.Level, text string) {
	if c.lines++; c.lines > maxLines {
		if c.lines == maxLines+1 {
			in.gen.log.Warn("plugin logs too much; the rest of this call is dropped", "limit", maxLines)
		}
		return
	}
	if !in.gen.log.Enabled(c.ctx, level) {
		return
	}
	attrs := make([]slog.Attr, 0, 4)
	if c.ev != nil {
		attrs = append(attrs, slog.String("stage", c.stage.String()), slog.String("message", c.ev.ID))
		if c.ev.Tenant != "" {
			attrs = append(attrs, slog.String("tenant", c.ev.Tenant))
		}
	}
	in.gen.log.LogAttrs(c.ctx, level, "plugin: "+text, attrs...)
}

// maxCounters is how many names a plugin may count under: each is a series in
// the metrics.
const maxCounters = 64

const maxCounterName = 64 // octets

func metricAdd(in *instance, c *call, mem guestMemory, st []uint64) {
	name := mem.str(st[0], st[1], maxCounterName)
	if !counterName(name) {
		result(st, c.fail(abi.ErrBadArgument, "a counter's name is [a-z][a-z0-9_]*, at most 64 octets"))
		return
	}
	if !in.gen.counter(name) {
		result(st, c.fail(abi.ErrTooLarge, "a plugin has at most 64 counters"))
		return
	}
	if m := in.gen.opts.Metrics; m != nil {
		m.Count(in.gen.name, name, int64(st[2]))
	}
	result(st, 0)
}

func counterName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if !('a' <= c && c <= 'z' || i > 0 && (c == '_' || '0' <= c && c <= '9')) {
			return false
		}
	}
	return len(s) > 0 && len(s) <= maxCounterName
}

// counter reports whether the plugin may count under this name.
func (g *generation) counter(name string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counters[name] {
		return true
	}
	if len(g.counters) >= maxCounters {
		return false
	}
	g.counters[name] = true
	return true
}
