package accounts

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

const kindUser = "user"

// User is an account as it is shown.
type User struct {
	Name       string    `json:"name"` // a mail address or a login, in lower case
	Grant                // what it may
	Disabled   bool      `json:"disabled,omitempty"`
	Password   bool      `json:"password"`           // one is set
	TOTP       bool      `json:"totp,omitempty"`     // codes are asked for
	Recovery   int       `json:"recovery,omitempty"` // recovery codes that are left
	Passkeys   []Passkey `json:"passkeys,omitempty"`
	Created    time.Time `json:"created"`
	By         string    `json:"by,omitempty"` // who made it
	LastSignIn time.Time `json:"last_sign_in,omitzero"`
}

// record is a user as it is stored.
type record struct {
	Name       string    `json:"name"`
	ID         string    `json:"id,omitempty"` // of this account: another of the same name has another
	Grant      Grant     `json:"grant"`
	Disabled   bool      `json:"disabled,omitempty"`
	Hash       string    `json:"hash,omitempty"`     // PHC string
	Epoch      uint64    `json:"epoch"`              // sessions of another are over; it begins anywhere, so that no other account of the name has the same
	Secret     []byte    `json:"secret,omitempty"`   // of TOTP, sealed
	Pending    []byte    `json:"pending,omitempty"`  // a secret that is not confirmed yet, sealed
	Counter    uint64    `json:"counter,omitempty"`  // of the last code that was taken: none is taken twice
	Recovery   []string  `json:"recovery,omitempty"` // hashes of what is left
	Handle     []byte    `json:"handle,omitempty"`   // of passkeys
	Passkeys   []passkey `json:"passkeys,omitempty"`
	Created    time.Time `json:"created"`
	By         string    `json:"by,omitempty"`
	LastSignIn time.Time `json:"last_sign_in,omitzero"`
}

func (r *record) shown() User {
	u := User{
		Name: r.Name, Grant: r.Grant, Disabled: r.Disabled, Password: r.Hash != "", TOTP: len(r.Secret) > 0, Recovery: len(r.Recovery),
		Created: r.Created, By: r.By, LastSignIn: r.LastSignIn,
	}
	for _, p := range r.Passkeys {
		u.Passkeys = append(u.Passkeys, p.shown())
	}
	return u
}

var login = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// userName puts a name in its one form.
func userName(name string) (string, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if login.MatchString(name) {
		return name, nil
	}
	if a, err := mail.ParseAddress(name); err == nil && a.Domain() != "" && len(name) <= 254 {
		return a.Key(), nil
	}
	return "", invalid("%.100q is no name for a user: take a mail address, or letters, digits, \".\", \"_\" and \"-\"", name)
}

// NewUser is what making a user takes.
type NewUser struct {
	Name     string
	Grant    Grant
	Password string // "": none yet
}

// AddUser makes a user. ErrInvalid, ErrForbidden.
func (s *Service) AddUser(ctx context.Context, who scope.Scope, n NewUser) (User, error) {
	name, err := userName(n.Name)
	if err != nil {
		return User{}, err
	}
	if who.Level == lifecycle.LevelDomain {
		// Names are one space for all tenants: whoever took any would learn which
		// are taken, and could be taken for somebody else's user.
		if _, domain, ok := strings.Cut(name, "@"); !ok || !contains(who.Domains, domain) {
			return User{}, invalid("%.100q is no name that you can give: take a mail address of a domain that you manage", name)
		}
	}
	if n.Grant.Level == lifecycle.LevelMailbox && n.Grant.Mailbox == "" {
		n.Grant.Mailbox = name
	}
	if err := s.mayGrant(who, &n.Grant); err != nil {
		return User{}, err
	}
	r := record{Name: name, ID: rand.Text(), Grant: n.Grant, Epoch: firstEpoch(), Created: s.now(), By: who.Actor}
	if n.Password != "" {
		if err := checkPassword(name, n.Password); err != nil {
			return User{}, err
		}
		if r.Hash, err = s.hashes.hash(ctx, n.Password); err != nil {
			return User{}, err
		}
	}
	if err := s.put(ctx, kindUser, name, &r, 0); err != nil {
		if errors.Is(err, store.ErrConflict) {
			return User{}, s.taken(ctx, who, name)
		}
		return User{}, fmt.Errorf("adding user %s: %w", name, err)
	}
	return r.shown(), nil
}

// firstEpoch is any; what is counted on from it does not wrap.
func firstEpoch() uint64 {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return binary.BigEndian.Uint64(b[:]) >> 1
}

// taken is what is said of a name that is there: to whom may not see that user
// no more than has to be.
func (s *Service) taken(context.Context, scope.Scope, string) error {
	return invalid("that name is taken; choose another")
}

// mayGrant checks a grant that who wants to give.
func (s *Service) mayGrant(who scope.Scope, g *Grant) error {
	if who.Role != lifecycle.RoleOperator || who.Level == lifecycle.LevelMailbox {
		return ErrForbidden
	}
	if who.Level == lifecycle.LevelDomain && g.Tenant == "" && g.Level == lifecycle.LevelDomain {
		g.Tenant = who.TenantName()
	}
	// What there is in other tenants is not told.
	if who.Level == lifecycle.LevelDomain {
		if g.Level == lifecycle.LevelAdmin {
			return ErrForbidden
		}
		if g.Level == lifecycle.LevelDomain && len(g.Domains) == 0 && g.Tenant == who.TenantName() {
			if has, ok := s.o.Tenants.Domains(g.Tenant); ok && len(has) != len(who.Domains) {
				g.Domains = slices.Clone(who.Domains)
			}
		}
		if g.Tenant != "" && g.Tenant != who.TenantName() {
			return invalid("tenant %.60q: the policy has none of that name", g.Tenant)
		}
	}
	if err := g.tidy(s.o.Tenants); err != nil {
		if who.Level == lifecycle.LevelDomain {
			return invalid("you cannot give this: name domains or a mailbox that you manage")
		}
		return err
	}
	if !mayManage(who, *g, s.o.Tenants) {
		if who.Level == lifecycle.LevelDomain {
			return invalid("you cannot give this: name domains or a mailbox that you manage")
		}
		return ErrForbidden
	}
	return nil
}

// Users lists the users that a scope manages, or audits, by name.
func (s *Service) Users(ctx context.Context, who scope.Scope) ([]User, error) {
	if !mayAudit(who) || who.Level == lifecycle.LevelMailbox {
		return nil, ErrForbidden
	}
	docs, err := s.o.Docs.ListDocs(ctx, "", kindUser, "")
	if err != nil {
		return nil, fmt.Errorf("listing users: %w", err)
	}
	out := []User{}
	for _, d := range docs {
		var r record
		if err := json.Unmarshal(d.JSON, &r); err != nil {
			s.o.Logger.Error("a user cannot be read", "user", d.Key, "err", err)
			continue
		}
		if mayHold(who, r.Grant, s.o.Tenants) {
			out = append(out, r.shown())
		}
	}
	return out, nil
}

// User gives one user. ErrNotFound, also for one that the scope does not manage.
func (s *Service) User(ctx context.Context, who scope.Scope, name string) (User, error) {
	r, _, err := s.seen(ctx, who, name)
	if err != nil {
		return User{}, err
	}
	return r.shown(), nil
}

// seen reads a user that a scope sees.
func (s *Service) seen(ctx context.Context, who scope.Scope, name string) (*record, uint64, error) {
	if !mayAudit(who) || who.Level == lifecycle.LevelMailbox {
		return nil, 0, ErrForbidden
	}
	name, err := userName(name)
	if err != nil {
		return nil, 0, ErrNotFound
	}
	r, rev, err := s.user(ctx, name)
	if err == nil && !mayHold(who, r.Grant, s.o.Tenants) {
		err = ErrNotFound
	}
	return r, rev, err
}

// user reads a user. ErrNotFound.
func (s *Service) user(ctx context.Context, name string) (*record, uint64, error) {
	r := new(record)
	rev, err := s.get(ctx, kindUser, name, r)
	return r, rev, err
}

// UserChange is what ChangeUser changes; nil leaves it.
type UserChange struct {
	Grant    *Grant
	Disabled *bool
	Password *string
	// ResetTOTP takes codes, recovery codes and passkeys away: for who lost them.
	ResetTOTP bool
}

// ChangeUser changes a user whom the scope manages. It ends their sessions.
func (s *Service) ChangeUser(ctx context.Context, who scope.Scope, name string, c UserChange) (User, error) {
	if who.Role != lifecycle.RoleOperator {
		return User{}, ErrForbidden
	}
	if c.Grant != nil {
		if err := s.mayGrant(who, c.Grant); err != nil {
			return User{}, err
		}
	}
	hash := ""
	if c.Password != nil {
		r, _, err := s.seen(ctx, who, name)
		if err != nil {
			return User{}, err
		}
		if err := checkPassword(r.Name, *c.Password); err != nil {
			return User{}, err
		}
		if hash, err = s.hashes.hash(ctx, *c.Password); err != nil {
			return User{}, err
		}
	}
	return s.change(ctx, name, func(r *record) error {
		if !mayHold(who, r.Grant, s.o.Tenants) {
			return ErrNotFound
		}
		if c.Grant != nil {
			r.Grant = *c.Grant
		}
		if c.Disabled != nil {
			r.Disabled = *c.Disabled
		}
		if c.Password != nil {
			r.Hash = hash
		}
		if c.ResetTOTP {
			r.Secret, r.Pending, r.Recovery, r.Passkeys, r.Handle = nil, nil, nil, nil, nil
		}
		r.Epoch++
		return nil
	})
}

// change applies f to a user until nobody else changed it meanwhile.
func (s *Service) change(ctx context.Context, name string, f func(*record) error) (User, error) {
	name, err := userName(name)
	if err != nil {
		return User{}, ErrNotFound
	}
	for {
		r, rev, err := s.user(ctx, name)
		if err != nil {
			return User{}, err
		}
		if err := f(r); err != nil {
			return User{}, err
		}
		err = s.put(ctx, kindUser, name, r, rev)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil {
			return User{}, fmt.Errorf("changing user %s: %w", name, err)
		}
		return r.shown(), nil
	}
}

// RemoveUser removes a user, and with them their sessions and the tokens they
// made.
func (s *Service) RemoveUser(ctx context.Context, who scope.Scope, name string) error {
	if who.Role != lifecycle.RoleOperator {
		return ErrForbidden
	}
	for {
		r, rev, err := s.seen(ctx, who, name)
		if err != nil {
			return err
		}
		err = s.o.Docs.DeleteDoc(ctx, "", kindUser, r.Name, rev)
		if errors.Is(err, store.ErrConflict) {
			continue
		}
		if err != nil && !errors.Is(err, store.ErrNotFound) {
			return fmt.Errorf("removing user %s: %w", r.Name, err)
		}
		s.forget(context.WithoutCancel(ctx), r)
		return nil
	}
}

// forget deletes what a user who was removed leaves. It holds no more in any
// case, so that what cannot be deleted is only logged.
func (s *Service) forget(ctx context.Context, gone *record) {
	for kind, theirs := range map[string]func([]byte) bool{
		kindToken: func(b []byte) bool {
			var r tokenRecord
			return json.Unmarshal(b, &r) == nil && r.Owner == gone.Name && r.Account == gone.ID
		},
		kindSession: func(b []byte) bool {
			var r sessionRecord
			return json.Unmarshal(b, &r) == nil && r.User == gone.Name
		},
	} {
		docs, err := s.o.Docs.ListDocs(ctx, "", kind, "")
		for _, d := range docs {
			if theirs(d.JSON) {
				err = errors.Join(err, s.remove(ctx, kind, d.Key))
			}
		}
		if err != nil {
			s.o.Logger.Warn("what a removed user leaves stays in the store; it holds no more", "user", gone.Name, "kind", kind, "err", err)
		}
	}
}
