package toolchain

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/mailweir/weir/gateway/internal/filter/meter"
)

// MissingTool says that a compiler is not there.
type MissingTool struct {
	Language Language
	Tool     string // what was looked for
	Packages string // of Debian, as apt takes them
	Note     string // what else the reader should know
}

// Error implements error.
func (e *MissingTool) Error() string {
	return fmt.Sprintf("building a plugin in %s needs %s, which is not installed", e.Language.Title(), e.Tool)
}

// Remedy says what to install.
func (e *MissingTool) Remedy() string {
	r := "on Debian: apt install " + e.Packages
	if e.Note != "" {
		r += "; " + e.Note
	}
	return r
}

// buildError is what a compiler said.
type buildError struct {
	tool   string
	output string
}

func (e *buildError) Error() string {
	out := strings.TrimSpace(e.output)
	if out == "" {
		return e.tool + " failed"
	}
	return e.tool + " failed:\n" + out
}

// Build compiles the project and gives the module, without a manifest. What is
// left behind is what the language's own tools leave behind.
func (p *Project) Build(ctx context.Context) ([]byte, error) {
	tmp, err := os.MkdirTemp("", "weir-build-")
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", p.Dir, err)
	}
	defer os.RemoveAll(tmp)
	out := filepath.Join(tmp, "module.wasm")
	switch p.Language {
	case Go:
		err = p.buildGo(ctx, out)
	case Rust:
		err = p.buildRust(ctx, tmp, out)
	case AssemblyScript:
		err = p.buildAssemblyScript(ctx, out)
	case C:
		err = p.buildC(ctx, tmp, out)
	default:
		err = fmt.Errorf("no compiler is known for %q", p.Language)
	}
	if err != nil {
		return nil, fmt.Errorf("building %s: %w", p.Dir, err)
	}
	info, err := os.Stat(out)
	if err != nil {
		return nil, fmt.Errorf("building %s: the compiler left no module: %w", p.Dir, err)
	}
	if info.Size() > meter.MaxModule {
		return nil, fmt.Errorf("building %s: the module has %d octets; a plugin has at most %d", p.Dir, info.Size(), meter.MaxModule)
	}
	return os.ReadFile(out)
}

// run runs a compiler in the project's folder. Extra environment variables
// outrank those that are set.
func (p *Project) run(ctx context.Context, env []string, name string, args ...string) error {
	c := exec.CommandContext(ctx, name, args...)
	c.Dir = p.Dir
	c.Env = append(os.Environ(), env...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	err := c.Run()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", filepath.Base(name), context.Cause(ctx))
	case errors.As(err, &exit):
		return &buildError{filepath.Base(name), out.String()}
	case err != nil:
		return fmt.Errorf("%s: %w", filepath.Base(name), err)
	}
	return nil
}

// buildGo uses the go command. GOWORK is off: a project is a module of its own,
// wherever its folder lies.
func (p *Project) buildGo(ctx context.Context, out string) error {
	tool, err := exec.LookPath("go")
	if err != nil {
		return missingGo
	}
	return p.run(ctx, []string{"GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0", "GOWORK=off"}, tool,
		"build", "-buildmode=c-shared", "-trimpath", "-ldflags=-s -w", "-o", out, ".")
}
