package meter

import (
	"bytes"
	"fmt"
	"unicode/utf8"
)

// Section identifiers, in the binary format §5.5.2.
const (
	secCustom, secType, secImport, secFunction, secTable  = 0, 1, 2, 3, 4
	secMemory, secGlobal, secExport, secStart, secElement = 5, 6, 7, 8, 9
	secCode, secData, secDataCount                        = 10, 11, 12
)

// rank orders the sections as a module must: data count stands before code.
var rank = [13]int{secType: 1, secImport: 2, secFunction: 3, secTable: 4, secMemory: 5, secGlobal: 6, secExport: 7,
	secStart: 8, secElement: 9, secDataCount: 10, secCode: 11, secData: 12}

var sectionName = [13]string{"custom", "type", "import", "function", "table", "memory", "global", "export", "start",
	"element", "code", "data", "data count"}

const (
	typeI32, typeI64, typeF32, typeF64, typeV128 = 0x7f, 0x7e, 0x7d, 0x7c, 0x7b
	typeFuncref, typeExternref                   = 0x70, 0x6f
)

const (
	kindFunc, kindTable, kindMemory, kindGlobal = 0, 1, 2, 3
)

// rewriter holds the index spaces of a module while its sections pass by. All
// numbers are the module's own, as it came.
type rewriter struct {
	opts Options
	rep  *Report
	out  []byte
	buf  []byte // the section being written
	fn   body   // the function at hand

	params   []uint32 // parameters, by type
	nImports uint32   // imported functions: the index of tick
	nGlobImp uint32   // imported globals
	fnTypes  []uint32 // types of the defined functions
	nTables  uint32
	nMems    uint32
	nGlobals uint32
	nElems   uint32
	nData    uint32
	hasCount bool
	nCode    uint32
	nSegs    uint32
	named    bool
}

func (w *rewriter) types() uint32 { return uint32(len(w.params)) }
func (w *rewriter) funcs() uint32 { return w.nImports + uint32(len(w.fnTypes)) }

// fi is where a function's index lies after tick was added.
func (w *rewriter) fi(i uint32) uint32 {
	if i >= w.nImports {
		return i + 1
	}
	return i
}

func (w *rewriter) module(mod []byte) error {
	w.out = append(make([]byte, 0, len(mod)+len(mod)/4+256), mod[:8]...)
	r := &reader{b: mod, off: 8}
	last := 0
	for r.more() {
		id := r.u8()
		s := r.sub(r.u32())
		if !r.ok() {
			return fmt.Errorf("section header: %w", r.err)
		}
		if int(id) >= len(rank) {
			r.refuse("section %d", id)
			return r.err
		}
		if id != secCustom {
			if rank[id] <= last {
				r.fail("%s section twice, or out of order", sectionName[id])
				return r.err
			}
			if err := w.missing(last, rank[id]); err != nil {
				return err
			}
			last = rank[id]
		}
		if err := w.section(id, &s); err != nil {
			return err
		}
	}
	if r.err != nil {
		return r.err
	}
	if err := w.missing(last, len(rank)); err != nil {
		return err
	}
	return w.closing()
}

// missing writes the sections that must be there for what is added, and that
// the module does not have, between two ranks.
func (w *rewriter) missing(after, before int) error {
	for _, id := range []byte{secType, secImport, secGlobal} {
		if after < rank[id] && rank[id] < before {
			if err := w.section(id, &reader{b: []byte{0}}); err != nil {
				return err
			}
		}
	}
	return nil
}

// closing checks what only the whole module shows.
func (w *rewriter) closing() error {
	switch {
	case w.nCode != uint32(len(w.fnTypes)):
		return fmt.Errorf("%d functions declared, %d bodies", len(w.fnTypes), w.nCode)
	case w.hasCount && w.nSegs != w.nData:
		return fmt.Errorf("data count is %d, there are %d segments", w.nData, w.nSegs)
	case w.nMems != 1 && !w.opts.AnyImports:
		return fmt.Errorf("%d memories, a plugin has exactly one: %w", w.nMems, ErrUnsupported)
	}
	return nil
}

func (w *rewriter) section(id byte, r *reader) error {
	b := w.buf[:0]
	keep := true
	switch id {
	case secCustom:
		b, keep = w.custom(r, b)
	case secType:
		b = w.typeSection(r, b)
	case secImport:
		b = w.importSection(r, b)
	case secFunction:
		b = w.functionSection(r, b)
	case secTable:
		b = w.tableSection(r, b)
	case secMemory:
		b = w.memorySection(r, b)
	case secGlobal:
		b = w.globalSection(r, b)
	case secExport:
		b = w.exportSection(r, b)
	case secStart:
		b = appendU32(b, w.fi(r.index("function", w.funcs())))
	case secElement:
		b = w.elementSection(r, b)
	case secDataCount:
		// A segment takes at least two bytes of the module; the number is checked against the segments at the end.
		w.nData, w.hasCount = r.u32(), true
		b = appendU32(b, w.nData)
	case secCode:
		b = w.codeSection(r, b)
	case secData:
		b = w.dataSection(r, b)
	}
	if err := r.end(); err != nil {
		return fmt.Errorf("%s section: %w", sectionName[id], err)
	}
	w.buf = b
	if !keep {
		return nil
	}
	w.out = appendU32(append(w.out, id), uint32(len(b)))
	w.out = append(w.out, b...)
	if len(w.out) > MaxOutput {
		return fmt.Errorf("rewritten module is larger than %d bytes: %w", MaxOutput, ErrUnsupported)
	}
	return nil
}

// valType reads a value type.
func (r *reader) valType() byte {
	switch c := r.u8(); c {
	case typeI32, typeI64, typeF32, typeF64, typeV128, typeFuncref, typeExternref:
		return c
	default:
		r.refuse("value type %#x", c)
		return 0
	}
}

func (r *reader) refType() byte {
	c := r.u8()
	if c != typeFuncref && c != typeExternref {
		r.refuse("reference type %#x", c)
	}
	return c
}

// limits reads the limits of a table or memory: no shared, no 64-bit ones.
func (r *reader) limits() (lo, hi uint32, has bool) {
	switch f := r.u8(); f {
	case 0:
		return r.u32(), 0, false
	case 1:
		lo, hi = r.u32(), r.u32()
		if r.ok() && lo > hi {
			r.fail("minimum %d is above the maximum %d", lo, hi)
		}
		return lo, hi, true
	default:
		r.refuse("limits of kind %#x (shared or 64-bit)", f)
		return 0, 0, false
	}
}

func (w *rewriter) typeSection(r *reader, b []byte) []byte {
	n := r.count(3)
	b = appendU32(b, n+1)
	from := r.off
	for i := uint32(0); i < n && r.ok(); i++ {
		if c := r.u8(); r.ok() && c != 0x60 {
			r.refuse("type form %#x", c)
		}
		params := r.signature()
		r.signature()
		w.params = append(w.params, params)
	}
	w.rep.Types = int(n)
	b = append(b, r.b[from:r.off]...)
	return append(b, 0x60, 0, 0) // the type of tick, index n
}

func (r *reader) signature() uint32 {
	n := r.count(1)
	if n > MaxSignature {
		r.refuse("signature of %d values, at most %d", n, MaxSignature)
	}
	for i := uint32(0); i < n && r.ok(); i++ {
		r.valType()
	}
	return n
}

func (w *rewriter) importSection(r *reader, b []byte) []byte {
	n := r.count(4)
	b = appendU32(b, n+1)
	from := r.off
	for i := uint32(0); i < n && r.ok(); i++ {
		mod := r.name()
		r.name()
		if string(mod) == Module {
			r.refuse("import from %q, which the host adds itself", Module)
		}
		kind := r.u8()
		if kind != kindFunc && !w.opts.AnyImports {
			r.refuse("import of kind %d, a plugin imports functions only", kind)
		}
		switch kind {
		case kindFunc:
			r.index("type", w.types())
			w.nImports++
		case kindTable:
			r.refType()
			r.limits()
			w.nTables++
		case kindMemory:
			r.limits()
			w.nMems++
		case kindGlobal:
			r.globalType()
			w.nGlobImp++
		default:
			r.refuse("import of kind %#x", kind)
		}
	}
	if w.nMems > 1 {
		r.refuse("%d memories", w.nMems)
	}
	w.nGlobals = w.nGlobImp
	w.rep.Imports = int(n)
	b = append(b, r.b[from:r.off]...)
	b = appendName(b, []byte(Module))
	b = appendName(b, []byte(Function))
	b = append(b, kindFunc)
	return appendU32(b, w.types())
}

func (r *reader) globalType() {
	r.valType()
	if m := r.u8(); r.ok() && m > 1 {
		r.fail("mutability %#x", m)
	}
}

func (w *rewriter) functionSection(r *reader, b []byte) []byte {
	n := r.count(1)
	for i := uint32(0); i < n && r.ok(); i++ {
		w.fnTypes = append(w.fnTypes, r.index("type", w.types()))
	}
	w.rep.Functions = int(n)
	return append(b, r.b...)
}

// tableSection gives every table a maximum, because a table outgrows the
// memory limit unnoticed: all of them share MaxTable.
func (w *rewriter) tableSection(r *reader, b []byte) []byte {
	n := r.count(3)
	if uint64(n)+uint64(w.nTables) > MaxTables {
		r.refuse("%d tables, at most %d", n, MaxTables)
		return b
	}
	b = appendU32(b, n)
	for i := uint32(0); i < n && r.ok(); i++ {
		rt := r.refType()
		lo, hi, has := r.limits()
		if share := uint32(MaxTable) / n; !has || hi > share {
			hi = max(lo, share)
		}
		if sum := uint64(w.rep.TableMax) + uint64(hi); sum > MaxTable {
			r.refuse("tables of %d elements, at most %d", sum, MaxTable)
			return b
		}
		w.rep.TableMax += hi
		b = appendU32(appendU32(append(b, rt, 1), lo), hi)
	}
	w.nTables += n
	w.rep.Tables = int(w.nTables)
	return b
}

func (w *rewriter) memorySection(r *reader, b []byte) []byte {
	n := r.count(2)
	for i := uint32(0); i < n && r.ok(); i++ {
		w.rep.MemoryMin, w.rep.MemoryMax, w.rep.HasMemoryMax = r.limits()
		w.nMems++
	}
	if w.nMems > 1 {
		r.refuse("%d memories", w.nMems)
	}
	return append(b, r.b...)
}

// globalSection appends the fuel, the last of all globals.
func (w *rewriter) globalSection(r *reader, b []byte) []byte {
	n := r.count(4)
	b = appendU32(b, n+1)
	for i := uint32(0); i < n && r.ok(); i++ {
		from := r.off
		r.globalType()
		b = append(b, r.b[from:r.off]...)
		b = w.constant(r, b)
	}
	w.nGlobals = w.nGlobImp + n
	w.rep.Globals = int(w.nGlobals)
	b = append(b, typeI32, 1, opI32Const)
	b = appendS32(b, int32(w.opts.Interval))
	return append(b, opEnd)
}

func (w *rewriter) exportSection(r *reader, b []byte) []byte {
	n := r.count(3)
	b = appendU32(b, n)
	for i := uint32(0); i < n && r.ok(); i++ {
		b = appendName(b, r.name())
		kind := r.u8()
		b = append(b, kind)
		var x uint32
		switch kind {
		case kindFunc:
			x = w.fi(r.index("function", w.funcs()))
		case kindTable:
			x = r.index("table", w.nTables)
		case kindMemory:
			x = r.index("memory", w.nMems)
		case kindGlobal:
			x = r.index("global", w.nGlobals) // the fuel is not among them
		default:
			r.refuse("export of kind %#x", kind)
		}
		b = appendU32(b, x)
	}
	w.rep.Exports = int(n)
	return b
}

func (w *rewriter) elementSection(r *reader, b []byte) []byte {
	n := r.count(2)
	b = appendU32(b, n)
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
	n := r.count(2)
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
		if k := r.u32(); r.ok() && k != vecConst {
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

// custom passes a custom section on: DWARF is dropped, as its offsets would
// be wrong, and "name" is renumbered.
func (w *rewriter) custom(r *reader, b []byte) ([]byte, bool) {
	nm := r.name()
	if !r.ok() {
		return b, false
	}
	if bytes.HasPrefix(nm, []byte(".debug_")) {
		r.off = len(r.b)
		return b, false
	}
	if string(nm) == "name" {
		q := &reader{b: r.b[r.off:]}
		r.off = len(r.b)
		b, ok := w.names(q, appendName(b, nm))
		ok = ok && !w.named
		w.named = w.named || ok
		return b, ok
	}
	b = append(b, r.b...)
	r.off = len(r.b)
	return b, true
}

// names renumbers the function names, keeps the module's name and leaves the
// rest out (names of locals and labels: nothing reads them). A broken name
// section is dropped whole: it means nothing to the program, and what decodes
// it later trusts its counts.
func (w *rewriter) names(r *reader, b []byte) ([]byte, bool) {
	for r.more() {
		id := r.u8()
		s := r.sub(r.u32())
		if !r.ok() {
			return b, false
		}
		var nb []byte
		switch id {
		case 0:
			nm := s.name()
			if !utf8.Valid(nm) {
				return b, false
			}
			nb = appendName(nb, nm)
		case 1:
			n := s.count(2)
			nb = appendU32(nb, n)
			for i := uint32(0); i < n && s.ok(); i++ {
				f := s.u32()
				nm := s.name()
				if s.ok() && (f >= 1<<31 || !utf8.Valid(nm)) {
					return b, false
				}
				nb = appendName(appendU32(nb, w.fi(f)), nm)
			}
		default:
			continue
		}
		if s.end() != nil {
			return b, false
		}
		b = append(b, id)
		b = appendName(b, nb)
	}
	return b, r.ok()
}
