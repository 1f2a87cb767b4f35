package sqlindex

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

var now = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

func newIndex(t testing.TB) *Index {
	t.Helper()
	x, err := Open(t.Context(), t.TempDir(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.Close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// small are steps with which a short history is gone through as a long one is.
var small = steps{few: 12, fewWords: 6, many: 200, firstStep: 16, maxStep: 40, firstTally: 20, maxTally: 60}

func planOf(t testing.TB, x *Index, f query.Filter) plan {
	t.Helper()
	a, err := x.ask(Question{Filter: f, Now: now, Limit: 500, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	v, end, err := x.look(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer end()
	pl, err := v.plan(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	return pl
}

func address(t testing.TB, s string) mail.Address {
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

// sample makes messages of every kind, the oldest first.
func sample(t testing.TB, n int) []*store.Message {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(vs ...string) string { return vs[r.IntN(len(vs))] }
	var out []*store.Message
	at := now.Add(-time.Duration(n) * time.Minute)
	for i := range n {
		at = at.Add(time.Duration(r.IntN(2)) * time.Minute) // some at the same time
		m := &store.Message{
			ID: mail.NewID(at), Received: at, Direction: mail.Inbound, Sender: address(t, pick("", "ann@Far.test", "bob@far.test", "carl@near.test", "Ünï@far.test")),
			Size: int64(r.IntN(100000)), Kind: pick("", "", "dsn"), Policy: "p1", HasBody: r.IntN(2) == 0,
			Client:  mail.Client{TLS: pick("", "TLS1.3"), Addr: netip.MustParseAddrPort(pick("192.0.2.1:25", "192.0.2.77:25", "[2001:db8::1]:25")), Helo: "h", Name: pick("", "mx.far.test")},
			Summary: store.Summary{Subject: pick("Invoice 42", "Re: INVOICE", "Grüße [aus] Köln", "50% off*", "x", ""), From: "From <f@x.test>", To: "you", MessageID: fmt.Sprintf("<%d@x>", i)},
		}
		if r.IntN(3) == 0 {
			m.Direction = mail.Outbound
		}
		if r.IntN(4) == 0 {
			m.Summary.Attachments = []string{"a.zip", pick("Report.PDF", "b\nc.txt")}
		}
		if r.IntN(9) == 0 {
			m.Client.Addr = netip.AddrPort{}
		}
		for k := range 1 + r.IntN(3) {
			rc := store.Recipient{
				N: k + 1, Address: address(t, pick("you@acme.test", "it@acme.test", "x@beta.test")), Tenant: pick("acme", "beta"),
				Status: mail.Statuses()[r.IntN(len(mail.Statuses()))], Changed: at.Add(time.Minute), Score: float64(r.IntN(20)),
				Class: mail.Class{Main: pick("", "spam", "list"), Sub: pick("", "sender")}, Route: "r1", Attempts: r.IntN(3), Tags: []string{pick("t1", "t2")},
				Archived: r.IntN(3) == 0, Identity: pick("", "i1"), Findings: []mail.Finding{{Filter: "f1", Explanation: pick("", "found a thing", "or\nnot")}},
			}
			if r.IntN(3) > 0 {
				rc.Filters = []mail.FilterRun{{Filter: "f1", Plugin: "rules", Digest: "0123456789abcdef", Stages: []mail.StageRun{{Stage: "message", Micros: int64(r.IntN(9000))}}},
					{Filter: "f2", Plugin: pick("Bayes", "rules"), Digest: "fedcba9876543210", Stages: []mail.StageRun{{Stage: "message", Micros: 700}}}}
			}
			if r.IntN(5) == 0 {
				rc.Original = address(t, "Old@was.test")
			}
			if r.IntN(3) == 0 {
				rc.Last = mail.NewReply(550, "5.1.1", "no such user")
				rc.LastAddr = "192.0.2.9:25"
				rc.Next = at.Add(time.Hour)
			}
			m.Recipients = append(m.Recipients, rc)
		}
		out = append(out, m)
	}
	return out
}

func apply(t testing.TB, x *Index, applied uint64, ms ...*store.Message) {
	t.Helper()
	var cs []Change
	for _, m := range ms {
		cs = append(cs, Change{m.ID, m})
	}
	if err := x.Apply(t.Context(), State{"e1", applied}, cs); err != nil {
		t.Fatal(err)
	}
}

// all reads every page.
func all(t testing.TB, x *Index, f query.Filter, limit int) (out []Key, exact bool) {
	t.Helper()
	for cursor := (Position{}); ; {
		p, err := x.Search(t.Context(), Question{Filter: f, Now: now, After: cursor, Limit: limit, Budget: time.Minute})
		if err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		out, exact = append(out, p.Keys...), p.Exact
		if cursor = p.Next; !p.More {
			return out, exact
		}
	}
}

// expected is what the matcher finds, newest first.
func expected(t testing.TB, ms []*store.Message, f query.Filter) (out []Key) {
	t.Helper()
	match, err := query.Compile(f, now)
	if err != nil {
		t.Fatal(err)
	}
	ms = slices.Clone(ms)
	slices.SortFunc(ms, func(a, b *store.Message) int { return slices.Compare(b.ID[:], a.ID[:]) })
	for _, m := range ms {
		for i := range m.Recipients {
			if match.Match(store.Row{Message: m, Recipient: &m.Recipients[i]}) {
				out = append(out, Key{m.ID, m.Recipients[i].N})
			}
		}
	}
	return out
}

// sumsOf sums rows up by a field.
func sumsOf(ms []*store.Message, keys []Key, field string) map[string]int {
	sums := map[string]int{}
	for _, k := range keys {
		for _, m := range ms {
			for i := range m.Recipients {
				if m.ID == k.ID && m.Recipients[i].N == k.N {
					vs := store.Row{Message: m, Recipient: &m.Recipients[i]}.Text(field)
					if len(vs) == 0 {
						vs = []string{""}
					}
					for _, v := range vs {
						sums[query.Key(v)]++
					}
				}
			}
		}
	}
	return sums
}

func TestFindsWhatTheMatcherFinds(t *testing.T) {
	t.Run("usual", func(t *testing.T) { findsWhatTheMatcherFinds(t, usual) })
	t.Run("small", func(t *testing.T) { findsWhatTheMatcherFinds(t, small) })
}

func findsWhatTheMatcherFinds(t *testing.T, st steps) {
	ms := sample(t, 400)
	x := newIndex(t)
	x.steps = st
	apply(t, x, 1, ms[:200]...)
	apply(t, x, 2, ms[200:]...)
	filters := []string{
		"", "status:queued", "-status:queued", "tenant:acme", "tenant:ACME status:delivered", "direction:outbound tenant:beta", "sender:ann@far.test",
		"sender:ANN@FAR.TEST -tenant:acme", `sender:""`, "sender:<>", "sender:*@far.test", "sender_domain:far.test direction:inbound", "sender:ünï@far.test",
		"recipient:you@acme.test", "recipient:old@was.test", "recipient_domain:was.test", "recipient_domain:acme.test status:stalled", "-recipient:old@was.test",
		"recipient:*@acme.test", "recipient:~acme", "client:192.0.2.1", "client:192.0.2.0/24", "-client:192.0.2.0/24", "client:2001:db8::/32", "client:192.0.2.*",
		"subject:invoice", "subject:INVOICE tenant:acme", "subject:voi", "subject:in", `subject:"köln"`, `subject:"[aus]"`, `subject:"off*"`, `subject:*off\*`, "-subject:invoice", `subject:=""`,
		"class:spam", "class:spam/sender", "main:list", "-class:spam", "sub:sender", "attachment:report.pdf", "attachment:zip", `attachment:=a.zip`, "-attachment:zip",
		"size:>5000", "score:>=10", "-score:3", "code:550", "-code:550", "received:today", "after:-2h", "before:-1h tenant:beta", "after:-3h before:-2h status:queued", "received:yesterday",
		"explanation:found", "tls:tls1.3", "-tls:tls1.3", "delay:>59", "delay:<=60", "enhanced:5.1.1", "address:192.0.2.9:25", "attachments:2", "archived:yes", "identity:i1", "status:queued,stalled", "status:queued,stalled tenant:beta",
		"sender:ann@far.test,bob@far.test", "owner_domain:far.test", "owner:old@was.test,it@acme.test", "owner_domain:acme.test status:queued", "(direction:inbound recipient_domain:acme.test) or (direction:outbound sender_domain:far.test)", "recipient:*@beta.test status:queued", "status:queued status:stalled",
		"next:after:-1d", "has_body:yes", "kind:dsn", "tag:t1", "-tag:t1", "plugin:bayes", "-plugin:rules", "filter_time:<2.5", "-plugin_digest:0123456789abcdef", "message_id:=<7@x>", "text:far", "text:invoice", "text:zip", "attempts:>0", "reply:user", "helo:h",
		"id:" + ms[10].ID.String(), "id:" + ms[10].ID.String()[:8], "id:" + ms[10].ID.String() + ".1", "(tenant:acme OR status:queued) subject:invoice", "state:unrouted", "zzz:",
	}
	ran := 0
	for _, text := range filters {
		f, err := query.Parse(text)
		if err != nil {
			continue // of another spelling: the number below says if it is too many
		}
		ran++
		want := expected(t, ms, f)
		for _, limit := range []int{7, 1000} {
			got, exact := all(t, x, f, limit)
			if !exact {
				got = slices.DeleteFunc(got, func(k Key) bool { return !slices.Contains(want, k) })
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s (pages of %d): %d rows, want %d", text, limit, len(got), len(want))
			}
		}
		q := Question{Filter: f, Now: now, Budget: time.Minute}
		n, err := x.Count(t.Context(), q)
		if err != nil || n.Exact && n.N != len(want) || !n.Back.IsZero() {
			t.Errorf("%s: counted %+v, want %d: %v", text, n, len(want), err)
		}
		for _, field := range []string{"status", "tenant", "main", "direction", "sender_domain", "tag"} {
			sums := map[string]int{}
			n, err := x.Facets(t.Context(), q, field, func(v string, n int) { sums[v] += n })
			if err != nil {
				t.Fatal(err)
			}
			if want := sumsOf(ms, want, field); n.Exact && !maps.Equal(sums, want) {
				t.Errorf("%s by %s: %v, want %v", text, field, sums, want)
			}
		}
	}
	if ran < 75 {
		t.Errorf("only %d of %d filters were understood", ran, len(filters))
	}
}
