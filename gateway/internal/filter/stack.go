package filter

import (
	"reflect"

	"github.com/tetratelabs/wazero/api"
)

// A guest's calls have a stack of their own, which wazero takes from the Go
// heap, doubles when it is full, and ends only past 50 MB: 84 MB, with 42 MB of
// the one before beside it. It says neither how large one is nor lets a limit
// be set. So tick looks: metering makes a guest tick at least every few MiB of
// stack (see package meter), and a Go slice's length can be seen by reflection.

// Bounds of a guest's stack, in octets.
const (
	maxStack  = 8 << 20 // past it the guest is ended
	keepStack = 1 << 20 // past it the instance is not used again
)

// stackSize sees how large the stack of an exported function is now.
type stackSize struct{ v reflect.Value }

// stackOf looks into wazero's implementation of f. Where that is another one
// than is known, the size is 0: TestStackIsBounded tells.
func stackOf(f api.Function) (s stackSize) {
	v := reflect.ValueOf(f)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		return s
	}
	if v = v.Elem().FieldByName("stack"); v.Kind() == reflect.Slice && v.Type().Elem().Kind() == reflect.Uint8 {
		s.v = v
	}
	return s
}

func (s stackSize) octets() int {
	if !s.v.IsValid() {
		return 0
	}
	return s.v.Len()
}
