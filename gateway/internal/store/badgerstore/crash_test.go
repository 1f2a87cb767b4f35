package badgerstore

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/store/storetest"
)

// The test binary plays the process that is killed, too.
const childEnv = "WEIR_STORE_TEST_CHILD"

func TestMain(m *testing.M) {
	if role := os.Getenv(childEnv); role != "" {
		if err := child(role, os.Args[1]); err != nil {
			fmt.Fprintln(os.Stderr, "child:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// child works on the store in dir and writes the ledger to its standard
// output until it is killed.
func child(role, dir string) error {
	o := Options{Dir: dir, FreeWatermark: 1, BallastSize: -1, NoSync: role == "nosync"}.defaults()
	o.segSize = 512 << 10 // so that segments are sealed, cleaned and removed
	o.reserve = 8 << 20
	if role == "indexed" {
		o.IndexDir = filepath.Join(dir, "index")
	}
	s, err := open(o)
	if err != nil {
		return err
	}
	if role == "fill" {
		return fill(s, os.Stdout)
	}
	return storetest.Work(context.Background(), s, os.Stdout, 8)
}

// startChild runs the test binary as a child on dir, with its ledger going to out.
func startChild(t testing.TB, role, dir string, out io.Writer) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	exe, err := os.Executable()
	must(t, err)
	cmd := exec.Command(exe, dir)
	cmd.Env = append(os.Environ(), childEnv+"="+role)
	cmd.Stdout = out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} // it must not outlive a test that is killed
	errs := new(bytes.Buffer)
	cmd.Stderr = errs
	must(t, cmd.Start())
	t.Cleanup(func() { cmd.Process.Kill() })
	return cmd, errs
}

// rounds reads the number of rounds from the environment.
func rounds(t testing.TB, env string, def int) int {
	t.Helper()
	v := os.Getenv(env)
	if v == "" {
		return def
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 {
		t.Fatalf("%s=%q is not a number of rounds", env, v)
	}
	return n
}

func fileSize(t testing.TB, path string) int64 {
	t.Helper()
	fi, err := os.Stat(path)
	must(t, err)
	return fi.Size()
}

// TestKilled kills a working process again and again, on one and the same
// store, and compares what it had acknowledged with what is there.
func TestKilled(t *testing.T) {
	n := rounds(t, "WEIR_CRASH_ROUNDS", 10)
	if testing.Short() {
		n = 3
	}
	dir := t.TempDir()
	path := dir + "/ledger"
	ledger, err := os.Create(path)
	must(t, err)
	defer ledger.Close()
	data := dir + "/data"
	for round := range n {
		cmd, errs := startChild(t, "work", data, ledger)
		if round%4 != 3 { // else it may die while it opens the store
			was := fileSize(t, path)
			waitFor(t, "the child to work", func() bool { return fileSize(t, path) > was+1000 })
		}
		time.Sleep(time.Duration(rand.IntN(250)) * time.Millisecond)
		must(t, cmd.Process.Kill())
		cmd.Wait()
		if bytes.Contains(errs.Bytes(), []byte("child:")) || bytes.Contains(errs.Bytes(), []byte("panic")) {
			t.Fatalf("round %d: %s", round, errs)
		}
		s := openTest(t, data)
		b, err := os.ReadFile(path)
		must(t, err)
		r := storetest.Check(ctx, s, b, b)
		must(t, s.Close())
		if len(r.Missing) > 0 {
			t.Fatalf("round %d: of %d acknowledged, %d are wrong:\n%v", round, r.Acked, len(r.Missing), r.Missing[0])
		}
		if round == n-1 {
			t.Logf("%d acknowledged, %d settled, none lost over %d kills", r.Acked, r.Settled, n)
			if r.Acked < 10*n || r.Settled == 0 {
				t.Errorf("only %d acknowledged, %d settled: the test shows little", r.Acked, r.Settled)
			}
		}
	}
}
