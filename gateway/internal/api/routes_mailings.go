package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/digest"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// DigestPreview is a digest as its mailbox would get it.
type DigestPreview struct {
	To      string `json:"to"`
	Subject string `json:"subject"`
	Text    string `json:"text" doc:"Its links lead nowhere"`
	HTML    string `json:"html" doc:"It loads nothing; show it as untrusted all the same"`
}

// SentMail is mail that the gateway has made.
type SentMail struct {
	ID string   `json:"id" doc:"Message ID: it can be followed in the log"`
	To []string `json:"to"`
}

// ReportPlan is a scheduled report.
type ReportPlan struct {
	Name    string    `json:"name"`
	Tenant  string    `json:"tenant,omitempty" doc:"Absent: the gateway's, of all tenants' mail"`
	At      string    `json:"at" doc:"When it is made"`
	To      []string  `json:"to"`
	Search  string    `json:"search"`
	Columns []string  `json:"columns"`
	Format  string    `json:"format"`
	Last    time.Time `json:"last,omitzero" doc:"Time of the last one"`
	Next    time.Time `json:"next,omitzero"`
	Rule    string    `json:"rule" doc:"Where it is declared: file:line"`
}

type mailboxInput struct {
	Mailbox string `json:"mailbox" maxLength:"320" minLength:"3" doc:"Address of the mailbox"`
}

func (s *server) mailingRoutes(a huma.API) {
	const tag = "mailings"
	huma.Register(a, route("preview-digest", http.MethodGet, "/v1/digests/preview", tag, "What a mailbox's digest would say now",
		"Of all that is held for it, told of or not.", http.StatusForbidden, http.StatusNotFound), s.previewDigest)
	huma.Register(a, route("send-digest", http.MethodPost, "/v1/digests", tag, "Send a mailbox its digest now",
		"Of all that is held for it, told of or not; to the mailbox itself and nowhere else.", http.StatusForbidden, http.StatusNotFound), s.sendDigest)
	huma.Register(a, route("list-reports", http.MethodGet, "/v1/reports", tag, "Reports that are sent by mail", ""), s.reports)
	huma.Register(a, route("run-report", http.MethodPost, "/v1/reports/run", tag, "Make a report now and send it",
		"The scheduled one comes all the same.", http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity), s.runReport)
}

// mailboxOf refuses a mailbox that the caller does not see, as one that has no
// digest.
func (s *server) mailboxOf(ctx context.Context, text string) (string, error) {
	none := problem(http.StatusNotFound, "there is no digest for this mailbox", "a digest block in its tenant's policy makes one")
	a, err := mail.ParseAddress(text)
	if err != nil || a.IsNull() || s.Mailings == nil {
		return "", none
	}
	// The scope is asked with mail to that address.
	sc := scopeOf(ctx)
	m := store.Message{Direction: mail.Inbound, Recipients: []store.Recipient{{N: 1, Address: a, Tenant: s.tenantOf(a.Domain())}}}
	if sc.Validate() != nil || !sc.Sees(&m, &m.Recipients[0]) {
		return "", none
	}
	return a.Key(), nil
}

func (s *server) tenantOf(domain string) string {
	for _, t := range s.Policy.Info().Tenants {
		if slices.Contains(t.Domains, domain) {
			return t.Name
		}
	}
	return ""
}

func (s *server) mailingProblem(ctx context.Context, doing string, err error) error {
	switch {
	case errors.Is(err, digest.ErrNoDigest):
		return problem(http.StatusNotFound, "there is no digest for this mailbox", "a digest block in its tenant's policy makes one")
	case errors.Is(err, digest.ErrNoReport):
		return problem(http.StatusNotFound, "there is no such report", "see: weir report list")
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, "nothing is held for this mailbox", "")
	}
	return s.problemOf(ctx, doing, err)
}

func (s *server) previewDigest(ctx context.Context, in *struct {
	Mailbox string `query:"mailbox" required:"true" maxLength:"320" doc:"Address of the mailbox"`
}) (*output[DigestPreview], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	mailbox, err := s.mailboxOf(ctx, in.Mailbox)
	if err != nil {
		return nil, err
	}
	l, err := s.Mailings.Preview(ctx, mailbox)
	if err != nil {
		return nil, s.mailingProblem(ctx, "composing the digest", err)
	}
	return &output[DigestPreview]{DigestPreview{To: mailbox, Subject: l.Subject, Text: l.Text, HTML: l.HTML}}, nil
}

func (s *server) sendDigest(ctx context.Context, in *struct{ Body mailboxInput }) (*output[SentMail], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	mailbox, err := s.mailboxOf(ctx, in.Body.Mailbox)
	if err != nil {
		return nil, err
	}
	m, err := s.Mailings.SendNow(ctx, mailbox)
	if err != nil {
		return nil, s.mailingProblem(ctx, "sending the digest", err)
	}
	return &output[SentMail]{sentMailOf(m)}, nil
}

func sentMailOf(m *store.Message) SentMail {
	out := SentMail{ID: m.ID.String(), To: []string{}}
	for i := range m.Recipients {
		out.To = append(out.To, m.Recipients[i].Address.String())
	}
	return out
}

// runsReports reports whether the caller may have a tenant's reports: all of its
// mail is in them.
func (s *server) runsReports(ctx context.Context, tenant string) bool {
	sc := scopeOf(ctx)
	switch {
	case everything(ctx):
		return true
	case tenant == "" || sc.Validate() != nil:
		return false
	case sc.Level == lifecycle.LevelAdmin:
		return sc.TenantName() == tenant
	case sc.Level != lifecycle.LevelDomain:
		return false
	}
	for _, t := range s.Policy.Info().Tenants {
		if t.Name == tenant {
			return (sc.TenantName() == "" || sc.TenantName() == tenant) &&
				!slices.ContainsFunc(t.Domains, func(d string) bool {
					return !slices.ContainsFunc(sc.Domains, func(own string) bool { return strings.EqualFold(own, d) })
				})
		}
	}
	return false
}

func (s *server) reports(ctx context.Context, in *PageInput) (*output[listItems[ReportPlan]], error) {
	ctx, cancel := s.bounded(ctx)
	defer cancel()
	if s.Mailings == nil {
		return page[ReportPlan](nil, ""), nil
	}
	var items []ReportPlan
	rs, err := s.Mailings.Reports(ctx)
	if err != nil {
		return nil, s.problemOf(ctx, "listing reports", err)
	}
	for _, r := range rs {
		if s.runsReports(ctx, r.Tenant) {
			items = append(items, ReportPlan{
				Name: r.Name, Tenant: r.Tenant, At: r.Times.String(), To: r.To, Search: r.Search, Columns: r.Columns, Format: r.Format,
				Last: r.Last, Next: r.Next, Rule: r.Rule(),
			})
		}
	}
	return paged(*in, "reports", items, func(r *ReportPlan) string { return byName(r.Tenant, r.Name) })
}

func (s *server) runReport(ctx context.Context, in *struct {
	Body struct {
		Name   string   `json:"name" maxLength:"100"`
		Tenant string   `json:"tenant,omitempty" maxLength:"100" doc:"Absent: one of the gateway's"`
		To     []string `json:"to,omitempty" maxItems:"20" doc:"Who gets this one instead of those who always do; for administrators of the whole gateway"`
	}
}) (*output[SentMail], error) {
	ctx, cancel := context.WithTimeout(ctx, actionTimes*s.Timeout)
	defer cancel()
	if s.Mailings == nil || !s.runsReports(ctx, in.Body.Tenant) {
		return nil, s.mailingProblem(ctx, "", digest.ErrNoReport)
	}
	if len(in.Body.To) > 0 && !everything(ctx) {
		return nil, problem(http.StatusForbidden, "only an administrator of the whole gateway sends a report elsewhere", "leave out to")
	}
	for _, text := range in.Body.To {
		if a, err := mail.ParseAddress(text); err != nil || a.IsNull() {
			return nil, problem(http.StatusUnprocessableEntity, "to: "+text+" is no e-mail address", "")
		}
	}
	m, err := s.Mailings.RunReport(ctx, in.Body.Tenant, in.Body.Name, in.Body.To)
	if err != nil {
		return nil, s.mailingProblem(ctx, "making the report", err)
	}
	return &output[SentMail]{sentMailOf(m)}, nil
}
