//go:build unix

package compile

import (
	"io/fs"
	"os"
	"syscall"
)

const sigXCPU = int(syscall.SIGXCPU)

// mine reports whether a file is this user's.
func mine(info fs.FileInfo) bool {
	st, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
