package api

import (
	"context"
	"io"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/report"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Services is what the API calls. Every field but Metrics, Logger and Timeout
// is required.
type Services struct {
	Log     Log
	Actions Actions
	Content Content
	Policy  Policy
	Plugins Plugins

	Jobs          Jobs
	Queue         Queue
	PluginActions PluginActions
	Lists         Lists
	Identities    Identities
	Destinations  Destinations
	Tools         Tools
	Health        Health
	Version       VersionInfo

	Index      store.Indexed // nil: there is none
	TLSReports TLSReports    // nil: they are not there
	Exports    Exports
	Mailings   Mailings          // nil: none are sent
	Archive    Archive           // nil: there is none
	Audit      audit.Recorder    // nil only in tests
	AuditLog   *audit.Log        // to be read; nil: it is not there
	Accounts   *accounts.Service // nil: there are none

	Outward

	Metrics prometheus.Gatherer // nil: /metrics answers 404
	// MetricsFree tells whether everybody who reaches the listener may read the
	// metrics; else only an administrator or auditor of all tenants. nil: they may.
	MetricsFree func() bool
	Logger      *slog.Logger  // nil: nothing is logged
	Timeout     time.Duration // for one request, body downloads excepted; 0 is 30 s
}

// Log is the journal as the API reads it (*journal.Log). All methods are safe
// for use in parallel and give store.ErrNotFound for what the scope does not
// hold.
type Log interface {
	// Find returns one page of rows that match.
	Find(ctx context.Context, s scope.Scope, q journal.Query) (journal.Page, error)
	Count(ctx context.Context, s scope.Scope, f query.Filter) (n int, exact bool, err error)
	Facets(ctx context.Context, s scope.Scope, f query.Filter, fields []string, limit int) (map[string]store.Facets, error)
	Histogram(ctx context.Context, s scope.Scope, f query.Filter, step time.Duration) (bars []store.Bar, exact bool, err error)
	// Attempted returns one page of the delivery log, latest attempt first.
	Attempted(ctx context.Context, s scope.Scope, q journal.Query) (journal.DeliveryPage, error)
	// Search is Find, newest message first: rows, and the cursor to go on from,
	// "" at the end. limit is positive.
	Search(ctx context.Context, s scope.Scope, f query.Filter, cursor string, limit int) ([]store.Row, string, error)
	// Resolve completes the beginning of a message ID. store.ErrAmbiguous.
	Resolve(ctx context.Context, s scope.Scope, prefix string) (mail.ID, error)
	Message(ctx context.Context, s scope.Scope, id mail.ID) (*store.Message, error)
	Attempts(ctx context.Context, s scope.Scope, id mail.ID) ([]mail.Attempt, error)
	Events(ctx context.Context, s scope.Scope, id mail.ID) ([]mail.Event, error)
	// Explain tells why a message is where it is; id is a message's or a
	// recipient's ID.n.
	Explain(ctx context.Context, s scope.Scope, id string) (journal.Explanation, error)
	// Counts is the number of recipients by live status.
	Counts(ctx context.Context, s scope.Scope) (map[mail.Status]int, error)
}

// Actions are the operators' verbs.
type Actions interface {
	// Do applies a verb to a selection. With DryRun it counts only. An error
	// means that nothing was tried; what failed for one recipient is in its
	// item.
	Do(ctx context.Context, s scope.Scope, r ActionOrder) (ActionOutcome, error)
	// May says why a verb is not offered for a recipient, as lifecycle's refusal.
	May(s scope.Scope, verb string, m *store.Message, r *store.Recipient) error
	// Offered lists the verbs that may be applied to a recipient (B11).
	Offered(s scope.Scope, m *store.Message, r *store.Recipient) []string
	// Verbs lists every verb there is.
	Verbs() []string
}

// Jobs apply verbs to all that a search finds. store.ErrNotFound: there is no
// such job, or it is not the scope's.
type Jobs interface {
	Start(ctx context.Context, s scope.Scope, verb string, f query.Filter, args map[string]string) (Job, error)
	List(ctx context.Context, s scope.Scope) ([]Job, error)
	Get(ctx context.Context, s scope.Scope, id string) (Job, error)
	Cancel(ctx context.Context, s scope.Scope, id string) (Job, error)
	Results(ctx context.Context, s scope.Scope, id, cursor string, refusedOnly bool) ([]ActionItem, string, error)
}

// Queue is what reports are made of.
type Queue interface {
	report.Source
	Now() time.Time
}

// ActionOrder is one request to act. Exactly one of IDs and Filter selects.
type ActionOrder struct {
	Verb   string
	IDs    []string
	Filter *query.Filter
	Args   map[string]string
	DryRun bool
}

// ActionOutcome is what became of an ActionOrder.
type ActionOutcome struct {
	Matched, Changed int
	Items            []ActionItem
}

// Content opens what a message consists of, for a download, and logs who did.
type Content interface {
	// OpenMessage gives the message as it was received, with our trace lines
	// in front, and its length in octets, for a verb that shows it; id is a
	// message's or a recipient's ID.n. store.ErrNotFound: the body is gone;
	// a *lifecycle.Refusal: the verb is not offered.
	OpenMessage(ctx context.Context, s scope.Scope, verb lifecycle.Verb, id string) (io.ReadCloser, int64, error)
	// ComposeReply prepares an answer to a message, and SendReply sends it (B48).
	ComposeReply(ctx context.Context, s scope.Scope, id string) (*actions.Reply, error)
	SendReply(ctx context.Context, s scope.Scope, id string, o actions.ReplyOrder) (mail.ID, error)
}

// Policy is the policy in force.
type Policy interface {
	Info() PolicyInfo
	// Reload reads the files anew and puts them in force if they are in order.
	// With CheckOnly it only reads. Diagnostics say what is wrong; an error is
	// something else, such as a change that needs a restart.
	Reload(ctx context.Context, s scope.Scope, checkOnly bool) (ReloadResult, error)
}

var _ Log = (*journal.Log)(nil)

// Plugins are the loaded filters.
type Plugins interface {
	Plugins() []PluginStatus
}

// Health says whether the gateway can do its work.
type Health interface {
	// Ready gives nil, or why mail cannot be taken now.
	Ready(ctx context.Context) error
}
