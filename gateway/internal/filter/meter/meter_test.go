package meter

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

func sec(id byte, content ...[]byte) []byte {
	c := bytes.Join(content, nil)
	return append(appendU32([]byte{id}, uint32(len(c))), c...)
}

func mod(sections ...[]byte) []byte {
	return append([]byte("\x00asm\x01\x00\x00\x00"), bytes.Join(sections, nil)...)
}

func vec(items ...[]byte) []byte {
	return append(appendU32(nil, uint32(len(items))), bytes.Join(items, nil)...)
}

func fnBody(locals []byte, code ...byte) []byte {
	b := append(append([]byte{}, locals...), code...)
	return appendName(nil, b)
}

var (
	oneType = sec(secType, vec([]byte{0x60, 0, 0}))
	oneFunc = sec(secFunction, vec([]byte{0}))
	oneMem  = sec(secMemory, vec([]byte{0, 1}))
)

// program is a module with one function of type () -> () and one memory.
func program(code ...byte) []byte {
	return mod(oneType, oneFunc, oneMem, sec(secCode, vec(fnBody([]byte{0}, code...))))
}

// TestRefused: what may not pass, and whether it was malformed or merely not
// supported. The message must say what it was.
func TestRefused(t *testing.T) {
	end := byte(opEnd)
	rep := func(n int, b ...byte) []byte { return bytes.Repeat(b, n) }
	cases := []struct {
		name        string
		mod         []byte
		says        string
		unsupported bool
	}{
		{"empty", nil, "not a WebAssembly module", false},
		{"component", []byte("\x00asm\x0d\x00\x01\x00"), "component", true},
		{"too_large", make([]byte, MaxModule+1), "at most", true},
		{"no_memory", mod(), "exactly one", true},
		{"two_memories", mod(sec(secMemory, vec([]byte{0, 1}, []byte{0, 1}))), "2 memories", true},
		{"shared_memory", mod(sec(secMemory, vec([]byte{3, 1, 1}))), "shared or 64-bit", true},
		{"memory64", mod(sec(secMemory, vec([]byte{4, 1}))), "shared or 64-bit", true},
		{"imported_memory", mod(sec(secImport, vec([]byte{1, 'a', 1, 'b', 2, 0, 1}))), "functions only", true},
		{"imports_the_meter", mod(oneType, sec(secImport, vec(append(append([]byte{11}, Module...), 1, 'x', 0, 0)))), Module, true},
		{"import_name_that_clears_the_screen", mod(oneType, sec(secImport, vec([]byte("\x01e\x03\x1b[2\x00\x00")))), `import of "\x1b[2" from "e"`, true},
		{"import_name_too_long", mod(oneType, sec(secImport, vec(append(append([]byte{65}, bytes.Repeat([]byte("e"), 65)...), 1, 'x', 0, 0)))), "no name of a host function", true},
		{"tag_section", mod(oneMem, sec(13, []byte{0})), "section 13", true},
		{"section_twice", mod(oneType, oneType), "twice", false},
		{"section_out_of_order", mod(oneMem, oneType), "order", false},
		{"section_too_long", append(mod(), secType, 9, 0), "truncated", false},
		{"junk_in_section", mod(sec(secType, []byte{0, 0})), "too many", false},
		{"struct_type", mod(sec(secType, vec([]byte{0x5f, 0, 0}))), "type form", true},
		{"value_type", mod(sec(secType, vec([]byte{0x60, 1, 0x63, 0}))), "value type", true},
		{"signature_too_long", mod(sec(secType, vec(append(append([]byte{0x60}, appendU32(nil, 1001)...), append(rep(1001, typeI32), 0)...)))), "signature", true},
		{"count_beyond_section", mod(sec(secType, []byte{0xff, 0xff, 0xff, 0xff, 0x0f})), "longer than its section", false},
		{"leb_too_long", mod(sec(secType, []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0x00})), "integer too large", false},
		{"leb_too_large", mod(sec(secType, []byte{0xff, 0xff, 0xff, 0xff, 0x1f})), "integer too large", false},
		{"function_type_index", mod(oneType, sec(secFunction, vec([]byte{1}))), "type index 1 of 1", false},
		{"bodies_missing", mod(oneType, oneFunc, oneMem), "0 bodies", false},
		{"bodies_too_many", mod(oneType, oneFunc, oneMem, sec(secCode, vec(fnBody([]byte{0}, end), fnBody([]byte{0}, end)))), "2 bodies", false},
		{"start_type", mod(sec(secType, vec([]byte{0x60, 1, typeI32, 0})), oneFunc, oneMem, sec(secStart, []byte{0}), sec(secCode, vec(fnBody([]byte{0}, end)))), "with parameters", false},
		{"start_twice", mod(oneType, oneFunc, oneMem, sec(secStart, []byte{0}), sec(secStart, []byte{0})), "twice", false},
		{"export_of_the_start", mod(oneType, oneFunc, oneMem, sec(secExport, vec(append(append(appendName(nil, []byte(Start)), 0), 0)))), "host's", true},
		{"start_index", mod(oneType, oneFunc, oneMem, sec(secStart, []byte{1})), "function index 1 of 1", false},
		{"export_of_the_fuel", mod(oneMem, sec(secExport, vec([]byte{1, 'x', 3, 0}))), "global index 0 of 0", false},
		{"export_of_tick", mod(oneMem, sec(secExport, vec([]byte{1, 'x', 0, 0}))), "function index 0 of 0", false},
		{"export_of_a_tag", mod(oneMem, sec(secExport, vec([]byte{1, 'x', 4, 0}))), "export of kind", true},
		{"table_too_large", mod(sec(secTable, vec(append([]byte{0x70, 0}, appendU32(nil, MaxTable+1)...))), oneMem), "elements, at most", true},
		{"tables_too_many", mod(sec(secTable, vec(func() (v [][]byte) {
			for range 17 {
				v = append(v, []byte{0x70, 0, 0})
			}
			return
		}()...)), oneMem), "17 tables", true},
		{"tables_together", mod(sec(secTable, vec(append([]byte{0x70, 0}, appendU32(nil, MaxTable)...), []byte{0x70, 0, 1})), oneMem), "elements, at most", true},
		{"limits_crossed", mod(sec(secTable, vec([]byte{0x70, 1, 2, 1})), oneMem), "above the maximum", false},
		{"extended_constant", mod(oneMem, sec(secGlobal, vec([]byte{typeI32, 0, 0x41, 1, 0x41, 1, 0x6a, end}))), "several instructions", true},
		{"constant_of_a_defined_global", mod(oneMem, sec(secGlobal, vec([]byte{typeI32, 0, opGlobalGet, 0, end}))), "imported global", false},
		{"data_without_count", mod(oneType, oneFunc, oneMem, sec(secCode, vec(fnBody([]byte{0}, opMisc, miscDataDrop, 0, end)))), "without a data count", false},
		{"data_count_wrong", mod(oneMem, sec(secDataCount, []byte{3})), "data count is 3", false},
		{"data_index", mod(oneType, oneFunc, oneMem, sec(secDataCount, []byte{1}), sec(secCode, vec(fnBody([]byte{0}, opMisc, miscDataDrop, 1, end)))), "data segment index 1 of 1", false},
		{"element_kind", mod(sec(secTable, vec([]byte{0x70, 0, 1})), oneMem, sec(secElement, vec([]byte{8, 0}))), "element segment of kind", true},
		{"element_function", mod(sec(secTable, vec([]byte{0x70, 0, 1})), oneMem, sec(secElement, vec([]byte{0, 0x41, 0, end, 1, 0}))), "function index 0 of 0", false},

		{"body_too_large", program(append(rep(MaxBody, opNop), end)...), "body of", true},
		{"locals_too_many", mod(oneType, oneFunc, oneMem, sec(secCode, vec(fnBody(vec(append(appendU32(nil, 1025), typeI32)), end)))), "1025 locals", true},
		{"locals_overflow", mod(oneType, oneFunc, oneMem, sec(secCode, vec(fnBody(vec([]byte{0xff, 0xff, 0xff, 0xff, 0x0f, typeI32}, []byte{2, typeI32}), end)))), "locals, at most", true},
		{"nesting_too_deep", program(append(rep(1025, opBlock, blockVoid), rep(1026, end)...)...), "nested", true},
		{"spread_too_wide", mod(oneType, oneFunc, oneMem, sec(secCode, vec(fnBody(vec(append(appendU32(nil, 1000), typeI32)), append(rep(251, opBlock, blockVoid, end), end)...)))), "their product", true},
		{"local_of_the_meter", program(opLoop, blockVoid, opI32Const, 0, opLocalSet, 0, end, end), "local index 0 of 0", false},
		{"fuel_get", program(opGlobalGet, 0, opDrop, end), "global index 0 of 0", false},
		{"fuel_set", program(opI32Const, 0, opGlobalSet, 0, end), "global index 0 of 0", false},
		{"call_past_the_end", program(opCall, 1, end), "function index 1 of 1", false},
		{"ref_func_past_the_end", program(opRefFunc, 1, opDrop, end), "function index 1 of 1", false},
		{"block_of_the_meters_type", program(opBlock, 1, end, end), "type index 1 of 1", false},
		{"call_indirect_type", program(opI32Const, 0, opCallIndirect, 1, 0, end), "type index 1 of 1", false},
		{"call_indirect_table", program(opI32Const, 0, opCallIndirect, 0, 0, end), "table index 0 of 0", false},
		{"label", program(opBr, 1, end), "label index 1 of 1", false},
		{"br_table_count", program(opI32Const, 0, opBrTable, 0xff, 0xff, 0xff, 0xff, 0x0f, end), "longer than its section", false},
		{"else_without_if", program(opBlock, blockVoid, opElse, end, end), "else without if", false},
		{"else_twice", program(opI32Const, 0, opIf, blockVoid, opElse, opElse, end, end), "else without if", false},
		{"no_end", program(opNop), "truncated", false},
		{"code_behind_the_end", program(end, opNop), "too many", false},
		{"memory_index", program(opMemorySize, 1, opDrop, end), "memory 1", true},
		{"multi_memory_alignment", program(opI32Const, 0, 0x28, 0x42, 0, 0, opDrop, end), "alignment", true},
		{"tail_call", program(0x12, 0, end), "opcode 0x12", true},
		{"try_table", program(0x1f, 0x40, 0, end, end), "opcode 0x1f", true},
		{"throw", program(0x08, 0, end), "opcode 0x8", true},
		{"atomic", program(0xfe, 0x03, 0, end), "opcode 0xfe", true},
		{"gc", program(0xfb, 0x00, 0, end), "opcode 0xfb", true},
		{"misc", program(opMisc, 18, end), "opcode 0xfc 18", true},
		// To the compiler: i16x8.bitmask, unreachable, loop, and a branch back to it.
		{"vector_opcode_that_hides_a_loop", program(opI32Const, 0, opVec, 0x84, 0, opLoop, blockVoid, opBr, 0, end, end), "vector opcode 0x4 in 2 bytes", true},
		{"vector_opcode_in_three_bytes", program(opI32Const, 0, opVec, 0x84, 0x81, 0, end), "vector opcode 0x84 in 3 bytes", true},
		{"vector_constant_in_two_bytes", mod(oneMem, sec(secGlobal, vec(append(append([]byte{typeV128, 0, opVec, 0x8c, 0}, rep(16, 0)...), end)))), "vector opcode 0xc in 2 bytes", true},
		{"relaxed_simd", program(opVec, 0x80, 0x02, end), "vector opcode 0x100", true},
		{"vector_hole", program(opVec, 0x9a, 0x01, end), "vector opcode 0x9a", true},
		{"shuffle_lane", program(append(append([]byte{opVec, 13}, rep(16, 32)...), end)...), "lane 32", false},
		{"i32_too_large", program(opI32Const, 0x80, 0x80, 0x80, 0x80, 0x10, opDrop, end), "integer too large", false},
		{"i64_too_large", program(append(append([]byte{opI64Const}, rep(9, 0x80)...), 0x02, opDrop, end)...), "integer too large", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			out, _, err := Instrument(c.mod, Options{})
			if err == nil || out != nil {
				t.Fatal("accepted")
			}
			if !strings.Contains(err.Error(), c.says) || errors.Is(err, ErrUnsupported) != c.unsupported {
				t.Errorf("%v; want %q, unsupported %v", err, c.says, c.unsupported)
			}
		})
	}
}

// TestVectorOpcodes holds the accepted vector opcodes against the compiler's,
// one by one: what it does not know must be refused, and the other way round.
func TestVectorOpcodes(t *testing.T) {
	ctx := t.Context()
	r := wazero.NewRuntime(ctx)
	defer r.Close(ctx)
	accepted := 0
	for k := range uint32(0x140) {
		code := appendU32([]byte{opUnreachable, opVec}, k)
		switch {
		case k <= 11 || k == 92 || k == 93:
			code = append(code, 0, 0)
		case k == 12 || k == 13:
			code = append(code, make([]byte, 16)...)
		case k >= 21 && k <= 34:
			code = append(code, 0)
		case k >= 84 && k <= 91:
			code = append(code, 0, 0, 0)
		}
		m := program(append(code, opUnreachable, opEnd)...)
		_, _, err := Instrument(m, Options{})
		_, cerr := r.CompileModule(ctx, m)
		if (err == nil) != (cerr == nil) {
			t.Errorf("vector opcode %#x: meter %v, compiler %v", k, err, cerr)
		}
		if err == nil {
			accepted++
		}
	}
	if accepted != 236 {
		t.Errorf("%d vector opcodes accepted, fixed-width SIMD has 236", accepted)
	}
}

func TestCustomSections(t *testing.T) {
	custom := func(name string, data ...byte) []byte {
		return sec(secCustom, appendName(nil, []byte(name)), data)
	}
	names := custom("name", append(append([]byte{0}, appendName(nil, []byte("\x01m"))...), append([]byte{1}, appendName(nil, []byte("\x01\x00\x01f"))...)...)...)
	m := mod(custom("weir.manifest", []byte(`{"name":"x"}`)...), oneType, oneFunc, oneMem,
		sec(secCode, vec(fnBody([]byte{0}, opEnd))), custom(".debug_info", 1, 2, 3), names, names, custom("producers", 7))
	out, _, err := Instrument(m, Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().WithCustomSections(true))
	defer r.Close(ctx)
	cm, err := r.CompileModule(ctx, out)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range cm.CustomSections() {
		t.Errorf("custom section %q was kept", s.Name())
	}
	if !bytes.Contains(out, []byte("\x04name\x00\x02\x01m\x01\x04\x01\x01\x01f")) {
		t.Errorf("the name of function 0 was not renumbered to 1: %q", out)
	}
	if bytes.Count(out, []byte("\x04name")) != 1 {
		t.Error("the second name section is still there, the compiler refuses it")
	}
}

// TestBrokenNamesAreDropped: a count that the compiler would allocate for.
func TestBrokenNamesAreDropped(t *testing.T) {
	for _, s := range []string{"\x01\x05\xff\xff\xff\xff\x0f", "\x01\x04\x01\x00\x01\xff", "\x00\x02\x01", "\x02"} {
		out, _, err := Instrument(mod(oneMem, sec(secCustom, []byte("\x04name"+s))), Options{})
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(out, []byte("\x04name")) {
			t.Errorf("%q was kept", s)
		}
	}
}

// TestStartFunctionTicks: the start function runs at instantiation, before any
// call; it must be metered and renumbered too.
func TestStartFunctionTicks(t *testing.T) {
	m := mod(oneType, sec(secImport, vec([]byte{1, 'h', 1, 'f', 0, 0})), oneFunc, oneMem, sec(secStart, []byte{1}),
		sec(secCode, vec(fnBody(vec([]byte{1, typeI32}), opI32Const, 0xc0, 0x84, 0x3d, opLocalSet, 0, // 1,000,000
			opLoop, blockVoid, opLocalGet, 0, opI32Const, 1, opI32Sub, opLocalTee, 0, opBrIf, 0, opEnd, opEnd))))
	out, rep, err := Instrument(m, Options{Interval: 1000})
	if err != nil {
		t.Fatal(err)
	}
	if rep.Loops != 1 || rep.Imports != 1 || rep.Functions != 1 || rep.Locals != 1 || rep.MemoryMin != 1 {
		t.Errorf("%+v", rep)
	}
	w := newWatched(t)
	_, err = w.NewHostModuleBuilder("h").NewFunctionBuilder().
		WithGoModuleFunction(api.GoModuleFunc(func(context.Context, api.Module, []uint64) { t.Error("called the import") }), nil, nil).
		Export("f").Instantiate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.instance(t, out).ExportedFunction(Start).Call(t.Context()); err != nil {
		t.Fatal(err)
	}
	if w.ticks < 1000 {
		t.Errorf("%d ticks in 6,000,000 units at an interval of 1,000 (in steps of %d)", w.ticks, Step)
	}
}

// FuzzInstrument: any input gives an error or a module; what the compiler
// refuses plain it must refuse metered. Nothing panics.
func FuzzInstrument(f *testing.F) {
	f.Add(program(opEnd))
	f.Add(program(opLoop, blockVoid, opBr, 0, opEnd, opEnd))
	f.Add(program(opI32Const, 0, opI32Const, 0, opI32Const, 8, opMisc, miscMemoryFill, 0, opEnd))
	f.Add(mod(oneType, sec(secImport, vec([]byte{1, 'h', 1, 'f', 0, 0})), oneMem, sec(secCustom, []byte("\x04name\x00\x02\x01m"))))
	if b, err := os.ReadFile(filepath.Join("testdata", "hostile.wasm")); err == nil {
		f.Add(b)
	}
	ctx := context.Background()
	r := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfigInterpreter().WithMemoryLimitPages(1024))
	f.Fuzz(func(t *testing.T, b []byte) {
		out, _, err := Instrument(b, Options{})
		if err != nil {
			return
		}
		plain, perr := r.CompileModule(ctx, b)
		metered, merr := r.CompileModule(ctx, out)
		if perr == nil {
			plain.Close(ctx)
		}
		if merr == nil {
			metered.Close(ctx)
		}
		// A broken name section is left out, so that module becomes valid; it is
		// the only custom section that the compiler reads.
		if perr != nil && merr == nil && !strings.Contains(perr.Error(), "name") && !strings.Contains(perr.Error(), "section custom") {
			t.Fatalf("became valid; plain: %v", perr)
		}
		if perr == nil && merr != nil {
			t.Fatalf("became invalid: %v", merr)
		}
	})
}
