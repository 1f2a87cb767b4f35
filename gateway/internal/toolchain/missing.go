package toolchain

import (
	"context"
	"os/exec"
)

// Missing says what is not installed of what building in a language needs, as
// a *MissingTool; nil where all is there.
func Missing(ctx context.Context, l Language) error {
	switch l {
	case Go:
		if _, err := exec.LookPath("go"); err != nil {
			return missingGo
		}
	case Rust:
		if _, err := rustc(ctx); err != nil {
			return err
		}
	case AssemblyScript:
		if firstOf("node", "nodejs") == "" || firstOf("npm") == "" {
			return missingNode
		}
	case C:
		if firstOf(versioned("clang")...) == "" {
			return missingClang
		}
		if firstOf(versioned("wasm-ld")...) == "" {
			return missingLinker
		}
	}
	return nil
}

var (
	missingGo     = &MissingTool{Go, "the go command", "golang-go", "or get Go " + goVersion + " or newer from https://go.dev/dl/"}
	missingNode   = &MissingTool{AssemblyScript, "Node.js", "nodejs npm", ""}
	missingNPM    = &MissingTool{AssemblyScript, "npm", "npm", ""}
	missingClang  = &MissingTool{C, "clang", "clang lld", ""}
	missingLinker = &MissingTool{C, "wasm-ld, the linker of LLVM,", "lld", ""}
)
