package lists

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Override is what an operator chose for a class of findings of incoming mail
// (B37): it outranks the tenant's action blocks.
type Override struct {
	Tenant string    `json:"tenant"`
	Class  string    `json:"class"`  // "main", "main/sub" or "main/sub/extra"
	Action string    `json:"action"` // of OverrideActions
	By     string    `json:"by"`
	Admin  bool      `json:"admin,omitempty"` // chosen at admin level
	Note   string    `json:"note,omitempty"`
	At     time.Time `json:"at"`

	rev uint64
}

// OverrideActions are the actions to choose from; "deliver" lets pass.
var OverrideActions = []string{"deliver", "quarantine", "reject", "discard", "stall"}

// guarded are main classes that only an administrator may let pass or drop.
var guarded = []string{"malware", "unscannable"}

func (l *Lists) openOverrides(ctx context.Context) error {
	docs, err := l.o.Docs.ListDocs(ctx, "", kindOverride, "")
	if err != nil {
		return fmt.Errorf("reading the actions that operators chose: %w", err)
	}
	for _, d := range docs {
		o := &Override{rev: d.Rev}
		if err := json.Unmarshal(d.JSON, o); err != nil {
			return fmt.Errorf("reading the actions that operators chose: %q: %w", d.Key, err)
		}
		l.keep(o)
	}
	return nil
}

func (l *Lists) keep(o *Override) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.overrides[o.Tenant] == nil {
		l.overrides[o.Tenant] = map[string]*Override{}
	}
	l.overrides[o.Tenant][o.Class] = o
}

// SetAction makes o durable and gives it force from now on.
func (l *Lists) SetAction(ctx context.Context, o Override) error {
	o.Class = strings.ToLower(o.Class)
	main, _, _ := strings.Cut(o.Class, "/")
	// Stalled mail is forced, which asks for more than releasing what is in
	// quarantine does: that way round it is an administrator's, too.
	weak := o.Action == "deliver" || o.Action == "discard" || o.Action == "quarantine" && main == "unscannable"
	switch {
	case o.Tenant == "" || o.By == "":
		return invalid("an override needs a tenant and who chose it")
	case main == "" || strings.Count(o.Class, "/") > 2 || len(o.Class) > 200 || strings.ContainsFunc(o.Class, func(r rune) bool { return r <= ' ' || r == 0x7f }):
		return invalid("%.60q is no class; write main, main/sub or main/sub/extra", o.Class)
	case main == "filter-error":
		return invalid("class filter-error says that a filter failed: no override lets that pass")
	case !slices.Contains(OverrideActions, o.Action):
		return invalid("%.40q is no action to choose; there are %s", o.Action, strings.Join(OverrideActions, ", "))
	case weak && slices.Contains(guarded, main) && !o.Admin:
		return invalid("only an administrator may choose %s for class %s", o.Action, main)
	case len(o.Note) > MaxNote:
		return invalid("the note has %d octets; at most %d", len(o.Note), MaxNote)
	}
	if o.At.IsZero() {
		o.At = l.o.Clock().UTC()
	}
	l.write.Lock()
	defer l.write.Unlock()
	b, err := json.Marshal(&o)
	if err != nil {
		return err
	}
	var rev uint64
	l.mu.RLock()
	if have := l.overrides[o.Tenant][o.Class]; have != nil {
		rev = have.rev
	}
	l.mu.RUnlock()
	o.rev, err = l.o.Docs.PutDoc(ctx, store.Doc{Kind: kindOverride, Key: o.Tenant + "\x00" + o.Class, JSON: b}, rev)
	if err != nil {
		return fmt.Errorf("choosing an action for class %s: %w", o.Class, err)
	}
	l.keep(&o)
	return nil
}

// ClearAction removes an override; whether there was one.
func (l *Lists) ClearAction(ctx context.Context, tenant, class string) (bool, error) {
	class = strings.ToLower(class)
	l.write.Lock()
	defer l.write.Unlock()
	l.mu.RLock()
	have := l.overrides[tenant][class]
	l.mu.RUnlock()
	if have == nil {
		return false, nil
	}
	if err := l.o.Docs.DeleteDoc(ctx, "", kindOverride, tenant+"\x00"+class, have.rev); err != nil && !errors.Is(err, store.ErrNotFound) {
		return false, fmt.Errorf("removing the action for class %s: %w", class, err)
	}
	l.mu.Lock()
	delete(l.overrides[tenant], class)
	l.mu.Unlock()
	return true, nil
}

// Action is what stands for a class, by the nearest of its three forms.
func (l *Lists) Action(tenant, main, sub, extra string) (Override, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	m := l.overrides[tenant]
	if len(m) == 0 {
		return Override{}, false
	}
	class := strings.ToLower(main + "/" + sub + "/" + extra)
	for {
		if o := m[strings.TrimRight(class, "/")]; o != nil {
			return *o, true
		}
		i := strings.LastIndexByte(class, '/')
		if i < 0 {
			return Override{}, false
		}
		class = class[:i]
	}
}

// Actions are a tenant's overrides, by class.
func (l *Lists) Actions(tenant string) []Override {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []Override
	for _, o := range l.overrides[tenant] {
		out = append(out, *o)
	}
	slices.SortFunc(out, func(a, b Override) int { return strings.Compare(a.Class, b.Class) })
	return out
}
