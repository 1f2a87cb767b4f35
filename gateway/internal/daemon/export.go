package daemon

import (
	"context"
	"io"

	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/wire"
)

// exports gives the API what an export consists of.
type exports struct {
	d   *Daemon
	log *journal.Log
}

func (e exports) Each(ctx context.Context, s scope.Scope, f query.Filter, do func(store.Row) error) error {
	return e.log.Each(ctx, s, f, do)
}

func (e exports) Open(ctx context.Context, s scope.Scope, verb lifecycle.Verb, id string) (io.ReadCloser, error) {
	m, body, err := e.d.actions.Open(ctx, s, verb, id)
	if err != nil {
		return nil, err
	}
	r, err := wire.Message{Trace: m.Trace, Body: body, Size: body.Size()}.Reader()
	if err != nil {
		body.Close()
		return nil, err
	}
	return readCloser{r, body}, nil
}

// CheckSearch says what is wrong with a search of the policy's, or nil.
func CheckSearch(text string) error {
	_, err := query.Parse(text)
	return err
}
