//go:build !linux

package atomicfile

import "errors"

// renameFree does not know how this system does it.
func renameFree(_, _ string) error { return errors.ErrUnsupported }
