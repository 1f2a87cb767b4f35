package archive

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/mailweir/weir/gateway/internal/store"
)

var (
	// ErrDamaged: a copy was cut short, changed, or is another one's.
	ErrDamaged = errors.New("the archived copy is damaged")
	// ErrNoKey: the key of a copy is not there: it was destroyed, or its file is lost.
	ErrNoKey = errors.New("the archived copy cannot be read")
	// ErrHeld: a legal hold keeps a copy.
	ErrHeld = errors.New("a legal hold keeps the archived copy")
)

func damaged(format string, a ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, a...))
}

// fullOr makes an error about space store.ErrFull.
func fullOr(err error) error {
	if errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w: %w", store.ErrFull, err)
	}
	return err
}
