package main

import "unsafe"

//go:wasmimport weir1 error_read
func errorRead(p unsafe.Pointer, n uint32) int32

// lastError is what the host says of the last call that failed.
func lastError() string {
	b := make([]byte, 512)
	return string(b[:errorRead(unsafe.Pointer(&b[0]), uint32(len(b)))])
}
