package sink

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
)

// Mode is how the sink answers a message.
type Mode string

// The modes. Recipients are answered by the patterns in every mode, so that a
// callout sees the same recipients all the time; defer and refuse answer the
// end of data.
const (
	Accept Mode = "accept" // 250
	Defer  Mode = "defer"  // 451
	Refuse Mode = "refuse" // 550
	Down   Mode = "down"   // nobody listens
)

// Modes are all of them.
func Modes() []Mode { return []Mode{Accept, Defer, Refuse, Down} }

// The control files within the maildir: what is wanted, and what a running
// sink does.
const (
	modeFile   = "mode"
	activeFile = "mode.active"
)

func parseMode(s string) (Mode, error) {
	m := Mode(strings.TrimSpace(s))
	if !slices.Contains(Modes(), m) {
		return Accept, fmt.Errorf("%q is no mode of the sink; write accept, defer, refuse or down", m)
	}
	return m, nil
}

// wanted reads the mode file; without one, accept.
func wanted(dir string) (Mode, error) {
	b, err := os.ReadFile(filepath.Join(dir, modeFile))
	if errors.Is(err, fs.ErrNotExist) {
		return Accept, nil
	}
	if err != nil {
		return Accept, fmt.Errorf("reading the sink's mode: %w", err)
	}
	return parseMode(string(b))
}

// SetMode writes the mode for the sink of a maildir and waits until it is
// obeyed, for wait at most. False, without an error, when no sink runs there:
// the next one starts in that mode.
func SetMode(ctx context.Context, dir string, m Mode, wait time.Duration) (obeyed bool, err error) {
	if _, err := parseMode(string(m)); err != nil {
		return false, err
	}
	if err := replace(filepath.Join(dir, modeFile), string(m)+"\n"); err != nil {
		return false, fmt.Errorf("writing the sink's mode: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		b, err := os.ReadFile(filepath.Join(dir, activeFile))
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		if err == nil && strings.TrimSpace(string(b)) == string(m) {
			return true, nil
		}
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("the sink of %s does not follow; is it still running? If not, remove %s", dir, filepath.Join(dir, activeFile))
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// replace writes a file so that a reader sees it old or new, never half.
func replace(path, content string) error {
	return atomicfile.Write(path, []byte(content), atomicfile.Options{NoSync: true})
}
