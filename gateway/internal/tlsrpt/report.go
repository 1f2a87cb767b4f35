package tlsrpt

import (
	"encoding/json"
	"fmt"
	"time"
)

// Reporter is who makes a report (RFC 8460 §4.1).
type Reporter struct {
	Organization string // organization-name
	Contact      string // contact-info, an address
	Hostname     string // in report-id
}

// The report's JSON (RFC 8460 §4.4).
type (
	report struct {
		Organization string         `json:"organization-name"`
		Range        dateRange      `json:"date-range"`
		Contact      string         `json:"contact-info"`
		ID           string         `json:"report-id"`
		Policies     []policyReport `json:"policies"`
	}
	dateRange struct {
		Start time.Time `json:"start-datetime"`
		End   time.Time `json:"end-datetime"`
	}
	policyReport struct {
		Policy  policyText `json:"policy"`
		Summary summary    `json:"summary"`
		Details []failure  `json:"failure-details,omitempty"`
	}
	policyText struct {
		Type   string   `json:"policy-type"`
		Lines  []string `json:"policy-string,omitempty"`
		Domain string   `json:"policy-domain"`
		MX     []string `json:"mx-host,omitempty"`
	}
	summary struct {
		Success int64 `json:"total-successful-session-count"`
		Failure int64 `json:"total-failure-session-count"`
	}
	failure struct {
		Result string `json:"result-type"`
		MX     string `json:"receiving-mx-hostname,omitempty"`
		IP     string `json:"receiving-ip,omitempty"`
		Count  int64  `json:"failed-session-count"`
		Info   string `json:"additional-information,omitempty"`
	}
)

// Report is one domain's report about a day (UTC), as JSON (RFC 8460 §4). The
// same day gives the same report-id. ErrNone.
func (c *Counts) Report(date time.Time, domain string, by Reporter) ([]byte, error) {
	c.Save()
	name := date.UTC().Format(dateFormat)
	d, err := c.load(key(name, domain))
	if err != nil {
		return nil, err
	}
	if d == nil {
		return nil, ErrNone
	}
	start := date.UTC().Truncate(24 * time.Hour)
	r := report{
		Organization: by.Organization, Contact: by.Contact,
		Range: dateRange{start, start.Add(24*time.Hour - time.Second)},
		ID:    fmt.Sprintf("%s_%s@%s", name, domain, by.Hostname),
	}
	for _, p := range d.Policies {
		pr := policyReport{
			Policy:  policyText{Type: p.Type, Lines: p.Lines, Domain: domain, MX: p.Patterns},
			Summary: summary{p.Success, p.Failure},
		}
		for _, f := range p.Details {
			pr.Details = append(pr.Details, failure{Result: f.Result, MX: f.MX, IP: f.IP, Count: f.Count, Info: f.Reason})
		}
		r.Policies = append(r.Policies, pr)
	}
	return json.MarshalIndent(r, "", "  ")
}
