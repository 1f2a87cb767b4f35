package terminal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/term"
)

// ErrNoTerminal: a question was to be asked, and nobody is there to answer.
var ErrNoTerminal = errors.New("no terminal to ask on")

// Asker puts questions to the person at the terminal.
type Asker struct {
	In  io.Reader
	Out io.Writer
	TTY bool // whether a person is there

	hidden func() ([]byte, error) // reads a line that is not shown
}

// NewAsker asks on standard input and standard error.
func NewAsker() *Asker {
	fd := int(os.Stdin.Fd())
	return &Asker{In: os.Stdin, Out: os.Stderr, TTY: term.IsTerminal(fd), hidden: func() ([]byte, error) { return term.ReadPassword(fd) }}
}

// Confirm asks a question to which only "y" or "yes" is consent.
// ErrNoTerminal: nobody is there.
func (a *Asker) Confirm(question string) (bool, error) {
	if !a.TTY {
		return false, ErrNoTerminal
	}
	fmt.Fprintf(a.Out, "%s [y/N] ", question)
	answer, err := bufio.NewReader(a.In).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return false, fmt.Errorf("reading the answer: %w", err)
	}
	switch strings.ToLower(strings.TrimSpace(answer)) {
	case "y", "yes":
		return true, nil
	}
	return false, nil
}

// Secret asks for a value that is not shown while it is written.
// ErrNoTerminal: nobody is there.
func (a *Asker) Secret(name string) (string, error) {
	if !a.TTY || a.hidden == nil {
		return "", ErrNoTerminal
	}
	fmt.Fprintf(a.Out, "%s: ", name)
	b, err := a.hidden()
	fmt.Fprintln(a.Out)
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", name, err)
	}
	return string(b), nil
}
