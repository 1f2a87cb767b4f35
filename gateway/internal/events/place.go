package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// kindCursor are the documents with the places of receivers.
const kindCursor = "events-cursor"

// cursor is a receiver's durable place.
type cursor struct {
	Seq      uint64    `json:"seq"`                // the last event that is done with
	Lost     uint64    `json:"lost,omitempty"`     // events that it did not get, in all
	Untold   uint64    `json:"untold,omitempty"`   // of Lost, those it was not told of yet
	Disabled string    `json:"disabled,omitempty"` // why nothing is sent any more
	Print    string    `json:"print,omitempty"`    // of the receiver that disabled it
	At       time.Time `json:"at"`
}

// start reads the receiver's place; a new one begins with what comes next.
func (s *sink) start(ctx context.Context) error {
	d, err := s.o.Docs.GetDoc(ctx, "", kindCursor, s.Name)
	switch {
	case errors.Is(err, store.ErrNotFound):
		s.cur = cursor{Seq: s.r.src.LastSeq()}
		s.r.seq = s.cur.Seq
		return s.put(ctx)
	case err != nil:
		return fmt.Errorf("reading the place of %s: %w", s.Name, err)
	}
	if err := json.Unmarshal(d.JSON, &s.cur); err != nil {
		return fmt.Errorf("reading the place of %s: %w", s.Name, err)
	}
	s.rev, s.written = d.Rev, s.o.Clock()
	if s.cur.Print != s.Print { // it is another one now
		s.cur.Disabled, s.cur.Print = "", ""
	}
	if last := s.r.src.LastSeq(); s.cur.Seq > last { // of another store's sequence
		s.log.Warn("the place is past the last event; going on from there", "place", s.cur.Seq, "last", last)
		s.cur.Seq = last
	}
	s.r.seq = s.cur.Seq
	s.note(func(st *Status) { st.Lost = s.cur.Lost })
	return nil
}

// done writes that everything up to the reader's place is done with.
func (s *sink) done(ctx context.Context) {
	s.cur.Seq = s.r.seq
	s.save(ctx)
}

// save writes the place. Where it cannot, the receiver goes on all the same:
// what it gets twice after a restart is better than what it does not get.
func (s *sink) save(ctx context.Context) {
	if err := s.put(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("the place of a receiver could not be written; after a restart it may get events again", "error", err)
	}
}

func (s *sink) put(ctx context.Context) error {
	s.cur.At = s.o.Clock()
	j, err := json.Marshal(s.cur)
	if err != nil {
		return fmt.Errorf("writing the place of %s: %w", s.Name, err)
	}
	rev, err := s.o.Docs.PutDoc(ctx, store.Doc{Kind: kindCursor, Key: s.Name, JSON: j}, s.rev)
	if err != nil {
		return fmt.Errorf("writing the place of %s: %w", s.Name, err)
	}
	s.rev, s.written = rev, s.cur.At
	return nil
}
