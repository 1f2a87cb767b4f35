package meter

import "fmt"

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

	params      []uint32 // parameters, by type
	results     []uint32 // results, by type
	nImports    uint32   // imported functions: the index of tick
	importTypes []uint32 // their types
	nGlobImp    uint32   // imported globals
	fnTypes     []uint32 // types of the defined functions
	nTables     uint32
	nMems       uint32
	nGlobals    uint32
	nElems      uint32
	nData       uint32
	hasCount    bool
	nCode       uint32
	nSegs       uint32
	named       bool
	vectors     bool   // among the types of functions
	start       uint32 // the start function; meaningful with hasStart
	hasStart    bool
	mutable     []uint32 // indices of mutable globals, for an image
	odd         bool     // some state is neither in memory nor in them
}

func (w *rewriter) types() uint32 { return uint32(len(w.params)) }
func (w *rewriter) funcs() uint32 { return w.nImports + uint32(len(w.fnTypes)) }

// typeOf is the type of a function, by the module's own index.
func (w *rewriter) typeOf(i uint32) uint32 {
	if i < w.nImports {
		return w.importTypes[i]
	}
	return w.fnTypes[i-w.nImports]
}

// fi is where a function's index lies after tick was added.
func (w *rewriter) fi(i uint32) uint32 {
	if i >= w.nImports {
		return i + 1
	}
	return i
}

func (w *rewriter) module(mod []byte) error {
	w.out = append(make([]byte, 0, len(mod)+len(mod)/4+256), mod[:8]...)
	w.findStart(mod)
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
	w.rep.Restorable = w.opts.Image && !w.odd
	return w.closing()
}

// findStart looks ahead: the export of the start function stands before its
// section. What is wrong with either is found where it is read.
func (w *rewriter) findStart(mod []byte) {
	r := &reader{b: mod, off: 8}
	for r.more() {
		id := r.u8()
		s := r.sub(r.u32())
		if r.ok() && id == secStart {
			w.start, w.hasStart = s.u32(), s.err == nil
			return
		}
	}
}

// missing writes the sections that must be there for what is added, and that
// the module does not have, between two ranks.
func (w *rewriter) missing(after, before int) error {
	for _, id := range []byte{secType, secImport, secGlobal, secExport} {
		if id == secExport && !w.hasStart && !w.opts.Image {
			continue
		}
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
		w.startSection(r)
		keep = false
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
