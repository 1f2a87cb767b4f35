package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Offer is one custom action of a plugin.
type Offer struct {
	Plugin string
	manifest.Action
}

// Order asks for custom actions on a selection: one by its name, or with
// Train every one that teaches spam or ham.
type Order struct {
	Plugin, Action string
	Train          string // "spam" or "ham"; instead of Plugin and Action
	IDs            []string
	Filter         *query.Filter  // instead of IDs
	Params         map[string]any // as JSON has them; not with Train
	DryRun         bool
}

// Outcome is what became of an Order.
type Outcome struct {
	Matched int // messages, times the actions that apply to them
	Called  int // calls that ended well
	Items   []Item
}

// Item is what became of one call: an action on one message of one tenant.
type Item struct {
	ID         string // of the message; of the recipient where it is about one
	Recipients []string
	Plugin     string
	Action     string
	Text       string
	Results    []abi.Pair
	Findings   []abi.Finding
	Error      string
}

// MaxMessages bounds what one Order may select.
const MaxMessages = 1000

// Unknown says that there is no such action. Its text is for the operator.
type Unknown struct{ Text string }

func (u *Unknown) Error() string { return u.Text }

// BadParams are parameters that do not fit the action.
type BadParams struct{ Errs []policy.ParamError }

func (b *BadParams) Error() string {
	var out []string
	for _, e := range b.Errs {
		if e.Name == "" {
			out = append(out, e.Text)
			continue
		}
		out = append(out, e.Name+": "+e.Text)
	}
	return strings.Join(out, "; ")
}

// TooMany says that a selection is larger than MaxMessages.
type TooMany struct{}

func (TooMany) Error() string {
	return fmt.Sprintf("more than %d messages are selected; narrow the search", MaxMessages)
}

// Mistake marks it as the caller's.
func (TooMany) Mistake() bool { return true }

// rank orders levels; an action's level may be used by all above.
func rank(level string) int {
	switch level {
	case "admin":
		return 3
	case "domain", "":
		return 2
	}
	return 1 // "email"
}

func rankOf(l lifecycle.Level) int {
	switch l {
	case lifecycle.LevelAdmin:
		return 3
	case lifecycle.LevelDomain:
		return 2
	case lifecycle.LevelMailbox:
		return 1
	}
	return 0
}

// permitted reports whether the scope's level and role may use an action.
func permitted(a *manifest.Action, sc scope.Scope) bool {
	return sc.Role == lifecycle.RoleOperator && rankOf(sc.Level) >= rank(a.Level)
}

// Actions are the custom actions that the scope may use, by plugin and in
// the order of their manifests. Whoever does not see every tenant's mail learns
// of no plugin that only others use.
func (s *Service) Actions(sc scope.Scope) []Offer {
	var out []Offer
	p := s.o.Policy()
	for _, pl := range p.Plugins() {
		if pl.Offer != "all" && !sc.Everything() && !slices.ContainsFunc(tenantsOf(p, sc), func(t *policy.Tenant) bool { return t.Uses(pl.Name) }) {
			continue
		}
		for i := range pl.Actions {
			if permitted(&pl.Actions[i], sc) {
				out = append(out, Offer{pl.Name, pl.Actions[i]})
			}
		}
	}
	sort.SliceStable(out, func(i, j int) bool { return out[i].Plugin < out[j].Plugin })
	return out
}

// tenantsOf are the tenants whose mail a scope may hold.
func tenantsOf(p *policy.Policy, sc scope.Scope) []*policy.Tenant {
	if name := sc.TenantName(); name != "" {
		if t, ok := p.Tenant(name); ok {
			return []*policy.Tenant{t}
		}
		return nil
	}
	domains := sc.Domains
	if _, d, ok := strings.Cut(sc.Mailbox, "@"); ok {
		domains = []string{d}
	}
	var out []*policy.Tenant
	for _, d := range domains {
		if t, ok := p.TenantOf(d); ok && !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// Offered are the custom actions that may be called for a recipient.
func (s *Service) Offered(sc scope.Scope, m *store.Message, r *store.Recipient) []Offer {
	if !sc.Sees(m, r) {
		return nil
	}
	p := s.o.Policy()
	var out []Offer
	for _, o := range s.Actions(sc) {
		if refuse(p, o, m, r) == "" {
			out = append(out, o)
		}
	}
	return out
}

// refuse says why an action is not for a recipient; "" it is.
func refuse(p *policy.Policy, o Offer, m *store.Message, r *store.Recipient) string {
	switch t, ok := p.Tenant(r.Tenant); {
	case !ok:
		return fmt.Sprintf("tenant %q is not in the policy", r.Tenant)
	case !t.Uses(o.Plugin) && !offersAll(p, o.Plugin):
		return fmt.Sprintf("tenant %q does not use plugin %q", r.Tenant, o.Plugin)
	case len(o.Statuses) > 0 && !slices.Contains(o.Statuses, string(r.Status)):
		return fmt.Sprintf("the recipient is %s; this is for %s", r.Status, strings.Join(o.Statuses, ", "))
	case o.Body && m.Sealed:
		return "the message is for its recipient alone"
	case o.Body && !m.HasBody && !r.Archived:
		return "the body is no longer kept"
	}
	return ""
}

func offersAll(p *policy.Policy, plugin string) bool {
	return slices.ContainsFunc(p.Plugins(), func(pl policy.Plugin) bool { return pl.Name == plugin && pl.Offer == "all" })
}

// Act calls custom actions for a selection, once for each message and tenant,
// and waits for the answers. An error means that nothing was called; what
// failed for one message is in its item.
func (s *Service) Act(ctx context.Context, sc scope.Scope, o Order) (Outcome, error) {
	if err := sc.Validate(); err != nil {
		return Outcome{}, err
	}
	offers, err := s.asked(sc, o)
	if err != nil {
		return Outcome{}, err
	}
	payload, errs := policy.Params(offers[0].Params, o.Params)
	if o.Train != "" {
		payload, errs = policy.Params(nil, o.Params)
	}
	if len(errs) > 0 {
		return Outcome{}, &BadParams{errs}
	}
	var targets []target
	var items []Item
	if len(o.IDs) > 0 {
		targets, items, err = s.byID(ctx, sc, o.IDs)
	} else {
		targets, err = s.byFilter(ctx, sc, *o.Filter, offers)
	}
	if err != nil {
		return Outcome{}, err
	}
	p := s.o.Policy()
	var calls []*order
	for _, t := range targets {
		mine, refused := split(p, sc, t, offers)
		calls = append(calls, mine...)
		items = append(items, refused...)
	}
	out := Outcome{Matched: len(calls) + len(items), Items: items}
	if o.DryRun {
		out.Matched = len(calls)
		return out, nil
	}
	encoded := payload.Append(nil)
	var mu sync.Mutex
	var g errgroup.Group
	g.SetLimit(s.lim.Workers)
	results := make([]Item, len(calls))
	for i, c := range calls {
		c.payload, c.actor, c.configID = encoded, sc.Actor, configOf(p, c.plugin, 0)
		if o.Train != "" { // each with its own defaults
			if a := actionOf(p, c.plugin, c.name); a != nil {
				v, _ := policy.Params(a.Params, nil)
				c.payload = v.Append(nil)
			}
		}
		g.Go(func() error {
			it := s.operator(ctx, c)
			results[i] = it
			if it.Error == "" {
				mu.Lock()
				out.Called++
				mu.Unlock()
			}
			return nil
		})
	}
	_ = g.Wait() // what went wrong is in the items
	out.Items = append(out.Items, results...)
	return out, nil
}

// asked are the actions of an order.
func (s *Service) asked(sc scope.Scope, o Order) ([]Offer, error) {
	all := s.Actions(sc)
	if o.Train != "" {
		mine := slices.DeleteFunc(all, func(a Offer) bool {
			needs := slices.ContainsFunc(a.Params, func(p manifest.Attr) bool { return p.Required })
			return a.Train != o.Train || needs
		})
		if len(mine) == 0 {
			return nil, &Unknown{fmt.Sprintf("no plugin can be taught %s", o.Train)}
		}
		return mine, nil
	}
	var names []string
	for _, a := range all {
		if a.Plugin == o.Plugin && a.Name == o.Action {
			return []Offer{a}, nil
		}
		names = append(names, a.Plugin+" "+a.Name)
	}
	text := fmt.Sprintf("there is no action %q of plugin %q that you may call", o.Action, o.Plugin)
	if len(names) > 0 {
		text += "; there are " + strings.Join(names, ", ")
	}
	return nil, &Unknown{text}
}

// target is one message with the recipients that were selected.
type target struct {
	m     *store.Message // with what the scope sees
	ns    []int          // by number; none: all, as far as the action applies
	named bool           // by ID: what does not apply is said
}

// byID finds what IDs name.
func (s *Service) byID(ctx context.Context, sc scope.Scope, ids []string) (out []target, missing []Item, err error) {
	at := map[mail.ID]int{}
	for _, text := range ids {
		m, n, err := sc.Find(ctx, s.o.Store, text)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, store.ErrAmbiguous) {
			missing = append(missing, Item{ID: text, Error: err.Error()})
			continue
		}
		if err != nil {
			return nil, nil, err
		}
		i, ok := at[m.ID]
		if !ok {
			i = len(out)
			at[m.ID] = i
			out = append(out, target{m: m, named: true})
			if n != 0 {
				out[i].ns = []int{n}
			}
			continue
		}
		switch {
		case n == 0:
			out[i].ns = nil
		case len(out[i].ns) > 0 && !slices.Contains(out[i].ns, n):
			out[i].ns = append(out[i].ns, n)
		}
	}
	if len(out) > MaxMessages {
		return nil, nil, TooMany{}
	}
	return out, missing, nil
}

// byFilter finds what a search does; what the actions are not for is passed over.
func (s *Service) byFilter(ctx context.Context, sc scope.Scope, f query.Filter, offers []Offer) ([]target, error) {
	if len(offers) == 1 && len(offers[0].Statuses) > 0 {
		f = query.And(f, query.OneOf("status", offers[0].Statuses...))
	}
	f = query.Resolve(sc.Restrict(f), s.clock.Now())
	var out []target
	for cursor := ""; ; {
		rows, next, err := s.o.Store.Search(ctx, f, cursor, 500)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return nil, fmt.Errorf("search: %w", err)
		}
		for _, r := range rows {
			if !sc.Sees(r.Message, r.Recipient) {
				continue
			}
			if k := len(out); k == 0 || out[k-1].m.ID != r.Message.ID {
				if k == MaxMessages {
					return nil, TooMany{}
				}
				out = append(out, target{m: sc.View(r.Message)})
			}
			t := &out[len(out)-1]
			t.ns = append(t.ns, r.Recipient.N)
		}
		if next == "" {
			return out, nil
		}
		cursor = next
	}
}

// split makes the calls for one message: each action once for each tenant,
// with the recipients that it is for.
func split(p *policy.Policy, sc scope.Scope, t target, offers []Offer) (calls []*order, refused []Item) {
	for _, o := range offers {
		by := map[string]*order{}
		var why []Item
		for i := range t.m.Recipients {
			r := &t.m.Recipients[i]
			if len(t.ns) > 0 && !slices.Contains(t.ns, r.N) || !sc.Sees(t.m, r) {
				continue
			}
			text := refuse(p, o, t.m, r)
			if text == "" && o.Train == "spam" { // whoever asks, the table decides (B56)
				if err := lifecycle.Check(lifecycle.TrainSpam, sc.Query(t.m, r, false)); err != nil {
					text = err.Error()
				}
			}
			if text != "" {
				why = append(why, Item{ID: fmt.Sprintf("%s.%d", t.m.ID, r.N), Recipients: []string{r.Address.String()}, Plugin: o.Plugin, Action: o.Name, Error: text})
				continue
			}
			c := by[r.Tenant]
			if c == nil {
				c = &order{stage: Action, plugin: o.Plugin, tenant: r.Tenant, name: o.Name, id: t.m.ID, m: t.m}
				by[r.Tenant] = c
				calls = append(calls, c)
			}
			c.ns = append(c.ns, r.N)
		}
		// A recipient named by itself is told why not; of a message named whole
		// only where nobody is left.
		if t.named && (len(t.ns) > 0 || len(by) == 0) {
			refused = append(refused, why...)
		}
	}
	return calls, refused
}

// operator makes one call that an operator asked for.
func (s *Service) operator(ctx context.Context, o *order) Item {
	it := Item{ID: o.id.String(), Plugin: o.plugin, Action: o.name}
	for i := range o.m.Recipients {
		if r := &o.m.Recipients[i]; slices.Contains(o.ns, r.N) {
			it.Recipients = append(it.Recipients, r.Address.String())
		}
	}
	if len(o.ns) == 1 {
		it.ID = fmt.Sprintf("%s.%d", o.id, o.ns[0])
	}
	if err := ctx.Err(); err != nil {
		it.Error = "not called: the time for one request was over; select less at a time"
		if errors.Is(err, context.Canceled) {
			it.Error = "not called: the caller left"
		}
		return it
	}
	log := s.log.With("plugin", o.plugin, "name", o.name, "actor", o.actor, "tenant", o.tenant, "message", o.id.String())
	v, err := s.invoke(ctx, o)
	if err != nil {
		it.Error = reason(err)
		s.count.add(o.plugin, o.stage, o.name, "failed")
		log.Warn("a custom action failed", "err", err)
		s.noteFailure(ctx, o, it.Error)
		return it
	}
	it.Text, it.Results, it.Findings = v.Text, v.Results, v.Findings
	s.count.add(o.plugin, o.stage, o.name, "ok")
	log.Info("custom action")
	s.note(ctx, o, v)
	return it
}
