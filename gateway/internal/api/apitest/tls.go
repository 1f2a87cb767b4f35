package apitest

import (
	"context"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/tlsrpt"
)

// tlsReports has counted dest.test, and knows one domain that it has not.
type tlsReports struct{}

func (tlsReports) Day(_ context.Context, day time.Time) (api.TLSDays, error) {
	if day.IsZero() {
		day = Now
	}
	return api.TLSDays{Day: day.Format(time.DateOnly), Items: []api.TLSDay{
		{Domain: "dest.test", Policies: []string{"sts"}, Success: 3, Failure: 1, Results: map[string]int64{"certificate-expired": 1}},
	}}, nil
}

func (tlsReports) Report(_ context.Context, _ time.Time, domain string) (api.TLSDomainReport, error) {
	if domain == "none.test" {
		return api.TLSDomainReport{}, tlsrpt.ErrNone
	}
	return api.TLSDomainReport{RUA: []string{"mailto:tls@" + domain}, Report: &tlsrpt.Report{ID: domain, Policies: []tlsrpt.PolicyReport{}}}, nil
}
