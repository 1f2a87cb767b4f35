// Package powercut lets tests cut the power: a file system in an image that
// lies on a file system with reflinks, so that a snapshot of the image, taken
// while something writes, is what a disk holds at the moment the power fails.
// Killing a process proves nothing of the kind, for the page cache survives
// it; nor does a plain copy of a live image, for it is torn.
//
// It is for tests alone and needs Linux, root, loop devices, mount, cp and
// mkfs.xfs (and mkfs.ext4 for the inner file system).
package powercut

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Disk is a mounted file system that can be snapshot.
type Disk struct {
	// Dir is where it is mounted; work in a directory below it.
	Dir string

	t     testing.TB
	fs    string
	outer string // mount point of the file system with reflinks
	image string
	n     atomic.Int32
}

// Available reports why power cannot be cut here; nil: it can.
func Available(fs string) error {
	if os.Geteuid() != 0 {
		return errors.New("mounting images needs root")
	}
	for _, p := range []string{"mkfs.xfs", "mkfs." + fs, "mount", "umount", "cp", "truncate"} {
		if _, err := exec.LookPath(p); err != nil {
			return fmt.Errorf("%s is not installed", p)
		}
	}
	if _, err := os.Stat("/dev/loop-control"); err != nil {
		return errors.New("there are no loop devices")
	}
	return nil
}

// inside marks a test process that has a mount namespace of its own.
const inside = "WEIR_POWERCUT_INSIDE"

// Alone runs the calling top-level test again in a process with a mount
// namespace of its own, so that its mounts are gone when it ends, however it
// ends. In that process it returns true, and the test goes on; elsewhere it
// has done everything and returns false, or has skipped the test, saying why:
//
//	if !powercut.Alone(t, "ext4") { return }
func Alone(t *testing.T, fs ...string) bool {
	t.Helper()
	if os.Getenv(inside) != "" {
		return true
	}
	for _, f := range fs {
		if err := Available(f); err != nil {
			t.Skipf("no power cut: %v", err)
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^"+regexp.QuoteMeta(t.Name())+"$", "-test.v", "-test.count=1")
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil && cmd.ProcessState == nil:
		t.Skipf("no power cut: no mount namespace: %v", err)
	case err != nil:
		t.Fatalf("%v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP"):
		t.Skipf("%s", out)
	default:
		t.Logf("%s", out)
	}
	return false
}

// New makes and mounts a file system of kind fs ("ext4", "xfs") with size
// octets, and takes it down at the test's end. It skips the test where that
// cannot be done, saying why. A test that may be killed calls Alone first.
func New(t testing.TB, fs string, size int64) *Disk {
	t.Helper()
	if err := Available(fs); err != nil {
		t.Skipf("no power cut: %v", err)
	}
	base := t.TempDir()
	d := &Disk{t: t, fs: fs, outer: filepath.Join(base, "outer"), Dir: filepath.Join(base, "disk")}
	outerImage := filepath.Join(base, "outer.img")
	d.image = filepath.Join(d.outer, "img")
	for _, p := range []string{d.outer, d.Dir} {
		if err := os.Mkdir(p, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	// Sparse: what it takes is what is written. Snapshots share their blocks.
	d.must("truncate", "-s", fmt.Sprint(8*size+512<<20), outerImage)
	d.must("mkfs.xfs", "-q", "-f", "-m", "reflink=1", outerImage)
	if out, err := exec.Command("mount", "-o", "loop", outerImage, d.outer).CombinedOutput(); err != nil {
		t.Skipf("no power cut: mount: %v: %s", err, out)
	}
	t.Cleanup(func() { d.unmount(d.outer) })
	d.must("truncate", "-s", fmt.Sprint(size), d.image)
	mkfs := []string{"-q", "-F", d.image}
	if fs == "xfs" {
		mkfs = []string{"-q", "-f", d.image}
	}
	d.must("mkfs."+fs, mkfs...)
	d.must("mount", "-o", "loop", d.image, d.Dir)
	t.Cleanup(func() { d.unmount(d.Dir) })
	return d
}

// Cut is the disk as it was at one moment.
type Cut struct {
	d     *Disk
	image string
}

// Snapshot takes the disk's contents as they are on stable storage now. It
// may be called while others write.
func (d *Disk) Snapshot() *Cut {
	d.t.Helper()
	c := &Cut{d: d, image: filepath.Join(d.outer, fmt.Sprintf("cut%d", d.n.Add(1)))}
	d.must("cp", "--reflink=always", d.image, c.image)
	return c
}

// Mounted mounts the snapshot, as the next start of the machine does,
// calls f with the mount point, and throws the snapshot away.
func (c *Cut) Mounted(f func(dir string)) {
	t := c.d.t
	t.Helper()
	dir := c.image + ".mnt"
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	opts := "loop"
	if c.d.fs == "xfs" {
		opts += ",nouuid" // the original is mounted, too
	}
	c.d.must("mount", "-o", opts, c.image, dir)
	defer func() {
		c.d.unmount(dir)
		if err := errors.Join(os.Remove(dir), os.Remove(c.image)); err != nil {
			t.Error(err)
		}
	}()
	f(dir)
}

func (d *Disk) must(name string, args ...string) {
	d.t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		d.t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
}

// unmount waits for those who still hold the file system: a killed process
// takes a moment to go.
func (d *Disk) unmount(dir string) {
	var out []byte
	var err error
	for range 100 {
		if out, err = exec.Command("umount", dir).CombinedOutput(); err == nil {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	d.t.Errorf("umount %s: %v: %s", dir, err, out)
}
