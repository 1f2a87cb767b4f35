package compile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"

	"github.com/mailweir/weir/gateway/internal/filter/meter"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
)

// argv0 is the name the child is started under; it has no arguments.
const argv0 = "weir-compile"

// Limits that the child sets for itself before it reads a module. An honest Go
// guest of 1.8 MB takes 0.5 s of processor time and 100 MiB.
const (
	maxCPU    = 60        // seconds of processor time
	maxMemory = 512 << 20 // octets of private, writable memory
	softHeap  = 192 << 20 // octets from which on garbage is collected harder
	maxFile   = 256 << 20 // octets of the file of machine code
	maxFiles  = 32        // descriptors
	niceness  = 10        // mail goes first
)

func init() {
	if len(os.Args) == 1 && os.Args[0] == argv0 {
		os.Exit(child())
	}
}

// child compiles the module on standard input into the current folder. Its
// exit code is 0, or 1 with a reason on standard error.
func child() (code int) {
	defer func() {
		if p := recover(); p != nil {
			fmt.Fprintln(os.Stderr, panicked(p))
			code = 1
		}
	}()
	debug.SetGCPercent(50)
	debug.SetMemoryLimit(softHeap)
	err := confine()
	if err == nil {
		err = fill(os.Stdin, ".")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func panicked(p any) string {
	first, _, _ := strings.Cut(fmt.Sprint(p), "\n")
	return "the compiler panicked: " + first
}

// fill compiles a module into the cache in dir.
func fill(r io.Reader, dir string) error {
	module, err := io.ReadAll(io.LimitReader(r, meter.MaxOutput+1))
	if err != nil {
		return fmt.Errorf("reading the module: %w", err)
	}
	if len(module) > meter.MaxOutput {
		return errors.New("the module is too large")
	}
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return err
	}
	ctx := context.Background()
	_, err = wazero.NewRuntimeWithConfig(ctx, Config().WithCompilationCache(cache)).CompileModule(ctx, module)
	if err != nil {
		first, _, _ := strings.Cut(err.Error(), "\n")
		return errors.New(first)
	}
	return nil
}

// Config is what machine code is made for. A runtime that is to use an entry
// may add a memory limit and the cache to it, and nothing else.
//
// It has no WithCloseOnContextDone: the metering is the watchdog, see package meter.
func Config() wazero.RuntimeConfig {
	return wazero.NewRuntimeConfig().WithCoreFeatures(api.CoreFeaturesV2).WithDebugInfoEnabled(false)
}
