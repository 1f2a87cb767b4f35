package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
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
	inner := humago.NewContext(op, r, rec)
	if changes {
		r.Body = io.NopCloser(bytes.NewReader(body))
	}
	next(inner)
	done = true
}

// read takes the body of a request, which is small.
func (s *server) read(r *http.Request) ([]byte, *Problem) {
	if r.Body == nil || !mutates(r.Method) {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	twice := ""
	if err == nil {
		twice = repeated(body)
	}
	switch {
	case errors.As(err, &large):
		return nil, problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is larger than %d octets", large.Limit), "send less at a time")
	case err != nil:
		return nil, problem(http.StatusBadRequest, "the request broke off", "")
	case twice != "":
		// Readers differ in which of the two they take.
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("the member %.60q stands twice", twice), "say it once")
	}
	return body, nil
}

// repeated names a member that an object in a JSON text has twice, without
// regard to case; "" none, or it is not JSON.
func repeated(text []byte) string {
	type level struct {
		names map[string]bool // nil in an array
		value bool            // a name was read, its value comes
	}
	var open []level
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		var top *level
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		if name, ok := t.(string); ok && top != nil && top.names != nil && !top.value {
			key := strings.ToLower(name)
			if top.names[key] {
				return name
			}
			top.names[key], top.value = true, true
			continue
		}
		if top != nil {
			top.value = false
		}
		switch t {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}

// auditing is one request as the audit log sees it.
type auditing struct {
	s       *server
	ctx     context.Context
	op      *huma.Operation
	hc      huma.Context
	who     scope.Scope
	action  string
	said    map[string]any
	request string // joins the entries
	first   audit.Entry
}

// told are the members of a request that are written down. No other is: there
// may be secrets, or the text of a mail, among them.
var told = []string{
	"verb", "q", "filter", "tenant", "mailbox", "name", "list", "class", "action", "plugin", "as", "until", "expires", "why", "note", "reason", "address",
	"domain", "domains", "kind", "level", "role", "host", "port", "send", "disabled", "reset_totp", "all", "keys", "sender", "sender_domain", "recipient", "grant",
	"client", "helo", "subject", "attachment_name", "attachment_type", "days", "columns", "format", "hold", "user", "email", "identity", "url", "events", "to", "from",
}

// toldArgs are the arguments of verbs that are written down.
var toldArgs = []string{"reason", "confirmed", "to", "host", "route", "sender", "recipient", "recipients", "action", "class", "for", "until", "identity", "user", "mailbox"}

// said reads a request's body; nil where it is no object.
func said(body []byte) map[string]any {
	var m map[string]any
	if len(body) == 0 || json.Unmarshal(body, &m) != nil {
		return nil
	}
	return m
}

func (x *auditing) text(key string) string { t, _ := x.said[key].(string); return t }

// dry reports a request that only counts.
func (x *auditing) dry() bool {
	d, _ := x.said["dry_run"].(bool)
	return d && slices.Contains(selects, x.op.OperationID)
}

// before writes down what is asked for.
func (x *auditing) before(refused string) error {
	if v := x.text("verb"); v != "" && (x.op.OperationID == "act" || x.op.OperationID == "start-job") {
		x.action = v
	}
	if v := x.hc.Query("verb"); v != "" && x.op.OperationID == "get-body" {
		x.action = v
	}
	var id [6]byte
	_, _ = rand.Read(id[:]) // never fails (crypto/rand)
	x.request = hex.EncodeToString(id[:])
	x.first = audit.Entry{Actor: x.who.Actor, Source: sourceOf(x.ctx), Tenant: x.tenant(), Action: x.action, Target: x.target(), Refused: refused, Details: x.details()}
	if refused != "" { // nothing is looked up for it
		return x.record(x.first)
	}
	return x.record(x.split(x.first)...)
}

func (x *auditing) record(es ...audit.Entry) error {
	if x.s.Audit == nil {
		return nil
	}
	if many, ok := x.s.Audit.(interface {
		RecordAll(context.Context, []audit.Entry) error
	}); ok {
		return many.RecordAll(x.ctx, es)
	}
	for _, e := range es {
		if err := x.s.Audit.Record(x.ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// tenant is whose the entry is: the tenant that is named, else the caller's.
func (x *auditing) tenant() string {
	if t := x.who.TenantName(); t != "" {
		return t
	}
	if t := x.text("tenant"); t != "" {
		return t
	}
	return x.hc.Query("tenant")
}

// target is what the path names, or the only message that is selected.
func (x *auditing) target() string {
	for _, p := range []string{"id", "name", "list", "domain", "user", "token", "session", "job"} {
		if v := x.hc.Param(p); v != "" {
			return v
		}
	}
	if ids := x.ids(); len(ids) == 1 {
		return ids[0]
	}
	for _, k := range []string{"name", "class", "address", "domain"} {
		if v := x.text(k); v != "" {
			return v
		}
	}
	return ""
}

// ids are the messages that are selected.
func (x *auditing) ids() []string {
	var out []string
	if !slices.Contains(selects, x.op.OperationID) {
		return nil
	}
	list, _ := x.said["ids"].([]any)
	for _, v := range list {
		if t, ok := v.(string); ok {
			out = append(out, t)
		}
	}
	return out
}

func (x *auditing) details() map[string]string {
	d := map[string]string{"request": x.request}
	for _, k := range told {
		if t := plain(x.said[k]); t != "" && t != "false" {
			d[k] = t
		}
	}
	if args, ok := x.said["args"].(map[string]any); ok {
		for _, k := range toldArgs {
			if t := plain(args[k]); t != "" {
				d["args."+k] = t
			}
		}
	}
	for _, k := range []string{"q", "filter", "class", "check"} {
		if t := x.hc.Query(k); t != "" && d[k] == "" {
			d[k] = t
		}
	}
	if x.action == d["verb"] {
		delete(d, "verb")
	}
	return d
}

// plain is a value of JSON in few words.
func plain(v any) string {
	const most = 2000
	var out string
	switch v := v.(type) {
	case nil:
	case string:
		out = v
	case bool:
		out = strconv.FormatBool(v)
	case float64:
		out = strconv.FormatFloat(v, 'g', -1, 64)
	case []any:
		if len(v) > 20 {
			return fmt.Sprintf("%s … and %d more", plain(v[:20]), len(v)-20)
		}
		var parts []string
		for _, e := range v {
			parts = append(parts, plain(e))
		}
		out = strings.Join(parts, " ")
	default:
		b, _ := json.Marshal(v) // it came out of JSON
		out = string(b)
	}
	if len(out) > most {
		out = strings.ToValidUTF8(out[:most], "") + "…"
	}
	return out
}

// split makes an entry about messages one for each tenant, so that each sees
// what was done to its mail.
func (x *auditing) split(e audit.Entry) []audit.Entry {
	ids := x.ids()
	if strings.HasPrefix(x.op.Path, "/v1/messages/") && e.Target != "" {
		ids = []string{e.Target}
	}
	if len(ids) == 0 || len(ids) > maxSelected || x.s.Log == nil {
		return []audit.Entry{e}
	}
	ctx, cancel := x.s.bounded(x.ctx)
	defer cancel()
	by := map[string][]string{}
	for _, id := range ids {
		whole, tenants := x.look(ctx, id)
		for _, t := range tenants {
			by[t] = append(by[t], whole)
		}
	}
	var out []audit.Entry
	for _, t := range slices.Sorted(maps.Keys(by)) {
		one := e
		one.Details = maps.Clone(e.Details)
		if t != "" {
			one.Tenant = t
		}
		if list := slices.Compact(by[t]); len(list) == 1 {
			one.Target = list[0]
		} else {
			one.Target = ""
			one.Details["ids"] = strings.Join(list, " ")
			one.Details["messages"] = strconv.Itoa(len(list))
		}
		out = append(out, one)
	}
	return out
}

// look completes an ID and finds whose the message is: "" where it is nobody's
// that the caller sees.
func (x *auditing) look(ctx context.Context, id string) (string, []string) {
	prefix, n, err := splitID(id)
	if err != nil {
		return id, []string{""}
	}
	full, err := mail.ParseID(prefix)
	if err != nil {
		if full, err = x.s.Log.Resolve(ctx, x.who, prefix); err != nil {
			return id, []string{""}
		}
	}
	m, err := x.s.Log.Message(ctx, x.who, full)
	if err != nil {
		return id, []string{""}
	}
	whole := full.String()
	if n != 0 {
		whole = recipientID(full, n)
	}
	var out []string
	for i := range m.Recipients {
		if r := &m.Recipients[i]; (n == 0 || r.N == n) && !slices.Contains(out, r.Tenant) {
			out = append(out, r.Tenant)
		}
	}
	if len(out) == 0 {
		out = []string{""}
	}
	return whole, out
}

// after writes down what became of it, where there is something to say.
func (x *auditing) after(rec *capture) {
	e := x.first
	e.Details = map[string]string{"request": x.request}
	switch {
	case rec.status >= 400:
		e.Refused = rec.problem()
	case x.told(rec, e.Details):
	default:
		return
	}
	e.Details["result"] = "done"
	if e.Refused != "" {
		e.Details["result"] = "refused"
	}
	// The caller may have left; what was done is written down all the same.
	ctx := context.WithoutCancel(x.ctx)
	if x.s.Audit == nil {
		return
	}
	if err := x.s.Audit.Record(ctx, e); err != nil {
		x.s.log.ErrorContext(ctx, "what became of a request is not in the audit log", slog.String("request", x.request), slog.String("actor", e.Actor), slog.String("action", e.Action), slog.Any("err", err))
	}
}

// told adds what an answer says beside "done": how much was done, and to what.
func (x *auditing) told(rec *capture, d map[string]string) bool {
	var out struct {
		ID      string `json:"id"`
		Matched *int   `json:"matched"`
		Changed *int   `json:"changed"`
		Called  *int   `json:"called"`
		Items   []struct {
			ID    string `json:"id"`
			Error string `json:"error"`
		} `json:"items"`
	}
	if !mutates(x.op.Method) || json.Unmarshal(rec.start, &out) != nil {
		return false
	}
	some := false
	if out.ID != "" && out.ID != x.first.Target {
		d["id"], some = out.ID, true
	}
	done := out.Changed
	if done == nil {
		done = out.Called
	}
	if done != nil && out.Matched != nil {
		d["changed"], d["matched"] = strconv.Itoa(*done), strconv.Itoa(*out.Matched)
		some = some || *done != *out.Matched || len(x.ids()) == 0
	}
	if len(x.ids()) == 0 && len(out.Items) > 0 {
		var ids []string
		for _, it := range out.Items {
			if it.ID != "" && it.Error == "" {
				ids = append(ids, it.ID)
			}
		}
		if len(ids) > 0 {
			d["ids"] = strings.Join(ids, " ")
		}
	}
	if some && len(out.Items) > 0 {
		for _, it := range out.Items {
			if it.Error != "" {
				d["error"] = it.Error
				break
			}
		}
	}
	return some
}

// capture keeps the status and the beginning of an answer.
type capture struct {
	http.ResponseWriter
	status int
	start  []byte
}

// maxCaptured bounds what is kept of an answer: the items of 1,000 recipients.
const maxCaptured = 256 << 10

func (c *capture) WriteHeader(code int) {
	if c.status == 0 {
		c.status = code
	}
	c.ResponseWriter.WriteHeader(code)
}

func (c *capture) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	if len(c.start) < maxCaptured && strings.Contains(c.Header().Get("Content-Type"), "json") {
		c.start = append(c.start, p[:min(len(p), maxCaptured-len(c.start))]...)
	}
	return c.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController through.
func (c *capture) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Flush implements http.Flusher, where what is below does.
func (c *capture) Flush() { _ = http.NewResponseController(c.ResponseWriter).Flush() }

// problem is what a refusal says.
func (c *capture) problem() string {
	var p Problem
	if json.Unmarshal(c.start, &p) == nil && p.Detail != "" {
		return p.Detail
	}
	return http.StatusText(c.status)
}
