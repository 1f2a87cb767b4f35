package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/mail"
)

// ReplyDraft is an answer to a message, prefilled (B48).
type ReplyDraft struct {
	From    []string `json:"from" doc:"Addresses you may send as; the first is meant"`
	To      []string `json:"to" doc:"Addresses it may go to; the first is meant"`
	Subject string   `json:"subject"`
	Text    string   `json:"text" doc:"The message, quoted"`
}

// ReplyRequest is an answer to send.
type ReplyRequest struct {
	From    string `json:"from,omitempty" maxLength:"320" doc:"One of the draft's; its first when absent"`
	To      string `json:"to,omitempty" maxLength:"320" doc:"One of the draft's; its first when absent"`
	Subject string `json:"subject,omitempty" maxLength:"400" doc:"As prefilled when absent"`
	Text    string `json:"text" minLength:"1" maxLength:"262144"`
}

// Sent names a message that was sent.
type Sent struct {
	ID string `json:"id"`
}

func (s *server) replyRoutes(a huma.API) {
	errs := []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity}
	huma.Register(a, route("compose-reply", http.MethodGet, "/v1/messages/{id}/reply", "messages", "Prepare a reply",
		"To whom and as whom it may go, its subject, and the message quoted (B48).", errs...), s.composeReply)
	huma.Register(a, route("send-reply", http.MethodPost, "/v1/messages/{id}/reply", "messages", "Send a reply",
		"As an ordinary outgoing message, through the filters and the policy of its sender's tenant.", errs...), s.sendReply)
}

func texts(as []mail.Address) []string {
	out := make([]string, len(as))
	for i, a := range as {
		out[i] = a.String()
	}
	return out
}

// whole is a caller's ID of a message or a recipient, in full.
func (s *server) whole(ctx context.Context, id string) (string, error) {
	m, n, err := s.find(ctx, id)
	switch {
	case err != nil:
		return "", err
	case n != 0:
		return recipientID(m.ID, n), nil
	}
	return m.ID.String(), nil
}

func (s *server) composeReply(ctx context.Context, in *idInput) (*output[ReplyDraft], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	id, err := s.whole(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	r, err := s.Content.ComposeReply(ctx, scopeOf(ctx), id)
	if err != nil {
		return nil, s.problemOf(ctx, "preparing a reply to "+id, err)
	}
	return &output[ReplyDraft]{ReplyDraft{From: texts(r.From), To: texts(r.To), Subject: r.Subject, Text: r.Text}}, nil
}

func (s *server) sendReply(ctx context.Context, in *struct {
	IDInput
	Body ReplyRequest
}) (*output[Sent], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	id, err := s.whole(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	b := in.Body
	made, err := s.Content.SendReply(ctx, scopeOf(ctx), id, actions.ReplyOrder{From: b.From, To: b.To, Subject: b.Subject, Text: b.Text})
	if err != nil {
		return nil, s.problemOf(ctx, "replying to "+id, err)
	}
	return &output[Sent]{Sent{made.String()}}, nil
}
