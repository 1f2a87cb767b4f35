//go:build !linux

package compile

import (
	"os"
	"syscall"
)

// confine: where the kernel is not Linux, the deadline and the soft limit of
// the heap are all that holds the child.
func confine() error { return nil }

func self() (string, error) { return os.Executable() }

func attributes() *syscall.SysProcAttr { return nil }
