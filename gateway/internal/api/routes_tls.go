package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/tlsrpt"
)

// TLSReports is how TLS to destinations went, by day and domain (RFC 8460).
type TLSReports interface {
	// Day is every domain counted on a day (UTC), by name; the zero time is today.
	Day(ctx context.Context, day time.Time) (TLSDays, error)
	// Report is one domain's day; tlsrpt.ErrNone.
	Report(ctx context.Context, day time.Time, domain string) (TLSDomainReport, error)
}

// TLSDay is one domain's day in brief.
type TLSDay struct {
	Domain   string           `json:"domain"`
	Policies []string         `json:"policies" doc:"What was found for it: tlsa (DANE), sts (MTA-STS), no-policy-found"`
	Success  int64            `json:"success" doc:"Connections with the TLS that was demanded, or with any where nothing was"`
	Failure  int64            `json:"failure"`
	Results  map[string]int64 `json:"results" doc:"Failures by result type of RFC 8460 §4.3"`
}

// TLSDomainReport is one domain's report and where it wants to have it.
type TLSDomainReport struct {
	RUA      []string       `json:"rua" doc:"mailto: and https: addresses of its _smtp._tls record; none: it asks for no reports"`
	RUAError string         `json:"rua_error,omitempty" doc:"Why that record could not be looked up"`
	Report   *tlsrpt.Report `json:"report" doc:"The report, in the form of RFC 8460 §4.4"`
}

// TLSDays are the domains of a day.
type TLSDays struct {
	Day   string   `json:"day"`
	Items []TLSDay `json:"items"`
	Next  string   `json:"next,omitempty" doc:"Cursor of the next page, which wants this day, too; absent at the end"`
}

func (s *server) tlsRoutes(a huma.API) {
	const tag = "gateway"
	huma.Register(a, route("list-tls-reports", http.MethodGet, "/v1/tls-reports", tag, "How TLS to recipients' domains went on a day", "For the administrator.",
		http.StatusForbidden, http.StatusUnprocessableEntity), s.tlsDay)
	huma.Register(a, route("get-tls-report", http.MethodGet, "/v1/tls-reports/{domain}", tag, "One domain's TLS report (RFC 8460)", "For the administrator.",
		http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity), s.tlsReport)
}

// DayParam is a day in a query.
type DayParam struct {
	Day string `query:"day" doc:"A day of UTC, 2026-11-22; today without. Days are kept for 32 days"`
}

func (d DayParam) date() (time.Time, error) {
	if d.Day == "" {
		return time.Time{}, nil
	}
	t, err := time.Parse(time.DateOnly, d.Day)
	if err != nil {
		return t, problem(http.StatusUnprocessableEntity, "day: "+d.Day+" is no day", "write it as 2026-11-22")
	}
	return t, nil
}

func (s *server) tlsDay(ctx context.Context, in *struct {
	DayParam
	PageInput
}) (*output[TLSDays], error) {
	if err := s.mayTLS(ctx); err != nil {
		return nil, err
	}
	day, err := in.date()
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	days, err := s.TLSReports.Day(ctx, day)
	if err != nil {
		return nil, s.problemOf(ctx, "reading TLS reports", err)
	}
	days.Items, days.Next, err = cut(in.PageInput, "tls-reports "+days.Day, days.Items, func(d *TLSDay) string { return d.Domain })
	if err != nil {
		return nil, err
	}
	return &output[TLSDays]{days}, nil
}

func (s *server) tlsReport(ctx context.Context, in *struct {
	DayParam
	Domain string `path:"domain" maxLength:"255"`
}) (*output[TLSDomainReport], error) {
	if err := s.mayTLS(ctx); err != nil {
		return nil, err
	}
	day, err := in.date()
	if err != nil {
		return nil, err
	}
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	r, err := s.TLSReports.Report(ctx, day, strings.ToLower(in.Domain))
	if errors.Is(err, tlsrpt.ErrNone) {
		return nil, problem(http.StatusNotFound, err.Error(), "weir report tls (GET /v1/tls-reports) lists the domains of a day")
	}
	if err != nil {
		return nil, s.problemOf(ctx, "reading a TLS report", err)
	}
	if r.RUA == nil {
		r.RUA = []string{}
	}
	return &output[TLSDomainReport]{r}, nil
}

// mayTLS: mail of all tenants is counted together, so this is the
// administrator's.
func (s *server) mayTLS(ctx context.Context) error {
	if err := adminOnly(ctx); err != nil {
		return err
	}
	if s.TLSReports == nil {
		return problem(http.StatusNotFound, "this gateway counts no TLS sessions", "")
	}
	return nil
}
