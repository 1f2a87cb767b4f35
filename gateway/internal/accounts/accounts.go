package accounts

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Options make a Service. Docs, Tenants and Key are needed.
type Options struct {
	Docs    store.Docs
	Tenants Tenants
	// Key seals what must be read again (secrets of TOTP) and signs what a
	// browser carries between two steps; at least 32 octets.
	Key    []byte
	Clock  func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: nothing is logged

	// Bootstrap is the token of data_dir/admin.token: an administrator who
	// needs no account. nil or "": there is none.
	Bootstrap func() string
	// Idle and Longest end a session: that much after its last use, and after
	// sign-in. nil or 0: 1 h and 12 h.
	Limits func() (idle, longest time.Duration)
	// URL is how people reach the listener (nil or "": unknown): whether
	// cookies go over https only, and the name passkeys are bound to.
	URL func() string
	// Proxies are who may say whom they ask for (X-Forwarded-For); nil: nobody.
	Proxies func() []netip.Prefix
	// Providers are those of OpenID Connect; nil: none.
	Providers func() []Provider
	// Post mails links to sign in with; nil: none are mailed. Links tells whether
	// the policy wants them; nil: it does.
	Post  Post
	Links func() bool
	// Hashing is how many passwords are hashed at one time, 20 MiB each; 0: 4.
	Hashing int
}

// Service keeps accounts. It is safe in parallel.
type Service struct {
	o      Options
	hashes *hasher
	seal   sealer
	slow   *throttle
	once   *once
	asked  *ration
	links  chan linkOrder
	idps   providers
}

// New makes a Service.
func New(o Options) (*Service, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Limits == nil {
		o.Limits = func() (time.Duration, time.Duration) { return 0, 0 }
	}
	if o.URL == nil {
		o.URL = func() string { return "" }
	}
	if o.Bootstrap == nil {
		o.Bootstrap = func() string { return "" }
	}
	if o.Proxies == nil {
		o.Proxies = func() []netip.Prefix { return nil }
	}
	if o.Providers == nil {
		o.Providers = func() []Provider { return nil }
	}
	if o.Links == nil {
		o.Links = func() bool { return true }
	}
	if o.Hashing <= 0 {
		o.Hashing = 4
	}
	seal, err := newSealer(o.Key)
	if err != nil {
		return nil, err
	}
	return &Service{
		o: o, hashes: newHasher(o.Hashing, hashWait), seal: seal, slow: newThrottle(o.Clock), once: newOnce(o.Clock),
		asked: newRation(o.Clock, linkWindow), links: make(chan linkOrder, linkQueue),
	}, nil
}

// hashWait is how long a sign-in waits for its turn.
const hashWait = 5 * time.Second

func (s *Service) now() time.Time { return s.o.Clock().UTC() }

// get reads a document; ErrNotFound.
func (s *Service) get(ctx context.Context, kind, key string, into any) (uint64, error) {
	d, err := s.o.Docs.GetDoc(ctx, "", kind, key)
	if errors.Is(err, store.ErrNotFound) {
		return 0, ErrNotFound
	}
	if err != nil {
		return 0, fmt.Errorf("reading a %s: %w", kind, err)
	}
	if err := json.Unmarshal(d.JSON, into); err != nil {
		return 0, fmt.Errorf("reading a %s: %w", kind, err)
	}
	return d.Rev, nil
}

func (s *Service) put(ctx context.Context, kind, key string, from any, rev uint64) error {
	b, err := json.Marshal(from)
	if err != nil {
		return err
	}
	_, err = s.o.Docs.PutDoc(ctx, store.Doc{Kind: kind, Key: key, JSON: b}, rev)
	return err
}

// digest is how a secret of full strength is kept.
func digest(secret string) string {
	h := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(h[:])
}
