package flow_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
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

// fates are the outcomes a tenant can have, one tenant for each, twice (so
// that two tenants with the same outcome can share a transaction).
var fates = []struct {
	letter byte
	name   string
	dest   string      // behaviour of the tenant's destination
	local  bool        // its recipients are known
	after  mail.Status // when the message is taken
}{
	{'d', "delivered", "accept", true, mail.StatusDelivered},
	{'p', "pending", "slow", true, mail.StatusDelivered},
	{'h', "held", "accept", true, mail.StatusStalled},
	{'q', "queueable", "defer", true, mail.StatusQueued},
	{'u', "unknown", "defer", false, mail.StatusQueued},
	{'r', "refused", "refuse", true, mail.StatusDeliveryFailed},
	{'j', "rejected", "accept", true, mail.StatusQuarantined},
	{'f', "unfiltered", "accept", true, mail.StatusAccepted},
}

// filters stands for the plugin host: its verdict is the tenant's name.
type filters struct{}

func (filters) Hooks(_ string, s abi.Stage) bool { return s == abi.StageMessage }

func (filters) Loaded(string) bool { return true }

func (filters) Run(_ context.Context, plugin string, ev *abi.Event, _ filter.MessageView) (*abi.Verdict, filter.Run, error) {
	v := &abi.Verdict{}
	finding := func(a abi.Action) {
		v.Findings = []abi.Finding{{Main: "test", Sub: a.String(), Action: a, Explanation: "told to"}}
	}
	switch {
	case strings.HasPrefix(ev.Tenant, "held"):
		finding(abi.ActionStall)
	case strings.HasPrefix(ev.Tenant, "rejected"):
		finding(abi.ActionReject)
	case strings.HasPrefix(ev.Tenant, "unfiltered"):
		return nil, ran, &filter.Failure{Plugin: plugin, Stage: ev.Stage, Kind: "trap", OnError: filter.Tempfail}
	}
	return v, ran, nil
}

// destination answers RCPT and the final dot as told.
func destination(t *testing.T, how string) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ln.Close() })
	go func() {
		for {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			go serve(c, how)
		}
	}()
	return ln.Addr().String()
}

func serve(c net.Conn, how string) {
	defer c.Close()
	r := bufio.NewReader(c)
	say := func(s string) { io.WriteString(c, s+"\r\n") }
	say("220 destination")
	for data := false; ; {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		line = strings.TrimRight(line, "\r\n")
		verb := strings.ToUpper(strings.SplitN(line, " ", 2)[0])
		switch {
		case data && line == ".":
			data = false
			if how == "slow" {
				time.Sleep(900 * time.Millisecond)
			}
			say("250 2.0.0 taken")
		case data:
		case verb == "EHLO":
			say("250 destination")
		case verb == "RCPT" && how == "defer":
			say("451 4.7.1 later")
		case verb == "RCPT" && (how == "refuse" || how == "half" && strings.Contains(line, "bad@")):
			say("550 5.1.1 no such user, says the destination")
		case verb == "DATA":
			data = true
			say("354 go")
		case verb == "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}

func gateway(t *testing.T) (*flow.Flow, *badgerstore.Store) {
	t.Helper()
	var hcl strings.Builder
	fmt.Fprintf(&hcl, "gateway {\n  hostname = \"mx.test\"\n  data_dir = %q\n  direct_inbound = \"300ms\"\n}\n", t.TempDir())
	hcl.WriteString("listener \"mx\" {\n  address = \"127.0.0.1:0\"\n  direction = \"inbound\"\n}\n")
	hcl.WriteString("plugin \"told\" { source = \"builtin:rules\" }\nruleset \"all\" {\n  filter \"told\" { plugin = plugin.told }\n}\n")
	for _, f := range fates {
		for _, k := range []string{"a", "b"} {
			verify := "none"
			if f.local {
				verify = "local"
			}
			fmt.Fprintf(&hcl, "tenant \"%s-%s\" {\n  domains = [\"%s-%s.test\"]\n  rulesets = [ruleset.all]\n  route {\n    hosts = [%q]\n    tls = \"none\"\n  }\n  recipients {\n    verify = %q\n    local = [\"*@%s-%s.test\"]\n  }\n}\n",
				f.name, k, f.name, k, destination(t, f.dest), verify, f.name, k)
		}
	}
	text := hcl.String()
	if strings.Contains(text, "unknown") { // nothing is known of these: no list at all
		for _, k := range []string{"a", "b"} {
			text = strings.Replace(text, fmt.Sprintf("    local = [\"*@unknown-%s.test\"]\n", k), "", 1)
		}
	}
	file := filepath.Join(t.TempDir(), "config.hcl")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, diags := policy.Load(file, policy.Options{})
	if diags.HasErrors() {
		t.Fatal(diags)
	}
	log := slog.New(slog.DiscardHandler)
	st, err := badgerstore.Open(badgerstore.Options{Dir: p.Gateway().DataDir, Logger: log, FreeWatermark: 100 << 20, BallastSize: -1, Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	engine := deliver.New(deliver.Options{Hostname: "mx.test", Cooldown: -1})
	checker := verify.New(verify.Options{Prober: engine})
	snap := func() *policy.Policy { return p }
	f := flow.New(flow.Options{
		Policy: snap, Filters: filters{}, Store: st, Engine: engine, Verify: checker, Now: time.Now, Logger: log,
		Notices: &queue.Composer{Store: st, Policy: snap, Now: time.Now, Logger: log},
	})
	t.Cleanup(func() {
		f.Wait()
		checker.Close()
		engine.Close()
		st.Close()
	})
	return f, st
}

// TestMixedOutcomes sends one message to two tenants, for every pair of
// outcomes, and checks the one reply and what became of each recipient.
func TestMixedOutcomes(t *testing.T) {
	t.Parallel()
	f, st := gateway(t)
	matrix := map[string]string{ // by hand, from the architecture document
		"dd": "250", "dp": "250", "dh": "250", "dq": "250", "du": "250", "dr": "250", "dj": "250", "df": "250",
		"pp": "250", "ph": "250", "pq": "250", "pu": "250", "pr": "250", "pj": "250", "pf": "250",
		"hh": "250", "hq": "250", "hu": "250", "hr": "250", "hj": "250", "hf": "250",
		"qq": "250", "qu": "451", "qr": "250", "qj": "250", "qf": "250",
		"uu": "451", "ur": "451", "uj": "451", "uf": "451",
		"rr": "550", "rj": "550", "rf": "451", "jj": "550", "jf": "451", "ff": "451",
	}
	for i, a := range fates {
		for _, b := range fates[i:] {
			cell := string(a.letter) + string(b.letter)
			t.Run(a.name+"_and_"+b.name, func(t *testing.T) {
				t.Parallel()
				reply, id := send(t, f, "r@"+a.name+"-a.test", "r@"+b.name+"-b.test")
				if fmt.Sprint(reply.Code) != matrix[cell] {
					t.Fatalf("answered %v, want %s", reply, matrix[cell])
				}
				want := [2]mail.Status{a.after, b.after}
				switch {
				case reply.Permanent():
					want = [2]mail.Status{mail.StatusRejected, mail.StatusRejected}
				case reply.Temporary():
					want = [2]mail.Status{mail.StatusNotAccepted, mail.StatusNotAccepted}
				}
				settled(t, st, id, want)
				if a.letter == 'r' && reply.Permanent() && !strings.Contains(reply.Text, "says the destination") {
					t.Errorf("the destination's own words did not reach the client (B66): %v", reply)
				}
			})
		}
	}
}

// send runs one transaction and returns the reply after DATA.
func send(t *testing.T, f *flow.Flow, to ...string) (mail.Reply, mail.ID) {
	t.Helper()
	ctx := t.Context()
	peer := &smtpd.Peer{Listener: "mx", Direction: mail.Inbound, Remote: netip.MustParseAddrPort("127.0.0.1:999"), Helo: "client.test", ESMTP: true, Session: "s"}
	tx, err := f.Connect(ctx, peer)
	if err != nil {
		t.Fatal(err)
	}
	defer tx.Close(nil)
	from, _ := mail.ParseAddress("s@client.test")
	if err := tx.Mail(ctx, from, mail.MailParams{}); err != nil {
		t.Fatal(err)
	}
	for _, s := range to {
		a, err := mail.ParseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		if err := tx.Rcpt(ctx, a, mail.RcptParams{}); err != nil {
			t.Fatalf("%s: %v", s, err)
		}
	}
	m, err := tx.Data(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(m, "From: s@client.test\r\nSubject: mix\r\n\r\nhello\r\n"); err != nil {
		t.Fatal(err)
	}
	reply := m.Commit(ctx)
	id := flow.LastID(tx)
	return reply, id
}

// settled waits until the recipients have the statuses wanted.
func settled(t *testing.T, st store.Store, id mail.ID, want [2]mail.Status) {
	t.Helper()
	var got []mail.Status
	for range 200 {
		if err := st.Sync(t.Context()); err != nil {
			t.Fatal(err)
		}
		m, err := st.Get(t.Context(), id)
		if err == nil && len(m.Recipients) == 2 {
			got = []mail.Status{m.Recipients[0].Status, m.Recipients[1].Status}
			if got[0] == want[0] && got[1] == want[1] {
				return
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("recipients ended as %v, want %v", got, want)
}
