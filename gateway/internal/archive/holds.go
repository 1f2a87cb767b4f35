package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Hold keeps a tenant's archived mail from being deleted, by retention or by
// operators, until it is lifted (legal hold).
type Hold struct {
	ID     string    `json:"id"`
	Tenant string    `json:"tenant"`
	Reason string    `json:"reason,omitempty"`
	Q      string    `json:"q,omitempty"` // what it holds, in the filter's text form; "" with All everything
	All    bool      `json:"all,omitempty"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// holdKind is the kind of the documents that holds are.
const holdKind = "archive-hold"

// holds are in memory, too: every deletion asks them.
type holds struct {
	// mu is held for reading from the question whether something is held until
	// it is gone, and for writing while a hold is placed.
	mu  sync.RWMutex
	all []*placed
}

type placed struct {
	Hold
	rev   uint64
	match *query.Matcher // nil: all
}

// ErrHold: a hold cannot be placed as it is asked for.
var ErrHold = errors.New("not a legal hold")

func (a *Archive) openHolds(ctx context.Context) error {
	docs, err := a.o.Store.ListDocs(ctx, "", holdKind, "")
	if err != nil {
		return fmt.Errorf("archive: reading the legal holds: %w", err)
	}
	for _, d := range docs {
		p := &placed{rev: d.Rev}
		if err := json.Unmarshal(d.JSON, &p.Hold); err != nil {
			return fmt.Errorf("archive: reading the legal hold %s: %w", d.Key, err)
		}
		if err := p.compile(); err != nil {
			return fmt.Errorf("archive: the legal hold %s: %w", d.Key, err)
		}
		a.holds.all = append(a.holds.all, p)
	}
	return nil
}

// compile reads the filter; times in it count from when the hold was placed.
func (p *placed) compile() error {
	if p.All {
		return nil
	}
	f, err := query.Parse(p.Q)
	if err == nil {
		p.match, err = query.Compile(query.Resolve(f, p.At), p.At)
	}
	return err
}

// AddHold places a hold. It is durable when it returns, and what it holds is not
// deleted from then on. ErrHold.
func (a *Archive) AddHold(ctx context.Context, h Hold) (Hold, error) {
	switch {
	case !validTenant(h.Tenant):
		return h, fmt.Errorf("%w: it is for one tenant; %q is none", ErrHold, h.Tenant)
	case h.All == (strings.TrimSpace(h.Q) != ""):
		return h, fmt.Errorf("%w: say what it holds by a filter, or that it holds everything", ErrHold)
	case len(h.Reason) > 500:
		return h, fmt.Errorf("%w: the reason is longer than 500 bytes", ErrHold)
	}
	h.At = a.o.Clock().UTC()
	h.ID = mail.NewID(h.At).String()
	p := &placed{Hold: h}
	if err := p.compile(); err != nil {
		return h, fmt.Errorf("%w: %w", ErrHold, err)
	}
	b, err := json.Marshal(h)
	if err != nil {
		return h, fmt.Errorf("placing a legal hold: %w", err)
	}
	a.holds.mu.Lock()
	defer a.holds.mu.Unlock()
	if p.rev, err = a.o.Store.PutDoc(ctx, store.Doc{Kind: holdKind, Key: h.ID, JSON: b}, 0); err != nil {
		return h, fmt.Errorf("placing a legal hold: %w", err)
	}
	a.holds.all = append(a.holds.all, p)
	a.o.Logger.Info("a legal hold was placed", "tenant", h.Tenant, "hold", h.ID, "actor", h.By)
	return h, nil
}

// LiftHold ends a hold. store.ErrNotFound.
func (a *Archive) LiftHold(ctx context.Context, id, actor string) error {
	a.holds.mu.Lock()
	defer a.holds.mu.Unlock()
	i := slices.IndexFunc(a.holds.all, func(p *placed) bool { return p.ID == id })
	if i < 0 {
		return fmt.Errorf("legal hold %.40q: %w", id, store.ErrNotFound)
	}
	p := a.holds.all[i]
	if err := a.o.Store.DeleteDoc(ctx, "", holdKind, p.ID, p.rev); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("lifting a legal hold: %w", err)
	}
	a.holds.all = slices.Delete(a.holds.all, i, i+1)
	a.o.Logger.Info("a legal hold was lifted", "tenant", p.Tenant, "hold", p.ID, "actor", actor)
	return nil
}

// Holds are those of a tenant, oldest first; "" those of all.
func (a *Archive) Holds(tenant string) []Hold {
	a.holds.mu.RLock()
	defer a.holds.mu.RUnlock()
	out := []Hold{}
	for _, p := range a.holds.all {
		if tenant == "" || p.Tenant == tenant {
			out = append(out, p.Hold)
		}
	}
	return out
}

// held is the hold that keeps a recipient's copy, "" none; holds.mu is held.
func (a *Archive) held(m *store.Message, r *store.Recipient) string {
	for _, p := range a.holds.all {
		if p.Tenant == r.Tenant && (p.match == nil || p.match.Match(store.Row{Message: m, Recipient: r})) {
			return p.ID
		}
	}
	return ""
}

// Deleting is called around a deletion, from the question what is held to the
// durable answer: no hold is placed in between. held is ErrHeld, naming the hold,
// for a recipient whose copy has to stay.
func (a *Archive) Deleting() (held func(*store.Message, *store.Recipient) error, done func()) {
	a.holds.mu.RLock()
	return func(m *store.Message, r *store.Recipient) error {
		// A copy is there for all recipients of its tenant: one that is held holds it.
		for i := range m.Recipients {
			if o := &m.Recipients[i]; o.Tenant == r.Tenant && o.Archived {
				if id := a.held(m, o); id != "" {
					return fmt.Errorf("%w: %s", ErrHeld, id)
				}
			}
		}
		return nil
	}, a.holds.mu.RUnlock
}
