package compile

import (
	"fmt"
	"os"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// confine holds this process to the limits of a child.
func confine() error {
	if err := closeInherited(); err != nil {
		return err
	}
	limits := []struct {
		what       int
		soft, hard uint64
	}{
		{unix.RLIMIT_CPU, maxCPU, maxCPU + 2}, // SIGXCPU, then SIGKILL
		{unix.RLIMIT_DATA, maxMemory, maxMemory},
		{unix.RLIMIT_FSIZE, maxFile, maxFile},
		{unix.RLIMIT_NOFILE, maxFiles, maxFiles},
		{unix.RLIMIT_CORE, 0, 0},
	}
	for _, l := range limits {
		if l.what == unix.RLIMIT_DATA && raceDetector {
			continue // its shadow memory alone is more
		}
		if err := unix.Setrlimit(l.what, &unix.Rlimit{Cur: l.soft, Max: l.hard}); err != nil {
			return fmt.Errorf("setting the compiler's resource limit %d: %w", l.what, err)
		}
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("giving up privileges: %w", err)
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, 0, niceness) // a courtesy; it may not be allowed
	return nil
}

// self is this program, also when its file has been replaced since it started.
func self() (string, error) { return "/proc/self/exe", nil }

// attributes lets the child end with its parent.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

// closeInherited closes what came from whoever started the gateway. It is what
// an exec did not close; what this process opened itself would be closed by one.
func closeInherited() error {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return fmt.Errorf("looking for inherited descriptors: %w", err)
	}
	for _, d := range fds {
		fd, err := strconv.Atoi(d.Name())
		if err != nil || fd <= 2 {
			continue
		}
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			_ = unix.Close(fd) // gone in any case
		}
	}
	return nil
}
