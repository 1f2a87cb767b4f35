package conformance

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/mailweir/weir/sdk/assemblyscript"
)

// ErrNoCompiler says that npm is not installed, or could not fetch the compiler.
var ErrNoCompiler = errors.New("the AssemblyScript compiler is not to be had")

// NodeModules is a folder node_modules with the AssemblyScript compiler of the
// SDK's lock file. npm installs it once per lock file and machine, in the user's
// cache, so that the source tree stays clean.
func NodeModules(ctx context.Context) (string, error) {
	var files [2][]byte
	sum := sha256.New()
	names := [2]string{"package.json", "package-lock.json"}
	for i, name := range names {
		b, err := assemblyscript.Files.ReadFile(name)
		if err != nil {
			return "", err
		}
		files[i] = b
		sum.Write(b)
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding a cache for npm: %w", err)
	}
	dir := filepath.Join(cache, "weir-npm-"+hex.EncodeToString(sum.Sum(nil)[:8]))
	modules := filepath.Join(dir, "node_modules")
	if _, err := os.Stat(modules); err == nil {
		return modules, nil
	}
	npm, err := exec.LookPath("npm")
	if err != nil {
		return "", fmt.Errorf("%w: %w", ErrNoCompiler, err)
	}
	if err := os.MkdirAll(cache, 0o755); err != nil {
		return "", err
	}
	tmp, err := os.MkdirTemp(cache, "weir-npm-new")
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	for i, name := range names {
		if err := os.WriteFile(filepath.Join(tmp, name), files[i], 0o644); err != nil {
			return "", err
		}
	}
	c := exec.CommandContext(ctx, npm, "ci", "--no-audit", "--no-fund", "--loglevel=error")
	c.Dir = tmp
	if out, err := c.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: npm ci: %w\n%s", ErrNoCompiler, err, out)
	}
	if err := os.Chmod(tmp, 0o755); err != nil {
		return "", err
	}
	if err := os.Rename(tmp, dir); err != nil {
		if _, there := os.Stat(modules); there != nil { // another test was not quicker
			return "", err
		}
	}
	return modules, nil
}
