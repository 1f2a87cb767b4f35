package meter

import "fmt"

// body is what one pass over a function's code found. The second step only
// copies the code and applies the edits, so that the two cannot disagree.
type body struct {
	locals  uint32 // parameters included
	total   uint32 // cost of the whole length
	calls   bool
	bulk    bool
	costs   []uint32 // cost of a turn, by loop in order of appearance
	frames  []frame
	edits   []edit
	blocks  int
	nesting int
	length  uint32 // instructions
	vectors bool   // there may be values of 16 bytes
	effort  effort
}

type frame struct {
	op    byte   // block, loop, if; else once that was seen
	loop  int32  // index in costs; -1 for what is no loop
	arity uint32 // values that a branch to it carries
}

// edit is one change of the code: the bytes from at to end are replaced.
type edit struct {
	at, end int
	kind    editKind
	val     uint32
}

type editKind uint8

const (
	editFunc editKind = iota // a function index, val
	editLoop                 // behind a loop header: val is its index in costs
	editBulk                 // before a bulk operation: val is the shift from length to cost
	editFill                 // instead of memory.fill
	editCopy                 // instead of memory.copy
)

func (f *body) reset(locals, results uint32) {
	*f = body{locals: locals, costs: f.costs[:0], frames: f.frames[:0], edits: f.edits[:0], effort: effort{results: results}}
}

// pay adds to the cost of the innermost loop and of the function.
func (f *body) pay(cost uint32) {
	f.total += cost
	for i := len(f.frames) - 1; i >= 0; i-- {
		if l := f.frames[i].loop; l >= 0 {
			f.costs[l] += cost
			return
		}
	}
}

func (w *rewriter) codeSection(r *reader, b []byte) []byte {
	n := r.count(3)
	if r.ok() && n != uint32(len(w.fnTypes)) {
		r.fail("%d functions declared, %d bodies", len(w.fnTypes), n)
	}
	b = appendU32(b, n+w.helpers())
	var scratch []byte
	for i := uint32(0); i < n && r.ok(); i++ {
		size := r.u32()
		if size > MaxBody {
			r.refuse("function %d: body of %d bytes, at most %d", w.nImports+i, size, MaxBody)
			break
		}
		s := r.sub(size)
		scratch = w.function(&s, w.fnTypes[i], scratch[:0])
		if err := s.end(); err != nil {
			r.err = fmt.Errorf("function %d: %w", w.nImports+i, err)
			break
		}
		b = appendName(b, scratch)
		if len(b) > MaxOutput {
			r.refuse("rewritten code is larger than %d bytes", MaxOutput)
		}
		if w.rep.Effort > MaxEffort {
			r.refuse("compiling the functions up to number %d takes %d units, at most %d for a module", w.nImports+i, w.rep.Effort, MaxEffort)
		}
	}
	w.nCode = n
	if r.ok() && w.helpers() > 0 {
		b = appendName(b, w.fillBody())
		b = appendName(b, w.copyBody())
		if w.hasStart {
			b = appendName(b, append(appendU32([]byte{0, opCall}, w.fi(w.start)), opEnd))
		}
	}
	return b
}

// function appends the rewritten body.
func (w *rewriter) function(r *reader, typ uint32, b []byte) []byte {
	groups := r.count(2)
	from := r.off
	locals, vectors := uint64(w.params[typ]), w.vectors
	for i := uint32(0); i < groups && r.ok(); i++ {
		locals += uint64(r.u32())
		vectors = r.valType() == typeV128 || vectors
	}
	if locals > MaxLocals {
		r.refuse("%d locals, at most %d", locals, MaxLocals)
	}
	declared := r.b[from:r.off]
	start := r.off
	f := &w.fn
	f.reset(uint32(locals), w.results[typ])
	f.vectors = vectors
	w.scan(r, f)
	w.shape(r, f)
	if !r.ok() {
		return b
	}
	counter, length := f.locals, f.locals // added locals
	var added uint32
	if len(f.costs) > 0 {
		added, length = 1, length+1
	}
	if f.bulk {
		added++
	}
	if added > 0 {
		b = appendU32(b, groups+1)
		b = append(b, declared...)
		b = append(appendU32(b, added), typeI32) // behind all others: nothing is renumbered
	} else {
		b = appendU32(b, groups)
		b = append(b, declared...)
	}
	if f.calls || f.total > Grace {
		w.rep.Entries++
		b = w.charge(b, func(b []byte) []byte { return appendS32(append(b, opI32Const), int32(f.total+f.frame())) })
	}
	if len(f.costs) > 0 {
		b = appendS32(append(b, opI32Const), Step-Grace)
		b = appendU32(append(b, opLocalSet), counter)
	}
	at := start
	for _, e := range f.edits {
		b = append(b, r.b[at:e.at]...)
		at = e.end
		switch e.kind {
		case editFunc:
			b = appendU32(b, w.fi(e.val))
		case editLoop:
			w.rep.Loops++
			b = w.turn(b, counter, f.costs[e.val])
		case editBulk:
			w.rep.Bulk++
			b = appendU32(append(b, opLocalTee), length)
			b = w.charge(b, func(b []byte) []byte {
				b = appendU32(append(b, opLocalGet), length)
				b = appendS32(append(b, opI32Const), int32(e.val))
				return append(b, opI32ShrU)
			})
		case editFill, editCopy:
			w.rep.Bulk++
			b = w.split(b, e.kind, length)
		}
	}
	return append(b, r.b[at:r.off]...)
}

// frame is the cost of the function's stack frame: the compiler gives a place
// of its own to each value that does not stay in a register, and a block may
// make one of each local. A function that calls nobody pays nothing: it is the
// last of its stack.
func (f *body) frame() uint32 {
	if !f.calls {
		return 0
	}
	size := uint32(8)
	if f.vectors {
		size = 16
	}
	return (f.length + f.locals*uint32(f.blocks+1)) * size / BytesPerUnit
}

// shape holds a function against the limits and notes it in the report.
func (w *rewriter) shape(r *reader, f *body) {
	spread := f.blocks * max(1, int(f.locals))
	if r.ok() && spread > MaxSpread {
		r.refuse("%d blocks with %d locals, their product at most %d", f.blocks, f.locals, MaxSpread)
	}
	units := f.effort.units(len(r.b), f)
	if r.ok() && units > MaxEffortBody {
		r.refuse("compiling the function takes %d units, at most %d", units, MaxEffortBody)
	}
	w.rep.Effort += units
	w.rep.EffortBody = max(w.rep.EffortBody, units)
	w.rep.Body = max(w.rep.Body, len(r.b))
	w.rep.Locals = max(w.rep.Locals, int(f.locals))
	w.rep.Nesting = max(w.rep.Nesting, f.nesting)
	w.rep.Blocks = max(w.rep.Blocks, f.blocks)
	w.rep.Spread = max(w.rep.Spread, spread)
}

// charge emits: fuel -= cost; if fuel < 0 { fuel = interval; tick() }.
//
// It cannot wrap: fuel is never negative before it, and no cost exceeds 2^31-1
// (a body costs at most MaxBody/2*weightGrow, its frame at most
// 4*(MaxBody+MaxSpread+MaxLocals), a length at most (2^32-1)>>1).
func (w *rewriter) charge(b []byte, cost func([]byte) []byte) []byte {
	fuel := w.nGlobals
	b = appendU32(append(b, opGlobalGet), fuel)
	b = cost(b)
	b = append(b, opI32Sub)
	b = appendU32(append(b, opGlobalSet), fuel)
	b = appendU32(append(b, opGlobalGet), fuel)
	b = append(b, opI32Const, 0, opI32LtS, opIf, blockVoid)
	b = appendS32(append(b, opI32Const), int32(w.opts.Interval))
	b = appendU32(append(b, opGlobalSet), fuel)
	b = appendU32(append(b, opCall), w.nImports)
	return append(b, opEnd)
}

// turn emits, behind a loop header: counter += cost; if counter >= Step { pay
// the counter; counter = 0 }. Parameters of the loop stay below it on the stack.
func (w *rewriter) turn(b []byte, counter, cost uint32) []byte {
	b = appendU32(append(b, opLocalGet), counter)
	b = appendS32(append(b, opI32Const), int32(cost))
	b = append(b, opI32Add)
	b = appendU32(append(b, opLocalTee), counter)
	b = appendS32(append(b, opI32Const), Step)
	b = append(b, opI32GeS, opIf, blockVoid)
	b = w.charge(b, func(b []byte) []byte { return appendU32(append(b, opLocalGet), counter) })
	b = append(b, opI32Const, 0)
	b = appendU32(append(b, opLocalSet), counter)
	return append(b, opEnd)
}
