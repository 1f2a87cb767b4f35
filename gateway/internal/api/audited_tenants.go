package api

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/mail"
)

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
	return x.byTenant(e, ids)
}

// byTenant makes an entry about some messages or recipients one for each tenant.
func (x *auditing) byTenant(e audit.Entry, ids []string) []audit.Entry {
	ctx, cancel := x.s.bounded(context.WithoutCancel(x.ctx))
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
