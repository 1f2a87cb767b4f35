package meter

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tetratelabs/wazero/api"
)

// movers exports fill and copy of three parameters over a memory of pages.
func movers(pages uint32) []byte {
	export := func(name string, i byte) []byte { return append(appendName(nil, []byte(name)), kindFunc, i) }
	get := []byte{opLocalGet, 0, opLocalGet, 1, opLocalGet, 2, opMisc}
	return mod(sec(secType, vec([]byte{0x60, 3, typeI32, typeI32, typeI32, 0})), sec(secFunction, vec([]byte{0}, []byte{0})),
		sec(secMemory, vec(appendU32([]byte{0}, pages))),
		sec(secExport, vec(export("fill", 0), export("copy", 1), append(appendName(nil, []byte("memory")), kindMemory, 0))),
		sec(secCode, vec(
			fnBody([]byte{0}, append(bytes.Clone(get), miscMemoryFill, 0, opEnd)...),
			fnBody([]byte{0}, append(bytes.Clone(get), miscMemoryCopy, 0, 0, opEnd)...))))
}

// TestLongMovesArePieces and leave what one piece would have left, also where
// source and destination overlap, and write nothing where one of them is
// outside of the memory.
func TestLongMovesArePieces(t *testing.T) {
	const pages = 100
	const size = pages << 16
	w := newWatched(t)
	plain, metered := w.instance(t, movers(pages)), w.instance(t, instrumented(t, movers(pages)))
	rnd := rand.New(rand.NewPCG(1, 2))
	start := make([]byte, size)
	for i := range start {
		start[i] = byte(rnd.Uint32())
	}
	both := func(fn string, args ...uint64) {
		t.Helper()
		var errs [2]string
		for i, m := range []api.Module{plain, metered} {
			_, err := m.ExportedFunction(fn).Call(t.Context(), args...)
			errs[i] = firstLine(err)
		}
		if errs[0] != errs[1] {
			t.Errorf("%s%v: plain %q, metered %q", fn, args, errs[0], errs[1])
		}
		a, _ := plain.Memory().Read(0, size)
		b, _ := metered.Memory().Read(0, size)
		if !bytes.Equal(a, b) {
			t.Fatalf("%s%v: memories differ", fn, args)
		}
	}
	for _, m := range []api.Module{plain, metered} {
		m.Memory().Write(0, start)
	}
	both("fill", 100, 0x1ff, 3*Chunk+5)
	both("copy", 4*Chunk+1, 0, 2*Chunk)
	both("copy", 17, 0, 5*Chunk+99)         // up, overlapping
	both("copy", 0, 33, 5*Chunk+7)          // down, overlapping
	both("copy", 2*Chunk, 2*Chunk, 3*Chunk) // onto itself
	for _, n := range []uint64{0, 1, Chunk - 1, Chunk, Chunk + 1, 2 * Chunk, 2*Chunk + 1} {
		both("fill", 7, n, n)
		both("copy", 9, 5000, n)
		both("copy", size-n, 0, n)
		both("fill", size-n+1, 1, n)
		both("copy", size-n+1, 0, n)
		both("copy", 0, size-n+1, n)
	}
	for range 200 {
		at := func() uint64 { return uint64(rnd.IntN(size + 100)) }
		both("fill", at(), at(), at())
		both("copy", at(), at(), at())
	}
	for _, huge := range []uint64{1<<32 - 1, 1 << 31} {
		both("fill", huge, 1, huge)
		both("copy", 0, huge, huge)
		both("copy", huge, 0, 1<<32-huge)
	}
}

// TestMovesTick: a fill of the whole memory gives control back on its way.
func TestMovesTick(t *testing.T) {
	w := newWatched(t)
	m := w.instance(t, instrumented(t, movers(1000)))
	if _, err := m.ExportedFunction("fill").Call(t.Context(), 0, 1, 1000<<16); err != nil {
		t.Fatal(err)
	}
	if w.ticks < 3 {
		t.Errorf("%d ticks in a fill of 62 MiB", w.ticks)
	}
	w.until = time.Now()
	if _, err := m.ExportedFunction("copy").Call(t.Context(), 0, 1, 900<<16); err == nil {
		t.Error("not stopped")
	}
}
