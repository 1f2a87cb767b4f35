package flow_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/mailweir/weir/gateway/internal/flow"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// calls notes what flow hands on, and how it settles it.
type calls struct {
	mu     sync.Mutex
	handed []string // "recipient block text"
	ended  []bool
	err    error
}

func (c *calls) Hand(_ context.Context, m *store.Message, by map[int][]policy.Call) (func(bool), error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return func(bool) {}, c.err
	}
	for n, cs := range by {
		i := slices.IndexFunc(m.Recipients, func(r store.Recipient) bool { return r.N == n })
		for _, x := range cs {
			c.handed = append(c.handed, fmt.Sprintf("%s %s %s", m.Recipients[i].Address, x.Block, x.Params.Get("text").String))
		}
	}
	slices.Sort(c.handed)
	return func(taken bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.ended = append(c.ended, taken)
	}, nil
}

func (c *calls) take() (handed string, ended string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	handed, ended = strings.Join(c.handed, ", "), fmt.Sprint(c.ended)
	c.handed, c.ended = nil, nil
	return handed, ended
}

const runs = `action "tell" {
    when = finding.sub == "bad"
    run  = [call(plugin.told, "post", { text = recipient.local })]
  }
  action "hold" {
    when = finding.sub == "bad" && recipient.local == "held"
    do   = quarantine("bad")
    run  = [call(plugin.told, "post", { text = "held" })]
  }`

// TestRunIsHandedOver: with every reply that is final, and with no other.
func TestRunIsHandedOver(t *testing.T) {
	var action abi.Action
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, ev *abi.Event, v *abi.Verdict) error {
		if ev.Tenant == "ill" {
			return failed(ev, "tempfail")
		}
		finds(v, "bad", action)
		finds(v, "bad", action) // a block that matches twice is one call
		return nil
	}}
	c := &calls{}
	hcl := base("", runs, tenant("acme", destination(t, "accept"), ""), tenant("never", destination(t, "refuse"), ""), tenant("later", destination(t, "defer"), ""), tenant("ill", destination(t, "accept"), ""))
	r := newRig(t, fs, hcl, func(o *flow.Options) { o.Calls = c })
	for _, x := range []struct {
		name          string
		action        abi.Action
		to            []string
		code          int
		handed, ended string
	}{
		{"delivered", abi.ActionContinue, []string{"a@acme.test"}, 250, "a@acme.test all.tell a", "[true]"},
		{"each_recipient", abi.ActionContinue, []string{"a@acme.test", "held@acme.test"}, 250, "a@acme.test all.tell a, held@acme.test all.hold held, held@acme.test all.tell held", "[true]"},
		{"refused_by_policy", abi.ActionReject, []string{"a@acme.test"}, 550, "a@acme.test all.tell a", "[true]"},
		{"refused_by_the_destination", abi.ActionContinue, []string{"a@never.test"}, 550, "a@never.test all.tell a", "[true]"},
		{"tempfail", abi.ActionTempfail, []string{"a@acme.test"}, 451, "", "[]"},
		{"queued", abi.ActionContinue, []string{"a@later.test"}, 250, "a@later.test all.tell a", "[true]"},
		{"filter_failed_beside_another", abi.ActionContinue, []string{"a@acme.test", "b@ill.test"}, 250, "a@acme.test all.tell a", "[true]"},
		{"filter_failed", abi.ActionContinue, []string{"b@ill.test"}, 451, "", "[]"},
		{"disconnected_for_now", abi.ActionDisconnect, []string{"a@acme.test"}, 554, "a@acme.test all.tell a", "[true]"},
	} {
		t.Run(x.name, func(t *testing.T) {
			action = x.action
			reply, id := r.send(r.open(mail.Inbound), t.Context(), "s@client.test", x.to...)
			handed, ended := c.take()
			if reply.Code != x.code || handed != x.handed || ended != x.ended {
				t.Errorf("%v, handed %q, settled %s; want %d, %q, %s", reply, handed, ended, x.code, x.handed, x.ended)
			}
			if m := r.get(id); x.handed != "" && len(m.Recipients[0].Ran) != 1 {
				t.Errorf("the record does not know of it: %v", m.Recipients[0].Ran)
			}
		})
	}
	// What cannot be noted is not answered with a 250, and not delivered either.
	action, c.err = abi.ActionContinue, store.ErrFull
	reply, id := r.send(r.open(mail.Inbound), t.Context(), "s@client.test", "a@acme.test")
	if reply.Code != 452 {
		t.Errorf("without room: %v", reply)
	}
	if _, err := r.st.Get(t.Context(), id); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("without room there is a record: %v", err)
	}
}

// TestRunOnceThoughJudgedAgain: a message that is filtered again from the
// queue calls what it has not called, and nothing twice.
func TestRunOnceThoughJudgedAgain(t *testing.T) {
	action := abi.ActionStall
	fs := &told{stages: []abi.Stage{abi.StageMessage}, say: func(_ context.Context, _ *abi.Event, v *abi.Verdict) error {
		finds(v, "bad", action)
		return nil
	}}
	c := &calls{}
	r := newRig(t, fs, base("", runs, tenant("acme", destination(t, "accept"), "")), func(o *flow.Options) { o.Calls = c })
	reply, m := r.inbound("a@acme.test")
	r.want(reply, m, 250, "a@acme.test=stalled")
	if handed, _ := c.take(); handed != "a@acme.test all.tell a" {
		t.Errorf("at first: %q", handed)
	}
	again := func() store.Outcome {
		t.Helper()
		body, err := r.st.OpenBody(t.Context(), m.ID)
		if err != nil {
			t.Fatal(err)
		}
		defer body.Close()
		o, err := r.f.Rejudge(t.Context(), m, []int{1}, body)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range o.Spawn {
			a.Draft.Discard()
		}
		return o
	}
	again()
	if handed, _ := c.take(); handed != "" {
		t.Errorf("judged again: %q", handed)
	}
	m.Recipients[0].Ran = nil
	o := again()
	if handed, ended := c.take(); handed != "a@acme.test all.tell a" || ended != "[true]" || len(o.Recipients[0].Ran) != 1 {
		t.Errorf("what was not called before: %q %s, %v", handed, ended, o.Recipients[0].Ran)
	}
	m.Recipients[0].Ran = nil
	action = abi.ActionTempfail
	again()
	if handed, _ := c.take(); handed != "" {
		t.Errorf("without a verdict: %q", handed)
	}
}
