package digest

import (
	"context"
	"log/slog"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/signed"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// Log is the journal within a scope (*journal.Log).
type Log interface {
	// Each calls do for every row that matches and that the scope sees.
	Each(ctx context.Context, sc scope.Scope, f query.Filter, do func(store.Row) error) error
	// Message gives a message with the recipients that the scope sees.
	Message(ctx context.Context, sc scope.Scope, id mail.ID) (*store.Message, error)
}

// Verbs act on mail (*actions.Service).
type Verbs interface {
	Do(ctx context.Context, sc scope.Scope, verb lifecycle.Verb, sel actions.Selection, args actions.Args) (actions.Result, error)
	Offered(sc scope.Scope, m *store.Message, r *store.Recipient) []lifecycle.Verb
}

// Table is how rows are written down.
type Table interface {
	Cells(store.Row) []string
	Object(store.Row) any
}

// Clock is the time, and how to wait for it.
type Clock interface {
	Now() time.Time
	// Wait returns nil after d, or ctx's error.
	Wait(ctx context.Context, d time.Duration) error
}

// Options make a Service. All fields are needed.
type Options struct {
	Policy func() *policy.Policy
	Log    Log
	Docs   store.Docs
	Verbs  Verbs
	Payer  *notify.Payer // composes in a tenant's style, routes and enqueues
	Signer *signed.Signer
	Audit  audit.Recorder
	Clock  Clock
	Logger *slog.Logger
	// Table lists rows in some columns, with times of a zone.
	Table func(columns []string, zone *time.Location) Table
}

// Service sends digests and reports, and answers their links. It is safe in
// parallel; one Run at a time per store is enough.
type Service struct{ o Options }

// New makes a Service.
func New(o Options) *Service { return &Service{o} }

const (
	// every is the time between two looks at what is due.
	every = 30 * time.Second
	// settle is how long after its time a mail is made, so that what was held just
	// before it is in the journal.
	settle = time.Minute
)

// Run sends what falls due until ctx ends, and returns its cause. What fails is
// logged and tried again.
func (s *Service) Run(ctx context.Context) error {
	for {
		s.Pass(ctx)
		if err := s.o.Clock.Wait(ctx, every); err != nil {
			return context.Cause(ctx)
		}
	}
}

// Pass makes everything that is due now.
func (s *Service) Pass(ctx context.Context) {
	now := s.o.Clock.Now()
	for _, m := range s.mailings() {
		if err := s.due(ctx, m, now); err != nil && ctx.Err() == nil {
			s.o.Logger.Error("mail by the clock could not be made; it is tried again", "mailing", m.key, "tenant", m.tenant, "err", err)
		}
	}
}

// mailings are what the policy of now asks for.
func (s *Service) mailings() []mailing {
	p := s.o.Policy()
	var out []mailing
	for _, t := range p.Tenants() {
		if d, ok := t.Digest(); ok {
			out = append(out, mailing{key: "digest/" + t.Name, tenant: t.Name, times: d.Times, make: func(ctx context.Context, w window) error {
				n, err := s.digests(ctx, t.Name, d, w, "")
				if n > 0 {
					s.o.Logger.Info("digests of held mail sent", "tenant", t.Name, "mailboxes", n, "due", w.due)
				}
				return err
			}})
		}
	}
	for _, r := range p.Reports() {
		out = append(out, mailing{key: "report/" + r.Tenant + "/" + r.Name, tenant: r.Tenant, times: r.Times, make: func(ctx context.Context, w window) error {
			_, err := s.report(ctx, r, w.due, r.To, "")
			if err == nil {
				s.o.Logger.Info("report sent", "tenant", r.Tenant, "report", r.Name, "due", w.due)
			}
			return err
		}})
	}
	return out
}
