package toolchain

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// wasmTarget is the target of Rust and C: plain WebAssembly, no WASI.
const wasmTarget = "wasm32-unknown-unknown"

// firstOf gives the path of the first program that is installed.
func firstOf(names ...string) string {
	for _, n := range names {
		if p, err := exec.LookPath(n); err == nil {
			return p
		}
	}
	return ""
}

// versioned are a program's names on Debian: plain, and by version, the newest
// first.
func versioned(name string) []string {
	out := []string{name}
	for v := 22; v >= 13; v-- {
		out = append(out, fmt.Sprintf("%s-%d", name, v))
	}
	return out
}

// clangFlags are for a guest: no libc, and nothing of the host's headers.
var clangFlags = []string{"--target=wasm32", "-std=c11", "-Os", "-Wall", "-Wextra", "-ffreestanding", "-mbulk-memory", "-nostdinc"}

// buildC compiles every .c of the folder and links them. Both by hand: clang
// as a linker's driver runs whatever wasm-opt it finds in the path.
func (p *Project) buildC(ctx context.Context, tmp, out string) error {
	clang, ld := firstOf(versioned("clang")...), firstOf(versioned("wasm-ld")...)
	if clang == "" {
		return missingClang
	}
	if ld == "" {
		return missingLinker
	}
	sources, err := filepath.Glob(filepath.Join(escape(p.Dir), "*.c"))
	if err != nil {
		return err
	}
	include, err := clangInclude(ctx, clang)
	if err != nil {
		return err
	}
	var objects []string
	for i, src := range sources {
		if strings.HasSuffix(src, "_test.c") {
			continue // the native test
		}
		obj := filepath.Join(tmp, fmt.Sprintf("%d.o", i))
		args := append(slices.Clone(clangFlags), "-isystem", include, "-I", sdkFolder, "-c", filepath.Base(src), "-o", obj)
		if err := p.run(ctx, nil, clang, args...); err != nil {
			return err
		}
		objects = append(objects, obj)
	}
	return p.run(ctx, nil, ld, append(objects, "--no-entry", "--gc-sections", "--strip-all", "--stack-first", "-z", "stack-size=65536", "-o", out)...)
}

// clangInclude is where clang's own freestanding headers are (stdint.h).
func clangInclude(ctx context.Context, clang string) (string, error) {
	b, err := exec.CommandContext(ctx, clang, "-print-resource-dir").Output()
	if err != nil {
		return "", fmt.Errorf("asking clang for its headers: %w", err)
	}
	return filepath.Join(strings.TrimSpace(string(b)), "include"), nil
}

// rustc finds a compiler that has the standard library for the target. Where a
// newer one without it comes first in the path, Debian's may still have it.
func rustc(ctx context.Context) (string, error) {
	missing := &MissingTool{Rust, "rustc", "rustc libstd-rust-dev-wasm32", ""}
	for _, name := range []string{os.Getenv("RUSTC"), "rustc", "/usr/bin/rustc"} {
		path, err := exec.LookPath(name)
		if name == "" || err != nil {
			continue
		}
		missing.Tool = "the standard library of Rust for " + wasmTarget
		missing.Packages = "libstd-rust-dev-wasm32"
		missing.Note = "with rustup: rustup target add " + wasmTarget
		b, err := exec.CommandContext(ctx, path, "--print", "target-libdir", "--target", wasmTarget).Output()
		if err != nil {
			continue
		}
		if libs, _ := filepath.Glob(filepath.Join(strings.TrimSpace(string(b)), "libstd-*")); len(libs) > 0 {
			return path, nil
		}
	}
	return "", missing
}

// buildRust calls rustc itself, first for the SDK's crate and then for the
// project's: it needs no cargo and no registry. A project with dependencies
// beyond the SDK is built with cargo.
func (p *Project) buildRust(ctx context.Context, tmp, out string) error {
	tool, err := rustc(ctx)
	if err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(p.Dir, "Cargo.toml"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if deps := cargoDependencies(string(text)); len(deps) > 0 {
		return p.buildCargo(ctx, tool, tmp, out, deps)
	}
	sdk := filepath.Join(sdkFolder, "src", "lib.rs")
	if _, err := os.Stat(filepath.Join(p.Dir, sdk)); err != nil {
		return fmt.Errorf("there is no SDK at %s; \"weir plugin new\" puts it there", filepath.Join(p.Dir, sdkFolder))
	}
	common := []string{"--edition", "2021", "--target", wasmTarget, "-C", "opt-level=s", "-C", "panic=abort", "-C", "strip=symbols", "-C", "codegen-units=1"}
	rlib := filepath.Join(tmp, "lib"+rustCrate+".rlib")
	if err := p.run(ctx, nil, tool, append(slices.Clone(common), "--crate-type", "rlib", "--crate-name", rustCrate, sdk, "-o", rlib)...); err != nil {
		return err
	}
	return p.run(ctx, nil, tool, append(slices.Clone(common), "--crate-type", "cdylib", "--crate-name", "plugin", "-C", "lto=yes",
		"--extern", rustCrate+"="+rlib, filepath.Join("src", "lib.rs"), "-o", out)...)
}

// cargoDependencies are the names under [dependencies] other than the SDK's.
func cargoDependencies(toml string) []string {
	var out []string
	in := false
	for line := range strings.Lines(toml) {
		line = strings.TrimSpace(line)
		switch {
		case strings.HasPrefix(line, "["):
			in = line == "[dependencies]"
			if name, ok := strings.CutPrefix(line, "[dependencies."); ok && strings.TrimSuffix(name, "]") != rustCrate {
				out = append(out, strings.TrimSuffix(name, "]"))
			}
		case in && line != "" && line[0] != '#':
			name, _, _ := strings.Cut(line, "=")
			if name = strings.TrimSpace(name); strings.ReplaceAll(name, "-", "_") != rustCrate {
				out = append(out, name)
			}
		}
	}
	return out
}

func (p *Project) buildCargo(ctx context.Context, rustc, tmp, out string, deps []string) error {
	cargo := firstOf("cargo")
	if cargo == "" {
		return &MissingTool{Rust, "cargo, for " + strings.Join(deps, ", ") + ",", "cargo", "or do without these dependencies"}
	}
	err := p.run(ctx, []string{"RUSTC=" + rustc}, cargo, "build", "--release", "--lib", "--target", wasmTarget, "--target-dir", filepath.Join(tmp, "target"))
	if err != nil {
		return err
	}
	made, _ := filepath.Glob(filepath.Join(escape(tmp), "target", wasmTarget, "release", "*.wasm"))
	if len(made) != 1 {
		return fmt.Errorf("cargo made %d modules; Cargo.toml needs [lib] crate-type = [\"cdylib\"]", len(made))
	}
	return os.Rename(made[0], out)
}

// buildAssemblyScript runs the compiler that npm put beside the project; npm
// fetches it where it is not there yet.
func (p *Project) buildAssemblyScript(ctx context.Context, out string) error {
	node, npm := firstOf("node", "nodejs"), firstOf("npm")
	if node == "" {
		return missingNode
	}
	asc := filepath.Join("node_modules", "assemblyscript", "bin", "asc.js")
	if _, err := os.Stat(filepath.Join(p.Dir, asc)); err != nil {
		if npm == "" {
			return missingNPM
		}
		if err := p.run(ctx, nil, npm, "install", "--no-audit", "--no-fund", "--loglevel=error"); err != nil {
			return err
		}
	}
	return p.run(ctx, nil, node, asc, filepath.Join("assembly", "index.ts"), "--config", "asconfig.json", "--target", "release", "--outFile", out)
}
