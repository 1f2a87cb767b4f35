package main

import (
	"context"
	"strings"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// failedStatuses are those that can be queued again (B132).
var failedStatuses = []mail.Status{mail.StatusBounced, mail.StatusDeliveryFailed, mail.StatusQueueBounced, mail.StatusQueueExpired}

// QueueFailedCmd is the view of bounced and rejected mail (B132).
type QueueFailedCmd struct {
	ListFlags
	ColumnFlags
}

// Run prints one line for each recipient. What was refused at the door was
// never ours, and is shown without being kept.
func (c *QueueFailedCmd) Run(ctx context.Context, g *Globals) error {
	cols, err := c.columns(g, failedColumns)
	if err != nil {
		return err
	}
	return c.list(ctx, g, statusFilter(append([]mail.Status{mail.StatusRejected}, failedStatuses...)...), "nothing bounced or was refused", cols)
}

// QueueRequeueCmd queues failed mail again (B132).
type QueueRequeueCmd struct{ VerbFlags }

// Run queues again.
func (c *QueueRequeueCmd) Run(ctx context.Context, g *Globals) error {
	return c.apply(ctx, g, act{verb: lifecycle.Retry, among: failedStatuses, where: query.Where("has_body", query.Is, "yes")})
}

// QueueRerouteCmd is B93.
type QueueRerouteCmd struct {
	VerbFlags
	To         []string `placeholder:"ADDRESS" help:"New recipients, instead of the one there is."`
	ReturnPath string   `placeholder:"ADDRESS" help:"New return path; <> for none."`
	Route      string   `placeholder:"NAME" help:"Route of the policy."`
	Host       string   `placeholder:"HOST[:PORT]" help:"Host to deliver to; for administrators."`
}

// Run asks, where a filter selects, and re-routes.
func (c *QueueRerouteCmd) Run(ctx context.Context, g *Globals) error {
	args := given("to", strings.Join(c.To, " "), "return_path", c.ReturnPath, "route", c.Route, "host", c.Host)
	if len(args) == 0 {
		return usageError{"nothing is to change", "give --to, --return-path, --route or --host; what is not given stays"}
	}
	a := act{verb: lifecycle.Reroute, among: queueStatuses, args: args}
	if len(c.IDs) == 0 {
		a.ask = "Re-route all of them?"
	}
	return c.apply(ctx, g, a)
}

// QueueCopyCmd is B130.
type QueueCopyCmd struct {
	VerbFlags
	To         []string `required:"" placeholder:"ADDRESS" help:"Where the copy goes."`
	ReturnPath string   `placeholder:"ADDRESS" help:"Return path of the copy; that of the message when left out, <> for none."`
}

// Run asks, where a filter selects, and copies.
func (c *QueueCopyCmd) Run(ctx context.Context, g *Globals) error {
	a := act{verb: lifecycle.Copy, among: lifecycle.Copy.Statuses(), args: given("to", strings.Join(c.To, " "), "return_path", c.ReturnPath)}
	if len(c.IDs) == 0 {
		a.ask, a.where = "Deliver a copy of each to "+strings.Join(c.To, ", ")+"?", query.Where("has_body", query.Is, "yes")
	}
	return c.apply(ctx, g, a)
}

// QueueClearRoutesCmd is B91.
type QueueClearRoutesCmd struct {
	VerbFlags
	Host string `placeholder:"HOST[:PORT]" help:"What waits for this host alone."`
}

// Run drops routes; of all queued mail with --all.
func (c *QueueClearRoutesCmd) Run(ctx context.Context, g *Globals) error {
	a := act{verb: lifecycle.ClearRoutes, among: queueStatuses}
	if c.Host != "" {
		if len(c.IDs) > 0 {
			return usageError{"IDs and a host do not go together", "give one of them"}
		}
		a.where, c.All = waitsFor(c.Host), true
	}
	return c.apply(ctx, g, a)
}

// waitsFor matches what goes to a host next, alone or among others, or was
// there last.
func waitsFor(host string) query.Filter {
	fs := []query.Filter{query.Where("host", query.Is, host)}
	for _, p := range []string{host, host + ":*", "lmtp:" + host, "lmtp:" + host + ":*"} {
		fs = append(fs, query.Where("next_hop", query.Like, p), query.Where("next_hop", query.Like, "*,"+p), query.Where("next_hop", query.Like, p+",*"))
	}
	return query.Or(fs...)
}

// given are the arguments that are not empty, by name.
func given(pairs ...string) map[string]string {
	out := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			out[pairs[i]] = pairs[i+1]
		}
	}
	return out
}
