package digest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// mailing is something that falls due again and again.
type mailing struct {
	key, tenant string
	times       policy.Timetable
	make        func(ctx context.Context, w window) error
}

// window is what a mailing is about: after since (zero: from the beginning), up
// to due.
type window struct{ since, due time.Time }

// mark is the durable memory of a mailing.
type mark struct {
	Done  time.Time `json:"done"`           // latest time that was dealt with
	Since time.Time `json:"since,omitzero"` // up to when held mail was told of; zero: none was yet
}

// docKind is of the marks among the documents.
const docKind = "mailing"

// due makes a mailing if its time has come since the last. Several that were
// missed are one. What is made twice, because of a crash between the sending and
// the mark, has the same IDs, so that the store takes it once.
func (s *Service) due(ctx context.Context, m mailing, now time.Time) error {
	slot := m.times.Last(now.Add(-settle))
	if slot.IsZero() {
		return nil
	}
	k, rev, err := s.mark(ctx, m.key)
	if err != nil {
		return err
	}
	if rev == 0 { // it is new in the policy: the next time counts
		if err := s.put(ctx, m.key, mark{Done: slot}, 0); err != nil {
			return err
		}
		s.o.Logger.Info("mail by the clock is planned", "mailing", m.key, "tenant", m.tenant, "next", m.times.Next(now))
		return nil
	}
	if !slot.After(k.Done) {
		return nil
	}
	if err := m.make(ctx, window{k.Since, slot}); err != nil {
		return err
	}
	return s.put(ctx, m.key, mark{Done: slot, Since: slot}, rev)
}

func (s *Service) mark(ctx context.Context, key string) (mark, uint64, error) {
	var k mark
	d, err := s.o.Docs.GetDoc(ctx, "", docKind, key)
	if errors.Is(err, store.ErrNotFound) {
		return k, 0, nil
	}
	if err == nil {
		err = json.Unmarshal(d.JSON, &k)
	}
	if err != nil {
		return k, 0, fmt.Errorf("reading when it was last sent: %w", err)
	}
	return k, d.Rev, nil
}

func (s *Service) put(ctx context.Context, key string, k mark, rev uint64) error {
	b, err := json.Marshal(k)
	if err != nil {
		return fmt.Errorf("noting that it was sent: %w", err)
	}
	_, err = s.o.Docs.PutDoc(ctx, store.Doc{Kind: docKind, Key: key, JSON: b}, rev)
	if err != nil && !errors.Is(err, store.ErrConflict) { // somebody else noted it
		return fmt.Errorf("noting that it was sent: %w", err)
	}
	return nil
}
