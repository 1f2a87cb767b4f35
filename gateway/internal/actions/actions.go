// Package actions carries out operators' verbs on mail: it finds what is
// selected within a scope, asks package lifecycle whether the verb applies,
// writes new state and an event naming the actor in one commit, and wakes the
// queue.
//
// It delivers nothing and judges nothing: that is the queue's, and the
// store's lease keeps the two apart. API, CLI and UI come here and nowhere
// else.
package actions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/lists"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Scope is scope.Scope.
type Scope = scope.Scope

// Options make a Service. Store is needed; everything else has a default.
type Options struct {
	Store   store.Store
	Payer   *notify.Payer    // makes the DSNs of Bounce; without it Bounce is refused
	Wake    func()           // called after something has become due
	Clock   func() time.Time // default time.Now
	Logger  *slog.Logger     // default slog.Default()
	Lists   Lists            // what the verbs that teach write to; without it they are refused
	Archive Archive          // of the verbs about archived copies; without it they are refused
	// Identities is what the verbs about senders write to; without it they are
	// refused.
	Identities Identities
	// Train teaches plugins recipients of one message, by their numbers, as "spam"
	// or "ham", and says what each plugin made of it. An error is for the operator:
	// nobody learns. nil: the verbs that train are refused.
	Train func(ctx context.Context, sc Scope, as string, m *store.Message, ns []int) ([]Taught, error)
	// Submit takes over a reply as an outbound listener would take it from a client,
	// and answers as it would; nil: replies are refused. Hosts tells whether a
	// domain is a tenant's; nil: none is.
	Submit func(ctx context.Context, s Submission) mail.Reply
	Hosts  func(tenant, domain string) bool
	// DomainForce tells whether a tenant lets its own operators force stalled
	// mail; nil: none does.
	DomainForce func(tenant string) bool
	// Manages tells whether a scope below the administrator's has all domains of
	// a tenant: what is taught for the tenant holds for all of them. nil: each has.
	Manages func(sc Scope, tenant string) bool
	// Route names route, next hop and schedule of a recipient that was held
	// before it had any; nil leaves that to the queue.
	Route func(m *store.Message, r *store.Recipient) error
	// RouteTo names the route and next hop of a recipient that an operator sends
	// by a route of the policy, or else to a host. Its error is for the operator:
	// there is no such route, or the recipient's tenant may not use it. nil: there
	// is no policy.
	RouteTo func(r *store.Recipient, route, host string) (name, nextHop string, err error)
	// Told is called when what became of held mail is durable: with the
	// message as it is then, the recipients concerned (N), what happened
	// ("released", "forced", "retried", "removed") and who did it. It must not
	// wait for anything. nil: nobody is told.
	Told func(m *store.Message, ns []int, name, actor string)
	// KeepBody reports whether the body of finished mail stays, so that it can
	// be queued again (B132); the keeper lets it go in time. nil: it goes.
	KeepBody func(m *store.Message) bool
	// Audit is told of everything that is done to what a filter finds, before it
	// is done and after (B40); what is asked for by ID, whoever asks records. nil:
	// nothing is recorded.
	Audit Recorder
}

// Service carries out verbs. It is safe in parallel.
type Service struct{ Options }

// New makes a Service.
func New(o Options) *Service {
	if o.KeepBody == nil {
		o.KeepBody = func(*store.Message) bool { return false }
	}
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Wake == nil {
		o.Wake = func() {}
	}
	if o.DomainForce == nil {
		o.DomainForce = func(string) bool { return false }
	}
	if o.Manages == nil {
		o.Manages = func(Scope, string) bool { return true }
	}
	if o.Told == nil {
		o.Told = func(*store.Message, []int, string, string) {}
	}
	return &Service{o}
}

// Selection is what a verb is for: messages and recipients by ID, or
// whatever a filter finds. One of the two is set.
type Selection struct {
	// IDs are of messages (whole or the unique start) or of recipients, ID.n.
	// Of a message named whole, the recipients the verb applies to are meant.
	IDs []string
	// Filter selects recipients; those in a status the verb is not for are
	// passed over.
	Filter query.Filter
	// All has to be set for a Filter that matches everything, so that an
	// empty one never does by mistake.
	All bool
}

// Args are what a verb may be told.
type Args struct {
	Reason string // for the event, at most 500 bytes
	// Confirmed states that the operator trusts the sender and expects the
	// mail. Force wants it (B150).
	Confirmed bool
	// Tell has the sender of outgoing mail told that it was removed: one of
	// our own, who is authenticated. Anybody else could be forged.
	Tell bool
	// DryRun changes nothing and reports what would be; it does not know of
	// leases.
	DryRun bool

	Mailbox    bool              // of verbs that teach: for the recipient alone, not the tenant
	Domain     bool              // of AllowSender and BlockSender: the sender's whole domain
	To         string            // of ChangeAction: of lists.OverrideActions; of Reroute and Copy: addresses
	ReturnPath string            // of Reroute and Copy: an address, or "<>"; "" as it is
	Route      string            // of Reroute: a route of the policy
	Host       string            // of Reroute: a host, for administrators
	Class      string            // of ChangeAction: "" the recipient's own
	Conditions map[string]string // of AddAllowRule and AddBlockRule, by attribute; none: the sender
	Name       string            // of AddIdentity and LockIdentity; "" the one that was resolved
}

// conditions are the attributes a rule can be made of.
var conditions = []string{"sender", "sender_domain", "recipient", "client", "helo", "subject", "attachment_name", "attachment_type"}

// ArgsFrom reads Args as API and CLI give them. An argument that is not known
// is an error.
func ArgsFrom(given map[string]string) (Args, error) {
	var a Args
	for k, v := range given {
		switch {
		case k == "reason":
			a.Reason = v
		case k == "confirmed" && (v == "yes" || v == "true"):
			a.Confirmed = true
		case k == "confirmed" && (v == "no" || v == "false"):
		case k == "confirmed":
			return a, fmt.Errorf(`confirmed is "yes" or "no", not %.40q`, v)
		case k == "for" && (v == "tenant" || v == "mailbox"):
			a.Mailbox = v == "mailbox"
		case k == "for":
			return a, fmt.Errorf(`for is "tenant" or "mailbox", not %.40q`, v)
		case k == "what" && (v == "address" || v == "domain"):
			a.Domain = v == "domain"
		case k == "what":
			return a, fmt.Errorf(`what is "address" or "domain", not %.40q`, v)
		case k == "to":
			a.To = v
		case k == "class":
			a.Class = v
		case k == "return_path":
			a.ReturnPath = v
		case k == "route":
			a.Route = v
		case k == "host":
			a.Host = v
		case k == "name":
			a.Name = v
		case slices.Contains(conditions, k):
			if a.Conditions == nil {
				a.Conditions = map[string]string{}
			}
			a.Conditions[k] = v
		default:
			return a, fmt.Errorf(`no argument %.40q; there are reason, confirmed, for, what, to, class, return_path, route, host, name, and the conditions of a rule: %s`, k, strings.Join(conditions, ", "))
		}
	}
	return a, nil
}

// Result is what became of a selection.
type Result struct {
	Matched int // recipients looked at, an ID that finds none not counted
	Changed int
	// Items has one entry for each recipient, for at most MaxItems of them,
	// failures first to keep.
	Items []ItemResult
}

// MaxItems bounds Result.Items.
const MaxItems = 1000

// ItemResult is what became of one recipient, or of an ID that found none.
type ItemResult struct {
	ID        string // "ID.n", or the ID as given
	Recipient string
	Status    mail.Status // after the verb
	Changed   bool
	Code      Code   // "" where nothing went wrong
	Error     string // for the operator
	Note      string // what was done beside, such as what plugins learnt; for the operator
	See       string // where a verb that only shows something shows it: a path of the API
}

// Code classifies an ItemResult's error.
type Code string

// The codes.
const (
	CodeNotFound Code = "not-found"
	CodeRefused  Code = "refused" // lifecycle's table, or a condition
	CodeLeased   Code = "leased"  // a delivery attempt is under way
	CodeFailed   Code = "failed"
)

// ErrSelection: the selection is empty or not one.
var ErrSelection = errors.New("nothing is selected")

// ErrConfirm: the verb wants Args.Confirmed (B150).
var ErrConfirm = errors.New("confirm that the sender is trusted and the mail expected")

// Do carries out a verb. What went wrong with single recipients is in the
// Result; the error is for what stopped everything: an invalid scope, filter
// or selection, a verb not known here, or a store that fails. Result then
// tells what was done before it.
func (s *Service) Do(ctx context.Context, sc Scope, verb lifecycle.Verb, sel Selection, args Args) (Result, error) {
	return s.DoEach(ctx, sc, verb, sel, args, nil)
}

// Check reports what Do would refuse before it does anything, or nil.
func (s *Service) Check(sc Scope, verb lifecycle.Verb, sel Selection, args Args) error {
	return (&run{s: s, sc: sc, verb: verb, args: args, now: s.Clock()}).check(sel)
}

// Count is the number of recipients that a filter finds for a verb.
func (s *Service) Count(ctx context.Context, sc Scope, verb lifecycle.Verb, f query.Filter) (n int, err error) {
	err = s.Store.Each(ctx, s.found(sc, verb, f, s.Clock()), func(row store.Row) error {
		if sc.Sees(row.Message, row.Recipient) {
			n++
		}
		return nil
	})
	return n, err
}

// DoEach is Do, and calls each with every recipient's result once it is
// durable, one at a time. each may be nil, and should be quick.
func (s *Service) DoEach(ctx context.Context, sc Scope, verb lifecycle.Verb, sel Selection, args Args, each func(ItemResult)) (Result, error) {
	r := &run{s: s, sc: sc, verb: verb, args: args, now: s.Clock(), each: each}
	if err := r.check(sel); err != nil {
		return Result{}, err
	}
	var err error
	if len(sel.IDs) > 0 {
		err = r.ids(ctx, sel.IDs)
	} else {
		err = r.filter(ctx, sel.Filter)
	}
	if r.due && !args.DryRun {
		s.Wake()
	}
	r.res.Items = append(r.failed, r.fine...)
	if len(r.res.Items) > MaxItems {
		r.res.Items = r.res.Items[:MaxItems]
	}
	if err != nil {
		return r.res, fmt.Errorf("%s: %w", verb, err)
	}
	return r.res, nil
}

// Offered lists the verbs that apply to a recipient the scope sees. The log
// shows the class columns, archive and identities are not there yet.
func (s *Service) Offered(sc Scope, m *store.Message, rc *store.Recipient) []lifecycle.Verb {
	if !sc.Sees(m, rc) {
		return nil
	}
	q := sc.Query(m, rc, s.DomainForce(rc.Tenant))
	q.Classes = true
	return lifecycle.Offered(q)
}

// run is one call of Do.
type run struct {
	// match is the filter that selects: what was found has to match still when its
	// turn comes. A retry of what is queued does not queue again what has bounced
	// meanwhile. nil: selected by name.
	match *query.Matcher

	s    *Service
	sc   Scope
	verb lifecycle.Verb
	args Args
	now  time.Time

	surgery surgery
	each    func(ItemResult)

	mu           sync.Mutex // of what follows
	res          Result
	failed, fine []ItemResult
	due          bool
	became       map[string]ItemResult // of batches under way, by ID; nil: nothing is recorded
}

func (r *run) check(sel Selection) error {
	if err := r.sc.Validate(); err != nil {
		return err
	}
	if !known(r.verb) {
		return &lifecycle.Refusal{Verb: r.verb, Reason: "no such action on messages"}
	}
	byFilter := sel.All || !sel.Filter.IsZero()
	switch {
	case len(sel.IDs) > 0 && byFilter:
		return fmt.Errorf("%w: name IDs or a filter, not both", ErrSelection)
	case len(sel.IDs) == 0 && !byFilter:
		return fmt.Errorf("%w: name IDs or a filter, or ask for all", ErrSelection)
	case len(r.args.Reason) > 500:
		return errors.New("the reason is longer than 500 bytes")
	case r.verb == lifecycle.Force && !r.args.Confirmed:
		return ErrConfirm
	case (r.verb == lifecycle.Bounce || r.args.Tell) && r.s.Payer == nil:
		return &lifecycle.Refusal{Verb: r.verb, Reason: "this gateway makes no notifications"}
	case aboutSenders(r.verb) && r.s.Identities == nil:
		return &lifecycle.Refusal{Verb: r.verb, Reason: "this gateway knows no identities"}
	case lessons[r.verb] != nil && !aboutSenders(r.verb) && r.s.Lists == nil:
		return &lifecycle.Refusal{Verb: r.verb, Reason: "this gateway keeps no lists"}
	case ofArchive(r.verb) && r.s.Archive == nil:
		return &lifecycle.Refusal{Verb: r.verb, Reason: "this gateway has no archive"}
	case trains[r.verb] != "" && r.s.Train == nil:
		return &lifecycle.Refusal{Verb: r.verb, Reason: "this gateway has no plugin that learns"}
	case r.verb == lifecycle.ChangeAction && !slices.Contains(lists.OverrideActions, r.args.To):
		return fmt.Errorf("%w: to is one of %s, not %.40q", ErrSelection, strings.Join(lists.OverrideActions, ", "), r.args.To)
	}
	if err := r.readSurgery(); err != nil {
		return err
	}
	return sel.Filter.Validate()
}

// ids acts on messages and recipients by name. Recipients of one message go
// together, in one commit.
func (r *run) ids(ctx context.Context, ids []string) error {
	type target struct {
		id    mail.ID
		ns    []int // as named
		whole bool
		size  int // recipients there are
	}
	var order []*target
	byID := map[mail.ID]*target{}
	for _, text := range ids {
		m, n, err := r.sc.Find(ctx, r.s.Store, text)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrAmbiguous) {
			r.add(ItemResult{ID: text, Code: CodeNotFound, Error: err.Error()})
			continue
		}
		if err != nil {
			return err
		}
		t := byID[m.ID]
		if t == nil {
			t = &target{id: m.ID, size: len(m.Recipients)}
			byID[m.ID] = t
			order = append(order, t)
		}
		if n == 0 {
			t.whole = true
		} else if !slices.Contains(t.ns, n) {
			t.ns = append(t.ns, n)
		}
	}
	slot := 0
	for _, t := range order {
		if err := r.message(ctx, t.id, pick{ns: t.ns, whole: t.whole}, slot); err != nil {
			return err
		}
		slot += t.size
	}
	return nil
}

// parallel is how many messages are changed at one time: the store commits
// them together (B96).
const parallel = 256

// filter acts on what a filter finds. Once ctx ends nothing further is begun,
// and what was begun is finished: no message is left half done.
func (r *run) filter(ctx context.Context, f query.Filter) error {
	work, broken := errgroup.WithContext(context.WithoutCancel(ctx))
	work.SetLimit(parallel)
	f = r.s.found(r.sc, r.verb, f, r.now)
	match, err := query.Compile(f, r.now)
	if err != nil {
		return fmt.Errorf("search: %w", err)
	}
	r.match = match
	if r.records() {
		r.became = map[string]ItemResult{}
	}
	g := gather{r: r, b: &batch{}, full: func(b *batch) error { return r.do(ctx, broken, work, b) }}
	err = r.s.Store.Each(ctx, f, func(row store.Row) error {
		if err := g.row(row); err != nil {
			return err
		}
		return errors.Join(ctx.Err(), broken.Err())
	})
	if err == nil {
		err = g.end()
	}
	if failed := work.Wait(); failed != nil {
		return failed
	}
	if err != nil && ctx.Err() == nil && !errors.Is(err, ErrUnrecorded) {
		return fmt.Errorf("search: %w", err)
	}
	return err
}

// found is a filter as a verb applies it for a scope.
func (s *Service) found(sc Scope, verb lifecycle.Verb, f query.Filter, now time.Time) query.Filter {
	var statuses []string
	for _, st := range verb.Statuses() {
		statuses = append(statuses, string(st))
	}
	return query.Resolve(query.And(sc.Restrict(f), query.OneOf("status", statuses...)), now)
}

func (r *run) add(it ItemResult) {
	if r.each != nil {
		r.each(it)
	}
	if r.became != nil {
		r.became[it.ID] = it
	}
	list := &r.fine
	if it.Code != "" {
		list = &r.failed
	}
	if len(*list) < MaxItems {
		*list = append(*list, it)
	}
}
