package filter

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// said runs an order of the guest's (testdata/guest/net.go) and joins what it says.
func (f *fixture) said(t *testing.T, what string) string {
	t.Helper()
	v, err := f.one("guest", what)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	return said(v)
}

func said(v *abi.Verdict) string {
	var l []string
	for _, f := range v.Findings {
		l = append(l, f.Explanation)
	}
	return strings.Join(l, "|")
}

func TestBatchInTheGuest(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	got := f.said(t, "batch")
	want := "1000|1995|true|err=too large|a batch has at most 1,000 operations|err=bad argument|operation 1: a key has 1 to 512 octets" +
		"|err=bad argument|operation 0: it is of no known kind|err=too large|operation 0: a value has at most 64 KiB|err=bad argument|operation 0: a TTL is 0 to 10 years, in milliseconds"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestUngranted: what is asked for as optional and not given is denied, in words.
func TestUngranted(t *testing.T) {
	f := newFixture(t)
	s := guestSpec(t)
	s.Grants = map[string][]string{"lists": nil}
	f.swap(t, nil, s)
	for what, kind := range map[string]string{"dns a.test A": "dns", "fetch http://127.0.0.1/": "http", "talk 127.0.0.1:1": "dial", "batch": "kv", "queue": "queue"} {
		if got, want := f.said(t, what), `err=denied: not granted|grant "`+kind+`" is not given`; got != want && !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s", what, got)
		}
	}
}

// TestNoNetwork: a grant is no good where the gateway has nothing behind it.
func TestNoNetwork(t *testing.T) {
	f := newFixture(t)
	s := guestSpec(t)
	s.Grants = map[string][]string{"lists": nil, "dns": nil, "http": {"http://127.0.0.1:1/"}, "dial": {"127.0.0.1:1"}, "queue": nil}
	f.swap(t, nil, s)
	for _, what := range []string{"dns a.test A", "fetch http://127.0.0.1:1/", "talk 127.0.0.1:1", "queue"} {
		if got := f.said(t, what); !strings.HasPrefix(got, "err=unavailable|there is no ") {
			t.Errorf("%s: %s", what, got)
		}
	}
}

func TestPartEdits(t *testing.T) {
	f := newFixture(t)
	f.swap(t, nil, guestSpec(t))
	for _, c := range []struct{ do, want string }{
		{"r1", `replace 1 "text " text/html; charset=utf-8 a.html`},
		{"r1 s1 s1", `replace 1 "text staged staged " text/html; charset=utf-8 a.html`},
		{"s1 r1", `replace 1 "text staged " text/html; charset=utf-8 a.html`},
		{"p1 a1 s1", `prepend 1 "staged "  ;append 1 "after "  `},
		{"x1 k0", `remove 1 ""  ;keep`},
		{"S1 a1", `append 1 204806 octets`},

		{"s1", "err content was staged for part 1 by body_write, and no part edit of the verdict takes it"},
		{"s1 r2", "err content was staged for part 1 by body_write, and no part edit of the verdict takes it"},
		{"s1 x1", "err content was staged for part 1 by body_write, and no part edit of the verdict takes it"},
		{"s9", "said err=bad argument|no such part"},
		{"r1 S1 S2", "said err=too large|the content of a call's part edits has at most 256 KiB"},
		{"a9", "err part edit: there is no part 9"},
		{"x0", "err part edit: the root of a message cannot be removed; replace it"},
		{"a0", "err part edit: part 0 holds other parts; only leaves have content to append"},
		{"r0", "err part edit: part 0 holds other parts; only leaves have content to replace"},
		{"r1 r1", "err part edit: part 1 is removed or replaced, and edited otherwise too"},
		{"a1 x1", "err part edit: part 1 is removed or replaced, and edited otherwise too"},
		{"m1", "err part edit: content of type multipart cannot be put in"},
		{"n1", "err part edit: file name contains a line break or another control character"},
	} {
		f.now = f.now.Add(time.Hour) // the breaker forgets
		m := testMessage()           // a multipart with two leaves
		m.types, m.bodies = append([]string{"multipart/mixed"}, m.types...), append([][]byte{nil}, m.bodies...)
		v, err := f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageMessage, ID: "m1", Tenant: "acme", Sender: "edit " + c.do, PartCount: 3}, m)
		got := ""
		if err != nil {
			got = "err " + errors.Unwrap(failure(t, err, KindResult).Err).Error()
		} else {
			var l []string
			for _, e := range v.PartEdits {
				if len(e.Text) > 1000 {
					l = append(l, fmt.Sprintf("%s %d %d octets", e.Op, e.Part, len(e.Text)))
				} else {
					l = append(l, fmt.Sprintf("%s %d %q %s %s", e.Op, e.Part, e.Text, e.Type, e.Filename))
				}
			}
			if v.KeepOriginal {
				l = append(l, "keep")
			}
			if len(v.Findings) > 0 {
				l = []string{"said " + said(v)}
			}
			got = strings.Join(l, ";")
		}
		if got != c.want {
			t.Errorf("%s\ngot  %s\nwant %s", c.do, got, c.want)
		}
	}
	_, err := f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageRcptTo, Sender: "edit x1"}, nil)
	if fl := failure(t, err, KindResult); !strings.Contains(fl.Error(), noMessage) {
		t.Error(fl)
	}
}

func TestCheckResults(t *testing.T) {
	action := &abi.Event{Stage: abi.StageAction}
	for _, c := range []struct {
		ev   *abi.Event
		r    []abi.Pair
		want string
	}{
		{action, []abi.Pair{{Key: "words", Value: "one\ntwo"}}, ""},
		{&abi.Event{Stage: abi.StageMessage}, []abi.Pair{{Key: "a"}}, "results are for stage action"},
		{action, []abi.Pair{{Value: "x"}}, "a result without a key"},
		{action, []abi.Pair{{Key: "a", Value: "\x1b[2J"}}, "control character"},
		{action, []abi.Pair{{Key: "a", Value: strings.Repeat("x", maxResultValue+1)}}, "at most 16384"},
		{action, make([]abi.Pair, maxResults+1), "65 results"},
	} {
		err := checkVerdict(&abi.Verdict{Results: c.r}, c.ev, false)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%q: %v", c.want, err)
		}
	}
}

// desk is a Queue that writes down what it is told.
type desk struct{ said []string }

func (d *desk) Schedule(_ context.Context, plugin, tenant string, _ uint64, r abi.ScheduleRequest) error {
	d.said = append(d.said, fmt.Sprint("schedule ", plugin, " ", tenant, " ", r.Name, " ", r.Key, " ", r.AtUnixMs, " ", string(r.Payload), " ", r.Message))
	return nil
}

func (d *desk) Message(_ context.Context, tenant, id string) (*abi.MessageInfo, error) {
	if tenant != "acme" || id != "m1" {
		return nil, fmt.Errorf("of %s: %w", tenant, ErrNoMessage)
	}
	return &abi.MessageInfo{ID: id, From: "a@b.test"}, nil
}

func (d *desk) Order(ctx context.Context, verb, plugin, tenant string, o abi.MessageOrder) (int, error) {
	d.said = append(d.said, fmt.Sprint(verb, " ", plugin, " ", tenant, " ", o.ID, " ", o.Recipient, " ", o.Reason))
	if _, err := d.Message(ctx, tenant, o.ID); err != nil {
		return 0, err
	}
	return 3, nil
}

func (d *desk) Submit(_ context.Context, plugin, tenant string, s abi.Submission) (string, error) {
	d.said = append(d.said, fmt.Sprint("submit ", plugin, " ", tenant, " ", s.To, " ", s.Subject))
	return "new-id", nil
}

func TestQueueOrders(t *testing.T) {
	f := newFixture(t)
	d := &desk{}
	f.opts.Queue = d
	s := guestSpec(t)
	s.Grants["queue"] = nil
	f.swap(t, nil, s)
	got := f.said(t, "queue")
	want := "err=bad argument|a schedule has a name|err=bad argument|a time in milliseconds since 1970, at most ten years ahead" +
		"|from=a@b.test|err=not found|no such message|3|err=not found|no such message|err=bad argument|a message has an ID|new-id" +
		"|err=bad argument|subject contains a line break or another control character|err=bad argument|the gateway writes the field From itself|err=too large|a call orders at most 64 things"
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if got, want := strings.Join(d.said, "\n"), "schedule guest acme again k 1000 p m1\nrelease guest acme m1 1 clean\nreject guest acme m2 0 \nsubmit guest acme [a@acme.test] s"; got != want {
		t.Errorf("the queue heard\n%s\nwant\n%s", got, want)
	}
	v, err := f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageRcptTo, Sender: "queue"}, nil)
	if err != nil || said(v) != "err=unavailable|the tenant is not known at this stage" {
		t.Errorf("without a tenant: %v, %v", v, err)
	}
}

func TestReverse(t *testing.T) {
	for addr, want := range map[string]string{
		"192.0.2.1":        "1.2.0.192.in-addr.arpa",
		"::ffff:192.0.2.1": "1.2.0.192.in-addr.arpa",
		"2001:db8::1":      "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
	} {
		if got := reverse(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %s", addr, got)
		}
	}
}

// BenchmarkBatchInTheGuest is a batch of 200 additions, or look-ups, over an
// in-memory KV: what the ABI costs.
func BenchmarkBatchInTheGuest(b *testing.B) { benchGuest(b, "learn add", "learn get") }

// BenchmarkReadInTheGuest reads all parts of a message of 1 MiB by 32 KiB.
func BenchmarkReadInTheGuest(b *testing.B) { benchGuest(b, "read") }

func benchGuest(b *testing.B, orders ...string) {
	f := newFixture(b)
	f.swap(b, nil, guestSpec(b))
	m := testMessage()
	m.bodies[1] = make([]byte, 1<<20)
	for _, what := range orders {
		b.Run(what, func(b *testing.B) {
			for b.Loop() {
				if _, err := f.Call(context.Background(), "guest", &abi.Event{Stage: abi.StageMessage, Tenant: "acme", Sender: what}, m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
