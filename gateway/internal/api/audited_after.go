package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/audit"
)

// answer is what an answer says beside "done": how much was done, and to what.
type answer struct {
	ID      string `json:"id"`
	Matched *int   `json:"matched"`
	Changed *int   `json:"changed"`
	Called  *int   `json:"called"`
	Items   []struct {
		ID    string `json:"id"`
		Error string `json:"error"`
	} `json:"items"`
}

// after writes down what became of it, where there is something to say: one
// entry for each tenant that has one of what was asked for.
func (x *auditing) after(rec *capture) {
	if x.s.Audit == nil {
		return
	}
	var es []audit.Entry
	if rec.status >= 400 {
		for _, e := range x.written {
			e = x.result(e, "refused")
			e.Refused = rec.problem()
			es = append(es, e)
		}
	} else {
		es = x.told(rec)
	}
	if len(es) == 0 {
		return
	}
	// The caller may have left; what was done is written down all the same.
	ctx := context.WithoutCancel(x.ctx)
	if err := x.recordWithin(ctx, es...); err != nil {
		x.s.log.ErrorContext(ctx, "what became of a request is not in the audit log", slog.String("request", x.request), slog.String("actor", x.who.Actor), slog.String("action", x.action), slog.Any("err", err))
	}
}

// result is an entry that says what became of one written before.
func (x *auditing) result(e audit.Entry, result string) audit.Entry {
	d := map[string]string{"request": x.request, "result": result}
	for _, k := range []string{"ids", "messages"} {
		if v := e.Details[k]; v != "" {
			d[k] = v
		}
	}
	e.Details = d
	return e
}

// told are the entries about what was done, other than all that was asked for.
func (x *auditing) told(rec *capture) (out []audit.Entry) {
	var a answer
	if !mutates(x.op.Method) || json.Unmarshal(rec.start, &a) != nil {
		return nil
	}
	named := len(x.ids()) > 0
	done := a.Changed
	if done == nil {
		done = a.Called
	}
	counted := done != nil && a.Matched != nil
	if !(counted && (*done != *a.Matched || !named)) && (a.ID == "" || a.ID == x.first.Target) {
		return nil
	}
	for _, e := range x.written {
		of := x.result(e, "done")
		if a.ID != "" && a.ID != x.first.Target {
			of.Details["id"] = a.ID
		}
		if counted && len(x.written) == 1 {
			of.Details["changed"], of.Details["matched"] = strconv.Itoa(*done), strconv.Itoa(*a.Matched)
		}
		refused := 0
		for _, it := range a.Items {
			if it.Error == "" || named && len(x.written) > 1 && !names(e, it.ID) {
				continue
			}
			if refused++; refused == 1 {
				of.Details["error"] = it.Error
			}
		}
		if refused > 0 {
			of.Details["refused"] = strconv.Itoa(refused)
		}
		out = append(out, of)
	}
	// What plugins were called for is known now. What verbs are applied to is
	// written down by whoever applies them, before it is done.
	if !named && x.op.OperationID != "act" && slices.Contains(selects, x.op.OperationID) {
		var ids []string
		for _, it := range a.Items {
			if it.ID != "" && it.Error == "" {
				ids = append(ids, it.ID)
			}
		}
		if len(ids) > 0 {
			found := x.result(x.first, "done")
			out = append(out, x.byTenant(found, ids)...)
		}
	}
	return out
}

// names reports whether an entry names the message of an ID.
func names(e audit.Entry, id string) bool {
	message, _, _ := strings.Cut(id, ".")
	return strings.HasPrefix(e.Target, message) || strings.Contains(e.Details["ids"], message)
}
