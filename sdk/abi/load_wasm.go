package abi

import "unsafe"

// load32 and load64 read little-endian numbers at o; there is room. The
// compiler does not join the loads of single octets for Wasm, and guests spend
// much of a short call here.
func load32(s string, o int) uint32 { return *(*uint32)(at(s, o)) }
func load64(s string, o int) uint64 { return *(*uint64)(at(s, o)) }

// Wasm is little-endian, and loads need no alignment.
func at(s string, o int) unsafe.Pointer { return unsafe.Add(unsafe.Pointer(unsafe.StringData(s)), o) }
