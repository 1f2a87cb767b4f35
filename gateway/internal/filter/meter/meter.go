// Package meter rewrites a WebAssembly module so that it gives control back to
// the host every so often, and refuses modules that would cost the host more
// than a plugin may.
//
// A guest in a loop cannot be pre-empted: compiled code never yields to the Go
// scheduler, so one hung guest stops the next garbage collection and with it
// the process. Instrument therefore adds one imported function, weir1_meter.tick,
// and one global, the fuel. Code pays fuel at loop headers, at function entries
// and, by length, before bulk operations; when it is used up, the module refuels
// and calls tick, where the host looks at the deadline and may panic.
//
// What is paid where:
//
//   - An instruction costs 1 unit, a call 16, a call of an import 64,
//     memory.grow 16,384; bulk memory 1 per 4 bytes, bulk table 1 per 2 elements.
//   - A loop header adds the cost of its turn to a counter in a local variable.
//     At Step units the counter is paid in fuel. It starts Grace below Step, so
//     that a short function called over and over cannot hide its work.
//   - A function that calls others, or is longer than Grace, pays for its whole
//     length at entry. Others are free, their caller pays 16 for the call.
//   - A function that calls others pays for its stack frame as well, 1 for each
//     BytesPerUnit of the most that it can have. So a stack grows by some
//     4 MiB at most between two ticks, and the host can look at its size there.
//   - A fill or copy of more than Chunk bytes is done in pieces, by one of two
//     functions that are added, so that none holds up a garbage collection.
//
// So at most about (2*Grace+16)/16 = 33 times the interval is executed between
// two ticks, by a module made for it; an honest one stays near the interval.
//
// The rewriter is security code: it refuses every section, flag and opcode it
// does not know (the accepted set is WebAssembly 2.0 as wazero's CoreFeaturesV2
// has it: no threads, exceptions, tail calls, memory64, multi-memory, GC), and
// it checks every index against what the module itself declares, so that
// nothing it adds can be reached from the guest's own code, and no index that
// was invalid becomes valid. It checks vector lengths before anything is
// allocated for them, on behalf of the compiler behind it too.
//
// It is not a validator: types are the compiler's business, which sees the
// result. It is not the watchdog: the host owns tick and the deadline. The start
// function is left to the host as well, as an export: so it runs like any other
// call.
package meter

import (
	"errors"
	"fmt"
)

// Module and Function name the import that Instrument adds, of type () -> ().
const (
	Module   = "weir1_meter"
	Function = "tick"
)

// Start is the name under which the module's start function is exported, if it
// has one. The host calls it once, before anything else.
const Start = Module + ".start"

// Limits of what is accepted. An honest guest built by Go 1.26 reaches a body
// of 50 KB, 20 locals, a nesting of 549 and 984 blocks.
const (
	MaxModule    = 16 << 20  // bytes of a module
	MaxBody      = 128 << 10 // bytes of a function body
	MaxLocals    = 1024      // locals of a function, parameters included
	MaxNesting   = 1024      // blocks within blocks
	MaxSpread    = 250_000   // locals times blocks of one function (compile time and memory)
	MaxTable     = 1 << 17   // elements of all tables of a module together
	MaxTables    = 16        // tables of a module
	MaxSignature = 1000      // parameters, or results, of a function type
	MaxOutput    = 64 << 20  // bytes of the rewritten module

	MaxTypes     = 10_000
	MaxImports   = 1_000
	MaxFunctions = 100_000
	MaxGlobals   = 10_000
	MaxExports   = 10_000
	MaxElements  = 10_000  // element segments
	MaxData      = 1 << 20 // data segments; guests built by Go have 15,000 for each MB
	MaxItems     = 1 << 20 // of all element segments together
)

// maxImage is how many mutable globals an image may have. Go's guests have 17.
const maxImage = 64

const (
	// DefaultInterval is the fuel between two ticks, in cost units.
	DefaultInterval = 1 << 20
	maxInterval     = 1 << 28

	// Step is what a function counts for itself before it pays, in cost units.
	Step = 4096
	// Grace is the work of one call that may go unpaid, in cost units.
	Grace = 256

	// BytesPerUnit of a stack frame are paid by one cost unit.
	BytesPerUnit = 4

	// Chunk is the longest fill or copy that is done at once, in bytes.
	Chunk = 1 << 20

	weightCall   = 16
	weightImport = 64
	weightGrow   = 1 << 14 // a page is zeroed, and perhaps the whole memory copied
)

// ErrUnsupported marks a module that is well formed as far as it was read, but
// uses something that plugins may not use, or exceeds a limit.
var ErrUnsupported = errors.New("not supported in a plugin")

// Options of Instrument. The zero value is what the plugin host uses.
type Options struct {
	// Interval is the fuel between two ticks; 0 is DefaultInterval. At most 1<<28.
	Interval uint32
	// AnyImports accepts imported memories, tables and globals, and a module
	// without a memory, for the specification's own tests. Caps of imported
	// tables are the exporter's.
	AnyImports bool
	// Image exports what an image of an instance needs beside its memory: see
	// Report.Image.
	Image bool
}

// Report is the shape of a module, and what was done to it.
type Report struct {
	Size, OutSize int // bytes

	Types, Imports, Functions, Tables, Globals, Exports int
	Elements, Data                                      int // segments

	MemoryMin    uint32 // pages of 64 KiB
	MemoryMax    uint32 // pages; meaningful with HasMemoryMax
	HasMemoryMax bool
	TableMax     uint32 // elements all tables may grow to, together

	Body, Locals, Nesting, Blocks, Spread int // the largest of any one function

	Effort, EffortBody int64 // of compiling: all functions, and the worst one

	Loops, Entries, Bulk int // places that pay

	// Image are the names under which Options.Image exports the mutable
	// globals. With them and its memory an instance can be put back to where it
	// was, if Restorable says so: not if code changes tables or drops segments,
	// nor if there are globals of other types than numbers, or many.
	Image      []string
	Restorable bool
}

// Instrument returns the metered module. It never changes mod, and mod may be
// anything: errors say where. An error wraps ErrUnsupported if the module was
// refused for what it uses, and not for being malformed.
func Instrument(mod []byte, o Options) (out []byte, r Report, err error) {
	r.Size = len(mod)
	if len(mod) > MaxModule {
		return nil, r, fmt.Errorf("meter: module of %d bytes, at most %d: %w", len(mod), MaxModule, ErrUnsupported)
	}
	if len(mod) < 8 || string(mod[:4]) != "\x00asm" {
		return nil, r, errors.New("meter: not a WebAssembly module")
	}
	if string(mod[4:8]) != "\x01\x00\x00\x00" {
		return nil, r, fmt.Errorf("meter: version or layer %x (a component is not a core module): %w", mod[4:8], ErrUnsupported)
	}
	switch {
	case o.Interval == 0:
		o.Interval = DefaultInterval
	case o.Interval > maxInterval:
		return nil, r, fmt.Errorf("meter: interval %d, at most %d", o.Interval, maxInterval)
	}
	w := &rewriter{opts: o, rep: &r}
	if err := w.module(mod); err != nil {
		return nil, r, fmt.Errorf("meter: %w", err)
	}
	r.OutSize = len(w.out)
	return w.out, r, nil
}
