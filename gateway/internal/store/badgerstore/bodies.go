package badgerstore

import (
	"context"
	"errors"
	"fmt"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Admit implements store.Bodies.
func (s *Store) Admit(ctx context.Context, size int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.com.failed.Load() {
		return store.ErrUnavailable
	}
	return s.space.admit(size)
}

// NewDraft implements store.Bodies.
func (s *Store) NewDraft(ctx context.Context, size int64) (store.Draft, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.com.failed.Load() {
		return nil, store.ErrUnavailable
	}
	return s.newDraft(max(size, 0)), nil
}

// OpenBody implements store.Bodies. The first time a body that an earlier
// process wrote is opened, it is read through: a damaged one is frozen, and
// the error says so.
func (s *Store) OpenBody(ctx context.Context, id mail.ID) (store.Body, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	b, err := s.spool.open(id)
	if errors.Is(err, errNoTrailer) || errors.Is(err, errDamaged) {
		s.freezeDamaged(id, err)
		return nil, fmt.Errorf("body %s: %w", id, err)
	}
	if err != nil {
		return nil, err
	}
	if s.verified.has(id) {
		return b, nil
	}
	if err := b.trailer.verify(b.r); err != nil {
		_ = b.Close()
		if errors.Is(err, errDamaged) {
			s.freezeDamaged(id, err)
		}
		return nil, fmt.Errorf("body %s: %w", id, err)
	}
	s.verified.add(id)
	return b, nil
}
