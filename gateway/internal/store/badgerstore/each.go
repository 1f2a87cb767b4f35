package badgerstore

import (
	"context"
	"errors"
	"fmt"
	"slices"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// eachTime is how many messages Each reads in one transaction.
const eachTime = 256

// Each implements store.Journal. Live mail is listed from the index once, so
// that a walk over a deep queue takes time in proportion to it; everything
// else goes page by page.
func (s *Store) Each(ctx context.Context, f query.Filter, do func(store.Row) error) error {
	match, err := query.Compile(f, s.now())
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	live, ok := liveOnly(match)
	if !ok {
		return s.eachPage(ctx, f, do)
	}
	for ids := range slices.Chunk(s.idx.with(live, mail.ID{}), eachTime) {
		rows, err := s.rowsOf(ctx, ids, match)
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := do(r); err != nil {
				return err
			}
		}
	}
	return nil
}

// rowsOf reads some messages and gives their rows that match.
func (s *Store) rowsOf(ctx context.Context, ids []mail.ID, match *query.Matcher) (rows []store.Row, err error) {
	err = s.view(func(txn *badger.Txn) error {
		for _, id := range ids {
			if err := ctx.Err(); err != nil {
				return err
			}
			st, err := load(txn, id)
			if errors.Is(err, store.ErrNotFound) {
				continue // forgotten meanwhile
			}
			if err != nil {
				return err
			}
			for i := range st.msg.Recipients {
				if r := (store.Row{Message: st.msg, Recipient: &st.msg.Recipients[i]}); match.Match(r) {
					rows = append(rows, r)
				}
			}
		}
		return nil
	})
	return rows, err
}

func (s *Store) eachPage(ctx context.Context, f query.Filter, do func(store.Row) error) error {
	f = query.Resolve(f, s.now()) // relative times count from now on every page
	for cursor := ""; ; {
		rows, next, err := s.Search(ctx, f, cursor, 2*eachTime)
		if err == nil {
			err = ctx.Err() // a page cut short by the deadline is no end
		}
		if err != nil {
			return err
		}
		for _, r := range rows {
			if err := do(r); err != nil {
				return err
			}
		}
		if cursor = next; cursor == "" {
			return nil
		}
	}
}
