package actions

import (
	"context"
	"errors"
	"fmt"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Open opens the body of a message for a verb that shows it: View,
// DownloadQueued, DownloadHeld, DownloadArchived or ExportArchived, or for Reply. The message
// has the recipients that the scope sees. What the table offers for the sake of
// an archived copy is read from there, as it went out. store.ErrNotFound, or a *lifecycle.Refusal. The caller closes
// the body.
func (s *Service) Open(ctx context.Context, sc Scope, verb lifecycle.Verb, id string) (*store.Message, store.Body, error) {
	switch verb {
	case lifecycle.View, lifecycle.DownloadQueued, lifecycle.DownloadHeld, lifecycle.DownloadArchived, lifecycle.ExportArchived, lifecycle.Reply:
	default:
		return nil, nil, &lifecycle.Refusal{Verb: verb, Reason: "no action that shows a message"}
	}
	if err := sc.Validate(); err != nil {
		return nil, nil, err
	}
	m, n, err := sc.Find(ctx, s.Store, id)
	if err != nil {
		return nil, nil, err
	}
	var refused error
	ok := false
	live := false                 // the queue's body may be read
	var archived *store.Recipient // whose copy may be read
	for i := range m.Recipients {
		rc := &m.Recipients[i]
		if n != 0 && rc.N != n {
			continue
		}
		err := lifecycle.Check(verb, sc.Query(m, rc, false))
		ok = ok || err == nil
		switch {
		case err != nil:
		case !fromArchive(verb, sc, m, rc):
			live = true
		case archived == nil:
			archived = rc
		}
		refused = errors.Join(refused, err)
	}
	if !ok {
		var first *lifecycle.Refusal
		errors.As(refused, &first)
		return nil, nil, first
	}
	if archived != nil && !live {
		b, err := s.OpenArchived(ctx, verb, m, archived)
		if err == nil {
			s.Logger.Info("operator reads an archived message", "action", string(verb), "actor", sc.Actor, "message", m.ID.String())
		}
		return m, b, err
	}
	if !m.HasBody {
		return nil, nil, &lifecycle.Refusal{Verb: verb, Reason: "the body is no longer kept"}
	}
	b, err := s.Store.OpenBody(ctx, m.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("opening message %s: %w", m.ID, err)
	}
	s.Logger.Info("operator reads a message", "action", string(verb), "actor", sc.Actor, "message", m.ID.String())
	return m, b, nil
}
