package sqlindex

import (
	"slices"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// columnNames are the columns behind at, id and n.
var columnNames = []string{
	"tenant", "direction", "kind", "sender", "sender_domain", "client", "client_octets", "client_name", "helo", "user", "listener", "tls",
	"subject", `"from"`, `"to"`, "cc", "message_id", "attachment", "attachments", "size", "received", "policy", "parent",
	"recipient", "recipient2", "recipient_domain", "recipient_domain2", "owner", "owner_domain",
	"status", "state", "origin", "class", "main", "sub", "extra", "score", "filter", "plugin", "plugin_digest", "filter_time", "tag", "rule", "reason", "explanation", "reply", "code", "enhanced",
	"changed", "delay", "next", "expires", "route", "next_hop", "host", "address", "schedule", "attempts", "failures", "has_body", "archived", "identity", "low",
}

// lowColumn is that of low among columnNames.
var lowColumn = slices.Index(columnNames, "low")

func first(vs []string) string {
	if len(vs) == 0 {
		return ""
	}
	return query.Key(vs[0])
}

func second(vs []string) string {
	if len(vs) < 2 {
		return ""
	}
	return query.Key(vs[1])
}

func number(r store.Row, field string) any {
	if v, ok := r.Num(field); ok {
		return v
	}
	return nil
}

func moment(r store.Row, field string) any {
	if t, ok := r.Time(field); ok {
		return query.Moment(t)
	}
	return nil
}

// values are those of columnNames.
func (w *writer) values(r store.Row) ([]any, error) {
	text := func(field string) string { return first(r.Text(field)) }
	var octets any
	if a := r.Message.Client.Addr; a.IsValid() {
		octets = query.Octets(a.Addr().Unmap().WithZone(""))
	}
	low, err := w.low(r)
	if err != nil {
		return nil, err
	}
	rcpt, domain := slices.Clone(r.Text("recipient")), slices.Clone(r.Text("recipient_domain"))
	return []any{
		text("tenant"), text("direction"), text("kind"), text("sender"), text("sender_domain"), text("client"), octets, text("client_name"),
		text("helo"), text("user"), text("listener"), text("tls"), text("subject"), text("from"), text("to"), text("cc"), text("message_id"),
		query.Joined(r.Text("attachment")), number(r, "attachments"), number(r, "size"), moment(r, "received"), text("policy"), text("parent"),
		first(rcpt), second(rcpt), first(domain), second(domain), text("owner"), text("owner_domain"),
		text("status"), text("state"), text("origin"), text("class"), text("main"), text("sub"), text("extra"), number(r, "score"),
		query.Joined(r.Text("filter")), query.Joined(r.Text("plugin")), query.Joined(r.Text("plugin_digest")), number(r, "filter_time"), query.Joined(r.Text("tag")), text("rule"), text("reason"), query.Joined(r.Text("explanation")), text("reply"), number(r, "code"), text("enhanced"),
		moment(r, "changed"), number(r, "delay"), moment(r, "next"), moment(r, "expires"), text("route"), text("next_hop"), text("host"), text("address"), text("schedule"),
		number(r, "attempts"), number(r, "failures"), number(r, "has_body"), number(r, "archived"), text("identity"), low,
	}, nil
}

func (w *writer) low(r store.Row) (int64, error) {
	tenant, err := w.number("tenant", query.Key(r.Recipient.Tenant))
	if err != nil {
		return 0, err
	}
	main, err := w.number("main", query.Key(r.Recipient.Class.Main))
	if err != nil {
		return 0, err
	}
	low := int64(max(0, query.StatusNumber(r.Recipient.Status)))<<lowStatus | int64(main)<<lowMain | int64(tenant)<<lowTenant
	if r.Message.Direction == mail.Outbound {
		low |= 1
	}
	return low, nil
}
