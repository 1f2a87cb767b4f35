package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/query"
)

// FilterInput is a filter without pages.
type FilterInput struct {
	Q      string `query:"q" maxLength:"4096" doc:"Filter in its text form, such as: status:queued sender:*@partner.test"`
	Filter string `query:"filter" maxLength:"16384" doc:"Filter as JSON; narrows q"`
}

// searchRoutes are sums over what a search finds.
func (s *server) searchRoutes(a huma.API) {
	const tag = "messages"
	s.fieldRoutes(a)
	huma.Register(a, route("count-messages", http.MethodGet, "/v1/messages/count", tag, "Count what a search finds",
		"Takes half a second at most; then it says at least how many there are.", http.StatusUnprocessableEntity), s.count)
	huma.Register(a, route("facet-messages", http.MethodGet, "/v1/messages/facets", tag, "Most frequent values of what a search finds",
		"Takes half a second for each field at most; then it is of the newest rows.", http.StatusUnprocessableEntity), s.facets)
	huma.Register(a, route("histogram-messages", http.MethodGet, "/v1/messages/histogram", tag, "How much of what a search finds was received when",
		"Takes half a second at most; then it is of the newest rows.", http.StatusUnprocessableEntity), s.histogram)
	huma.Register(a, route("parse-filter", http.MethodGet, "/v1/filter", tag, "A filter in both of its forms",
		"What was given as text or rules comes back as both, in the one spelling that saved searches use.", http.StatusUnprocessableEntity), s.bothForms)
}

func (s *server) count(ctx context.Context, in *FilterInput) (*output[CountResult], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	f, p := filterOf(in.Q, in.Filter)
	if p != nil {
		return nil, p
	}
	n, exact, err := s.Log.Count(ctx, scopeOf(ctx), f)
	if err != nil {
		return nil, s.problemOf(ctx, "counting", err)
	}
	return &output[CountResult]{CountResult{n, exact}}, nil
}

func (s *server) facets(ctx context.Context, in *struct {
	FilterInput
	Fields []string `query:"fields" required:"true" minItems:"1" maxItems:"8" doc:"Fields to sum up by: any that a filter can ask about, but times and text"`
	Limit  int      `query:"limit" minimum:"1" maximum:"1000" default:"10" doc:"Values of a field at most"`
}) (*output[FacetsResult], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	f, p := filterOf(in.Q, in.Filter)
	if p != nil {
		return nil, p
	}
	sums, err := s.Log.Facets(ctx, scopeOf(ctx), f, in.Fields, in.Limit)
	if err != nil {
		return nil, s.problemOf(ctx, "summing up", err)
	}
	out := FacetsResult{Fields: map[string]Facets{}}
	for field, fs := range sums {
		one := Facets{Values: make([]Facet, 0, len(fs.Values)), Others: fs.Others, Exact: fs.Exact}
		for _, v := range fs.Values {
			one.Values = append(one.Values, Facet(v))
		}
		out.Fields[field] = one
	}
	return &output[FacetsResult]{out}, nil
}

func (s *server) histogram(ctx context.Context, in *struct {
	FilterInput
	Step string `query:"step" default:"1h" maxLength:"20" example:"1d" doc:"Length of a step: from 1s to 30d"`
}) (*output[HistogramResult], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	f, p := filterOf(in.Q, in.Filter)
	if p != nil {
		return nil, p
	}
	step, err := query.ParseDistance(in.Step)
	if err != nil || step < time.Second || step > 30*24*time.Hour {
		return nil, problem(http.StatusUnprocessableEntity, "step is not a length of time from 1s to 30d", "write one such as 15m, 1h or 1d")
	}
	bars, exact, err := s.Log.Histogram(ctx, scopeOf(ctx), f, step)
	if err != nil {
		return nil, s.problemOf(ctx, "summing up", err)
	}
	out := HistogramResult{Bars: make([]Bar, 0, len(bars)), Exact: exact}
	for _, b := range bars {
		out.Bars = append(out.Bars, Bar(b))
	}
	return &output[HistogramResult]{out}, nil
}

// FilterForms are the two forms of one filter.
type FilterForms struct {
	Text string       `json:"text" doc:"Text form; empty for everything"`
	Rule query.Filter `json:"rule" doc:"Rule form"`
}

func (s *server) bothForms(_ context.Context, in *FilterInput) (*output[FilterForms], error) {
	f, p := filterOf(in.Q, in.Filter)
	if p != nil {
		return nil, p
	}
	f = f.Canonical()
	return &output[FilterForms]{FilterForms{f.String(), f}}, nil
}
