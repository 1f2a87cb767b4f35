package accounts

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// The vectors of RFC 6238, appendix B, for SHA-1.
func TestCodesOfRFC6238(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130"} {
		if got := hotp(secret, uint64(at)/totpStep, 8); got != want {
			t.Errorf("%d: %s, want %s", at, got, want)
		}
	}
	now := time.Unix(1_800_000_000, 0)
	c := uint64(now.Unix()) / totpStep
	for d, ok := range map[int]bool{-2: false, -1: true, 0: true, 1: true, 2: false} {
		if _, got := totpCounter(secret, hotp(secret, c+uint64(d), totpDigits), now, 0); got != ok {
			t.Errorf("a code %d steps away: %v", d, got)
		}
	}
	if _, ok := totpCounter(secret, hotp(secret, c, totpDigits), now, c); ok {
		t.Error("a code is taken twice")
	}
}

func TestPasswords(t *testing.T) {
	h := newHasher(2, time.Second)
	phc, err := h.hash(t.Context(), "a long enough passphrase")
	if err != nil || !strings.HasPrefix(phc, "$argon2id$v=19$m=19456,t=2,p=1$") {
		t.Fatalf("%q %v", phc, err)
	}
	for _, c := range []struct {
		phc, password string
		want          bool
	}{{phc, "a long enough passphrase", true}, {phc, "a long enough passphras", false}, {phc, "", false}, {"", "nobody's password", false}, {"", "", false}} {
		if got, err := h.matches(t.Context(), c.phc, c.password); err != nil || got != c.want {
			t.Errorf("%q: %v %v", c.password, got, err)
		}
	}
	for _, bad := range []string{"x", "$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA", "$argon2i$v=19$m=19456,t=2,p=1$AAAA$AAAA", strings.Replace(phc, "t=2", "t=0", 1)} {
		if ok, err := h.matches(t.Context(), bad, "x"); ok || err == nil {
			t.Errorf("%q is calculated", bad)
		}
	}
	for password, ok := range map[string]bool{"short": false, "aaaaaaaaaaaaaaa": false, "xx anna@acme.test": false, "password123": false, "Sphinx of quartz": true, "ünïcödé pässwörd": true} {
		if err := checkPassword("anna@acme.test", password); (err == nil) != ok {
			t.Errorf("%q: %v", password, err)
		}
	}
}

// Only so many are hashed at one time; whoever waits too long is told.
func TestHashingIsBounded(t *testing.T) {
	h := newHasher(1, 20*time.Millisecond)
	done, err := h.turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.matches(t.Context(), "", "x"); !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := h.turn(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	done()
	if _, err := h.matches(t.Context(), "", "x"); err != nil {
		t.Error(err)
	}
}

// A name that is not there takes as long as one that is: both are hashed with
// the same parameters.
func TestNobodyTakesAsLong(t *testing.T) {
	h := newHasher(1, time.Minute)
	phc, err := h.hash(t.Context(), "a long enough passphrase")
	if err != nil {
		t.Fatal(err)
	}
	median := func(phc string) time.Duration {
		var all []time.Duration
		for range 15 {
			start := time.Now()
			if ok, err := h.matches(t.Context(), phc, "another passphrase"); ok || err != nil {
				t.Fatal(ok, err)
			}
			all = append(all, time.Since(start))
		}
		slices.Sort(all)
		return all[len(all)/2]
	}
	there, none := median(phc), median("")
	if none < there/3 || there < none/3 { // one would be a thousand times shorter
		t.Errorf("a wrong password takes %s, no such name %s", there, none)
	}
}

func TestThrottle(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	th := newThrottle(func() time.Time { return now })
	var wait *Wait
	tries := func(name, source string, n int) (last error) {
		for range n {
			if last = th.begin(name, source); last != nil {
				return last
			}
		}
		return nil
	}
	if err := tries("anna", "192.0.2.1", 5); err != nil {
		t.Fatal(err)
	}
	for _, want := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900} {
		err := th.begin("anna", "192.0.2.1")
		if !errors.As(err, &wait) || wait.For != want*time.Second {
			t.Fatalf("%v, want %ds", err, want)
		}
		now = now.Add(wait.For)
		if err := th.begin("anna", "192.0.2.1"); err != nil {
			t.Fatal(err)
		}
	}
	// From elsewhere its owner still comes in.
	if err := th.begin("anna", "192.0.2.9"); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	th.right("anna", "192.0.2.1")
	if err := th.begin("anna", "192.0.2.1"); err != nil {
		t.Errorf("after a right one: %v", err)
	}
	// One network tries many names.
	var err error
	for i := range 40 {
		if err = th.begin(fmt.Sprint("user", i), fmt.Sprintf("2001:db8::%x", i)); err != nil {
			break
		}
	}
	if !errors.As(err, &wait) {
		t.Error("a network may try names without end")
	}
	// Many networks try one name: it is slowed down, a little.
	now = now.Add(2 * time.Hour)
	for i := range 60 {
		if err = th.begin("otto", fmt.Sprintf("198.51.100.%d", i)); err != nil {
			break
		}
	}
	if !errors.As(err, &wait) || wait.For > mostName {
		t.Errorf("many networks: %v", err)
	}
}

func TestThrottleCountsWhatIsUnderWay(t *testing.T) {
	th := newThrottle(time.Now)
	var wg sync.WaitGroup
	var mu sync.Mutex
	let := 0
	for range 50 {
		wg.Go(func() {
			if th.begin("anna", "192.0.2.1") == nil {
				mu.Lock()
				let++
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if let > freePair {
		t.Errorf("%d guesses at one time were let through", let)
	}
}

type hosted map[string][]string

func (h hosted) Domains(t string) ([]string, bool) { d, ok := h[t]; return d, ok }
func (h hosted) TenantOf(domain string) (string, bool) {
	for t, ds := range h {
		if slices.Contains(ds, domain) {
			return t, true
		}
	}
	return "", false
}

// Who may manage whom.
func TestGrants(t *testing.T) {
	ts := hosted{"acme": {"acme.test", "acme.example"}, "beta": {"beta.test"}}
	whole := scope.Domain("a", "acme.test", "acme.example").Within("acme")
	part := scope.Domain("a", "acme.test").Within("acme")
	auditor := scope.Admin("a")
	auditor.Role = lifecycle.RoleAuditor
	admin, all := Grant{Level: lifecycle.LevelAdmin}, Grant{Level: lifecycle.LevelDomain, Tenant: "acme"}
	one := Grant{Level: lifecycle.LevelDomain, Tenant: "acme", Domains: []string{"acme.test"}}
	box := Grant{Level: lifecycle.LevelMailbox, Tenant: "acme", Mailbox: "x@acme.example"}
	beta := Grant{Level: lifecycle.LevelDomain, Tenant: "beta"}
	for i, c := range []struct {
		s    scope.Scope
		want [5]bool // admin, all, one, box, beta
	}{
		{scope.Admin("a"), [5]bool{true, true, true, true, true}},
		{auditor, [5]bool{}},
		{whole, [5]bool{false, true, true, true, false}},
		{part, [5]bool{false, false, true, false, false}},
		{scope.Mailbox("a", "x@acme.example").Within("acme"), [5]bool{false, false, false, true, false}},
		{scope.Tenant("plugin", "acme"), [5]bool{}},
		{scope.Scope{}, [5]bool{}},
	} {
		for j, g := range []Grant{admin, all, one, box, beta} {
			if got := mayManage(c.s, g, ts); got != c.want[j] {
				t.Errorf("%d: %+v: %v", i, g, got)
			}
		}
	}
	for name, g := range map[string]Grant{
		"level": {Level: "root"}, "role": {Level: "admin", Role: "boss"}, "admin of a tenant": {Level: "admin", Tenant: "acme"}, "tenant": {Level: "domain", Tenant: "x"},
		"domain": {Level: "domain", Tenant: "acme", Domains: []string{"beta.test"}}, "mailbox": {Level: "mailbox", Mailbox: "x@far.test"}, "no mailbox": {Level: "mailbox"},
	} {
		if err := g.tidy(ts); !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A domain that the policy takes away is not seen any more.
	s, err := Grant{Level: lifecycle.LevelDomain, Tenant: "acme", Domains: []string{"acme.test", "gone.test"}}.scope("a", ts)
	if err != nil || !slices.Equal(s.Domains, []string{"acme.test"}) || s.TenantName() != "acme" {
		t.Errorf("%+v %v", s, err)
	}
	if _, err := (Grant{Level: lifecycle.LevelDomain, Tenant: "acme", Domains: []string{"gone.test"}}).scope("a", ts); err == nil {
		t.Error("a grant of no domain is let in")
	}
}

func TestSealed(t *testing.T) {
	s, err := newSealer(bytes.Repeat([]byte("k"), 32))
	if err != nil {
		t.Fatal(err)
	}
	b := s.seal([]byte("secret"), "anna")
	if got, err := s.open(b, "anna"); err != nil || string(got) != "secret" {
		t.Errorf("%q %v", got, err)
	}
	if _, err := s.open(b, "otto"); err == nil {
		t.Error("opens for somebody else")
	}
	if _, err := s.open(b[:5], "anna"); err == nil {
		t.Error("a part opens")
	}
	if _, err := newSealer([]byte("short")); err == nil {
		t.Error("a short key is taken")
	}
}
