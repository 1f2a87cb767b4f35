//go:build !wasip1

package sdk

import "embed"

// Files is the source of the SDK, for weir plugin new: it lays it beside a new
// project, which then builds without a registry. No plugin needs it, and none
// has it: it is not there in Wasm, nor in the copy.
//
//go:embed README.md *.go abi/*.go abi/pattern/*.go sdktest/*.go
var Files embed.FS
