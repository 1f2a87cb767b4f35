package meter

// Opcodes that are looked at or emitted (binary format §5.4).
const (
	opUnreachable, opNop, opBlock, opLoop, opIf, opElse = 0x00, 0x01, 0x02, 0x03, 0x04, 0x05
	opEnd, opBr, opBrIf, opBrTable, opReturn            = 0x0b, 0x0c, 0x0d, 0x0e, 0x0f
	opCall, opCallIndirect                              = 0x10, 0x11
	opDrop, opSelect, opSelectT                         = 0x1a, 0x1b, 0x1c
	opLocalGet, opLocalSet, opLocalTee                  = 0x20, 0x21, 0x22
	opGlobalGet, opGlobalSet, opTableGet, opTableSet    = 0x23, 0x24, 0x25, 0x26
	opFirstLoad, opLastStore                            = 0x28, 0x3e
	opMemorySize, opMemoryGrow                          = 0x3f, 0x40
	opI32Const, opI64Const, opF32Const, opF64Const      = 0x41, 0x42, 0x43, 0x44
	opFirstNumeric, opLastNumeric                       = 0x45, 0xc4 // up to i64.extend32_s
	opI32LtS, opI32GeS                                  = 0x48, 0x4e
	opI32Add, opI32Sub, opI32ShrU                       = 0x6a, 0x6b, 0x76
	opRefNull, opRefIsNull, opRefFunc                   = 0xd0, 0xd1, 0xd2
	opMisc, opVec                                       = 0xfc, 0xfd

	blockVoid = 0x40
	vecConst  = 12
)

const (
	miscMemoryInit, miscDataDrop, miscMemoryCopy, miscMemoryFill = 8, 9, 10, 11
	miscTableInit, miscElemDrop, miscTableCopy                   = 12, 13, 14
	miscTableGrow, miscTableSize, miscTableFill                  = 15, 16, 17
)

// Shifts from the length of a bulk operation to its cost.
const (
	shiftMemory = 2
	shiftTable  = 1
)

// scan reads a function's instructions to the end of the function.
func (w *rewriter) scan(r *reader, f *body) {
	for r.ok() {
		at := r.off
		op := r.u8()
		if !r.ok() {
			return
		}
		f.length++
		switch {
		case op >= opFirstNumeric && op <= opLastNumeric:
			f.pay(1)
			if isSlow(op) {
				f.effort.slow++
			}
		case op >= opLocalGet && op <= opLocalTee:
			r.index("local", f.locals)
			f.pay(1)
		case op >= opFirstLoad && op <= opLastStore:
			w.memArg(r)
			f.pay(1)
		case op == opEnd:
			f.pay(1)
			n := len(f.frames) - 1
			if n < 0 {
				return
			}
			if f.frames[n].loop >= 0 {
				f.effort.depth--
			}
			f.frames = f.frames[:n]
		case op == opBlock || op == opLoop || op == opIf:
			w.open(r, f, op)
		default:
			w.instruction(r, f, op, at)
		}
	}
}

// open reads the type of a block and enters it.
func (w *rewriter) open(r *reader, f *body, op byte) {
	var params, results uint32
	if t := r.sleb(33); t >= 0 {
		if r.ok() && t >= int64(w.types()) {
			r.fail("type index %d of %d", t, w.types())
		}
		if r.ok() {
			params, results = w.params[t], w.results[t]
		}
	} else {
		results = 1 // or none
		switch byte(t & 0x7f) {
		case blockVoid, typeI32, typeI64, typeF32, typeF64, typeV128, typeFuncref, typeExternref:
			if t >= -64 {
				break
			}
			fallthrough
		default:
			r.refuse("block type %d", t)
		}
	}
	fr := frame{op: op, loop: -1, arity: results}
	f.effort.values += int64(params + results)
	if op == opLoop {
		fr.loop, fr.arity = int32(len(f.costs)), params
		f.effort.enterLoop()
		f.edits = append(f.edits, edit{at: r.off, end: r.off, kind: editLoop, val: uint32(len(f.costs))})
		f.costs = append(f.costs, 0)
	}
	f.frames = append(f.frames, fr)
	f.blocks++
	f.nesting = max(f.nesting, len(f.frames))
	if f.nesting > MaxNesting {
		r.refuse("blocks nested %d deep, at most %d", f.nesting, MaxNesting)
	}
	f.pay(1)
}

// instruction reads the immediates of what scan has not dealt with.
func (w *rewriter) instruction(r *reader, f *body, op byte, at int) {
	cost := uint32(1)
	labels := uint32(len(f.frames)) + 1
	switch op {
	case opUnreachable, opNop, opReturn, opDrop, opSelect, opRefIsNull:
	case opElse:
		if n := len(f.frames); n == 0 || f.frames[n-1].op != opIf {
			r.fail("else without if")
		} else {
			f.frames[n-1].op = opElse
		}
	case opBr, opBrIf:
		f.effort.ifs++
		f.branch(r.index("label", labels))
	case opBrTable:
		n := r.count(1)
		for i := uint32(0); i <= n && r.ok(); i++ {
			f.effort.labels++
			f.branch(r.index("label", labels))
		}
	case opCall:
		at := r.off
		i := r.index("function", w.funcs())
		f.edits = append(f.edits, edit{at: at, end: r.off, kind: editFunc, val: i})
		f.calls, cost = true, weightCall
		if i < w.nImports {
			cost = weightImport
		}
		if r.ok() {
			w.passes(f, w.typeOf(i))
		}
	case opCallIndirect:
		i := r.index("type", w.types())
		r.index("table", w.nTables)
		f.calls, cost = true, weightCall
		if r.ok() {
			w.passes(f, i)
		}
	case opSelectT:
		if n := r.u32(); r.ok() && n != 1 {
			r.fail("select of %d types", n)
		}
		r.valType()
	case opGlobalGet, opGlobalSet:
		r.index("global", w.nGlobals) // the fuel is not among them
	case opTableGet, opTableSet:
		r.index("table", w.nTables)
		w.odd = w.odd || op == opTableSet
	case opMemorySize:
		w.memory(r)
	case opMemoryGrow:
		w.memory(r)
		cost = weightGrow
	case opI32Const:
		r.sleb(32)
	case opI64Const:
		r.sleb(64)
	case opF32Const:
		r.take(4)
	case opF64Const:
		r.take(8)
	case opRefNull:
		r.refType()
	case opRefFunc:
		at := r.off
		i := r.index("function", w.funcs())
		f.edits = append(f.edits, edit{at: at, end: r.off, kind: editFunc, val: i})
	case opMisc:
		w.misc(r, f, at)
	case opVec:
		w.vector(r, f)
	default:
		r.refuse("opcode %#x", op)
	}
	f.pay(cost)
}

// memory reads the memory index of an instruction, one byte that must be zero.
func (w *rewriter) memory(r *reader) {
	if c := r.u8(); r.ok() && c != 0 {
		r.refuse("memory %d", c)
	}
	if r.ok() && w.nMems == 0 {
		r.fail("memory instruction without a memory")
	}
}

// memArg reads alignment and offset. Alignment is at most 16 bytes; the bit
// that announces a memory index is refused with all the others.
func (w *rewriter) memArg(r *reader) {
	if a := r.u32(); r.ok() && a > 4 {
		r.refuse("alignment %d", a)
	}
	r.u32()
	if r.ok() && w.nMems == 0 {
		r.fail("memory instruction without a memory")
	}
}

// misc reads an instruction of prefix 0xfc that began at offset at.
func (w *rewriter) misc(r *reader, f *body, at int) {
	bulk := func(shift uint32) {
		f.bulk = true
		f.effort.bulk++
		f.edits = append(f.edits, edit{at: at, end: at, kind: editBulk, val: shift})
	}
	instead := func(kind editKind) {
		f.bulk = true
		f.effort.bulk++
		f.edits = append(f.edits, edit{at: at, end: r.off, kind: kind})
	}
	k := r.u32()
	switch k {
	case miscDataDrop, miscElemDrop, miscTableInit, miscTableCopy, miscTableGrow, miscTableFill:
		w.odd = true
	}
	switch k {
	case 0, 1, 2, 3, 4, 5, 6, 7: // saturating truncations
		f.effort.slow++
	case miscMemoryInit:
		w.dataIndex(r)
		w.memory(r)
		bulk(shiftMemory)
	case miscDataDrop:
		w.dataIndex(r)
	case miscMemoryCopy:
		w.memory(r)
		w.memory(r)
		instead(editCopy)
	case miscMemoryFill:
		w.memory(r)
		instead(editFill)
	case miscTableInit:
		r.index("element segment", w.nElems)
		r.index("table", w.nTables)
		bulk(shiftTable)
	case miscElemDrop:
		r.index("element segment", w.nElems)
	case miscTableCopy:
		r.index("table", w.nTables)
		r.index("table", w.nTables)
		bulk(shiftTable)
	case miscTableGrow, miscTableFill:
		r.index("table", w.nTables)
		bulk(shiftTable)
	case miscTableSize:
		r.index("table", w.nTables)
	default:
		r.refuse("opcode 0xfc %d", k)
	}
}

func (w *rewriter) dataIndex(r *reader) {
	if r.ok() && !w.hasCount {
		r.fail("data segment used without a data count section")
		return
	}
	r.index("data segment", w.nData)
}

// vector reads an instruction of prefix 0xfd: the 236 of fixed-width SIMD.
func (w *rewriter) vector(r *reader, f *body) {
	f.vectors = true
	switch k := r.vector(); {
	case k <= 11 || k == 92 || k == 93: // loads and stores
		w.memArg(r)
	case k == vecConst:
		r.take(16)
	case k == 13: // shuffle
		for _, lane := range r.take(16) {
			if lane >= 32 {
				r.fail("lane %d", lane)
			}
		}
	case k >= 21 && k <= 34: // lanes
		r.u8()
	case k >= 84 && k <= 91: // loads and stores of lanes
		w.memArg(r)
		r.u8()
	case k > 0xff || vecHoles[k]:
		r.refuse("vector opcode %#x", k)
	}
}

// vecHoles are the numbers below 256 that no instruction has.
var vecHoles = [256]bool{0x9a: true, 0xa2: true, 0xa5: true, 0xa6: true, 0xaf: true, 0xb0: true, 0xb2: true, 0xb3: true,
	0xb4: true, 0xbb: true, 0xc2: true, 0xc5: true, 0xc6: true, 0xcf: true, 0xd0: true, 0xd2: true, 0xd3: true,
	0xd4: true, 0xe2: true, 0xee: true}
