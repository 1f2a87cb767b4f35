package meter

// A memory.fill or memory.copy of the whole memory takes 25 ms and more, in
// which nothing stops it. Long ones are therefore done in pieces by functions
// that the rewriter adds behind the module's own, where no index of the module
// reaches. Each piece pays.

// helpers is how many functions are added: a module without any has none that
// could use them.
func (w *rewriter) helpers() uint32 {
	if len(w.fnTypes) == 0 {
		return 0
	}
	if w.hasStart {
		return 3
	}
	return 2
}

// The helpers, in their order. The last calls the start function: were that
// exported itself, it would become one that ref.func may name.
const fillHelper, copyHelper, startHelper = 0, 1, 2

const (
	opI64ExtendI32U, opI64Add, opI64Shl, opI64GtU = 0xad, 0x7c, 0x86, 0x56
	opI32GtU, opI32LeU                            = 0x4b, 0x4d
)

// split emits, with the three operands on the stack: length = the last; if
// length > Chunk { call the helper } else { pay; the operation }.
func (w *rewriter) split(b []byte, kind editKind, length uint32) []byte {
	helper := w.funcs() + 1 + fillHelper // behind tick
	if kind == editCopy {
		helper = w.funcs() + 1 + copyHelper
	}
	b = appendU32(append(b, opLocalTee), length)
	b = appendU32(append(b, opLocalGet), length)
	b = appendS32(append(b, opI32Const), Chunk)
	b = append(b, opI32GtU, opIf)
	b = appendS32(b, int32(w.types()+1)) // the operands are its parameters
	b = appendU32(append(b, opCall), helper)
	b = append(b, opElse)
	b = w.charge(b, func(b []byte) []byte {
		b = appendU32(append(b, opLocalGet), length)
		return append(b, opI32Const, shiftMemory, opI32ShrU)
	})
	return append(operation(b, kind), opEnd)
}

func operation(b []byte, kind editKind) []byte {
	if kind == editCopy {
		return append(b, opMisc, miscMemoryCopy, 0, 0)
	}
	return append(b, opMisc, miscMemoryFill, 0)
}

// The parameters of the helpers are the operands: to, value or from, length.

// fillBody fills from the beginning.
func (w *rewriter) fillBody() []byte {
	b := []byte{0} // no locals
	if w.nMems == 0 {
		return append(b, opUnreachable, opEnd)
	}
	b = whole(b, editFill, 0)
	return append(w.forward(b, editFill), opEnd)
}

// copyBody copies from the end if that lies before what it is copied from.
func (w *rewriter) copyBody() []byte {
	b := []byte{0}
	if w.nMems == 0 {
		return append(b, opUnreachable, opEnd)
	}
	b = whole(b, editCopy, 0)
	b = whole(b, editCopy, 1)
	b = append(b, opLocalGet, 0, opLocalGet, 1, opI32LeU, opIf, blockVoid)
	b = w.forward(b, editCopy)
	b = append(b, opElse, opLoop, blockVoid)
	b = w.payChunk(b)
	b = chunk(append(b, opLocalGet, 2), opI32Sub)
	b = append(b, opLocalSet, 2,
		opLocalGet, 0, opLocalGet, 2, opI32Add,
		opLocalGet, 1, opLocalGet, 2, opI32Add)
	b = operation(appendS32(append(b, opI32Const), Chunk), editCopy)
	b = chunk(append(b, opLocalGet, 2), opI32GtU)
	b = append(b, opBrIf, 0, opEnd)
	return append(all(b, editCopy), opEnd, opEnd)
}

// whole does the operation at once if it goes past the end of memory from
// local at: it traps then, before anything is written.
func whole(b []byte, kind editKind, at byte) []byte {
	b = append(b, opLocalGet, at, opI64ExtendI32U, opLocalGet, 2, opI64ExtendI32U, opI64Add,
		opMemorySize, 0, opI64ExtendI32U, opI64Const, 16, opI64Shl, opI64GtU, opIf, blockVoid)
	return append(all(b, kind), opUnreachable, opEnd)
}

func all(b []byte, kind editKind) []byte {
	return operation(append(b, opLocalGet, 0, opLocalGet, 1, opLocalGet, 2), kind)
}

// forward: do { pay; a chunk; go on behind it } while more than a chunk; the rest.
func (w *rewriter) forward(b []byte, kind editKind) []byte {
	b = w.payChunk(append(b, opLoop, blockVoid))
	b = append(b, opLocalGet, 0, opLocalGet, 1)
	b = operation(appendS32(append(b, opI32Const), Chunk), kind)
	b = append(chunk(append(b, opLocalGet, 0), opI32Add), opLocalSet, 0)
	if kind == editCopy {
		b = append(chunk(append(b, opLocalGet, 1), opI32Add), opLocalSet, 1)
	}
	b = append(chunk(append(b, opLocalGet, 2), opI32Sub), opLocalTee, 2)
	b = chunk(b, opI32GtU)
	b = append(b, opBrIf, 0, opEnd)
	return all(b, kind)
}

func chunk(b []byte, op byte) []byte { return append(appendS32(append(b, opI32Const), Chunk), op) }

func (w *rewriter) payChunk(b []byte) []byte {
	return w.charge(b, func(b []byte) []byte { return appendS32(append(b, opI32Const), Chunk>>shiftMemory) })
}
