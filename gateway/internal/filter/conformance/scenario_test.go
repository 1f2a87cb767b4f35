package conformance

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/sdk/abi"
)

// scenario is one call of a guest and what must come of it.
type scenario struct {
	name  string
	op    string
	args  abi.Value
	stage abi.Stage        // message, where it is 0
	event func(*abi.Event) // what else is in it
	view  filter.MessageView
	quiet bool // no message

	want  string // the octets the guest answers
	none  bool   // it answers that there is none
	code  string // it answers an error,
	text  string // and these are the host's words, or the failure's; "a|b": either
	fails filter.Kind
	check func(*testing.T, *host, *abi.Event, *abi.Verdict)
}

// object makes arguments of names and values.
func object(pairs ...any) abi.Value {
	o := abi.Object()
	for i := 0; i < len(pairs); i += 2 {
		o.Set(pairs[i].(string), value(pairs[i+1]))
	}
	return o
}

func value(x any) abi.Value {
	switch x := x.(type) {
	case string:
		return abi.String(x)
	case []byte:
		return abi.String(string(x))
	case int:
		return abi.Number(float64(x))
	case float64:
		return abi.Number(x)
	case bool:
		return abi.Bool(x)
	case []string:
		return abi.Strings(x...)
	case []any:
		l := abi.List()
		for _, i := range x {
			l.Items = append(l.Items, value(i))
		}
		return l
	case abi.Value:
		return x
	case nil:
		return abi.Null()
	}
	panic(fmt.Sprintf("no value: %T", x))
}

// event is that of a call of an operation.
func event(op string, args abi.Value, stage abi.Stage) *abi.Event {
	if stage == 0 {
		stage = abi.StageMessage
	}
	ev := &abi.Event{
		Stage: stage, ConfigID: 7, ID: "01m", Tenant: "acme", Sender: "a@b.test", Recipients: []string{"x@acme.test", "y@acme.test"},
		PartCount: 5, Size: uint64(len(message().raw)), Name: op,
	}
	if !args.IsNull() {
		ev.Payload = args.Append(nil)
	}
	return ev
}

func (s *scenario) run(t *testing.T, h *host) {
	ev := event(s.op, s.args, s.stage)
	if s.event != nil {
		s.event(ev)
	}
	view := s.view
	if view == nil && !s.quiet {
		view = message()
	}
	h.log.Reset()
	v, err := h.Call(context.Background(), "guest", ev, view)
	if s.fails != "" {
		var f *filter.Failure
		if !errors.As(err, &f) || f.Kind != s.fails || !says(f.Error(), s.text) {
			t.Fatalf("%v, and the log\n%s\nwant %s and %q", err, &h.log, s.fails, s.text)
		}
		return
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, &h.log)
	}
	if s.check != nil {
		s.check(t, h, ev, v)
		return
	}
	got, none, code, text := answer(h, v)
	switch {
	case code != s.code || !says(text, s.text):
		t.Errorf("error %q %q, want %q %q", code, text, s.code, s.text)
	case none != s.none:
		t.Errorf("none is %v; answer %q", none, got)
	case got != s.want:
		t.Errorf("answer\n%q\nwant\n%q", short(got), short(s.want))
	}
}

// says reports whether a text has one of some words.
func says(text, words string) bool {
	return slices.ContainsFunc(strings.Split(words, "|"), func(w string) bool { return strings.Contains(text, w) })
}

func short(s string) string {
	if len(s) > 300 {
		return fmt.Sprintf("%s… (%d octets)", s[:300], len(s))
	}
	return s
}

// answer is what the guest left in its notes, or where that is too large, in KV.
func answer(h *host, v *abi.Verdict) (got string, none bool, code, text string) {
	for _, n := range v.Notes {
		switch n.Key {
		case "ok":
			return n.Value, false, "", ""
		case "none":
			return "", true, "", ""
		case "err":
			code = n.Value
		case "text":
			text = n.Value
		}
	}
	h.kv.mu.Lock()
	defer h.kv.mu.Unlock()
	id := h.kv.id("guest", "acme", "out")
	got = string(h.kv.m[id])
	delete(h.kv.m, id)
	return got, false, code, text
}

// config has every kind of value.
func config() abi.Value {
	return object("limit", 42, "negative", -0.5, "huge", math.MaxFloat64, "yes", true, "no", false, "nothing", nil, "text", "ümlaut\xff\x00",
		"empty", "", "list", []string{"a", "b"}, "mixed", []any{"a", 1, true, nil, []any{}},
		"blocks", []any{object("_labels", []string{"x"}, "deep", object("deeper", []any{object("deepest", 3.25)}))})
}

func TestScenarios(t *testing.T) {
	configs := []filter.Config{
		{ID: 7, Plugin: "guest", Value: config()}, {ID: 8, Plugin: "guest", Value: object("limit", 8)},
		{ID: math.MaxUint64, Plugin: "guest", Value: object("limit", -1)},
	}
	each(t, func(t *testing.T, g guest) {
		h := newHost(t, g, configs...)
		seen := map[string]bool{}
		for _, s := range scenarios() {
			if seen[s.name] {
				t.Errorf("two scenarios are called %q", s.name)
			}
			seen[s.name] = true
			t.Run(s.name, func(t *testing.T) { s.run(t, h) })
		}
		if st := h.Plugins()[0]; st.Breaker != "closed" {
			t.Errorf("breaker %s", st.Breaker)
		}
	})
}

// full is an event with something in every field.
func full(ev *abi.Event) {
	*ev = abi.Event{
		Stage: ev.Stage, ConfigID: 7, ID: "01jd", Tenant: "acme", Direction: abi.DirectionOutbound,
		Client: abi.Client{IP: "2001:db8::1", Port: 65535, Name: "näme.test", Helo: "helo\xff", Esmtp: true, TLSVersion: "1.3", TLSCipher: "AES", AuthUser: "u", Listener: "mx"},
		Sender: "\"quo ted\"@b.test", Recipient: "x@acme.test", Recipients: []string{"x@acme.test", "\xff\xc3\x28@acme.test", "𝄞@acme.test", "\xed\xa0\x80\xf0\x9f"},
		Size: 1<<53 + 1, PartCount: 5, Malformed: true, ReceivedUnixMs: 1_700_000_000_123, Notes: []abi.Pair{{Key: "k", Value: "v\x00\xfe"}, {Key: "e"}},
		Filter: "ruleset.filter", Attempt: abi.Attempt{Number: 3, Result: abi.DeliveryResultDeferred, Code: 451, Enhanced: "4.7.1", Text: "later", Host: "mx", Addr: "192.0.2.1", NextUnixMs: 1 << 42},
		Name: ev.Name, Payload: ev.Payload, Message: []abi.MessageInfo{information()}, Actor: "policy config.hcl:9",
	}
}

func described(e *abi.Event) abi.Value {
	n := func(x uint64) string { return fmt.Sprint(x) }
	c, a := &e.Client, &e.Attempt
	var to []string
	to = append(to, e.Recipients...)
	out := []any{
		n(uint64(e.Stage)), n(e.ConfigID), e.ID, e.Tenant, n(uint64(e.Direction)), c.IP, n(uint64(c.Port)), c.Name, c.Helo, c.Esmtp,
		c.TLSVersion, c.TLSCipher, c.AuthUser, c.Listener, e.Sender, e.Recipient, to, n(e.Size), n(uint64(e.PartCount)), e.Malformed,
		n(e.ReceivedUnixMs), e.Filter, n(uint64(a.Number)), n(uint64(a.Result)), n(uint64(a.Code)), a.Enhanced, a.Text, a.Host, a.Addr, n(a.NextUnixMs),
		e.Name, e.Actor,
	}
	for _, m := range e.Message {
		out = append(out, m.ID, m.Sender, m.Subject, m.HasBody)
		for _, r := range m.Recipients {
			out = append(out, r.Address, r.Status, r.Score, r.Reply)
		}
	}
	return value(out)
}

// same compares two records by their encoding.
func same(t *testing.T, got string, want interface{ Append([]byte) []byte }) {
	t.Helper()
	w := want.Append(nil)
	if string(w) == got {
		return
	}
	at := 0
	for at < min(len(w), len(got)) && w[at] == got[at] {
		at++
	}
	t.Errorf("%d octets, want %d, from octet %d on\n%q\nwant\n%q", len(got), len(w), at, short(got[at:]), short(string(w[at:])))
}

// encoded is a check that the guest answers a record.
func encoded(want interface{ Append([]byte) []byte }) func(*testing.T, *host, *abi.Event, *abi.Verdict) {
	return func(t *testing.T, h *host, _ *abi.Event, v *abi.Verdict) {
		t.Helper()
		got, _, code, text := answer(h, v)
		if code != "" {
			t.Fatal(code, text)
		}
		same(t, got, want)
	}
}
