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
}

// NewAsker asks on standard input and standard error.
func NewAsker() *Asker {
	return &Asker{In: os.Stdin, Out: os.Stderr, TTY: term.IsTerminal(int(os.Stdin.Fd()))}
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
