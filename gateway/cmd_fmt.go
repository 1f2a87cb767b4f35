package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/hashicorp/hcl/v2/hclparse"
	"github.com/rogpeppe/go-internal/diff"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
	"github.com/mailweir/weir/gateway/internal/terminal"
	"github.com/mailweir/weir/policy"
)

// FmtCmd lays policy files out in the one usual way.
type FmtCmd struct {
	Diff  bool     `short:"d" xor:"how" help:"Print what would change, and change nothing."`
	Check bool     `xor:"how" help:"Name the files that would change, and change nothing; exit code 2 if there are any."`
	Files []string `arg:"" optional:"" name:"file" help:"Files or folders; --config's when absent; - for standard input."`
}

// Run formats in place, or says what it would do. A file that does not parse
// is left alone and reported.
func (c *FmtCmd) Run(g *Globals) error {
	if len(c.Files) == 1 && c.Files[0] == "-" {
		src, err := io.ReadAll(os.Stdin)
		if err != nil {
			return fmt.Errorf("reading standard input: %w", err)
		}
		changed, err := c.format(g, "<stdin>", src, func(out []byte) error {
			return nil
		})
		if err == nil && !c.Check && !c.Diff {
			_, err = os.Stdout.Write(policy.Format(src))
		}
		return c.end(changed, err)
	}
	names := c.Files
	if len(names) == 0 {
		names = []string{g.Config}
	}
	anyChanged := false
	var failed error
	for _, name := range names {
		files, err := policyFiles(name)
		if err != nil {
			return fmt.Errorf("formatting: %w", err)
		}
		for _, file := range files {
			src, err := os.ReadFile(file)
			if err != nil {
				return fmt.Errorf("formatting: %w", err)
			}
			changed, err := c.format(g, file, src, func(out []byte) error { return replaceFile(file, out) })
			anyChanged = anyChanged || changed
			failed = errors.Join(failed, err)
		}
	}
	return c.end(anyChanged, failed)
}

func (c *FmtCmd) end(changed bool, err error) error {
	if err != nil {
		return quiet(exitError)
	}
	if changed && c.Check {
		return quiet(exitChanges)
	}
	return nil
}

// format shows or writes the new layout of one source. What is wrong is said
// at once.
func (c *FmtCmd) format(g *Globals, name string, src []byte, write func([]byte) error) (changed bool, err error) {
	parser := hclparse.NewParser()
	if _, diags := parser.ParseHCL(src, name); diags.HasErrors() {
		s := terminal.NewScreen(os.Stderr, g.Color)
		return false, errors.Join(diags, policy.WriteDiagnostics(s, parser.Files(), diags, s.Width(), s.Color()))
	}
	out := policy.Format(src)
	if bytes.Equal(src, out) {
		return false, nil
	}
	switch {
	case c.Diff:
		_, err = os.Stdout.Write(diff.Diff(name, src, name+" (formatted)", out))
	case c.Check:
		_, err = fmt.Println(name)
	default:
		err = write(out)
		if err == nil && name != "<stdin>" {
			_, err = fmt.Println(name)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "weir: "+err.Error())
	}
	return true, err
}

// replaceFile writes a file anew, so that a reader never sees half of it, and
// keeps its mode.
func replaceFile(path string, b []byte) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the link stays a link
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("formatting: %w", err)
	}
	if err := atomicfile.Write(path, b, atomicfile.Options{Mode: info.Mode().Perm()}); err != nil {
		return fmt.Errorf("formatting %s: %w", path, err)
	}
	return nil
}
