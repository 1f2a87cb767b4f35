package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/atomicfile"
	"github.com/mailweir/weir/gateway/internal/terminal"
)

// intoFile writes to standard output, or where a path is given to a new file,
// which is there when it is whole, and not where writing failed.
func intoFile(path string, write func(io.Writer) error) error {
	if path == "" {
		return write(os.Stdout)
	}
	return newFile(path, 0o600, write)
}

// newFile makes a file that must not be there.
func newFile(path string, mode fs.FileMode, write func(io.Writer) error) error {
	err := atomicfile.WriteFrom(path, atomicfile.Options{Mode: mode, New: true}, write)
	var at *fs.PathError
	switch {
	case errors.Is(err, fs.ErrExist):
		return failure{path + " is there already", "keep it, or remove it yourself"}
	case errors.As(err, &at):
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return err
}

// createFile is newFile with its content at hand.
func createFile(path string, b []byte, mode fs.FileMode) error {
	return newFile(path, mode, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// mailInto is intoFile for mail, which may hold sequences that a terminal obeys.
func mailInto(g *Globals, path string, write func(io.Writer) error) error {
	if err := noMailOn(g, path); err != nil {
		return err
	}
	return intoFile(path, write)
}

// downloadMail is mailInto for what the gateway sends.
func downloadMail(g *Globals, path string, fetch func(*client.Client) (io.ReadCloser, error)) error {
	return mailInto(g, path, func(out io.Writer) error {
		cl, err := g.client()
		if err != nil {
			return err
		}
		body, err := fetch(cl)
		if err != nil {
			return err
		}
		defer body.Close()
		if _, err := io.Copy(out, body); err != nil {
			return fmt.Errorf("writing the message: %w", err)
		}
		return nil
	})
}

// noMailOn refuses a terminal where no file is named.
func noMailOn(g *Globals, path string) error {
	if path == "" && terminal.NewScreen(os.Stdout, g.Color).IsTerminal() {
		return failure{"mail is not written to a terminal, which might obey what it contains", "say --output FILE, or pipe it, as in: weir log download ID | less"}
	}
	return nil
}
