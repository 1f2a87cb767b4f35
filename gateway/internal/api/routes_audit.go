package api

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// AuditInput says which entries of the audit log are wanted.
type AuditInput struct {
	Tenant  string    `query:"tenant" doc:"Of this tenant alone"`
	Actor   string    `query:"actor" doc:"By this user or token alone"`
	Action  string    `query:"action" doc:"Such as view, release, sign-in, create-user"`
	Target  string    `query:"target" doc:"About this alone: a user, a token, a list …"`
	Message string    `query:"message" maxLength:"40" doc:"About this message; the beginning of its ID will do"`
	Since   time.Time `query:"since"`
	Until   time.Time `query:"until"`
	Refused bool      `query:"refused" doc:"Only what was refused"`
}

// AuditPage is one page of the audit log.
type AuditPage struct {
	Items []AuditEntry `json:"items"`
	Next  string       `json:"next,omitempty" doc:"Cursor of the next page"`
}

func (s *server) auditRoutes(a huma.API) {
	const tag = "audit"
	bad := []int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}
	huma.Register(a, route("list-audit", http.MethodGet, "/v1/audit", tag, "What operators did and saw (B40)",
		"Newest first. A tenant's operators see what was done by them and to their mail.", bad...), s.auditList)
	export := route("export-audit", http.MethodGet, "/v1/audit/export", tag, "The audit log as JSON lines",
		"Oldest first. Of the whole log, for the administrator, the lines can be checked: the hash of each is over the line without it.", bad...)
	export.Responses = map[string]*huma.Response{"200": {Description: "The entries", Content: map[string]*huma.MediaType{
		"application/jsonl": {Schema: &huma.Schema{Type: "string", Format: "binary"}},
	}}}
	huma.Register(a, recordedAs(export, "audit-export"), s.auditExport)
	huma.Register(a, route("verify-audit", http.MethodGet, "/v1/audit/verify", tag, "Whether the audit log is as it was written",
		"Reads all of it. For the administrator.", bad...), s.auditVerify)
}

// AuditEntry is one thing that somebody did or saw.
type AuditEntry audit.Entry

// AuditReport says whether the audit log is as it was written.
type AuditReport audit.Report

// auditQuery narrows what is asked for to what the caller may see.
func (s *server) auditQuery(ctx context.Context, in *AuditInput) (audit.Query, error) {
	q := audit.Query{Tenant: in.Tenant, Actor: in.Actor, Action: in.Action, Target: in.Target, Since: in.Since, Until: in.Until, Refused: in.Refused}
	if s.AuditLog == nil {
		return q, problem(http.StatusNotFound, "there is no audit log here", "ask the running gateway")
	}
	sc := scopeOf(ctx)
	if err := lifecycle.Permitted(lifecycle.AuditLog, mail.Outbound, sc.Level, sc.Role, false); err != nil {
		return q, s.problemOf(ctx, "reading the audit log", err)
	}
	if in.Message != "" {
		m, _, err := s.find(ctx, in.Message) // it is the caller's to see
		if err != nil {
			return q, err
		}
		q.Message = m.ID.String()
		if !s.wholeTenant(sc) {
			q.Recipients = make([]int, 0, len(m.Recipients))
			for i := range m.Recipients {
				q.Recipients = append(q.Recipients, m.Recipients[i].N)
			}
		}
		if q.Since.IsZero() {
			q.Since = m.Received.Add(-time.Minute)
		}
	}
	if sc.Everything() {
		return q, nil
	}
	if q.Tenant != "" && q.Tenant != sc.TenantName() {
		return q, problem(http.StatusNotFound, fmt.Sprintf("tenant %.60q: there is none of that name", q.Tenant), "name a tenant that you manage")
	}
	q.Tenant = sc.TenantName()
	if q.Message == "" && !s.wholeTenant(sc) {
		return q, problem(http.StatusForbidden, "the audit log of a tenant is for who manages all of its domains", "ask about one message: message=ID")
	}
	return q, nil
}

// wholeTenant reports whether a caller sees all that their tenant has.
func (s *server) wholeTenant(sc scope.Scope) bool {
	return sc.Everything() || s.Accounts != nil && s.Accounts.WholeTenant(sc)
}

// auditEntry is an entry as a caller may see it: of one who asks about a message
// and sees a part of the tenant only, what is about other messages, and about
// recipients whom they do not see, is kept.
func (s *server) auditEntry(sc scope.Scope, q *audit.Query, e audit.Entry) audit.Entry {
	if q.Message != "" && !s.wholeTenant(sc) {
		return e.Only(q.Message, q.Recipients...)
	}
	return e
}

func (s *server) auditList(ctx context.Context, in *struct {
	AuditInput
	PageInput
}) (*output[AuditPage], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	q, err := s.auditQuery(ctx, &in.AuditInput)
	if err != nil {
		return nil, err
	}
	q.Limit = in.Limit
	if in.Cursor != "" {
		if q.Before, err = strconv.ParseUint(in.Cursor, 10, 64); err != nil {
			return nil, problem(http.StatusUnprocessableEntity, "cursor: that is none of this log's", "begin without one")
		}
	}
	items, next, err := s.AuditLog.List(ctx, q)
	if err != nil {
		return nil, s.problemOf(ctx, "reading the audit log", err)
	}
	cursor := ""
	if next != 0 {
		cursor = strconv.FormatUint(next, 10)
	}
	out := AuditPage{Items: make([]AuditEntry, len(items)), Next: cursor}
	for i := range items {
		out.Items[i] = AuditEntry(s.auditEntry(scopeOf(ctx), &q, items[i]))
	}
	return &output[AuditPage]{out}, nil
}

func (s *server) auditExport(ctx context.Context, in *AuditInput) (*huma.StreamResponse, error) {
	q, err := s.auditQuery(ctx, in)
	if err != nil {
		return nil, err
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		hc.SetHeader("Content-Type", "application/jsonl")
		hc.SetHeader("Content-Disposition", `attachment; filename="weir-audit.jsonl"`)
		enc := json.NewEncoder(hc.BodyWriter())
		if err := s.AuditLog.Each(ctx, q, func(e audit.Entry) error { return enc.Encode(s.auditEntry(scopeOf(ctx), &q, e)) }); err != nil {
			s.log.WarnContext(ctx, "an export of the audit log broke off", slog.Any("error", err))
			panic(http.ErrAbortHandler) // the client must not take the part for the whole
		}
	}}, nil
}

func (s *server) auditVerify(ctx context.Context, in *struct {
	Head string `query:"head" maxLength:"64" doc:"Hash of an entry that was noted elsewhere: the log has to hold it"`
}) (*output[AuditReport], error) {
	if err := adminOnly(ctx); err != nil {
		return nil, err
	}
	if s.AuditLog == nil {
		return nil, problem(http.StatusNotFound, "there is no audit log here", "ask the running gateway")
	}
	ctx, cancel := context.WithTimeout(ctx, actionTimes*s.Timeout)
	defer cancel()
	r, err := s.AuditLog.Verify(ctx, in.Head)
	if err != nil {
		return nil, s.problemOf(ctx, "checking the audit log", err)
	}
	return &output[AuditReport]{AuditReport(r)}, nil
}
