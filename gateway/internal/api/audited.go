package api

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
)

// Every request that changes something, and every one that shows content or a
// dialogue, passes here: it is written to the audit log before it is done
// (B40), and not done where it cannot be written. A second entry with the same
// "request" tells what became of it, where that is not simply that it was done.

// views are the operations that only read and are recorded all the same, by
// their ID, and as what. Downloads that take more than one message record each
// by themselves.
var views = map[string]lifecycle.Verb{
	"get-body":          lifecycle.View,
	"compose-reply":     lifecycle.Reply, // it quotes the message
	"list-attempts":     lifecycle.IssueLog,
	"explain-message":   lifecycle.IssueLog,
	"search-deliveries": lifecycle.IssueLog,
}

// Metadata of an operation that is not what its method says.
const (
	metaAudit = "audit" // action to record it as; "" not at all: the handler does, or it changes nothing
	metaRoles = "roles" // "own": what it changes is the caller's own, so that every role may
)

// own marks an operation that changes nothing but the caller's own.
func own(op huma.Operation) huma.Operation { return withMeta(op, metaRoles, "own") }

// recordedAs has an operation recorded as an action; "" not at all.
func recordedAs(op huma.Operation, action string) huma.Operation {
	return withMeta(op, metaAudit, action)
}

func withMeta(op huma.Operation, key, value string) huma.Operation {
	op.Metadata = maps.Clone(op.Metadata)
	if op.Metadata == nil {
		op.Metadata = map[string]any{}
	}
	op.Metadata[key] = value
	return op
}

// asked are the operations that a role asks something of and that refuse it by
// themselves, verb by verb or test by test.
var asked = map[string][]lifecycle.Role{
	"act":            {lifecycle.RoleAuditor, lifecycle.RoleHelpdesk},
	"start-job":      {lifecycle.RoleHelpdesk},
	"cancel-job":     {lifecycle.RoleHelpdesk},
	"test-recipient": {lifecycle.RoleHelpdesk},
	"test-sender":    {lifecycle.RoleHelpdesk},
	"test-smtp":      {lifecycle.RoleHelpdesk},
	"test-tls":       {lifecycle.RoleHelpdesk},
	"test-route":     {lifecycle.RoleHelpdesk},
	"test-dns":       {lifecycle.RoleHelpdesk},
}

// selects are the operations whose body names messages, and that may only count.
var selects = []string{"act", "call-plugin-action", "train"}

// maxSelected is how many messages a body may name; more are refused.
const maxSelected = 1000

func mayAsk(op *huma.Operation, role lifecycle.Role) bool {
	if role == lifecycle.RoleOperator {
		return true
	}
	if kind, _ := op.Metadata[metaRoles].(string); kind == "own" {
		return true
	}
	return slices.Contains(asked[op.OperationID], role)
}

func mutates(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// audited is the middleware.
func (s *server) audited(hc huma.Context, next func(huma.Context)) {
	op := hc.Operation()
	r, w := humago.Unwrap(hc)
	changes := mutates(op.Method)
	action, named := op.Metadata[metaAudit].(string)
	if !named {
		if action = op.OperationID; !changes {
			action = string(views[op.OperationID])
		}
	}
	if public(r) || action == "" && !changes {
		next(hc)
		return
	}
	body, p := s.read(r)
	if p != nil {
		writeProblem(w, p)
		return
	}
	ctx := hc.Context()
	x := &auditing{s: s, ctx: ctx, op: op, hc: hc, who: scopeOf(ctx), action: action}
	if op.RequestBody != nil { // any other body is not looked at by whoever carries it out
		x.said = said(body)
	}
	refused := ""
	if changes && !mayAsk(op, x.who.Role) {
		refused = fmt.Sprintf("the role %s may not do this", x.who.Role)
	}
	if action != "" && !x.dry() {
		if err := x.before(refused); err != nil {
			s.log.ErrorContext(ctx, "refused, for it cannot be recorded", slog.String("actor", x.who.Actor), slog.String("action", x.action), slog.Any("err", err))
			writeProblem(w, problem(http.StatusServiceUnavailable, "this cannot be recorded in the audit log, so nothing was done", "see the gateway's log"))
			return
		}
	}
	if refused != "" {
		writeProblem(w, problem(http.StatusForbidden, refused, ""))
		return
	}
	rec := &capture{ResponseWriter: w}
	done := false
	defer func() { // a panic is told of, too
		if !done && rec.status == 0 {
			rec.status = http.StatusInternalServerError
		}
		if action != "" && !x.dry() {
			x.after(rec)
		}
	}()
	r = r.WithContext(audit.Because(r.Context(), x.cause()))
	inner := humago.NewContext(op, r, rec)
	if changes {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	next(inner)
	done = true
}
