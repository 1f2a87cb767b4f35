package actions

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// routed is a house whose policy sends each domain to a host of its name, but
// for nowhere.test, and lets tenant acme use the routes "own" and "relay".
func routed(t *testing.T) *house {
	h := newHouse(t)
	h.Route = func(_ *store.Message, r *store.Recipient) error {
		if r.Address.Domain() != "nowhere.test" {
			r.Route, r.NextHop = "mx", r.Address.Domain()
		}
		return nil
	}
	h.RouteTo = func(r *store.Recipient, route, host string) (string, string, error) {
		if host != "" {
			return "host:" + host, host, nil
		}
		if r.Tenant == "acme" && (route == "own" || route == "relay") {
			return "route:" + route, route + ".test", nil
		}
		return "", "", fmt.Errorf("no route %q for tenant %s", route, r.Tenant)
	}
	return h
}

func (h *house) args(sc Scope, v lifecycle.Verb, a Args, ids ...string) Result {
	h.t.Helper()
	r, err := h.Do(h.t.Context(), sc, v, Selection{IDs: ids}, a)
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h *house) get(id mail.ID) *store.Message {
	h.t.Helper()
	m, err := h.st.Get(h.t.Context(), id)
	if err != nil {
		h.t.Fatal(err)
	}
	return m
}

// alter changes a stored message.
func (h *house) alter(m *store.Message, f func(*store.Message)) {
	h.t.Helper()
	if err := h.st.Update(h.t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) { f(m); return nil, nil }); err != nil {
		h.t.Fatal(err)
	}
}

// last is the newest event of a recipient.
func (h *house) last(id mail.ID, n int) mail.Event {
	h.t.Helper()
	var e mail.Event
	for _, x := range h.events(id) {
		if x.N == n {
			e = x
		}
	}
	return e
}

// TestB93_B94_reroute_changes_what_is_named: recipient, return path, route and
// host, each alone; everything else stays, and the way follows the address.
func TestB93_B94_reroute_changes_what_is_named(t *testing.T) {
	h := routed(t)
	for _, c := range []struct {
		name                      string
		a                         Args
		to, from, route, hop, why string
	}{
		{"recipient", Args{To: "ann@else.test"}, "ann@else.test", "me@acme.test", "mx", "else.test", "from <u@far.test> to <ann@else.test>, route mx"},
		{"return_path", Args{ReturnPath: "boss@acme.test"}, "u@far.test", "boss@acme.test", "mx", "far.test", "return path <boss@acme.test>, route mx"},
		{"null_return_path", Args{ReturnPath: "<>"}, "u@far.test", "", "mx", "far.test", "return path <>, route mx"},
		{"route", Args{Route: "relay", Reason: "its MX is down"}, "u@far.test", "me@acme.test", "route:relay", "relay.test", "route route:relay: its MX is down"},
		{"host", Args{Host: "192.0.2.5:26"}, "u@far.test", "me@acme.test", "host:192.0.2.5:26", "192.0.2.5:26", "route host:192.0.2.5:26"},
		{"all", Args{To: "<ann@else.test>", ReturnPath: "<boss@acme.test>", Route: "own"}, "ann@else.test", "boss@acme.test", "route:own", "own.test", "return path"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.t = t
			m := h.put(mail.Outbound, "me@acme.test", "u@far.test queue-frozen")
			if err := h.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
				r := &m.Recipients[0]
				r.Failures, r.FirstFailure, r.DelayNoticed, r.Last, r.LastHost, r.Reason = 4, h.now, true, mail.NewReply(451, "4.3.0", "later"), "mx.far.test", "frozen"
				return nil, nil
			}); err != nil {
				t.Fatal(err)
			}
			wakes := h.wakes
			if res := h.args(admin, lifecycle.Reroute, c.a, m.ID.String()); res.Changed != 1 || res.Items[0].Recipient != c.to {
				t.Fatalf("%+v", res)
			}
			got := h.get(m.ID)
			r := got.Recipients[0]
			if r.Address.String() != c.to || got.Sender.String() != c.from || r.Route != c.route || r.NextHop != c.hop || len(got.Recipients) != 1 {
				t.Errorf("to %s from %s by %s to %s", r.Address, got.Sender, r.Route, r.NextHop)
			}
			if r.Status != mail.StatusQueued || !r.Next.Equal(h.now) || r.Failures != 0 || !r.FirstFailure.IsZero() || r.Last != nil || r.Reason != "" || !r.DelayNoticed {
				t.Errorf("no fresh start, or a second delay notice: %+v", r)
			}
			if changed := c.to != "u@far.test"; changed != (r.Original.String() == "u@far.test") || changed != (r.DSN.ORcpt == "rfc822;u@far.test") {
				t.Errorf("original %q, ORCPT %q", r.Original, r.DSN.ORcpt)
			}
			if e := h.last(m.ID, 1); e.Type != mail.EventRebind || e.Actor != "root" || !strings.Contains(e.Text, c.why) {
				t.Errorf("%+v", e)
			}
			if h.wakes != wakes+1 {
				t.Error("the queue was not woken")
			}
		})
	}
}

// TestB93_reroute_to_several: the further addresses become recipients of the
// same message, in the same commit.
func TestB93_reroute_to_several(t *testing.T) {
	h := routed(t)
	m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued", "v@far.test queued")
	res := h.args(admin, lifecycle.Reroute, Args{To: `a@one.test, b@two.test "c d"@three.test a@ONE.test`}, rid(m, 1))
	if res.Changed != 1 {
		t.Fatalf("%+v", res)
	}
	var got []string
	for _, r := range h.get(m.ID).Recipients {
		got = append(got, fmt.Sprint(r.N, " ", r.Address, " ", r.NextHop, " ", r.Status, " ", r.Original))
	}
	want := []string{"1 a@one.test one.test queued u@far.test", "2 v@far.test 127.0.0.1:2526 queued ", "3 b@two.test two.test queued u@far.test", `4 "c d"@three.test three.test queued u@far.test`}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant %q", got, want)
	}
	if e := h.last(m.ID, 4); e.Type != mail.EventRebind || e.Actor != "root" || e.Recipient != `"c d"@three.test` {
		t.Errorf("%+v", e)
	}
}

// TestB93_the_former_address_stays_known, of a recipient that attempts were made
// for, and not of those who joined or were never tried; the last ones only.
func TestB93_the_former_address_stays_known(t *testing.T) {
	h := routed(t)
	m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued", "v@far.test queued")
	h.alter(m, func(m *store.Message) { m.Recipients[0].Attempts = 2 })
	before := h.get(m.ID)
	h.args(admin, lifecycle.Reroute, Args{To: "a@one.test, b@two.test"}, m.ID.String())
	changed := h.now
	h.now = h.now.Add(time.Minute)
	h.args(admin, lifecycle.Reroute, Args{Route: "own"}, rid(m, 1))
	h.args(admin, lifecycle.Reroute, Args{To: "c@three.test"}, rid(m, 1))
	got := h.get(m.ID)
	if r := got.Recipients[0]; len(r.Former) != 2 || r.AddressAt(changed.Add(-time.Second)) != before.Recipients[0].Address || r.AddressAt(changed).String() != "a@one.test" || r.AddressAt(h.now).String() != "c@three.test" {
		t.Errorf("%v", r.Former)
	}
	for _, r := range got.Recipients[1:] {
		if len(r.Former) != 0 {
			t.Errorf("%s was %v", r.Address, r.Former)
		}
	}
	for i := range 25 {
		h.args(admin, lifecycle.Reroute, Args{To: fmt.Sprintf("u%d@one.test", i)}, rid(m, 1))
	}
	if f := h.rcpt(m.ID, 1).Former; len(f) != maxFormer || f[maxFormer-1].Address.String() != "u23@one.test" {
		t.Errorf("%d are kept: %v", len(f), f)
	}
	// A copy is another message: nothing of it went elsewhere.
	h.args(admin, lifecycle.Copy, Args{To: "lawyer@else.test"}, rid(m, 1))
	rows, _, err := h.st.Search(t.Context(), query.Where("parent", query.Is, m.ID.String()), "", 10)
	if err != nil || len(rows) != 1 || len(rows[0].Recipient.Former) != 0 {
		t.Errorf("%+v %v", rows, err)
	}
}

func TestFormerIsNotShared(t *testing.T) {
	shared := make([]store.Former, 1, 4)
	rc := &store.Recipient{Address: addr(t, "u@far.test"), Former: shared}
	if now := former(rc, t0); len(now) != 2 || len(shared[:2][1].Address.String()) != 0 {
		t.Errorf("%v, written into %v", now, shared[:2])
	}
}

// TestB93_an_original_recipient_has_its_type: RFC 6533 §3 for one beyond ASCII.
func TestB93_an_original_recipient_has_its_type(t *testing.T) {
	h := routed(t)
	for from, want := range map[string]string{"u@far.test": "rfc822;u@far.test", "grüße@far.test": "utf-8;grüße@far.test"} {
		m := h.put(mail.Outbound, "me@acme.test", from+" queued")
		h.alter(m, func(m *store.Message) { m.Params.SMTPUTF8 = true })
		h.args(admin, lifecycle.Reroute, Args{To: "x@else.test"}, m.ID.String())
		if got := h.rcpt(m.ID, 1).DSN.ORcpt; got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// TestB93_success_is_told_once where one recipient becomes several: that it was
// sent on. Who asked of something else, or may not be told, hears nothing.
func TestB93_success_is_told_once(t *testing.T) {
	for _, c := range []struct {
		name, to, sender string
		ask, want        mail.Notify
		notices          int
	}{
		{"one_address", "a@one.test", "me@acme.test", mail.NotifySuccess, mail.NotifySuccess, 0},
		{"success", "a@one.test b@two.test c@three.test", "me@acme.test", mail.NotifySuccess, mail.NotifyNever, 1},
		{"success_and_failure", "a@one.test b@two.test", "me@acme.test", mail.NotifySuccess | mail.NotifyFailure, mail.NotifyFailure, 1},
		{"nothing_said", "a@one.test b@two.test", "me@acme.test", 0, 0, 0},
		{"no_sender", "a@one.test b@two.test", "", mail.NotifySuccess, mail.NotifyNever, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := routed(t)
			m := h.put(mail.Outbound, c.sender, "u@far.test queued", "v@far.test queued")
			h.alter(m, func(m *store.Message) { m.Recipients[0].DSN.Notify = c.ask })
			h.args(admin, lifecycle.Reroute, Args{To: c.to, DryRun: true}, rid(m, 1))
			h.args(admin, lifecycle.Reroute, Args{To: c.to}, rid(m, 1))
			got := h.get(m.ID)
			for _, r := range got.Recipients {
				if r.Original.String() == "u@far.test" && r.DSN.Notify != c.want {
					t.Errorf("%s asks for %q, want %q", r.Address, r.DSN.Notify, c.want)
				}
			}
			rows, _, err := h.st.Search(t.Context(), query.Where("kind", query.Is, "dsn"), "", 10)
			if err != nil || len(rows) != c.notices || notify.Owes(got) {
				t.Fatalf("%d notices, %v, still owed: %v", len(rows), err, notify.Owes(got))
			}
			for _, row := range rows {
				b, err := h.st.OpenBody(t.Context(), row.Message.ID)
				if err != nil {
					t.Fatal(err)
				}
				text, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()))
				if err != nil || strings.Count(string(text), "Action: expanded") != 1 || !strings.Contains(string(text), "Final-Recipient: rfc822; u@far.test") || strings.Contains(string(text), "one.test") {
					t.Errorf("%s, %v", text, err)
				}
				b.Close()
			}
		})
	}
}

// TestB93_a_return_path_is_for_all_or_none of a message's recipients.
func TestB93_a_return_path_is_for_all_or_none(t *testing.T) {
	h := routed(t)
	mixed := h.put(mail.Outbound, "me@acme.test", "u@far.test queued", "v@far.test delivered")
	half := h.put(mail.Outbound, "me@acme.test", "u@far.test queued", "v@far.test queued")
	dsn := h.put(mail.Outbound, "", "u@far.test queue-frozen")
	if err := h.st.Update(t.Context(), dsn.ID, func(m *store.Message) ([]mail.Event, error) { m.Kind = "dsn"; return nil, nil }); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		id, want string
		a        Args
	}{
		{rid(half, 1), "whole message", Args{ReturnPath: "boss@acme.test"}},
		{mixed.ID.String(), "whole message", Args{ReturnPath: "boss@acme.test"}},
		{half.ID.String(), "no route for", Args{ReturnPath: "boss@acme.test", To: "x@nowhere.test"}},
		{dsn.ID.String(), "keeps the return path <>", Args{ReturnPath: "boss@acme.test"}},
	} {
		res := h.args(admin, lifecycle.Reroute, c.a, c.id)
		if res.Changed != 0 || !strings.Contains(res.Items[0].Error, c.want) {
			t.Errorf("%s: %+v", c.want, res)
		}
	}
	for _, m := range []*store.Message{mixed, half} {
		if got := h.get(m.ID); got.Sender != m.Sender || got.Rev != 1 {
			t.Errorf("%s was changed", m.ID)
		}
	}
}

// TestB93_reroute_refuses what it cannot do, and says so.
func TestB93_reroute_refuses(t *testing.T) {
	h := routed(t)
	m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued")
	q := h.put(mail.Inbound, "x@far.test", "a@acme.test quarantined")
	for _, c := range []struct {
		name string
		a    Args
		id   string
		want string
	}{
		{"nothing", Args{}, rid(m, 1), "say what changes"},
		{"no_address", Args{To: "nobody"}, rid(m, 1), "to: "},
		{"postmaster_of_nowhere", Args{To: "postmaster"}, rid(m, 1), "to: "},
		{"bad_return_path", Args{ReturnPath: "a b"}, rid(m, 1), "return_path: "},
		{"route_and_host", Args{Route: "own", Host: "x"}, rid(m, 1), "not both"},
		{"too_many", Args{To: strings.Repeat("x", 1) + "@a.test" + func() string {
			var b strings.Builder
			for i := range 100 {
				fmt.Fprintf(&b, " u%d@a.test", i)
			}
			return b.String()
		}()}, rid(m, 1), "101 addresses"},
		{"unknown_route", Args{Route: "secret"}, rid(m, 1), `no route "secret" for tenant acme`},
		{"no_way", Args{To: "x@nowhere.test"}, rid(m, 1), "no route for x@nowhere.test"},
		{"utf8", Args{To: "grüße@far.test"}, rid(m, 1), "SMTPUTF8"},
		{"utf8_return_path", Args{ReturnPath: "grüße@acme.test"}, rid(m, 1), "SMTPUTF8"},
		{"held", Args{Route: "own"}, rid(q, 1), "is quarantined"},
	} {
		res, err := h.Do(t.Context(), admin, lifecycle.Reroute, Selection{IDs: []string{c.id}}, c.a)
		text := ""
		if err != nil {
			text = err.Error()
		} else if len(res.Items) == 1 && res.Changed == 0 {
			text = res.Items[0].Error
		}
		if !strings.Contains(text, c.want) {
			t.Errorf("%s: %q, want %q", c.name, text, c.want)
		}
	}
	if got := h.get(m.ID); got.Rev != 1 {
		t.Error("something was changed")
	}
}

// TestB93_surgery_stays_within_the_scope: another tenant's mail is not there,
// mailboxes have no surgery, and a domain's operator takes neither a host that
// no route leads to nor a return path of somebody else.
func TestB93_surgery_stays_within_the_scope(t *testing.T) {
	h := routed(t)
	mine := h.put(mail.Outbound, "me@acme.test", "u@far.test queued")
	theirs := h.put(mail.Outbound, "they@other.test", "u@far.test queued")
	anna := scope.Domain("anna", "acme.test")
	refused := func(sc Scope, v lifecycle.Verb, a Args, id, want string) {
		t.Helper()
		res, err := h.Do(t.Context(), sc, v, Selection{IDs: []string{id}}, a)
		text := fmt.Sprint(err)
		if err == nil {
			text = res.Items[0].Error
		}
		if res.Changed != 0 || !strings.Contains(text, want) {
			t.Errorf("%s of %s: %q, want %q", v, sc.Actor, text, want)
		}
	}
	for _, v := range []lifecycle.Verb{lifecycle.Reroute, lifecycle.Copy, lifecycle.ClearRoutes} {
		refused(anna, v, Args{To: "x@far.test"}, rid(theirs, 1), "not found")
		refused(scope.Mailbox("me", "me@acme.test"), v, Args{To: "x@far.test"}, rid(mine, 1), "operator of the domain")
	}
	for _, v := range []lifecycle.Verb{lifecycle.Reroute, lifecycle.Copy} {
		refused(anna, v, Args{To: "x@far.test", ReturnPath: "they@other.test"}, rid(mine, 1), "of your domains")
		refused(anna, v, Args{To: "x@far.test", ReturnPath: "<>"}, rid(mine, 1), "of your domains")
		refused(scope.Tenant("plugin", "acme"), v, Args{To: "x@far.test", ReturnPath: "they@other.test"}, rid(mine, 1), "of your domains")
	}
	refused(anna, lifecycle.Reroute, Args{Host: "127.0.0.1:1"}, rid(mine, 1), "only an administrator")
	refused(scope.Tenant("plugin", "acme"), lifecycle.Reroute, Args{Host: "127.0.0.1:1"}, rid(mine, 1), "only an administrator")
	refused(anna, lifecycle.Reroute, Args{Route: "secret"}, rid(mine, 1), "no route")

	res, err := h.Do(t.Context(), anna, lifecycle.ClearRoutes, Selection{Filter: query.Filter{}, All: true}, Args{})
	if err != nil || res.Matched != 1 || h.rcpt(theirs.ID, 1).NextHop != "127.0.0.1:2526" || h.rcpt(mine.ID, 1).NextHop != "far.test" {
		t.Errorf("cleared %+v, %v", res, err)
	}
	if res := h.args(anna, lifecycle.Reroute, Args{ReturnPath: "boss@acme.test", Route: "own"}, rid(mine, 1)); res.Changed != 1 {
		t.Errorf("%+v", res)
	}
	// Re-routed inbound mail is still its tenant's to see.
	in := h.put(mail.Inbound, "x@far.test", "a@acme.test queued")
	if res := h.args(anna, lifecycle.Reroute, Args{To: "a@far.test"}, rid(in, 1)); res.Changed != 1 {
		t.Fatalf("%+v", res)
	}
	if res := h.args(anna, lifecycle.Freeze, Args{}, rid(in, 1)); res.Changed != 1 {
		t.Errorf("it is gone from its tenant's sight: %+v", res)
	}
	if res := h.args(scope.Domain("eve", "far.test"), lifecycle.Thaw, Args{}, rid(in, 1)); res.Changed != 0 {
		t.Errorf("and in another's: %+v", res)
	}
}

// TestB93_what_is_under_way_is_not_rerouted: an attempt that runs ends first.
func TestB93_what_is_under_way_is_not_rerouted(t *testing.T) {
	h := routed(t)
	m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued", "v@far.test queue-frozen")
	h.now = h.now.Add(24 * time.Hour)
	claims, err := h.st.Claim(t.Context(), store.ClaimRequest{Now: h.now, Limit: 1, For: time.Minute})
	if err != nil || len(claims) != 1 {
		t.Fatal(claims, err)
	}
	for _, a := range []Args{{Route: "own"}, {ReturnPath: "boss@acme.test", Route: "own"}} {
		res := h.args(admin, lifecycle.Reroute, a, rid(m, 1), rid(m, 2))
		if i := slices.IndexFunc(res.Items, func(it ItemResult) bool { return it.Code == CodeLeased }); i < 0 {
			t.Errorf("%+v", res)
		}
		if a.ReturnPath != "" && res.Changed != 0 || a.ReturnPath == "" && res.Changed != 1 {
			t.Errorf("%+v: %+v", a, res)
		}
		if a.ReturnPath == "" { // back for the second round
			h.args(admin, lifecycle.Freeze, Args{}, rid(m, 2))
		}
	}
	if got := h.get(m.ID); got.Sender.String() != "me@acme.test" || got.Recipients[0].Route == "route:own" {
		t.Errorf("%+v", got)
	}
}

// TestB91_clear_routes_takes_them_from_the_policy: for all, a tenant, a host;
// what has no way any more waits as unrouted, and tries are spread.
func TestB91_clear_routes_takes_them_from_the_policy(t *testing.T) {
	h := routed(t)
	var ms []*store.Message
	for _, to := range []string{"u@one.test queued", "u@two.test queued", "u@nowhere.test queued", "u@three.test queue-frozen"} {
		ms = append(ms, h.put(mail.Outbound, "me@acme.test", to))
	}
	if res, err := h.Do(t.Context(), admin, lifecycle.ClearRoutes, Selection{Filter: query.Where("recipient", query.Is, "u@one.test")}, Args{}); err != nil || res.Changed != 1 {
		t.Fatalf("%+v %v", res, err)
	}
	if a, b := h.rcpt(ms[0].ID, 1), h.rcpt(ms[1].ID, 1); a.NextHop != "one.test" || a.Route != "mx" || !a.Manual || b.NextHop != "127.0.0.1:2526" {
		t.Fatalf("%+v\n%+v", a, b)
	}
	res, err := h.Do(t.Context(), admin, lifecycle.ClearRoutes, Selection{All: true}, Args{})
	if err != nil || res.Changed != 3 {
		t.Fatalf("%+v %v", res, err)
	}
	var next []time.Time
	for _, m := range ms[:3] {
		next = append(next, h.rcpt(m.ID, 1).Next)
	}
	slices.SortFunc(next, time.Time.Compare)
	if !next[0].Equal(h.now) || !next[2].Equal(h.now.Add(2*flushStep)) {
		t.Errorf("tries at %v", next)
	}
	if r := h.rcpt(ms[2].ID, 1); r.Route != "" || r.NextHop != "" || r.Status != mail.StatusQueued || r.State() != mail.StateUnrouted {
		t.Errorf("%+v", r)
	}
	if r := h.rcpt(ms[3].ID, 1); r.Status != mail.StatusQueueFrozen {
		t.Errorf("frozen mail was touched: %+v", r)
	}
	if e := h.last(ms[1].ID, 1); e.Type != mail.EventRebind || e.Actor != "root" || e.Text != "routes cleared: tenant:acme:in before, now mx" {
		t.Errorf("%+v", e)
	}
}

// TestB130_a_copy_goes_out_beside_the_original: same bytes, what filters
// changed included, as a new message of the same tenant that asks for no
// notices; the original is as it was.
func TestB130_a_copy_goes_out_beside_the_original(t *testing.T) {
	h := routed(t)
	m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued", "v@far.test queue-frozen", "w@far.test delivered")
	edits := []mail.HeaderEdit{{Op: "add", Name: "X-Seen", Value: "yes"}}
	if err := h.st.Update(t.Context(), m.ID, func(m *store.Message) ([]mail.Event, error) {
		m.Recipients[0].Edits, m.Recipients[0].Failures, m.Recipients[0].Attempts = edits, 3, 3
		m.Recipients[0].DSN = mail.RcptParams{Notify: mail.NotifySuccess, ORcpt: "rfc822;u@far.test"}
		return nil, nil
	}); err != nil {
		t.Fatal(err)
	}
	before := h.get(m.ID)
	wakes := h.wakes
	res := h.args(admin, lifecycle.Copy, Args{To: "lawyer@else.test", Reason: "a case"}, m.ID.String())
	if res.Matched != 3 || res.Changed != 3 || h.wakes != wakes+1 {
		t.Fatalf("%+v, woken %d times", res, h.wakes-wakes)
	}
	after := h.get(m.ID)
	for i := range after.Recipients {
		if a, b := before.Recipients[i], after.Recipients[i]; a.Status != b.Status || !a.Next.Equal(b.Next) || a.Address != b.Address || a.Failures != b.Failures || a.Route != b.Route {
			t.Errorf("the original was touched: %+v", b)
		}
	}
	if e := h.last(m.ID, 3); e.Type != mail.EventCopy || e.Actor != "root" || !strings.HasPrefix(e.Text, "a copy to <lawyer@else.test> as ") || !strings.HasSuffix(e.Text, ": a case") {
		t.Errorf("%+v", e)
	}
	rows, _, err := h.st.Search(t.Context(), query.Where("parent", query.Is, m.ID.String()), "", 10)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%d copies of two kinds of bytes, %v", len(rows), err)
	}
	for _, row := range rows {
		c, r := row.Message, row.Recipient
		if c.Sender != m.Sender || c.Kind != "" || c.Size != m.Size || r.Address.String() != "lawyer@else.test" || r.Original.String() == "" || r.Tenant != "acme" ||
			r.Status != mail.StatusQueued || r.NextHop != "else.test" || r.Failures != 0 || r.Attempts != 0 || r.DSN != (mail.RcptParams{Notify: mail.NotifyNever}) {
			t.Errorf("%+v\n%+v", c, r)
		}
		b, err := h.st.OpenBody(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if text, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size())); err != nil || string(text) != "Subject: hello\r\n\r\nbody\r\n" {
			t.Errorf("%q %v", text, err)
		}
		b.Close()
		if e := h.events(c.ID)[0]; e.Type != mail.EventReception || e.Actor != "root" || e.Text != "a copy of "+m.ID.String()+" a case" {
			t.Errorf("%+v", e)
		}
	}
	if !slices.ContainsFunc(rows, func(r store.Row) bool { return slices.Equal(r.Recipient.Edits, edits) }) {
		t.Error("what filters changed is not in the copy")
	}
	// A rehearsal makes none, and held mail is not copied.
	h.args(admin, lifecycle.Copy, Args{To: "lawyer@else.test", DryRun: true}, m.ID.String())
	q := h.put(mail.Inbound, "x@far.test", "a@acme.test quarantined")
	if res := h.args(admin, lifecycle.Copy, Args{To: "lawyer@else.test"}, q.ID.String()); res.Changed != 0 || !strings.Contains(res.Items[0].Error, "is quarantined") {
		t.Errorf("%+v", res)
	}
	if rows, _, _ := h.st.Search(t.Context(), query.Where("recipient", query.Is, "lawyer@else.test"), "", 10); len(rows) != 2 {
		t.Errorf("%d copies", len(rows))
	}
	if _, err := h.Do(t.Context(), admin, lifecycle.Copy, Selection{IDs: []string{m.ID.String()}}, Args{}); !errors.Is(err, ErrSelection) {
		t.Error(err)
	}
}

// TestB130_recipients_of_the_same_share_a_copy, also where policy demands the same
// channel of each; what goes by another is another copy.
func TestB130_recipients_of_the_same_share_a_copy(t *testing.T) {
	h := routed(t)
	strict, other := mail.Secure{TLS: "verified", Otherwise: "retry", Rule: "p.hcl:3"}, mail.Secure{TLS: "dane", Otherwise: "retry", Rule: "p.hcl:9"}
	for _, c := range []struct {
		name string
		want int
		of   [3]*mail.Secure
	}{
		{"none", 1, [3]*mail.Secure{}},
		{"the_same", 1, [3]*mail.Secure{&strict, &strict, &strict}},
		{"two", 2, [3]*mail.Secure{&strict, &other, &strict}},
		{"not_of_all", 2, [3]*mail.Secure{nil, &strict, &strict}},
	} {
		t.Run(c.name, func(t *testing.T) {
			h.t = t
			m := h.put(mail.Outbound, "me@acme.test", "u@far.test queued", "v@far.test queued", "w@far.test queued")
			h.alter(m, func(m *store.Message) {
				for i, s := range c.of {
					m.Recipients[i].Secure = s
				}
			})
			h.args(admin, lifecycle.Copy, Args{To: "lawyer@else.test"}, m.ID.String())
			rows, _, err := h.st.Search(t.Context(), query.Where("parent", query.Is, m.ID.String()), "", 10)
			if err != nil || len(rows) != c.want {
				t.Errorf("%d copies, want %d, %v", len(rows), c.want, err)
			}
		})
	}
}

// TestB96_stopping_leaves_nothing_half_done: what was begun is finished.
func TestB96_stopping_leaves_nothing_half_done(t *testing.T) {
	h := newHouse(t)
	for range 40 {
		h.put(mail.Inbound, "x@far.test", "a@acme.test queued", "b@acme.test queued")
	}
	ctx, cancel := context.WithCancel(t.Context())
	n := 0
	res, err := h.DoEach(ctx, admin, lifecycle.Remove, Selection{All: true}, Args{}, func(it ItemResult) {
		if it.Error != "" {
			t.Errorf("%+v", it)
		}
		if n++; n == 4 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) && err != nil || res.Changed != n || n < 4 {
		t.Fatalf("%d results, %+v, %v", n, res, err)
	}
	counts, err := h.st.Counts(t.Context())
	if err != nil || counts[mail.StatusQueued] != 80-n || n%2 != 0 {
		t.Errorf("%v after %d, %v", counts, n, err)
	}
}
