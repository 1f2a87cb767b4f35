package saved

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

const (
	kindSearch = "saved-search"
	kindPrefs  = "preferences"
	// maxEach is how many searches one user may save.
	maxEach = 200
)

// Options make a Service. Docs is needed.
type Options struct {
	Docs store.Docs
	// Manages reports whether a scope has the operators' say over a tenant.
	Manages func(sc scope.Scope, tenant string) bool
	Clock   func() time.Time // default time.Now
}

// Service keeps searches. It is safe in parallel.
type Service struct{ o Options }

// New makes a Service.
func New(o Options) *Service {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Manages == nil {
		o.Manages = func(scope.Scope, string) bool { return false }
	}
	return &Service{o}
}

// key is a search's place among the documents. Actors are told apart by their
// level, too: nobody becomes an administrator by the choice of a name.
func key(owner, name string) string { return owner + "\x00" + strings.ToLower(name) }

// So they are by their tenant.
func ownerOf(sc scope.Scope) string {
	if t := sc.TenantName(); t != "" {
		return string(sc.Level) + "@" + t + ":" + sc.Actor
	}
	return string(sc.Level) + ":" + sc.Actor
}

// List gives the searches that a scope may use: its own, those that others
// share with it, and the built-in ones; by name within each.
func (s *Service) List(ctx context.Context, sc scope.Scope) ([]Search, error) {
	all, err := s.all(ctx, sc)
	if err != nil {
		return nil, err
	}
	return append(all, Views()...), nil
}

// all gives own and shared searches.
func (s *Service) all(ctx context.Context, sc scope.Scope) ([]Search, error) {
	if err := sc.Validate(); err != nil {
		return nil, err
	}
	docs, err := s.o.Docs.ListDocs(ctx, "", kindSearch, "")
	if err != nil {
		return nil, fmt.Errorf("listing saved searches: %w", err)
	}
	var out []Search
	for _, d := range docs {
		x, owner, err := read(d)
		if err != nil {
			return nil, err
		}
		x.Mine = owner == ownerOf(sc)
		if x.Mine || s.shared(sc, &x) {
			out = append(out, x)
		}
	}
	slices.SortFunc(out, func(a, b Search) int {
		if a.Mine != b.Mine {
			if a.Mine {
				return -1
			}
			return 1
		}
		return strings.Compare(strings.ToLower(a.Name+"\x00"+a.Owner), strings.ToLower(b.Name+"\x00"+b.Owner))
	})
	return out, nil
}

// stored is how a search stands in a document.
type stored struct {
	Search
	By string `json:"by"` // level and actor
}

func read(d store.Doc) (Search, string, error) {
	var x stored
	if err := json.Unmarshal(d.JSON, &x); err != nil {
		return Search{}, "", fmt.Errorf("reading saved search %q: %w", d.Key, err)
	}
	return x.Search, x.By, nil
}

// shared reports whether another's search is for a scope, too.
func (s *Service) shared(sc scope.Scope, x *Search) bool {
	switch x.Share {
	case "":
		return false
	case Everyone:
		return true
	}
	return s.runs(sc, x.Share)
}

// runs reports whether a scope is an operator's of a tenant.
func (s *Service) runs(sc scope.Scope, tenant string) bool {
	if sc.Level == lifecycle.LevelMailbox {
		return false
	}
	if t := sc.TenantName(); t != "" && t != tenant {
		return false
	}
	return s.o.Manages(sc, tenant)
}

// Get finds a search by its name: the scope's own, else one that is shared,
// else a built-in one. "OWNER/NAME" names one that several share.
// store.ErrNotFound.
func (s *Service) Get(ctx context.Context, sc scope.Scope, name string) (Search, error) {
	all, err := s.all(ctx, sc)
	if err != nil {
		return Search{}, err
	}
	owner := ""
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		owner, name = name[:i], name[i+1:]
	}
	var found []Search
	for _, x := range all {
		if !strings.EqualFold(x.Name, name) || owner != "" && x.Owner != owner {
			continue
		}
		if x.Mine && owner == "" {
			return x, nil
		}
		found = append(found, x)
	}
	switch len(found) {
	case 0:
		if v, ok := view(strings.ToLower(name)); ok && owner == "" {
			return v, nil
		}
		return Search{}, fmt.Errorf("saved search %.80q: %w", name, store.ErrNotFound)
	case 1:
		return found[0], nil
	}
	return Search{}, fmt.Errorf("saved search %.80q: %w: %q and %q share one of that name; write OWNER/NAME", name, store.ErrAmbiguous, found[0].Owner, found[1].Owner)
}

// Put saves a search under its name for the scope, in place of its own of that
// name. ErrInvalid.
func (s *Service) Put(ctx context.Context, sc scope.Scope, x Search) (Search, error) {
	if err := sc.Validate(); err != nil {
		return Search{}, err
	}
	if x.Source == "" {
		x.Source = Messages
	}
	if err := x.check(); err != nil {
		return Search{}, err
	}
	switch {
	case x.Share == "":
	case sc.Role != lifecycle.RoleOperator:
		return Search{}, invalid("your role does not let you share a search; save it for yourself")
	case x.Share == Everyone && !sc.Everything():
		return Search{}, invalid("only an administrator of everything may share with everyone")
	case x.Share != Everyone && !s.runs(sc, x.Share):
		return Search{}, invalid("there is no tenant %.40q whose operators it could be shared with", x.Share)
	}
	x.Owner, x.Changed, x.Mine, x.BuiltIn = sc.Actor, s.o.Clock().UTC(), true, false
	b, err := json.Marshal(stored{x, ownerOf(sc)})
	if err != nil {
		return Search{}, fmt.Errorf("saving search %q: %w", x.Name, err)
	}
	d := store.Doc{Kind: kindSearch, Key: key(ownerOf(sc), x.Name), JSON: b}
	for range 3 {
		old, err := s.o.Docs.GetDoc(ctx, "", kindSearch, d.Key)
		if errors.Is(err, store.ErrNotFound) {
			mine, lerr := s.o.Docs.ListDocs(ctx, "", kindSearch, ownerOf(sc)+"\x00")
			if lerr == nil && len(mine) >= maxEach {
				return Search{}, invalid("there are %d of yours already; remove some", len(mine))
			}
			err = lerr
		}
		if err != nil {
			return Search{}, fmt.Errorf("saving search %q: %w", x.Name, err)
		}
		_, err = s.o.Docs.PutDoc(ctx, d, old.Rev)
		if err == nil {
			return x, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return Search{}, fmt.Errorf("saving search %q: %w", x.Name, err)
		}
	}
	return Search{}, fmt.Errorf("saving search %q: %w", x.Name, store.ErrConflict)
}

// Delete removes a search of the scope's own; an administrator of everything
// whose role lets them act removes also another's, as OWNER/NAME. Where several
// levels or tenants have an owner of that name, OWNER is written with them, as in
// "domain@acme:anna@acme.test". store.ErrNotFound, store.ErrAmbiguous.
func (s *Service) Delete(ctx context.Context, sc scope.Scope, name string) error {
	if err := sc.Validate(); err != nil {
		return err
	}
	notFound := fmt.Errorf("saved search %.80q: %w", name, store.ErrNotFound)
	if _, ok := view(strings.ToLower(name)); ok {
		return invalid("%q is a view that everybody has", name)
	}
	i := strings.LastIndexByte(name, '/')
	if i < 0 || !sc.Everything() || sc.Role != lifecycle.RoleOperator {
		d, err := s.o.Docs.GetDoc(ctx, "", kindSearch, key(ownerOf(sc), name))
		if errors.Is(err, store.ErrNotFound) {
			return notFound
		}
		if err == nil {
			err = s.o.Docs.DeleteDoc(ctx, "", kindSearch, d.Key, d.Rev)
		}
		return err
	}
	docs, err := s.o.Docs.ListDocs(ctx, "", kindSearch, "")
	if err != nil {
		return fmt.Errorf("removing a saved search: %w", err)
	}
	owner, name := name[:i], name[i+1:]
	var named []store.Doc
	var owners []string
	for _, d := range docs {
		x, by, err := read(d)
		if err != nil || !strings.EqualFold(x.Name, name) {
			continue
		}
		if by == owner {
			return s.o.Docs.DeleteDoc(ctx, "", kindSearch, d.Key, d.Rev)
		}
		if x.Owner == owner {
			named, owners = append(named, d), append(owners, by)
		}
	}
	switch len(named) {
	case 0:
		return notFound
	case 1:
		return s.o.Docs.DeleteDoc(ctx, "", kindSearch, named[0].Key, named[0].Rev)
	}
	return fmt.Errorf("saved search %.80q: %w: it is one of %s; write one of these before the slash", name, store.ErrAmbiguous, strings.Join(owners, ", "))
}

// Preferences are what a user's screens remember.
type Preferences struct {
	// Columns by view or saved search (B9).
	Columns map[string][]string `json:"columns,omitempty"`
}

const maxViews = 100

// Preferences gives those of the scope's user; none yet: empty ones.
func (s *Service) Preferences(ctx context.Context, sc scope.Scope) (Preferences, error) {
	var p Preferences
	if err := sc.Validate(); err != nil {
		return p, err
	}
	d, err := s.o.Docs.GetDoc(ctx, "", kindPrefs, ownerOf(sc))
	if errors.Is(err, store.ErrNotFound) {
		return p, nil
	}
	if err == nil {
		err = json.Unmarshal(d.JSON, &p)
	}
	if err != nil {
		return p, fmt.Errorf("reading preferences: %w", err)
	}
	return p, nil
}

// SetPreferences keeps what is given and leaves the rest; a view without
// columns forgets those it had. ErrInvalid.
func (s *Service) SetPreferences(ctx context.Context, sc scope.Scope, p Preferences) (Preferences, error) {
	if err := sc.Validate(); err != nil {
		return p, err
	}
	for view, cols := range p.Columns {
		if err := checkName(view); err != nil {
			return p, err
		}
		if err := checkColumns(cols); err != nil {
			return p, err
		}
	}
	for range 5 {
		now, rev := Preferences{}, uint64(0)
		d, err := s.o.Docs.GetDoc(ctx, "", kindPrefs, ownerOf(sc))
		if err == nil {
			rev, err = d.Rev, json.Unmarshal(d.JSON, &now)
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return p, fmt.Errorf("reading preferences: %w", err)
		}
		if now.Columns == nil {
			now.Columns = map[string][]string{}
		}
		for view, cols := range p.Columns {
			if len(cols) == 0 {
				delete(now.Columns, view)
			} else {
				now.Columns[view] = cols
			}
		}
		if len(now.Columns) > maxViews {
			return p, invalid("columns of more than %d views", maxViews)
		}
		b, err := json.Marshal(now)
		if err != nil {
			return p, fmt.Errorf("writing preferences: %w", err)
		}
		_, err = s.o.Docs.PutDoc(ctx, store.Doc{Kind: kindPrefs, Key: ownerOf(sc), JSON: b}, rev)
		if err == nil {
			return now, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return p, fmt.Errorf("writing preferences: %w", err)
		}
	}
	return p, fmt.Errorf("writing preferences: %w", store.ErrConflict)
}
