package meter

import (
	"bytes"
	"strconv"
)

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
	n := r.atMost("types", r.count(3), MaxTypes)
	b = appendU32(b, n+2)
	from := r.off
	for i := uint32(0); i < n && r.ok(); i++ {
		if c := r.u8(); r.ok() && c != 0x60 {
			r.refuse("type form %#x", c)
		}
		w.params = append(w.params, w.signature(r))
		w.results = append(w.results, w.signature(r))
	}
	w.rep.Types = int(n)
	b = append(b, r.b[from:r.off]...)
	b = append(b, 0x60, 0, 0)                               // the type of tick, index n
	return append(b, 0x60, 3, typeI32, typeI32, typeI32, 0) // of the helpers, index n+1
}

func (w *rewriter) signature(r *reader) uint32 {
	n := r.count(1)
	if n > MaxSignature {
		r.refuse("signature of %d values, at most %d", n, MaxSignature)
	}
	for i := uint32(0); i < n && r.ok(); i++ {
		w.vectors = r.valType() == typeV128 || w.vectors
	}
	return n
}

func (w *rewriter) importSection(r *reader, b []byte) []byte {
	n := r.atMost("imports", r.count(4), MaxImports)
	b = appendU32(b, n+1)
	from := r.off
	for i := uint32(0); i < n && r.ok(); i++ {
		mod, name := r.name(), r.name()
		if !w.opts.AnyImports && r.ok() && !(plain(mod) && plain(name)) {
			r.refuse("import of %.64q from %.64q, which is no name of a host function", name, mod)
		}
		if string(mod) == Module {
			r.refuse("import from %q, which the host adds itself", Module)
		}
		kind := r.u8()
		if kind != kindFunc && !w.opts.AnyImports {
			r.refuse("import of kind %d, a plugin imports functions only", kind)
		}
		switch kind {
		case kindFunc:
			w.importTypes = append(w.importTypes, r.index("type", w.types()))
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

// plain: names of host functions are, and errors about others quote them.
func plain(name []byte) bool {
	return len(name) <= 64 && !bytes.ContainsFunc(name, func(c rune) bool { return c <= ' ' || c > '~' })
}

func (r *reader) globalType() (typ byte, mutable bool) {
	typ = r.valType()
	m := r.u8()
	if r.ok() && m > 1 {
		r.fail("mutability %#x", m)
	}
	return typ, m == 1
}

func (w *rewriter) functionSection(r *reader, b []byte) []byte {
	n := r.atMost("functions", r.count(1), MaxFunctions)
	from := r.off
	for i := uint32(0); i < n && r.ok(); i++ {
		w.fnTypes = append(w.fnTypes, r.index("type", w.types()))
	}
	w.rep.Functions = int(n)
	b = appendU32(b, n+w.helpers())
	b = append(b, r.b[from:r.off]...)
	for i := range w.helpers() {
		typ := w.types() + 1
		if i == startHelper {
			typ--
		}
		b = appendU32(b, typ)
	}
	return b
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
	n := r.atMost("globals", r.count(4), MaxGlobals)
	b = appendU32(b, n+1)
	for i := uint32(0); i < n && r.ok(); i++ {
		from := r.off
		if typ, mutable := r.globalType(); mutable {
			w.mutable = append(w.mutable, w.nGlobImp+i)
			w.odd = w.odd || typ < typeF64 || len(w.mutable) > maxImage
		}
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
	n := r.atMost("exports", r.count(3), MaxExports)
	added := uint32(0)
	if w.hasStart {
		added = 1
	}
	image := w.image()
	b = appendU32(b, n+added+uint32(len(image)))
	for i := uint32(0); i < n && r.ok(); i++ {
		nm := r.name()
		if bytes.HasPrefix(nm, []byte(Module+".")) {
			r.refuse("export of the name %q, which is the host's", nm)
		}
		b = appendName(b, nm)
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
	for i, g := range image {
		nm := Module + ".global" + strconv.Itoa(i)
		w.rep.Image = append(w.rep.Image, nm)
		b = append(appendName(b, []byte(nm)), kindGlobal)
		b = appendU32(b, g)
	}
	if w.hasStart {
		b = append(appendName(b, []byte(Start)), kindFunc)
		if w.helpers() > 0 {
			b = appendU32(b, w.funcs()+1+startHelper)
		} else {
			b = appendU32(b, w.fi(w.start)) // an import; startSection checks it
		}
	}
	return b
}

// image is the globals to export: all that can change, but for the fuel.
func (w *rewriter) image() []uint32 {
	if !w.opts.Image || w.odd {
		return nil
	}
	return w.mutable
}

// startSection checks the start function, and leaves it out: it is exported.
func (w *rewriter) startSection(r *reader) {
	i := r.index("function", w.funcs())
	if !r.ok() {
		return
	}
	if t := w.typeOf(i); w.params[t] != 0 || w.results[t] != 0 {
		r.fail("start function with parameters or results")
	}
}
