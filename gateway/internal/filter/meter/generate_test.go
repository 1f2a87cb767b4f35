package meter

import "encoding/binary"

// generate makes a valid module from any octets: each decision takes one,
// and when none are left the simplest is taken. What it makes always ends, by
// itself and without metering: functions and loops count down a global and
// leave once it is used up.

// generator is of one module.
type generator struct {
	data []byte
	at   int

	sigs    []signature // types of functions, by index
	funcs   []int       // type of each defined function
	globals []byte      // type of each; 0 is the budget
	pages   int

	// of the function at hand
	code   []byte
	locals []byte
	labels []label
	result []byte
}

type signature struct{ params, results []byte }

// label is what a branch to a block carries.
type label struct{ vals []byte }

const (
	genBudget  = 600 // turns and calls of one call from outside
	genTable   = 8
	genMaxCode = 3000
)

func (g *generator) next() int {
	if g.at >= len(g.data) {
		return 0
	}
	g.at++
	return int(g.data[g.at-1])
}

func (g *generator) pick(n int) int { return g.next() % n }

func (g *generator) emit(b ...byte) { g.code = append(g.code, b...) }

func (g *generator) u(v uint32) { g.code = appendU32(g.code, v) }

var numeric = []byte{typeI32, typeI64, typeF32, typeF64}

func (g *generator) numType() byte { return numeric[g.pick(4)] }

// generate gives a module: exports f0…, g1…, "memory", and "budget".
func generate(data []byte) (wasm []byte, sigs []signature) {
	g := &generator{data: data, pages: []int{1, 1, 2, 40}[0]}
	g.pages = []int{1, 1, 2, 40}[g.pick(4)]
	g.sigs = []signature{{[]byte{typeI32}, []byte{typeI32}}, {nil, nil}} // of the import and a block with a parameter, of nothing
	for range 1 + g.pick(4) {
		var s signature
		for range g.pick(4) {
			s.params = append(s.params, g.numType())
		}
		for range g.pick(3) {
			s.results = append(s.results, g.numType())
		}
		g.funcs = append(g.funcs, len(g.sigs))
		g.sigs = append(g.sigs, s)
	}
	g.globals = []byte{typeI32}
	for range g.pick(4) {
		g.globals = append(g.globals, g.numType())
	}
	return g.module(), g.sigs
}

func (g *generator) module() []byte {
	var types, funcs, exports, globals, codes [][]byte
	for _, s := range g.sigs {
		t := append(appendU32([]byte{0x60}, uint32(len(s.params))), s.params...)
		types = append(types, append(appendU32(t, uint32(len(s.results))), s.results...))
	}
	export := func(name string, kind byte, i int) {
		exports = append(exports, appendU32(append(appendName(nil, []byte(name)), kind), uint32(i)))
	}
	export("memory", kindMemory, 0)
	for i, typ := range g.globals {
		g.code = nil
		if i == 0 {
			g.emit(opI32Const)
			g.code = appendS32(g.code, genBudget)
		} else {
			g.constant(typ)
		}
		globals = append(globals, append(append([]byte{typ, 1}, g.code...), opEnd))
		export(name('g', i), kindGlobal, i)
	}
	var elems []byte
	for i, t := range g.funcs {
		funcs = append(funcs, appendU32(nil, uint32(t)))
		export(name('f', i), kindFunc, i+1)
	}
	for i := range genTable - 2 { // the rest stays null
		elems = appendU32(elems, uint32(1+i%len(g.funcs)))
	}
	for _, t := range g.funcs {
		codes = append(codes, appendName(nil, g.function(&g.sigs[t])))
	}
	start := []byte(nil)
	for i, t := range g.funcs {
		if s := g.sigs[t]; len(s.params)+len(s.results) == 0 && g.pick(3) == 1 {
			start = sec(secStart, appendU32(nil, uint32(i+1)))
			break
		}
	}
	return mod(
		sec(secType, vec(types...)),
		sec(secImport, vec([]byte{1, 'h', 1, 'f', kindFunc, 0})),
		sec(secFunction, vec(funcs...)),
		sec(secTable, vec([]byte{typeFuncref, 1, genTable, 2 * genTable})),
		sec(secMemory, vec(appendU32(appendU32([]byte{1}, uint32(g.pages)), uint32(g.pages+2)))),
		sec(secGlobal, vec(globals...)),
		sec(secExport, vec(exports...)),
		start,
		sec(secElement, vec(
			append(appendU32([]byte{0, opI32Const, 0, opEnd}, genTable-2), elems...), // active
			[]byte{1, 0, 2, 1, 1})), // passive
		sec(secDataCount, []byte{2}),
		sec(secCode, vec(codes...)),
		sec(secData, vec(append([]byte{0, opI32Const, 8, opEnd}, appendName(nil, []byte("active data"))...), append([]byte{1}, appendName(nil, []byte("passive data"))...))),
	)
}

func name(kind byte, i int) string { return string([]byte{kind, byte('0' + i)}) }

// function gives a body.
func (g *generator) function(s *signature) []byte {
	g.code, g.labels, g.result = nil, []label{{s.results}}, s.results
	g.locals = append([]byte(nil), s.params...)
	var declared []byte
	n := g.pick(5)
	for range n {
		typ := append([]byte{typeV128}, numeric...)[g.pick(5)]
		declared = append(declared, 1, typ)
		g.locals = append(g.locals, typ)
	}
	g.spend()
	for range 1 + g.pick(6) {
		g.statement(3)
	}
	for _, t := range s.results {
		g.expr(t, 4)
	}
	g.emit(opEnd)
	return append(append(appendU32(nil, uint32(n)), declared...), g.code...)
}

// spend counts the budget down and returns from the function at zero.
func (g *generator) spend() {
	g.emit(opGlobalGet, 0, opI32Const, 1, opI32Sub, opGlobalSet, 0, opGlobalGet, 0, opI32Const, 0, opI32LtS, opIf, blockVoid)
	g.zeros(g.result)
	g.emit(opReturn, opEnd)
}

// zeros pushes constants.
func (g *generator) zeros(types []byte) {
	for _, t := range types {
		switch t {
		case typeI32:
			g.emit(opI32Const, 7)
		case typeI64:
			g.emit(opI64Const, 9)
		case typeF32:
			g.emit(opF32Const, 0, 0, 0x80, 0x3f)
		case typeF64:
			g.emit(opF64Const, 0, 0, 0, 0, 0, 0, 0xf0, 0x3f)
		}
	}
}

func (g *generator) constant(t byte) {
	v := uint64(g.next())
	switch g.pick(4) {
	case 1:
		v = ^v
	case 2:
		v = v<<56 | v<<24 | 0x80
	case 3:
		v = uint64(g.next())<<40 | v<<31 | uint64(g.next())<<12
	}
	switch t {
	case typeI32:
		g.emit(opI32Const)
		g.code = appendS32(g.code, int32(v))
	case typeI64:
		g.emit(opI64Const)
		for x := int64(v); ; {
			c := byte(x & 0x7f)
			x >>= 7
			if x == 0 && c&0x40 == 0 || x == -1 && c&0x40 != 0 {
				g.emit(c)
				break
			}
			g.emit(c | 0x80)
		}
	case typeF32:
		g.emit(opF32Const)
		g.code = binary.LittleEndian.AppendUint32(g.code, uint32(v)&^0x7f800000|0x3f000000) // no NaN: their bits may differ
	case typeF64:
		g.emit(opF64Const)
		g.code = binary.LittleEndian.AppendUint64(g.code, v&^(0x7ff<<52)|0x3fe<<52)
	case typeV128:
		g.emit(opVec, vecConst)
		g.code = binary.LittleEndian.AppendUint64(g.code, v)
		g.code = binary.LittleEndian.AppendUint64(g.code, v*31)
	}
}

// operator is an instruction that takes values and gives one.
type operator struct {
	takes []byte
	code  []byte
}

// operators of each type that they give.
var operators = func() map[byte][]operator {
	m := map[byte][]operator{}
	add := func(gives byte, takes string, codes ...byte) {
		var t []byte
		for _, c := range takes {
			t = append(t, map[rune]byte{'i': typeI32, 'l': typeI64, 'f': typeF32, 'd': typeF64, 'v': typeV128}[c])
		}
		for _, c := range codes {
			m[gives] = append(m[gives], operator{takes: t, code: []byte{c}})
		}
	}
	span := func(from, to byte) (b []byte) {
		for c := int(from); c <= int(to); c++ {
			b = append(b, byte(c))
		}
		return b
	}
	prefixed := func(gives byte, takes string, codes ...[]byte) {
		for _, c := range codes {
			add(gives, takes, 0)
			m[gives][len(m[gives])-1].code = c
		}
	}
	add(typeI32, "i", 0x45, 0x67, 0x68, 0x69, 0xc0, 0xc1)
	add(typeI32, "ii", append(span(0x46, 0x4f), span(0x6a, 0x78)...)...)
	add(typeI32, "l", 0x50, 0xa7)
	add(typeI32, "ll", span(0x51, 0x5a)...)
	add(typeI32, "ff", span(0x5b, 0x60)...)
	add(typeI32, "dd", span(0x61, 0x66)...)
	add(typeI32, "f", 0xa8, 0xa9)
	add(typeI32, "d", 0xaa, 0xab)
	prefixed(typeI32, "f", []byte{opMisc, 0}, []byte{opMisc, 1})
	prefixed(typeI32, "d", []byte{opMisc, 2}, []byte{opMisc, 3})
	add(typeI64, "l", 0x79, 0x7a, 0x7b, 0xc2, 0xc3, 0xc4)
	add(typeI64, "ll", span(0x7c, 0x8a)...)
	add(typeI64, "i", 0xac, 0xad)
	add(typeI64, "f", 0xae, 0xaf)
	add(typeI64, "d", 0xb0, 0xb1)
	prefixed(typeI64, "f", []byte{opMisc, 4}, []byte{opMisc, 5})
	prefixed(typeI64, "d", []byte{opMisc, 6}, []byte{opMisc, 7})
	add(typeF32, "f", span(0x8b, 0x91)...)
	add(typeF32, "ff", span(0x92, 0x98)...)
	add(typeF32, "i", 0xb2, 0xb3)
	add(typeF32, "l", 0xb4, 0xb5)
	add(typeF32, "d", 0xb6)
	add(typeF64, "d", span(0x99, 0x9f)...)
	add(typeF64, "dd", span(0xa0, 0xa6)...)
	add(typeF64, "i", 0xb7, 0xb8)
	add(typeF64, "l", 0xb9, 0xba)
	add(typeF64, "f", 0xbb)
	prefixed(typeV128, "vv", []byte{opVec, 0xae, 1}, []byte{opVec, 0x6e}, []byte{opVec, 0x0e}, []byte{opVec, 0xb5, 1},
		[]byte{opVec, 13, 0, 17, 2, 19, 4, 21, 6, 23, 8, 25, 10, 27, 12, 29, 14, 31})
	prefixed(typeV128, "v", []byte{opVec, 0x4d}, []byte{opVec, 0xa0, 1})
	prefixed(typeV128, "i", []byte{opVec, 0x11}, []byte{opVec, 0x0f})
	prefixed(typeV128, "l", []byte{opVec, 0x12})
	prefixed(typeI32, "v", []byte{opVec, 0x1b, 2}, []byte{opVec, 0x53}, []byte{opVec, 0xa4, 1})
	prefixed(typeI64, "v", []byte{opVec, 0x1d, 1})
	return m
}()

var loads = map[byte][][]byte{
	typeI32: {{0x28}, {0x2c}, {0x2d}, {0x2e}, {0x2f}}, typeI64: {{0x29}, {0x30}, {0x31}, {0x32}, {0x33}, {0x34}, {0x35}},
	typeF32: {{0x2a}}, typeF64: {{0x2b}}, typeV128: {{opVec, 0}, {opVec, 7}, {opVec, 92}},
}

var stores = map[byte][][]byte{
	typeI32: {{0x36}, {0x3a}, {0x3b}}, typeI64: {{0x37}, {0x3c}, {0x3d}, {0x3e}}, typeF32: {{0x38}}, typeF64: {{0x39}}, typeV128: {{opVec, 11}},
}

// address is mostly inside of the memory.
func (g *generator) address(depth int) {
	g.expr(typeI32, depth)
	if g.pick(8) != 7 {
		g.emit(opI32Const)
		g.code = appendS32(g.code, 0xffff)
		g.emit(0x71) // i32.and
	}
}

// length is mostly short, sometimes longer than a chunk.
func (g *generator) length(depth int) {
	g.expr(typeI32, depth)
	mask := []int32{0xff, 0xfff, 0x1fffff, -1}[g.pick(4)]
	g.emit(opI32Const)
	g.code = appendS32(g.code, mask)
	g.emit(0x71)
}

func (g *generator) expr(t byte, depth int) {
	if depth <= 0 || len(g.code) > genMaxCode || g.at >= len(g.data) {
		g.leaf(t)
		return
	}
	switch g.pick(12) {
	case 0, 1:
		g.leaf(t)
	case 2, 3, 4:
		op := operators[t][g.pick(len(operators[t]))]
		for _, x := range op.takes {
			g.expr(x, depth-1)
		}
		g.emit(op.code...)
	case 5:
		op := loads[t][g.pick(len(loads[t]))]
		g.address(depth - 1)
		g.emit(op...)
		g.emit(0)
		g.u(uint32(g.pick(200)))
	case 6: // block
		g.block(opBlock, []byte{t}, depth)
	case 7: // loop, of one turn unless something branches to it
		g.block(opLoop, []byte{t}, depth)
	case 8: // if
		g.expr(typeI32, depth-1)
		g.emit(opIf, t)
		g.labels = append(g.labels, label{[]byte{t}})
		g.statement(depth - 1)
		g.expr(t, depth-1)
		g.emit(opElse)
		g.expr(t, depth-1)
		g.emit(opEnd)
		g.labels = g.labels[:len(g.labels)-1]
	case 9:
		g.expr(t, depth-1)
		g.expr(t, depth-1)
		g.expr(typeI32, depth-1)
		if t == typeV128 || g.pick(2) == 1 {
			g.emit(opSelectT, 1, t)
		} else {
			g.emit(opSelect)
		}
	case 10:
		g.call(t, depth)
	default:
		g.special(t, depth)
	}
}

// leaf is a local, a global or a constant.
func (g *generator) leaf(t byte) {
	k := g.next()
	for i := range g.locals {
		if x := (i + k) % len(g.locals); g.locals[x] == t && k%3 != 0 {
			g.emit(opLocalGet)
			g.u(uint32(x))
			return
		}
	}
	for i := 1; i < len(g.globals); i++ {
		if g.globals[i] == t && k%2 == 1 {
			g.emit(opGlobalGet, byte(i))
			return
		}
	}
	g.constant(t)
}

func (g *generator) block(op byte, results []byte, depth int) {
	g.emit(op)
	if len(results) == 0 {
		g.emit(blockVoid)
	} else {
		g.emit(results[0])
	}
	l := label{results}
	if op == opLoop {
		l.vals = nil
	}
	g.labels = append(g.labels, l)
	if op == opLoop {
		g.spend()
	}
	for range 1 + g.pick(2) {
		g.statement(depth - 1)
	}
	for _, t := range results {
		g.expr(t, depth-1)
	}
	g.emit(opEnd)
	g.labels = g.labels[:len(g.labels)-1]
}

// call leaves a value of type t, of a function that has one at the end of its results.
func (g *generator) call(t byte, depth int) {
	if t == typeI32 && g.pick(3) == 0 {
		g.expr(typeI32, depth-1)
		g.emit(opCall, 0) // the import
		return
	}
	k := g.next()
	for i := range g.funcs {
		f := (i + k) % len(g.funcs)
		s := g.sigs[g.funcs[f]]
		if n := len(s.results); n == 0 || s.results[n-1] != t {
			continue
		}
		for _, p := range s.params {
			g.expr(p, depth-2)
		}
		if k%3 == 2 { // by whatever is in the table there
			g.expr(typeI32, 1)
			g.emit(opI32Const, genTable-1, 0x71, opCallIndirect)
			g.u(uint32(g.funcs[f]))
			g.emit(0)
		} else {
			g.emit(opCall)
			g.u(uint32(f + 1))
		}
		if len(s.results) == 2 { // keep the last: (a b) -> b
			l := g.local(t)
			if l < 0 {
				g.emit(opDrop, opDrop)
				g.leaf(t)
				return
			}
			g.emit(opLocalSet)
			g.u(uint32(l))
			g.emit(opDrop, opLocalGet)
			g.u(uint32(l))
		}
		return
	}
	g.leaf(t)
}

// local finds a local of a type; -1 none.
func (g *generator) local(t byte) int {
	k := g.next()
	for i := range g.locals {
		if x := (i + k) % len(g.locals); g.locals[x] == t {
			return x
		}
	}
	return -1
}

// special are the instructions of which there is one.
func (g *generator) special(t byte, depth int) {
	if t != typeI32 {
		if l := g.local(t); l >= 0 {
			g.expr(t, depth-1)
			g.emit(opLocalTee)
			g.u(uint32(l))
			return
		}
		g.leaf(t)
		return
	}
	switch g.pick(6) {
	case 0:
		g.emit(opMemorySize, 0)
	case 1:
		g.expr(typeI32, depth-1)
		g.emit(opI32Const, 3, 0x71, opMemoryGrow, 0)
	case 2:
		g.emit(opMisc, miscTableSize, 0)
	case 3:
		g.emit(opRefNull, typeFuncref)
		g.expr(typeI32, depth-1)
		g.emit(opI32Const, 7, 0x71, opMisc, miscTableGrow, 0)
	case 4:
		g.expr(typeI32, depth-1)
		g.emit(opTableGet, 0, opRefIsNull)
	case 5: // a loop with a parameter
		g.expr(typeI32, depth-1)
		g.emit(opLoop, 0)
		g.labels = append(g.labels, label{[]byte{typeI32}})
		g.spend()
		g.emit(opI32Const, 1, opI32Add)
		g.statement(depth - 1)
		g.emit(opEnd)
		g.labels = g.labels[:len(g.labels)-1]
	}
}

func (g *generator) statement(depth int) {
	if depth <= 0 || len(g.code) > genMaxCode || g.at >= len(g.data) {
		g.emit(opNop)
		return
	}
	switch g.pick(14) {
	case 0, 1:
		if len(g.locals) > 0 {
			l := g.pick(len(g.locals))
			g.expr(g.locals[l], depth)
			g.emit(opLocalSet)
			g.u(uint32(l))
		}
	case 2:
		if len(g.globals) > 1 {
			i := 1 + g.pick(len(g.globals)-1)
			g.expr(g.globals[i], depth)
			g.emit(opGlobalSet, byte(i))
		}
	case 3, 4:
		t := append([]byte{typeV128}, numeric...)[g.pick(5)]
		op := stores[t][g.pick(len(stores[t]))]
		g.address(depth - 1)
		g.expr(t, depth-1)
		g.emit(op...)
		g.emit(0)
		g.u(uint32(g.pick(200)))
	case 5:
		g.block(opBlock, nil, depth)
	case 6:
		g.block(opLoop, nil, depth)
	case 7, 8:
		g.branch(depth)
	case 9:
		g.bulk(depth)
	case 10:
		g.expr(typeI32, depth-1)
		g.emit(opIf, blockVoid)
		g.labels = append(g.labels, label{})
		g.statement(depth - 1)
		if g.pick(2) == 1 {
			g.emit(opElse)
			g.statement(depth - 1)
		}
		g.emit(opEnd)
		g.labels = g.labels[:len(g.labels)-1]
	case 11:
		g.expr(g.numType(), depth)
		g.emit(opDrop)
	case 12:
		g.table(depth)
	case 13:
		g.expr(typeI32, depth-1)
		g.emit(opIf, blockVoid)
		if g.pick(4) == 3 {
			g.emit(opUnreachable)
		} else {
			g.zeros(g.result)
			g.emit(opReturn)
		}
		g.emit(opEnd)
	}
}

// branch leaves a block, or goes on with a loop.
func (g *generator) branch(depth int) {
	n := len(g.labels)
	target := g.pick(n)
	vals := g.labels[n-1-target].vals
	switch g.pick(3) {
	case 0: // br_if leaves the values where it does not branch
		for _, t := range vals {
			g.expr(t, depth-1)
		}
		g.expr(typeI32, depth-1)
		g.emit(opBrIf)
		g.u(uint32(target))
		for range vals {
			g.emit(opDrop)
		}
	case 1:
		g.expr(typeI32, depth-1)
		g.emit(opIf, blockVoid)
		for _, t := range vals {
			g.leaf(t)
		}
		g.emit(opBr)
		g.u(uint32(target + 1))
		g.emit(opEnd)
	case 2:
		g.expr(typeI32, depth-1)
		g.emit(opIf, blockVoid)
		for _, t := range vals {
			g.leaf(t)
		}
		g.expr(typeI32, 1)
		var targets []uint32
		for i := range n { // all that carry the same
			if string(g.labels[n-1-i].vals) == string(vals) && g.pick(3) != 2 {
				targets = append(targets, uint32(i+1))
			}
		}
		g.emit(opBrTable)
		g.u(uint32(len(targets)))
		for _, x := range targets {
			g.u(x)
		}
		g.u(uint32(target + 1))
		g.emit(opEnd)
	}
}

func (g *generator) bulk(depth int) {
	switch g.pick(4) {
	case 0:
		g.address(depth - 1)
		g.expr(typeI32, depth-1)
		g.length(depth - 1)
		g.emit(opMisc, miscMemoryFill, 0)
	case 1:
		g.address(depth - 1)
		g.address(depth - 1)
		g.length(depth - 1)
		g.emit(opMisc, miscMemoryCopy, 0, 0)
	case 2:
		g.address(depth - 1)
		g.emit(opI32Const, 1, opI32Const, byte(g.pick(14)), opMisc, miscMemoryInit, 1, 0)
	case 3:
		g.emit(opMisc, miscDataDrop, byte(g.pick(2)))
	}
}

func (g *generator) table(depth int) {
	at := func() {
		g.expr(typeI32, depth-1)
		g.emit(opI32Const, 7, 0x71)
	}
	switch g.pick(6) {
	case 0:
		at()
		g.emit(opRefNull, typeFuncref, opTableSet, 0)
	case 1:
		at()
		at()
		g.emit(opTableGet, 0, opTableSet, 0)
	case 2:
		at()
		g.emit(opRefNull, typeFuncref)
		at()
		g.emit(opMisc, miscTableFill, 0)
	case 3:
		at()
		at()
		at()
		g.emit(opMisc, miscTableCopy, 0, 0)
	case 4:
		at()
		g.emit(opI32Const, 0, opI32Const, byte(g.pick(4)), opMisc, miscTableInit, 1, 0)
	case 5:
		g.emit(opMisc, miscElemDrop, byte(g.pick(2)))
	}
}
