package nettools

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/dnstest"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/verify"
	"github.com/mailweir/weir/policy"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const rigPolicy = `
gateway {
  hostname = "mx.weir.test"
  data_dir = "./var"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
tenant "acme" {
  domains = ["acme.test", "acme.example.test"]
  route {
    hosts = ["ACME"]
  }
  recipients { local = ["boss@acme.test"] }
}
tenant "beta" {
  domains = ["beta.test"]
  route {
    hosts = ["BETA"]
  }
}
route "partner" {
  hosts = ["PARTNER"]
}
via "partners" {
  recipient = ["*@partner.test"]
  route     = route.partner
}
via "gone" {
  recipient = ["gone.test"]
  reject    = "gone.test was closed"
}
`

// rig is a gateway's tools between destinations and a name server.
type rig struct {
	*testing.T
	*Tools
	acme, beta, partner *smtptest.Peer
	dns                 *dnstest.Server
	messages            messages
	mu                  sync.Mutex
	now                 time.Time
}

type messages map[mail.ID]*store.Message

func (m messages) Resolve(_ context.Context, prefix string) (mail.ID, error) {
	for id := range m {
		if strings.HasPrefix(id.String(), prefix) {
			return id, nil
		}
	}
	return mail.ID{}, store.ErrNotFound
}

func (m messages) Get(_ context.Context, id mail.ID) (*store.Message, error) {
	if x := m[id]; x != nil {
		return x, nil
	}
	return nil, store.ErrNotFound
}

func (m messages) Search(_ context.Context, f query.Filter, _ string, _ int) (out []store.Row, _ string, _ error) {
	match, err := query.Compile(f, time.Now())
	if err != nil {
		return nil, "", err
	}
	for _, x := range m {
		for i := range x.Recipients {
			if r := (store.Row{Message: x, Recipient: &x.Recipients[i]}); match.Match(r) {
				out = append(out, r)
			}
		}
	}
	return out, "", nil
}

// users is a server that knows bob and gives the world 250 for nobody else.
func users(known ...string) smtptest.Script {
	return smtptest.Script{Ext: []string{"PIPELINING", "SIZE 1000000"}, Rcpt: func(a string) string {
		for _, k := range known {
			if a == k {
				return ""
			}
		}
		return "550 5.1.1 <" + a + ">: no such user"
	}}
}

func newRig(t *testing.T, zone string, set func(*Options, *deliver.Options), edit ...func(string) string) *rig {
	t.Helper()
	r := &rig{T: t, messages: messages{}, now: time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)}
	r.acme = smtptest.Start(t, users("bob@acme.test", "boss@acme.test"))
	r.beta = smtptest.Start(t, users("bob@beta.test"))
	r.partner = smtptest.Start(t, users("ann@partner.test"))
	r.dns = dnstest.Start(t, zone, dnstest.Options{Signed: []string{"signed.test"}})
	text := strings.NewReplacer("ACME", r.acme.Addr, "BETA", r.beta.Addr, "PARTNER", r.partner.Addr).Replace(rigPolicy)
	for _, f := range edit {
		text = f(text)
	}
	file := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := policy.Load(file, policy.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	dns := resolver.New(resolver.Options{Servers: []string{r.dns.Addr}, HostsFile: "none"})
	eo := deliver.Options{Resolver: dns, DANE: dns, Hostname: "mx.weir.test", Loopback: true, Cooldown: -1}
	o := Options{
		Policy: func() *policy.Policy { return p }, Messages: r.messages, DNS: dns, Now: r.clock,
		Outward: func() []netip.Addr { return nil },
	}
	if set != nil {
		set(&o, &eo)
	}
	e := deliver.New(eo)
	t.Cleanup(e.Close)
	c := verify.New(verify.Options{Prober: e, Now: r.clock})
	t.Cleanup(c.Close)
	o.Engine, o.Recipients = e, c
	r.Tools = New(o)
	return r
}

func (r *rig) clock() time.Time { r.mu.Lock(); defer r.mu.Unlock(); return r.now }
func (r *rig) add(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now = r.now.Add(d)
}

func (r *rig) addr(s string) mail.Address {
	r.Helper()
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		r.Fatal(err)
	}
	return a
}

// message adds one with its recipients, all of one tenant.
func (r *rig) message(dir mail.Direction, tenant, from string, to ...string) string {
	r.Helper()
	m := &store.Message{ID: mail.NewID(r.clock()), Direction: dir, Sender: r.addr(from), HasBody: true}
	for i, s := range to {
		m.Recipients = append(m.Recipients, store.Recipient{N: i + 1, Tenant: tenant, Address: r.addr(s), Status: mail.StatusQueued})
	}
	r.messages[m.ID] = m
	return m.ID.String()
}

var (
	admin   = scope.Admin("root")
	acmes   = scope.Domain("anna@acme.test", "acme.test")
	mailbox = scope.Mailbox("bob@acme.test", "bob@acme.test")
)

// said tells whether a peer got a line that begins so.
func got(p *smtptest.Peer, prefix string) bool {
	for _, l := range p.Lines() {
		if strings.HasPrefix(l, prefix) {
			return true
		}
	}
	return false
}
