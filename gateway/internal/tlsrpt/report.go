package tlsrpt

import (
	"fmt"
	"time"
)

// Reporter is who makes a report (RFC 8460 §4.1).
type Reporter struct {
	Name     string // of the organisation that reports
	Contact  string // contact-info, an address
	Hostname string // in report-id
}

// Report is one domain's report; its JSON is that of RFC 8460 §4.4.
type Report struct {
	Name     string         `json:"organization-name"` //nolint:misspell // as RFC 8460 has it
	Range    DateRange      `json:"date-range"`
	Contact  string         `json:"contact-info"`
	ID       string         `json:"report-id"`
	Policies []PolicyReport `json:"policies"`
}

// DateRange is the day, UTC, first and last second.
type DateRange struct {
	Start time.Time `json:"start-datetime"`
	End   time.Time `json:"end-datetime"`
}

// PolicyReport is how TLS went under one policy.
type PolicyReport struct {
	Policy  PolicyText `json:"policy"`
	Summary Totals     `json:"summary"`
	Details []Failure  `json:"failure-details,omitempty"`
}

// PolicyText is a policy as it was found (RFC 8460 §4.2).
type PolicyText struct {
	Type   string   `json:"policy-type"`
	Lines  []string `json:"policy-string,omitempty"`
	Domain string   `json:"policy-domain"`
	MX     []string `json:"mx-host,omitempty"`
}

// Totals are numbers of sessions.
type Totals struct {
	Success int64 `json:"total-successful-session-count"`
	Failure int64 `json:"total-failure-session-count"`
}

// Failure is sessions that failed alike (RFC 8460 §4.3).
type Failure struct {
	Result string `json:"result-type"`
	MX     string `json:"receiving-mx-hostname,omitempty"`
	IP     string `json:"receiving-ip,omitempty"`
	Count  int64  `json:"failed-session-count"`
	Info   string `json:"additional-information,omitempty"`
}

// Report is one domain's report about a day (UTC). The same day gives the same
// report-id. ErrNone.
func (c *Counts) Report(date time.Time, domain string, by Reporter) (*Report, error) {
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
	r := &Report{
		Name: by.Name, Contact: by.Contact,
		Range: DateRange{start, start.Add(24*time.Hour - time.Second)},
		ID:    fmt.Sprintf("%s_%s@%s", name, domain, by.Hostname),
	}
	for _, p := range d.Policies {
		pr := PolicyReport{
			Policy:  PolicyText{Type: p.Type, Lines: p.Lines, Domain: domain, MX: p.Patterns},
			Summary: Totals{p.Success, p.Failure},
		}
		for _, f := range p.Details {
			pr.Details = append(pr.Details, Failure{Result: f.Result, MX: f.MX, IP: f.IP, Count: f.Count, Info: f.Reason})
		}
		r.Policies = append(r.Policies, pr)
	}
	return r, nil
}
