package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// What is written down of a request before it is carried out.

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
	written []audit.Entry // first, for each tenant
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
	x.written = []audit.Entry{x.first}
	if refused == "" { // nothing is looked up for what is
		x.written = x.split(x.first)
	}
	return x.recordWithin(x.ctx, x.written...)
}

// cause is what further entries of the request say, such as those of a job.
func (x *auditing) cause() audit.Cause {
	return audit.Cause{Source: sourceOf(x.ctx), Details: map[string]string{"request": x.request}}
}

// recordWithin writes entries down together, where the recorder can.
func (x *auditing) recordWithin(ctx context.Context, es ...audit.Entry) error {
	if x.s.Audit == nil {
		return nil
	}
	if many, ok := x.s.Audit.(interface {
		RecordAll(context.Context, []audit.Entry) error
	}); ok {
		return many.RecordAll(ctx, es)
	}
	for _, e := range es {
		if err := x.s.Audit.Record(ctx, e); err != nil {
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
