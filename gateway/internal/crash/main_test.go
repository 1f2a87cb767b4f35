package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/gateway/internal/store/powercut"
)

// buildDir is where binary builds.
var buildDir string

func TestMain(m *testing.M) {
	code := 1
	dir, err := os.MkdirTemp("", "weir-crash-test-")
	if err == nil {
		buildDir = dir
		code = m.Run()
		err = os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// built is the gateway's binary: that of WEIR_BIN, else one built now.
var built = sync.OnceValues(func() (string, error) {
	if bin := os.Getenv("WEIR_BIN"); bin != "" {
		return filepath.Abs(bin)
	}
	bin := filepath.Join(buildDir, "weir")
	if out, err := exec.Command("go", "build", "-o", bin, "github.com/mailweir/weir/gateway").CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return bin, nil
})

// disk makes a file system to cut the power of or to fill, and finds the
// gateway. It skips the test with a reason where that cannot be, and fails it
// when WEIR_CI is set: there it has to be.
func disk(t *testing.T, size int64) (*powercut.Disk, string) {
	t.Helper()
	if testing.Short() {
		t.Skip("makes and mounts file systems")
	}
	t.Cleanup(func() {
		if t.Skipped() && os.Getenv("WEIR_CI") != "" {
			t.Error("skipped, and WEIR_CI is set: this machine has to have root, loop devices, mkfs.xfs and the plugins")
		}
	})
	for _, name := range []string{"rules", "stall"} {
		if _, err := builtin.Module(name); err != nil {
			t.Skip(err)
		}
	}
	bin, err := built()
	if err != nil {
		t.Fatal(err)
	}
	return powercut.New(t, "ext4", size), bin
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// logTo ends the gateway with the test, and shows the end of its log when the
// test has failed.
func (g *gateway) logTo(t *testing.T) {
	t.Cleanup(func() {
		g.kill()
		if b, err := os.ReadFile(g.log.Name()); err == nil && t.Failed() {
			t.Logf("the end of the gateway's log:\n%s", b[max(0, len(b)-6000):])
		}
		g.log.Close()
	})
}
