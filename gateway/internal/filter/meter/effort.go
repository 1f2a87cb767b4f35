package meter

// What the compiler behind the rewriter may be made to do. Size says little
// about it: 21 KB of calls with a thousand results each took it 6 s and 2.9 GB,
// 118 KB of nested loops 45 s, and a module may have hundreds of such bodies.
// So the effort is estimated from what makes wazero slow, in units of about a
// nanosecond of one processor, and bounded for a function and for the module.
// BenchmarkCompile measures how far the estimate is off.
//
// Guests built by Go reach 0.6e9 units for each MB, and 0.1e9 in one function.
const (
	MaxEffortBody = 3_000_000_000  // units of one function
	MaxEffort     = 10_000_000_000 // units of all functions together
)

// effort counts, over one function, what is slow to compile.
type effort struct {
	results uint32 // of the function: what a branch to its end carries
	values  int64  // that calls, blocks and branches pass on
	labels  int64  // of br_table
	ifs     int64  // blocks that branches begin
	bulk    int64
	slow    int64
	loops   int64
	depth   int64 // loops that are open
	nested  int64 // the sum of depth over all loops
}

// Units, as measured with wazero 1.12.
const (
	unitsFunction = 4_000 // an empty function
	unitsByte     = 250
	bytesPair     = 64    // so many pairs of bytes are a unit
	unitsValue    = 3_000 // a third of it is time; but a value is also 290 octets of memory
	unitsLabel    = 8_000
	unitsLoop     = 20_000
	unitsBulk     = 25_000
	unitsSlow     = 6_000 // a division or truncation: its checks are branches
	unitsBlocks   = 30    // a pair of blocks
	unitsLocals   = 2     // a pair of locals in a loop, once for each loop around it
)

func (e *effort) enterLoop() {
	e.loops++
	e.depth++
	e.nested += e.depth
}

// units is the whole effort of a body of size bytes.
func (e *effort) units(size int, f *body) int64 {
	// The rewriter adds two blocks to a loop, one to a function and one to a
	// bulk operation, which is itself a loop of several blocks once compiled.
	blocks := int64(f.blocks) + e.ifs + 2*e.loops + 6*e.bulk + 1
	n, locals := int64(size), int64(f.locals)+2
	return unitsFunction + n*unitsByte + n*n/bytesPair +
		e.values*unitsValue + e.labels*unitsLabel + e.loops*unitsLoop + e.bulk*unitsBulk + e.slow*unitsSlow +
		blocks*blocks*unitsBlocks + e.nested*locals*locals*unitsLocals
}

// isSlow: division, remainder and trapping truncation.
func isSlow(op byte) bool {
	return op >= 0x6d && op <= 0x70 || op >= 0x7f && op <= 0x82 || op >= 0xa8 && op <= 0xab || op >= 0xae && op <= 0xb1
}

// branch counts a branch to a label.
func (f *body) branch(label uint32) {
	arity := f.effort.results
	if n := uint32(len(f.frames)); label < n {
		arity = f.frames[n-1-label].arity
	}
	f.effort.values += int64(arity)
}

// passes counts a call of a function of a type.
func (w *rewriter) passes(f *body, typ uint32) {
	f.effort.values += int64(w.params[typ]) + int64(w.results[typ])
}
