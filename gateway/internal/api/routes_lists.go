package api

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// Lists are the allow and block lists that operators add to (B31–B37). Every
// method refuses with store.ErrNotFound a tenant that the scope does not
// manage, and with lists.ErrInvalid what cannot be.
type Lists interface {
	Names(s scope.Scope, tenant string) ([]ListInfo, error)
	Entries(s scope.Scope, q lists.Query) ([]lists.Entry, string, error)
	Add(ctx context.Context, s scope.Scope, entries []lists.Entry) (added int, err error)
	Remove(ctx context.Context, s scope.Scope, entries []lists.Entry) (removed int, err error)
	Rules(s scope.Scope, tenant string) ([]lists.Rule, error)
	AddRule(ctx context.Context, s scope.Scope, r lists.Rule) (lists.Rule, error)
	RemoveRule(ctx context.Context, s scope.Scope, tenant, id string) (bool, error)
	ClassActions(s scope.Scope, tenant string) ([]lists.Override, error)
	SetClassAction(ctx context.Context, s scope.Scope, o lists.Override) error
	ClearClassAction(ctx context.Context, s scope.Scope, tenant, class string) (bool, error)
}

// ListInfo is one list.
type ListInfo struct {
	Name     string `json:"name"`
	Declared int    `json:"declared" doc:"Entries that stand in the policy's files"`
	Added    int    `json:"added" doc:"Entries that operators added"`
}

// ListChange adds entries to a list, or removes them.
type ListChange struct {
	Tenant  string    `json:"tenant" minLength:"1"`
	Mailbox string    `json:"mailbox,omitempty" doc:"For this recipient alone"`
	Keys    []string  `json:"keys" minItems:"1" maxItems:"10000" doc:"Addresses, domains, .domain for all below, IP addresses, networks"`
	Note    string    `json:"note,omitempty" maxLength:"500"`
	Expires time.Time `json:"expires,omitzero" doc:"When adding: the end of the entries"`
}

// Changed says how much changed.
type Changed struct {
	Changed int `json:"changed"`
}

// TenantParam names the tenant a request is about.
type TenantParam struct {
	Tenant string `query:"tenant" required:"true"`
}

// TenantPage are the parameters of a page of what a tenant has.
type TenantPage struct {
	TenantParam
	PageInput
}

func (s *server) listRoutes(a huma.API) {
	const tag = "lists"
	bad := []int{http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity}
	huma.Register(a, route("list-lists", http.MethodGet, "/v1/lists", tag, "The named lists of a tenant", "", bad...), s.listNames)
	huma.Register(a, route("list-entries", http.MethodGet, "/v1/lists/{list}", tag, "What operators added to a list", "", bad...), s.listEntries)
	huma.Register(a, route("add-entries", http.MethodPost, "/v1/lists/{list}", tag, "Add entries", "An entry that is there gets the new note and end.", bad...), s.listAdd)
	huma.Register(a, route("remove-entries", http.MethodPost, "/v1/lists/{list}/remove", tag, "Remove entries that operators added", "", bad...), s.listRemove)
	huma.Register(a, route("list-rules", http.MethodGet, "/v1/rules", tag, "Filtering rules that operators added", "", bad...), s.rules)
	huma.Register(a, route("add-rule", http.MethodPost, "/v1/rules", tag, "Add a filtering rule", "All conditions given must hold. by, at and id are set by the gateway.", bad...), s.addRule)
	huma.Register(a, route("remove-rule", http.MethodDelete, "/v1/rules/{id}", tag, "Remove a filtering rule", "", bad...), s.removeRule)
	huma.Register(a, route("list-class-actions", http.MethodGet, "/v1/class-actions", tag, "What operators chose for classes of findings", "", bad...), s.classActions)
	huma.Register(a, route("set-class-action", http.MethodPut, "/v1/class-actions", tag, "Choose what becomes of a class", "It outranks the tenant's action blocks, for incoming mail.", bad...), s.setClassAction)
	huma.Register(a, route("clear-class-action", http.MethodDelete, "/v1/class-actions", tag, "Leave a class to the policy again", "", bad...), s.clearClassAction)
}

// listProblem is problemOf with the words of lists.
func (s *server) listProblem(ctx context.Context, doing string, err error) error {
	if errors.Is(err, lists.ErrInvalid) {
		return problem(http.StatusUnprocessableEntity, doing+": "+err.Error(), "")
	}
	return s.problemOf(ctx, doing, err)
}

func (s *server) listNames(ctx context.Context, in *TenantPage) (*output[listItems[ListInfo]], error) {
	items, err := s.Lists.Names(scopeOf(ctx), in.Tenant)
	if err != nil {
		return nil, s.listProblem(ctx, "listing lists", err)
	}
	return paged(in.PageInput, "lists "+in.Tenant, items, func(l *ListInfo) string { return l.Name })
}

func (s *server) listEntries(ctx context.Context, in *struct {
	TenantParam
	List    string `path:"list"`
	Mailbox string `query:"mailbox" doc:"Of this recipient alone; \"-\": of the whole tenant alone"`
	Prefix  string `query:"prefix" doc:"Keys that begin so"`
	PageInput
}) (*output[listItems[lists.Entry]], error) {
	q := lists.Query{Tenant: in.Tenant, List: in.List, Prefix: in.Prefix, After: in.Cursor, Limit: in.Limit}
	switch none := ""; in.Mailbox {
	case "":
	case "-":
		q.Mailbox = &none
	default:
		q.Mailbox = &in.Mailbox
	}
	items, next, err := s.Lists.Entries(scopeOf(ctx), q)
	if err != nil {
		return nil, s.listProblem(ctx, "listing entries", err)
	}
	return page(items, next), nil
}

type listChangeInput struct {
	List string `path:"list"`
	Body ListChange
}

func (in *listChangeInput) entries(ctx context.Context) []lists.Entry {
	var out []lists.Entry
	for _, k := range in.Body.Keys {
		out = append(out, lists.Entry{
			Tenant: in.Body.Tenant, List: in.List, Mailbox: in.Body.Mailbox, Key: k, Note: in.Body.Note, By: scopeOf(ctx).Actor, Expires: in.Body.Expires,
		})
	}
	return out
}

func (s *server) listAdd(ctx context.Context, in *listChangeInput) (*output[Changed], error) {
	ctx, cancel := context.WithTimeout(ctx, actionTimes*s.Timeout)
	defer cancel()
	n, err := s.Lists.Add(ctx, scopeOf(ctx), in.entries(ctx))
	if err != nil {
		return nil, s.listProblem(ctx, "adding to list "+in.List, err)
	}
	return &output[Changed]{Changed{n}}, nil
}

func (s *server) listRemove(ctx context.Context, in *listChangeInput) (*output[Changed], error) {
	ctx, cancel := context.WithTimeout(ctx, actionTimes*s.Timeout)
	defer cancel()
	n, err := s.Lists.Remove(ctx, scopeOf(ctx), in.entries(ctx))
	if err != nil {
		return nil, s.listProblem(ctx, "removing from list "+in.List, err)
	}
	return &output[Changed]{Changed{n}}, nil
}

func (s *server) rules(ctx context.Context, in *TenantPage) (*output[listItems[lists.Rule]], error) {
	items, err := s.Lists.Rules(scopeOf(ctx), in.Tenant)
	if err != nil {
		return nil, s.listProblem(ctx, "listing rules", err)
	}
	return paged(in.PageInput, "rules "+in.Tenant, items, func(r *lists.Rule) string { return oldestFirst(r.At, r.ID) })
}

// RuleRequest is a filtering rule to add.
type RuleRequest struct {
	Tenant         string   `json:"tenant" minLength:"1"`
	Verb           string   `json:"verb" enum:"allow,block"`
	Mailbox        string   `json:"mailbox,omitempty" doc:"For this recipient alone"`
	Note           string   `json:"note,omitempty" maxLength:"500"`
	Sender         []string `json:"sender,omitempty"`
	SenderDomain   []string `json:"sender_domain,omitempty"`
	Recipient      []string `json:"recipient,omitempty"`
	Client         []string `json:"client,omitempty"`
	Helo           []string `json:"helo,omitempty"`
	Subject        []string `json:"subject,omitempty"`
	AttachmentName []string `json:"attachment_name,omitempty"`
	AttachmentType []string `json:"attachment_type,omitempty"`
}

func (s *server) addRule(ctx context.Context, in *struct{ Body RuleRequest }) (*output[lists.Rule], error) {
	b := &in.Body
	r, err := s.Lists.AddRule(ctx, scopeOf(ctx), lists.Rule{
		Tenant: b.Tenant, Verb: b.Verb, Mailbox: b.Mailbox, Note: b.Note, By: scopeOf(ctx).Actor, Sender: b.Sender, SenderDomain: b.SenderDomain,
		Recipient: b.Recipient, Client: b.Client, Helo: b.Helo, Subject: b.Subject, AttachmentName: b.AttachmentName, AttachmentType: b.AttachmentType,
	})
	if err != nil {
		return nil, s.listProblem(ctx, "adding a rule", err)
	}
	return &output[lists.Rule]{r}, nil
}

func (s *server) removeRule(ctx context.Context, in *struct {
	TenantParam
	ID string `path:"id"`
}) (*output[Changed], error) {
	there, err := s.Lists.RemoveRule(ctx, scopeOf(ctx), in.Tenant, in.ID)
	if err != nil {
		return nil, s.listProblem(ctx, "removing rule "+in.ID, err)
	}
	return changedIf(there, "there is no rule "+in.ID)
}

func changedIf(there bool, otherwise string) (*output[Changed], error) {
	if !there {
		return nil, problem(http.StatusNotFound, otherwise, "list them first")
	}
	return &output[Changed]{Changed{1}}, nil
}

func (s *server) classActions(ctx context.Context, in *TenantPage) (*output[listItems[lists.Override]], error) {
	items, err := s.Lists.ClassActions(scopeOf(ctx), in.Tenant)
	if err != nil {
		return nil, s.listProblem(ctx, "listing class actions", err)
	}
	return paged(in.PageInput, "class-actions "+in.Tenant, items, func(o *lists.Override) string { return o.Class })
}

// ClassActionRequest chooses what becomes of a class.
type ClassActionRequest struct {
	Tenant string `json:"tenant" minLength:"1"`
	Class  string `json:"class" minLength:"1" doc:"main, main/sub or main/sub/extra"`
	Action string `json:"action" enum:"deliver,quarantine,reject,discard,stall"`
	Note   string `json:"note,omitempty" maxLength:"500"`
}

func (s *server) setClassAction(ctx context.Context, in *struct{ Body ClassActionRequest }) (*output[Changed], error) {
	b := &in.Body
	err := s.Lists.SetClassAction(ctx, scopeOf(ctx), lists.Override{Tenant: b.Tenant, Class: b.Class, Action: b.Action, Note: b.Note, By: scopeOf(ctx).Actor})
	if err != nil {
		return nil, s.listProblem(ctx, "choosing an action", err)
	}
	return &output[Changed]{Changed{1}}, nil
}

func (s *server) clearClassAction(ctx context.Context, in *struct {
	TenantParam
	Class string `query:"class" required:"true"`
}) (*output[Changed], error) {
	there, err := s.Lists.ClearClassAction(ctx, scopeOf(ctx), in.Tenant, in.Class)
	if err != nil {
		return nil, s.listProblem(ctx, "clearing an action", err)
	}
	return changedIf(there, "there is no action for class "+in.Class)
}
