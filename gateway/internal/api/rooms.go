package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

var _ Log = (*journal.Log)(nil)

// argConfirmed is the argument with which force states that the sender is
// trusted and the mail expected (B150); argReason stands in the event.
const (
	argConfirmed = "confirmed"
	argReason    = "reason"
)

// NewActions makes Actions and Content of the room that carries verbs out; log
// finds what a dry run counts.
func NewActions(s *actions.Service, log Log) interface {
	Actions
	Content
} {
	return &operators{s, log}
}

type operators struct {
	s   *actions.Service
	log Log
}

func (o *operators) Verbs() []string {
	var out []string
	for _, v := range actions.Verbs() {
		out = append(out, string(v))
	}
	return out
}

// Offered lists only verbs that Do carries out. The log shows classes.
func (o *operators) Offered(sc scope.Scope, m *store.Message, r *store.Recipient) []string {
	var out []string
	for _, v := range actions.Verbs() {
		if o.check(sc, v, m, r) == nil {
			out = append(out, string(v))
		}
	}
	return out
}

func (o *operators) check(sc scope.Scope, v lifecycle.Verb, m *store.Message, r *store.Recipient) error {
	q := sc.Query(m, r, o.s.DomainForce(r.Tenant))
	q.Classes = true
	return lifecycle.Check(v, q)
}

func (o *operators) Do(ctx context.Context, sc scope.Scope, r ActionOrder) (ActionOutcome, error) {
	if r.DryRun {
		return o.count(ctx, sc, r)
	}
	sel := actions.Selection{IDs: r.IDs}
	if r.Filter != nil {
		sel.Filter = *r.Filter
	}
	res, err := o.s.Do(ctx, sc, lifecycle.Verb(r.Verb), sel, actions.Args{Reason: r.Args[argReason], Confirmed: r.Args[argConfirmed] == "yes"})
	if err != nil && res.Changed > 0 {
		err = fmt.Errorf("%d of %d recipients were done before: %w", res.Changed, res.Matched, err)
	}
	out := ActionOutcome{Matched: res.Matched, Changed: res.Changed}
	for _, it := range res.Items {
		out.Items = append(out.Items, ActionItem{ID: it.ID, Recipient: it.Recipient, Status: string(it.Status), Error: it.Error})
	}
	return out, err
}

// count finds what Do would be applied to.
func (o *operators) count(ctx context.Context, sc scope.Scope, r ActionOrder) (ActionOutcome, error) {
	verb := lifecycle.Verb(r.Verb)
	var out ActionOutcome
	add := func(m *store.Message, rc *store.Recipient, err error) {
		out.Matched++
		it := ActionItem{ID: recipientID(m.ID, rc.N), Recipient: rc.Address.String(), Status: string(rc.Status)}
		if err != nil {
			it.Error = err.Error()
		}
		if len(out.Items) < actions.MaxItems {
			out.Items = append(out.Items, it)
		}
	}
	if r.Filter != nil {
		return out, o.found(ctx, sc, verb, *r.Filter, func(row store.Row) { add(row.Message, row.Recipient, o.check(sc, verb, row.Message, row.Recipient)) })
	}
	named := map[string]bool{}
	for _, id := range r.IDs {
		m, n, err := sc.Find(ctx, o.s.Store, id)
		if err != nil {
			return out, err
		}
		for i := range m.Recipients {
			rc := &m.Recipients[i]
			refused := o.check(sc, verb, m, rc)
			if rid := recipientID(m.ID, rc.N); !named[rid] && (n == rc.N || n == 0 && refused == nil) {
				named[rid] = true
				add(m, rc, refused)
			}
		}
	}
	return out, nil
}

// found gives each row that a filter selects for a verb.
func (o *operators) found(ctx context.Context, sc scope.Scope, verb lifecycle.Verb, f query.Filter, each func(store.Row)) error {
	var statuses []string
	for _, st := range verb.Statuses() {
		statuses = append(statuses, string(st))
	}
	f = query.And(f, query.OneOf("status", statuses...))
	for cursor := ""; ; {
		rows, next, err := o.log.Search(ctx, sc, f, cursor, 500)
		if err != nil {
			return err
		}
		for _, row := range rows {
			each(row)
		}
		if next == "" {
			return nil
		}
		cursor = next
	}
}

func (o *operators) OpenMessage(ctx context.Context, sc scope.Scope, id mail.ID) (io.ReadCloser, int64, error) {
	var refused error
	for _, v := range []lifecycle.Verb{lifecycle.DownloadQueued, lifecycle.DownloadHeld, lifecycle.View} {
		m, body, err := o.s.Open(ctx, sc, v, id.String())
		switch {
		case errors.Is(err, lifecycle.ErrRefused):
			refused = err
			continue
		case err != nil:
			return nil, 0, err
		}
		size := int64(len(m.Trace)) + body.Size()
		r := io.MultiReader(strings.NewReader(m.Trace), io.NewSectionReader(body, 0, body.Size()))
		return struct {
			io.Reader
			io.Closer
		}{r, body}, size, nil
	}
	return nil, 0, refused
}
