package api

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// IDInput names a message. It is exported because huma leaves out what it
// cannot set.
type IDInput struct {
	ID string `path:"id" maxLength:"40" doc:"Message ID or a unique beginning of one; .n behind it names a recipient" example:"01kb3z6q9xe0"`
}

type idInput = IDInput

type output[T any] struct{ Body T }

func (s *server) messageRoutes(a huma.API) {
	const tag = "messages"
	s.searchRoutes(a)
	huma.Register(a, route("search-messages", http.MethodGet, "/v1/messages", tag, "Search the log",
		"One row for each recipient, newest message first unless sort says otherwise.", http.StatusUnprocessableEntity, http.StatusGatewayTimeout), s.search)
	huma.Register(a, route("get-message", http.MethodGet, "/v1/messages/{id}", tag, "One message with all its recipients",
		"", http.StatusNotFound, http.StatusConflict), s.message)
	huma.Register(a, route("explain-message", http.MethodGet, "/v1/messages/{id}/explain", tag, "Why a message is where it is",
		"Findings, the rule that decided, every attempt with its dialogue, events, and what comes next.",
		http.StatusNotFound, http.StatusConflict), s.explain)
	huma.Register(a, route("explain-reply", http.MethodGet, "/v1/explain", tag, "What a mail server's answer means",
		"The answer as somebody copied it: of one line or several, a Diagnostic-Code field, or a line of a mail log.",
		http.StatusUnprocessableEntity), explainReply)
	huma.Register(a, route("list-attempts", http.MethodGet, "/v1/messages/{id}/attempts", tag, "Delivery attempts of a message",
		"Oldest first, with the dialogue.", http.StatusNotFound, http.StatusConflict), s.attempts)
	huma.Register(a, route("list-events", http.MethodGet, "/v1/messages/{id}/events", tag, "What happened to a message",
		"Oldest first.", http.StatusNotFound, http.StatusConflict), s.events)
	body := route("get-body", http.MethodGet, "/v1/messages/{id}/body", tag, "Download a message",
		"As it was received, with the gateway's Received line in front, where the action is offered; each download is logged.",
		http.StatusForbidden, http.StatusNotFound, http.StatusConflict)
	body.Responses = map[string]*huma.Response{"200": {
		Description: "The message",
		Content:     map[string]*huma.MediaType{"message/rfc822": {Schema: &huma.Schema{Type: "string", Format: "binary"}}},
	}}
	huma.Register(a, body, s.body)
	huma.Register(a, route("search-deliveries", http.MethodGet, "/v1/deliveries", tag, "Delivery attempts",
		"A row for each attempt and recipient, latest attempt first (B138). The filter may ask about the attempt: attempt_time, attempt_result, attempt_host, attempt_address, attempt_reply, attempt_code and others of GET /v1/fields, and about the recipient's row.",
		http.StatusUnprocessableEntity, http.StatusGatewayTimeout), s.deliveries)
}

func (s *server) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, s.Timeout)
}

func (s *server) search(ctx context.Context, in *struct {
	SearchInput
	SortInput
	Fields []string `query:"fields" doc:"Columns to answer with, named as the fields of a filter (GET /v1/fields); the usual ones when absent"`
}) (*output[SearchPage], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	f, p := filterOf(in.Q, in.Filter)
	if p == nil {
		p = CheckColumns(in.Fields)
	}
	if p != nil {
		return nil, p
	}
	order, p := in.order()
	if p != nil {
		return nil, p
	}
	who := scopeOf(ctx)
	found, err := s.Log.Find(ctx, who, journal.Query{Filter: f, Order: order, Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, s.problemOf(ctx, "searching the log", err)
	}
	page := SearchPage{Items: make([]Row, 0, len(found.Rows)), Next: found.Next, Partial: found.Partial(), SearchedBackTo: found.SearchedBackTo}
	for _, r := range found.Rows {
		row := rowWith(r, in.Fields)
		row.Verbs = s.Actions.Offered(who, r.Message, r.Recipient)
		page.Items = append(page.Items, row.pick(in.Fields))
	}
	return &output[SearchPage]{page}, nil
}

// find gives the message that a caller's ID names. n is 0 unless the ID named
// a recipient, who then exists.
func (s *server) find(ctx context.Context, id string) (m *store.Message, n int, err error) {
	prefix, n, err := splitID(id)
	if err != nil {
		return nil, 0, problem(http.StatusUnprocessableEntity, err.Error(), "copy an ID from a list, or its first characters")
	}
	doing := "looking for message " + prefix
	full, err := s.Log.Resolve(ctx, scopeOf(ctx), prefix)
	if err != nil {
		return nil, 0, s.problemOf(ctx, doing, err)
	}
	m, err = s.Log.Message(ctx, scopeOf(ctx), full)
	if err != nil {
		return nil, 0, s.problemOf(ctx, doing, err)
	}
	if n == 0 {
		return m, 0, nil
	}
	for i := range m.Recipients {
		if m.Recipients[i].N == n {
			return m, n, nil
		}
	}
	return nil, 0, problem(http.StatusNotFound, fmt.Sprintf("message %s has no recipient %d", full, n),
		fmt.Sprintf("it has %d; see: weir explain %s", len(m.Recipients), full))
}

func (s *server) view(ctx context.Context, m *store.Message, n int) Message {
	out := messageOf(m)
	kept := out.Recipients[:0]
	for i := range out.Recipients {
		r := &out.Recipients[i]
		if n != 0 && r.N != n { // n of 0 is all
			continue
		}
		r.Advice = advice(&m.Recipients[i])
		r.Verbs = s.Actions.Offered(scopeOf(ctx), m, &m.Recipients[i])
		for _, a := range s.PluginActions.Offered(scopeOf(ctx), m, &m.Recipients[i]) {
			r.Actions = append(r.Actions, OfferedAction{a.Plugin, a.Action, a.Title, a.Train})
		}
		kept = append(kept, *r)
	}
	out.Recipients = kept
	return out
}

// advice puts a server's answer in plain words (B124–B129); "" when there is
// nothing to add.
func advice(r *store.Recipient) string {
	m, ok := journal.LastMeaning(r)
	if !ok {
		return ""
	}
	return m.String()
}

func (s *server) message(ctx context.Context, in *idInput) (*output[Message], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	m, n, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &output[Message]{s.view(ctx, m, n)}, nil
}

func (s *server) explain(ctx context.Context, in *idInput) (*output[Explanation], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	m, n, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	id := m.ID.String()
	if n != 0 {
		id = recipientID(m.ID, n)
	}
	x, err := s.Log.Explain(ctx, scopeOf(ctx), id)
	if err != nil {
		return nil, s.problemOf(ctx, "explaining message "+id, err)
	}
	out := Explanation{Message: s.view(ctx, x.Message, n), Words: []RecipientWords{}, Attempts: []Attempt{}, Events: []Event{}}
	for _, r := range x.Recipients {
		w := RecipientWords{N: r.Recipient.N, Status: r.Plain, Decision: r.Decision, Where: r.Where, Next: r.Next, Last: meaningOf(r.Last)}
		for _, f := range r.Findings {
			w.Findings = append(w.Findings, f.Plain)
		}
		out.Words = append(out.Words, w)
	}
	for _, a := range x.Attempts {
		out.Attempts = append(out.Attempts, attemptOf(m, a))
	}
	for _, e := range x.Events {
		out.Events = append(out.Events, eventOf(e))
	}
	return &output[Explanation]{out}, nil
}

// IDPage are the parameters of a page of what a message has.
type IDPage struct {
	IDInput
	PageInput
}

func (s *server) attempts(ctx context.Context, in *IDPage) (*output[AttemptPage], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	m, n, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	if err := s.may(ctx, lifecycle.IssueLog, m, n); err != nil {
		return nil, s.problemOf(ctx, "reading the attempts of "+m.ID.String(), err)
	}
	items, err := s.attemptsOf(ctx, m, n)
	if err != nil {
		return nil, err
	}
	items, next, err := cut(in.PageInput, "attempts "+m.ID.String(), items, func(a *Attempt) string { return numbered(uint64(a.K)) })
	if err != nil {
		return nil, err
	}
	return &output[AttemptPage]{AttemptPage{items, next}}, nil
}

// may refuses a verb that is not offered for recipient n, or, for n 0, for any.
func (s *server) may(ctx context.Context, verb lifecycle.Verb, m *store.Message, n int) (refused error) {
	for i := range m.Recipients {
		if r := &m.Recipients[i]; n == 0 || r.N == n {
			err := s.Actions.May(scopeOf(ctx), string(verb), m, r)
			if err == nil {
				return nil
			}
			refused = err
		}
	}
	return refused
}

// attemptsOf are the attempts that concerned recipient n, or all for n 0.
func (s *server) attemptsOf(ctx context.Context, m *store.Message, n int) ([]Attempt, error) {
	as, err := s.Log.Attempts(ctx, scopeOf(ctx), m.ID)
	if err != nil {
		return nil, s.problemOf(ctx, "reading the attempts of "+m.ID.String(), err)
	}
	es, err := s.Log.Events(ctx, scopeOf(ctx), m.ID) // they tell what expired
	if err != nil {
		return nil, s.problemOf(ctx, "reading the events of "+m.ID.String(), err)
	}
	out := make([]Attempt, 0, len(as))
	for _, at := range journal.Attempts(m, as, es) {
		if concerns(at.Attempt, n) {
			out = append(out, attemptOf(m, at))
		}
	}
	return out, nil
}

func concerns(a mail.Attempt, n int) bool {
	if n == 0 {
		return true
	}
	for _, o := range a.Outcome {
		if o.N == n {
			return true
		}
	}
	for _, k := range a.Recipients {
		if k == n {
			return true
		}
	}
	return false
}

func (s *server) events(ctx context.Context, in *IDPage) (*output[listItems[Event]], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	m, n, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	items, err := s.eventsOf(ctx, m.ID, n)
	if err != nil {
		return nil, err
	}
	return paged(in.PageInput, "events "+m.ID.String(), items, func(e *Event) string { return numbered(e.Seq) })
}

// eventsOf are the events of the message and of recipient n, or of all for n 0.
func (s *server) eventsOf(ctx context.Context, id mail.ID, n int) ([]Event, error) {
	es, err := s.Log.Events(ctx, scopeOf(ctx), id)
	if err != nil {
		return nil, s.problemOf(ctx, "reading the events of "+id.String(), err)
	}
	out := make([]Event, 0, len(es))
	for _, e := range es {
		if n == 0 || e.N == 0 || e.N == n {
			out = append(out, eventOf(e))
		}
	}
	return out, nil
}

func (s *server) body(ctx context.Context, in *struct {
	IDInput
	Verb string `query:"verb" enum:"view,download-queued,download-quarantined,download-archived,export-archived" default:"view" doc:"The action that it is for"`
}) (*huma.StreamResponse, error) {
	m, n, err := s.find(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	id := m.ID.String()
	if n != 0 {
		id = recipientID(m.ID, n)
	}
	r, size, err := s.Content.OpenMessage(ctx, scopeOf(ctx), lifecycle.Verb(in.Verb), id)
	if err != nil {
		return nil, s.problemOf(ctx, "opening message "+m.ID.String(), err)
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer r.Close()
		hc.SetHeader("Content-Type", "message/rfc822")
		hc.SetHeader("Content-Length", strconv.FormatInt(size, 10))
		hc.SetHeader("Content-Disposition", `attachment; filename="`+m.ID.String()+`.eml"`)
		if _, err := io.Copy(hc.BodyWriter(), r); err != nil {
			s.log.WarnContext(ctx, "message download broke off", slog.String("message", m.ID.String()), slog.Any("error", err))
			panic(http.ErrAbortHandler) // the client must not take the part for the whole
		}
	}}, nil
}
