package main

import (
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// FilterFlags choose messages.
type FilterFlags struct {
	Sender    string `short:"s" placeholder:"ADDRESS" help:"Envelope sender; * and ? stand for any text, <> for none."`
	Recipient string `short:"r" placeholder:"ADDRESS" help:"Envelope recipient; * and ? stand for any text."`
	Tenant    string `short:"t" placeholder:"NAME" help:"Tenant."`
	Direction string `short:"d" enum:"inbound,outbound," default:"" placeholder:"WAY" help:"Inbound or outbound."`
	Since     string `placeholder:"TIME" help:"Received then or later: -2h, today, 2026-11-20, 2026-11-20T08:00."`
	Until     string `placeholder:"TIME" help:"Received before."`
	Query     string `short:"q" placeholder:"QUERY" help:"Filter as in \"weir help search\"."`
}

// filter joins the flags with base. Times are those of the operator's clock.
func (f *FilterFlags) filter(base query.Filter) (query.Filter, error) {
	return f.read(base, query.Parse, query.Filter.Validate)
}

// deliveries is filter for the delivery log, which can be asked about attempts.
func (f *FilterFlags) deliveries(base query.Filter) (query.Filter, error) {
	return f.read(base, query.ParseDeliveries, query.Filter.ValidateDeliveries)
}

func (f *FilterFlags) read(base query.Filter, parse func(string) (query.Filter, error), validate func(query.Filter) error) (query.Filter, error) {
	parts := []query.Filter{base}
	add := func(field, value string) {
		if value == "" {
			return
		}
		op := query.Is
		if strings.ContainsAny(value, "*?") {
			op = query.Like
		}
		parts = append(parts, query.Where(field, op, value))
	}
	add("sender", f.Sender)
	add("recipient", f.Recipient)
	add("tenant", f.Tenant)
	add("direction", f.Direction)
	if f.Since != "" {
		parts = append(parts, query.Where("received", query.After, f.Since))
	}
	if f.Until != "" {
		parts = append(parts, query.Where("received", query.Before, f.Until))
	}
	text, err := parse(f.Query)
	if err != nil {
		return query.Filter{}, usageError{err.Error(), "see: weir help search"}
	}
	out := query.And(append(parts, text)...).Canonical()
	if err := validate(out); err != nil {
		return query.Filter{}, usageError{err.Error(), "see: weir help search"}
	}
	return query.Resolve(out, time.Now()), nil
}

// given reports whether a flag narrows anything.
func (f *FilterFlags) given() bool { return *f != FilterFlags{} }

// statusFilter matches recipients in one of the statuses.
func statusFilter(statuses ...mail.Status) query.Filter {
	names := make([]string, len(statuses))
	for i, s := range statuses {
		names[i] = string(s)
	}
	return query.OneOf("status", names...)
}

// verbFilter matches what a verb applies to among the statuses of a list.
func verbFilter(v lifecycle.Verb, among []mail.Status) query.Filter {
	var both []mail.Status
	for _, s := range v.Statuses() {
		for _, a := range among {
			if s == a {
				both = append(both, s)
			}
		}
	}
	return statusFilter(both...)
}

// The statuses of the three lists of waiting mail.
var (
	queueStatuses      = []mail.Status{mail.StatusAccepted, mail.StatusQueued, mail.StatusQueueFrozen}
	stalledStatuses    = []mail.Status{mail.StatusStalled}
	quarantineStatuses = []mail.Status{mail.StatusQuarantined}
)

const searchHelpText = `A search is made of terms that must all match:

  status:queued sender:*@partner.test after:-2h
  recipient:anna@acme.test,bob@acme.test size:>10MiB
  subject:"invoice for october" -tenant:acme (status:stalled or class:malware)

field:value compares as the field's type does; several values separated by
commas are alternatives; * and ? stand for any text. A word alone looks into
the usual fields. Before a value, = asks for exactly it, != for anything else,
~ for a part, and > < >= <= compare numbers and times. "-" or "not" negates,
"or" and parentheses group. Times are -2h, -7d, today, yesterday, 2026-11-20,
2026-11-20T08:00 in your zone, or RFC 3339.

`
