package api

import (
	"context"
	"encoding/json"
	"reflect"
	"strings"

	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/query"
)

func (s *server) deliveries(ctx context.Context, in *struct {
	SearchInput
	Fields []string `query:"fields" doc:"Columns of the recipient's row to answer with, too, under row; those of the attempt are there always"`
}) (*output[DeliveryPage], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	f, p := deliveryFilter(in.Q, in.Filter)
	if p == nil {
		p = CheckDeliveryColumns(in.Fields)
	}
	if p != nil {
		return nil, p
	}
	who := scopeOf(ctx)
	found, err := s.Log.Attempted(ctx, who, journal.Query{Filter: f, Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, s.problemOf(ctx, "searching the delivery log", err)
	}
	var fields []string
	for _, name := range in.Fields {
		if _, ok := query.OfAttempt(name); !ok {
			fields = append(fields, name)
		}
	}
	page := DeliveryPage{Items: make([]Delivery, 0, len(found.Rows)), Next: found.Next, Partial: !found.SearchedBackTo.IsZero(), SearchedBackTo: found.SearchedBackTo}
	for i := range found.Rows {
		d := &found.Rows[i]
		item := Delivery{Attempt: attemptOf(d.Message, d.Attempt)}
		if len(fields) > 0 {
			row := rowWith(d.Row, fields)
			row.Verbs = s.Actions.Offered(who, d.Message, d.Recipient)
			row = row.pick(fields)
			item.Row = &row
		}
		page.Items = append(page.Items, item)
	}
	return &output[DeliveryPage]{page}, nil
}

// deliveryFilter is filterOf for the delivery log.
func deliveryFilter(text, tree string) (query.Filter, *Problem) {
	var f, g query.Filter
	if text != "" {
		var err error
		if f, err = query.ParseDeliveries(text); err != nil {
			return f, badFilter("q", err)
		}
	}
	if tree != "" {
		dec := json.NewDecoder(strings.NewReader(tree))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&g); err != nil {
			return f, badFilter("filter", err)
		}
	}
	f = query.And(f, g)
	if err := f.ValidateDeliveries(); err != nil {
		return f, badFilter("filter", err)
	}
	return f, nil
}

// CheckDeliveryColumns is CheckColumns for the delivery log, whose rows have what
// is asked of attempts, too.
func CheckDeliveryColumns(names []string) *Problem {
	for _, name := range names {
		if _, ok := query.OfAttempt(name); ok {
			continue
		}
		if p := CheckColumns([]string{name}); p != nil {
			var own []string
			for _, f := range query.AttemptFields() {
				own = append(own, f.Name)
			}
			p.Remedy = "the columns of attempts are " + strings.Join(own, ", ") + "; of their recipients' rows, " + strings.TrimPrefix(p.Remedy, "the columns are ")
			return p
		}
	}
	return nil
}

// DeliveryCell is one column of the delivery log, as text.
func (c Columns) DeliveryCell(d *Delivery, name string) string {
	if _, ok := query.OfAttempt(name); !ok {
		if d.Row == nil {
			return ""
		}
		return c.Cell(d.Row, name)
	}
	var o AttemptRcpt
	if len(d.Outcome) > 0 {
		o = d.Outcome[0]
	}
	v, ok := map[string]any{
		"attempt_time": d.Start, "attempt": d.K, "attempt_result": o.Result, "attempt_host": d.Host, "attempt_address": d.Address, "attempt_reply": &o.Reply,
		"attempt_code": o.Reply.Code, "attempt_enhanced": o.Reply.Enhanced, "attempt_took": d.Took, "attempt_route": d.Route, "attempt_tls": d.TLS,
	}[name]
	if !ok {
		return ""
	}
	if reflect.ValueOf(v).IsZero() {
		return ""
	}
	return c.text(v)
}

// columnProblem says which column there is not in the rows of a source.
func columnProblem(source string, names []string) *Problem {
	if source == "deliveries" {
		return CheckDeliveryColumns(names)
	}
	return CheckColumns(names)
}
