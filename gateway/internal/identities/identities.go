package identities

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// The kinds of documents. They stand under no tenant, so that one reading has
// them all; the tenant is the beginning of the key.
const (
	kindIdentity = "identity"
	kindUser     = "identity-user"
)

// Options make a Book.
type Options struct {
	Docs  store.Docs
	Clock func() time.Time // nil: time.Now
}

// Book is all identities of all tenants, in memory: a session asks it without
// touching the store. It is safe in parallel.
type Book struct {
	o Options

	write sync.Mutex // one change of a document after the other

	mu    sync.RWMutex
	pages map[string]*page // by tenant
}

// page is one tenant's.
type page struct {
	names map[string]*Identity
	users map[string]*LockedUser
	// by finds an identity by what it names first: "s" and its sender, "u" and
	// its user, or "c" for all that name a client alone.
	by   map[string]map[string]*Identity
	revs map[string]uint64 // of documents, by key
}

func newPage() *page {
	return &page{names: map[string]*Identity{}, users: map[string]*LockedUser{}, by: map[string]map[string]*Identity{}, revs: map[string]uint64{}}
}

// Open reads everything. A document that cannot be read is an error: who is
// locked would send again.
func Open(ctx context.Context, o Options) (*Book, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	b := &Book{o: o, pages: map[string]*page{}}
	docs, err := o.Docs.ListDocs(ctx, "", kindIdentity, "")
	if err != nil {
		return nil, fmt.Errorf("reading the identities: %w", err)
	}
	for _, d := range docs {
		i := new(Identity)
		if err = json.Unmarshal(d.JSON, i); err == nil {
			err = i.check()
		}
		if err != nil {
			return nil, fmt.Errorf("reading the identities: %q: %w", d.Key, err)
		}
		b.put(i, d.Rev)
	}
	users, err := o.Docs.ListDocs(ctx, "", kindUser, "")
	if err != nil {
		return nil, fmt.Errorf("reading the locked users: %w", err)
	}
	for _, d := range users {
		u := new(LockedUser)
		if err := json.Unmarshal(d.JSON, u); err != nil {
			return nil, fmt.Errorf("reading the locked users: %q: %w", d.Key, err)
		}
		b.putUser(u, d.Rev)
	}
	return b, nil
}

func docKey(tenant, name string) string { return tenant + "\x00" + name }

func (i *Identity) index() string {
	switch {
	case i.Sender != "":
		return "s" + i.Sender
	case i.User != "":
		return "u" + i.User
	}
	return "c"
}

func (b *Book) page(tenant string) *page {
	p := b.pages[tenant]
	if p == nil {
		p = newPage()
		b.pages[tenant] = p
	}
	return p
}

func (b *Book) put(i *Identity, rev uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(i.Tenant)
	if old := p.names[i.Name]; old != nil {
		p.unindex(old)
	}
	p.names[i.Name] = i
	k := i.index()
	if p.by[k] == nil {
		p.by[k] = map[string]*Identity{}
	}
	p.by[k][i.Name] = i
	p.revs[kindIdentity+i.Name] = rev
}

func (p *page) unindex(i *Identity) {
	k := i.index()
	if delete(p.by[k], i.Name); len(p.by[k]) == 0 {
		delete(p.by, k)
	}
}

func (b *Book) putUser(u *LockedUser, rev uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(u.Tenant)
	p.users[u.User] = u
	p.revs[kindUser+u.User] = rev
}

// Resolved is in whose identity a message is sent.
type Resolved struct {
	Name string // "" unknown: no user and the null sender
	// Lock is why it may not be sent now, and What is locked, in words; nil, "".
	Lock *Lock
	What string
}

// Resolve finds the identity: the most particular one that was configured, or
// else the sender itself. A lock of any that holds counts, and that of the user.
func (b *Book) Resolve(f Facts) Resolved {
	sender := strings.ToLower(f.Sender.Key())
	out := Resolved{Name: NameOf(f.User, f.Sender)}
	b.mu.RLock()
	defer b.mu.RUnlock()
	p := b.pages[f.Tenant]
	if p == nil {
		return out
	}
	best := -1
	for _, k := range []string{"s" + sender, "s@" + strings.ToLower(f.Sender.Domain()), "u" + f.User, "c"} {
		for _, i := range p.by[k] {
			n, ok := i.holds(&f, sender)
			if !ok {
				continue
			}
			if n > best || n == best && i.Name < out.Name {
				best, out.Name = n, i.Name
			}
			if i.Lock != nil && (out.Lock == nil || i.Lock.At.Before(out.Lock.At)) {
				out.Lock, out.What = i.Lock, "identity "+i.Name
			}
		}
	}
	if u := p.users[UserOf(f.User, f.Client)]; u != nil {
		out.Lock, out.What = &u.Lock, "user "+u.User
		if strings.HasPrefix(u.User, "[") {
			out.What = "client " + u.User
		}
	}
	return out
}

// Get gives one identity by its name. ErrNotFound.
func (b *Book) Get(tenant, name string) (Identity, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if p := b.pages[tenant]; p != nil && p.names[name] != nil {
		return *p.names[name], nil
	}
	return Identity{}, fmt.Errorf("%.100q: %w", name, ErrNotFound)
}

// List gives a tenant's identities in the order of their names.
func (b *Book) List(tenant string) []Identity {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var out []Identity
	if p := b.pages[tenant]; p != nil {
		for _, i := range p.names {
			out = append(out, *i)
		}
	}
	slices.SortFunc(out, func(x, y Identity) int { return cmp.Compare(x.Name, y.Name) })
	return out
}

// Users gives a tenant's locked users in the order of their names.
func (b *Book) Users(tenant string) []LockedUser {
	b.mu.RLock()
	defer b.mu.RUnlock()
	var out []LockedUser
	if p := b.pages[tenant]; p != nil {
		for _, u := range p.users {
			out = append(out, *u)
		}
	}
	slices.SortFunc(out, func(x, y LockedUser) int { return cmp.Compare(x.User, y.User) })
	return out
}

func (b *Book) rev(tenant, key string) uint64 {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if p := b.pages[tenant]; p != nil {
		return p.revs[key]
	}
	return 0
}

func (b *Book) room(tenant string) error {
	b.mu.RLock()
	defer b.mu.RUnlock()
	if p := b.pages[tenant]; p != nil && len(p.names)+len(p.users) >= MaxIdentities {
		return invalid("tenant %s has %d identities and locked users; no more", tenant, MaxIdentities)
	}
	return nil
}

// Add configures an identity; one of that name must not be there. added false:
// one of that name and the same conditions is there already.
func (b *Book) Add(ctx context.Context, i Identity) (_ Identity, added bool, err error) {
	if i.At.IsZero() {
		i.At = b.o.Clock().UTC()
	}
	if err := i.check(); err != nil {
		return i, false, err
	}
	b.write.Lock()
	defer b.write.Unlock()
	if have, err := b.Get(i.Tenant, i.Name); err == nil {
		if have.User == i.User && have.Sender == i.Sender && have.Client == i.Client {
			return have, false, nil
		}
		return have, false, invalid("there is an identity %q already; remove it first, or give another name", i.Name)
	}
	if err := b.room(i.Tenant); err != nil {
		return i, false, err
	}
	return i, true, b.save(ctx, &i)
}

// save writes an identity and then shows it.
func (b *Book) save(ctx context.Context, i *Identity) error {
	js, err := json.Marshal(i)
	if err != nil {
		return err
	}
	rev, err := b.o.Docs.PutDoc(ctx, store.Doc{Kind: kindIdentity, Key: docKey(i.Tenant, i.Name), JSON: js}, b.rev(i.Tenant, kindIdentity+i.Name))
	if err != nil {
		return fmt.Errorf("writing identity %q: %w", i.Name, err)
	}
	b.put(i, rev)
	return nil
}

// Lock locks an identity, and configures it first where nobody has: i then says
// what it is known by. locked false: it is locked already.
func (b *Book) Lock(ctx context.Context, i Identity, l Lock) (locked bool, err error) {
	if err := l.check(b.o.Clock); err != nil {
		return false, err
	}
	b.write.Lock()
	defer b.write.Unlock()
	if have, err := b.Get(i.Tenant, i.Name); err == nil {
		i = have
	} else {
		i.At = l.At
		if err := errors.Join(i.check(), b.room(i.Tenant)); err != nil {
			return false, err
		}
	}
	if i.Lock != nil {
		return false, nil
	}
	i.Lock = &l
	return true, b.save(ctx, &i)
}

func (l *Lock) check(clock func() time.Time) error {
	switch {
	case l.By == "":
		return invalid("a lock needs to say who made it")
	case len(l.Reason) > MaxNote:
		return invalid("the reason has %d octets; at most %d", len(l.Reason), MaxNote)
	}
	if l.At.IsZero() {
		l.At = clock().UTC()
	}
	return nil
}

// Unlock lets an identity send again; false: it is not locked. ErrNotFound.
func (b *Book) Unlock(ctx context.Context, tenant, name string) (bool, error) {
	b.write.Lock()
	defer b.write.Unlock()
	i, err := b.Get(tenant, name)
	if err != nil || i.Lock == nil {
		return false, err
	}
	i.Lock = nil
	return true, b.save(ctx, &i)
}

// Remove forgets an identity, its lock with it. ErrNotFound.
func (b *Book) Remove(ctx context.Context, tenant, name string) error {
	b.write.Lock()
	defer b.write.Unlock()
	if _, err := b.Get(tenant, name); err != nil {
		return err
	}
	err := b.o.Docs.DeleteDoc(ctx, "", kindIdentity, docKey(tenant, name), b.rev(tenant, kindIdentity+name))
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("removing identity %q: %w", name, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	p := b.page(tenant)
	p.unindex(p.names[name])
	delete(p.names, name)
	delete(p.revs, kindIdentity+name)
	return nil
}

// LockUser keeps a user, or a client as UserOf names it, from sending for a
// tenant; false: that is so already.
func (b *Book) LockUser(ctx context.Context, u LockedUser) (bool, error) {
	if err := u.Lock.check(b.o.Clock); err != nil {
		return false, err
	}
	if u.Tenant == "" || u.User == "" || len(u.User) > MaxName || strings.ContainsFunc(u.User, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return false, invalid("a lock needs a tenant, and a user of at most %d octets", MaxName)
	}
	b.write.Lock()
	defer b.write.Unlock()
	if b.rev(u.Tenant, kindUser+u.User) != 0 {
		return false, nil
	}
	if err := b.room(u.Tenant); err != nil {
		return false, err
	}
	js, err := json.Marshal(u)
	if err != nil {
		return false, err
	}
	rev, err := b.o.Docs.PutDoc(ctx, store.Doc{Kind: kindUser, Key: docKey(u.Tenant, u.User), JSON: js}, 0)
	if err != nil {
		return false, fmt.Errorf("locking user %q: %w", u.User, err)
	}
	b.putUser(&u, rev)
	return true, nil
}

// UnlockUser lets a user send again. ErrNotFound: it is not locked.
func (b *Book) UnlockUser(ctx context.Context, tenant, user string) error {
	b.write.Lock()
	defer b.write.Unlock()
	rev := b.rev(tenant, kindUser+user)
	if rev == 0 {
		return fmt.Errorf("user %.100q is not locked: %w", user, ErrNotFound)
	}
	if err := b.o.Docs.DeleteDoc(ctx, "", kindUser, docKey(tenant, user), rev); err != nil && !errors.Is(err, store.ErrNotFound) {
		return fmt.Errorf("unlocking user %q: %w", user, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.page(tenant).users, user)
	delete(b.page(tenant).revs, kindUser+user)
	return nil
}
