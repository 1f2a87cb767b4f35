package flow_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/smtpd"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
	"github.com/mailweir/weir/gateway/internal/verify"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// told is a plugin host that says what a test wants.
type told struct {
	stages []abi.Stage
	gone   atomic.Bool // a reload took the plugin away
	say    func(ctx context.Context, ev *abi.Event, v *abi.Verdict) error
}

func (f *told) Hooks(_ string, s abi.Stage) bool {
	for _, h := range f.stages {
		if h == s && !f.gone.Load() {
			return true
		}
	}
	return false
}

func (f *told) Loaded(string) bool { return !f.gone.Load() }

// ran is what the plugin host tells of a call.
var ran = filter.Run{Digest: "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", Took: 1500 * time.Microsecond}

func (f *told) Run(ctx context.Context, plugin string, ev *abi.Event, _ filter.MessageView) (*abi.Verdict, filter.Run, error) {
	if f.gone.Load() {
		return nil, ran, &filter.Failure{Plugin: plugin, Stage: ev.Stage, Kind: filter.KindLoad, OnError: filter.Tempfail}
	}
	v := &abi.Verdict{}
	return v, ran, f.say(ctx, ev, v)
}

// finds is a verdict of one finding.
func finds(v *abi.Verdict, sub string, a abi.Action) {
	v.Findings = append(v.Findings, abi.Finding{Main: "test", Sub: sub, Action: a, Explanation: "told to"})
}

func failed(ev *abi.Event, how filter.OnError) error {
	return &filter.Failure{Plugin: "told", Stage: ev.Stage, Kind: filter.KindTrap, OnError: how}
}

// rig is a flow over a real store and real destinations.
type rig struct {
	t      *testing.T
	f      *flow.Flow
	st     *badgerstore.Store
	o      flow.Options
	policy atomic.Pointer[policy.Policy]
}

// rigPolicy has two tenants behind one plugin, and one that is outside.
const rigPolicy = `gateway {
  hostname       = "mx.test"
  data_dir       = %q
  direct_inbound = "400ms"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  %s
}
listener "submission" {
  address   = "127.0.0.1:0"
  direction = "outbound"
  allow     = ["127.0.0.0/8"]
}
plugin "told" { source = "builtin:rules" }
ruleset "all" {
  filter "told" { plugin = plugin.told }
  %s
}
`

func tenant(name, dest, more string) string {
	return fmt.Sprintf(`tenant %q {
  domains  = ["%s.test"]
  rulesets = [ruleset.all]
  route {
    hosts = [%q]
    tls   = "none"
  }
  recipients {
    verify = "local"
    local  = ["*@%s.test"]
  }
  %s
}
`, name, name, dest, name, more)
}

func newRig(t *testing.T, fs flow.Filters, hcl string, change func(*flow.Options)) *rig {
	t.Helper()
	r := &rig{t: t}
	r.load(hcl)
	log := slog.New(slog.DiscardHandler)
	st, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), Logger: log, FreeWatermark: 100 << 20, BallastSize: -1, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	engine := deliver.New(deliver.Options{Hostname: "mx.test", Cooldown: -1})
	checker := verify.New(verify.Options{Prober: engine})
	snap := r.policy.Load
	o := flow.Options{
		Policy: snap, Filters: fs, Store: st, Engine: engine, Verify: checker, Now: time.Now, Logger: log,
		Notices: &queue.Composer{Store: st, Policy: snap, Now: time.Now, Logger: log},
		Stop:    func(err error) { t.Errorf("the process was stopped: %v", err) },
	}
	if change != nil {
		change(&o)
	}
	r.f, r.st, r.o = flow.New(o), st, o
	t.Cleanup(func() {
		r.f.Wait()
		checker.Close()
		engine.Close()
		st.Close()
	})
	return r
}

// load puts a policy in force; %-verbs of rigPolicy are filled in by the caller.
func (r *rig) load(hcl string) {
	r.t.Helper()
	file := filepath.Join(r.t.TempDir(), "config.hcl")
	if err := os.WriteFile(file, []byte(hcl), 0o600); err != nil {
		r.t.Fatal(err)
	}
	p, diags := policy.Load(file, policy.Options{})
	if diags.HasErrors() {
		r.t.Fatal(diags)
	}
	r.policy.Store(p)
}

func base(listener, actions string, tenants ...string) string {
	return fmt.Sprintf(rigPolicy, "./var", listener, actions) + strings.Join(tenants, "")
}

// open begins a session.
func (r *rig) open(dir mail.Direction) smtpd.Transaction {
	r.t.Helper()
	l := "mx"
	if dir == mail.Outbound {
		l = "submission"
	}
	tx, err := r.f.Connect(r.t.Context(), &smtpd.Peer{Listener: l, Direction: dir, Remote: netip.MustParseAddrPort("127.0.0.1:999"), Helo: "client.test", ESMTP: true, Session: "s"})
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { tx.Close(nil) })
	return tx
}

func addr(t *testing.T, s string) mail.Address {
	t.Helper()
	if s == "" {
		return mail.Address{}
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

const plainMail = "From: s@acme.test\r\nSubject: a test\r\n\r\nhello\r\n"

// send runs a transaction to its reply after DATA.
func (r *rig) send(tx smtpd.Transaction, ctx context.Context, from string, to ...string) (mail.Reply, mail.ID) {
	r.t.Helper()
	if err := tx.Mail(r.t.Context(), addr(r.t, from), mail.MailParams{}); err != nil {
		r.t.Fatal(err)
	}
	for _, s := range to {
		if err := tx.Rcpt(r.t.Context(), addr(r.t, s), mail.RcptParams{}); err != nil {
			r.t.Fatalf("%s: %v", s, err)
		}
	}
	m, err := tx.Data(r.t.Context())
	if err != nil {
		r.t.Fatal(err)
	}
	if _, err := io.WriteString(m, plainMail); err != nil {
		r.t.Fatal(err)
	}
	reply := m.Commit(ctx)
	id := flow.LastID(tx)
	tx.Reset()
	return reply, id
}

// inbound sends from an unknown client.
func (r *rig) inbound(to ...string) (mail.Reply, *store.Message) {
	r.t.Helper()
	reply, id := r.send(r.open(mail.Inbound), r.t.Context(), "s@client.test", to...)
	return reply, r.get(id)
}

func (r *rig) get(id mail.ID) *store.Message {
	r.t.Helper()
	if err := r.st.Sync(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
	m, err := r.st.Get(r.t.Context(), id)
	if err != nil {
		r.t.Fatal(err)
	}
	return m
}

// want checks the code, and recipients as "address=status".
func (r *rig) want(reply mail.Reply, m *store.Message, code int, want ...string) {
	r.t.Helper()
	var got []string
	for _, x := range m.Recipients {
		got = append(got, x.Address.String()+"="+string(x.Status))
	}
	if reply.Code != code || strings.Join(got, " ") != strings.Join(want, " ") {
		r.t.Errorf("answered %v with %v, want %d with %v", reply, got, code, want)
	}
}

// claim leases what is due, which is one piece of work.
func (r *rig) claim() store.Lease {
	r.t.Helper()
	cs, err := r.st.Claim(r.t.Context(), store.ClaimRequest{Now: r.o.Now(), Limit: 10, For: time.Minute})
	if err != nil || len(cs) != 1 {
		r.t.Fatalf("%d claims, %v", len(cs), err)
	}
	return cs[0].Lease
}
