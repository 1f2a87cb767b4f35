package meter

func (w *rewriter) elementSection(r *reader, b []byte) []byte {
	n := r.atMost("element segments", r.count(2), MaxElements)
	b = appendU32(b, n)
	items := uint64(0)
	for i := uint32(0); i < n && r.ok(); i++ {
		flag := r.u32()
		if flag > 7 {
			r.refuse("element segment of kind %d", flag)
			break
		}
		b = appendU32(b, flag)
		if flag&1 == 0 { // active
			if flag&2 != 0 {
				b = appendU32(b, r.index("table", w.nTables))
			} else if r.ok() && w.nTables == 0 {
				r.fail("element segment without a table")
			}
			b = w.constant(r, b)
		}
		switch {
		case flag&3 == 0:
		case flag&4 != 0:
			b = append(b, r.refType())
		default:
			if k := r.u8(); r.ok() && k != 0 {
				r.refuse("element kind %#x", k)
			}
			b = append(b, 0)
		}
		c := r.count(1)
		if items += uint64(c); items > MaxItems {
			r.refuse("more than %d items of element segments", MaxItems)
		}
		b = appendU32(b, c)
		for k := uint32(0); k < c && r.ok(); k++ {
			if flag&4 != 0 {
				b = w.constant(r, b)
			} else {
				b = appendU32(b, w.fi(r.index("function", w.funcs())))
			}
		}
	}
	w.nElems = n
	w.rep.Elements = int(n)
	return b
}

func (w *rewriter) dataSection(r *reader, b []byte) []byte {
	n := r.atMost("data segments", r.count(2), MaxData)
	b = appendU32(b, n)
	for i := uint32(0); i < n && r.ok(); i++ {
		flag := r.u32()
		if flag > 2 {
			r.refuse("data segment of kind %d", flag)
			break
		}
		b = appendU32(b, flag)
		if flag == 2 {
			b = appendU32(b, r.index("memory", w.nMems))
		}
		if flag != 1 {
			if r.ok() && w.nMems == 0 {
				r.fail("data segment without a memory")
			}
			b = w.constant(r, b)
		}
		b = appendName(b, r.name())
	}
	w.nSegs = n
	w.rep.Data = int(n)
	return b
}

// constant copies a constant expression of one instruction (WebAssembly 2.0
// §3.3.7: extended constants are not part of it).
func (w *rewriter) constant(r *reader, b []byte) []byte {
	from := r.off
	switch op := r.u8(); op {
	case opI32Const:
		r.sleb(32)
	case opI64Const:
		r.sleb(64)
	case opF32Const:
		r.take(4)
	case opF64Const:
		r.take(8)
	case opGlobalGet:
		r.index("imported global", w.nGlobImp)
	case opRefNull:
		r.refType()
	case opRefFunc:
		f := w.fi(r.index("function", w.funcs()))
		if e := r.u8(); r.ok() && e != opEnd {
			r.refuse("constant expression of several instructions")
		}
		return append(appendU32(append(b, opRefFunc), f), opEnd)
	case opVec:
		if k := r.vector(); r.ok() && k != vecConst {
			r.refuse("constant expression with vector opcode %d", k)
		}
		r.take(16)
	default:
		r.refuse("constant expression with opcode %#x", op)
	}
	if e := r.u8(); r.ok() && e != opEnd {
		r.refuse("constant expression of several instructions")
	}
	return append(b, r.b[from:r.off]...)
}
