//go:build wasip1

// Nonsense answers each call with octets that are no verdict.
package main

import "unsafe"

func main() {}

//go:wasmimport weir1 result_write
func resultWrite(p unsafe.Pointer, n uint32) int32

//go:wasmexport weir_abi_1
func version() {}

var octets = [64]byte{0: 0xff, 1: 0xff, 2: 0xff, 3: 0xff, 10: 0x7f, 20: '\r', 21: '\n'}

//go:wasmexport weir_hook
func hook(stage, size uint32) int32 {
	if stage == 0 {
		return 0 // it is loaded: the conformance call is answered well
	}
	resultWrite(unsafe.Pointer(&octets), uint32(len(octets)))
	return 0
}
