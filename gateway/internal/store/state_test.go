package store

import (
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

func TestB97toB101_QueueStates(t *testing.T) {
	failed := time.Unix(1e9, 0)
	address := func(s string) mail.Address {
		a, err := mail.ParseAddress(s)
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	queued := Recipient{Status: mail.StatusQueued, Route: "mx", NextHop: "far.test", Address: address("r@far.test")}
	with := func(change func(*Recipient)) Recipient {
		r := queued
		change(&r)
		return r
	}
	for name, c := range map[string]struct {
		r    Recipient
		want mail.QueueState
	}{
		"B97 no route":          {with(func(r *Recipient) { r.Route, r.NextHop = "", "" }), mail.StateUnrouted},
		"B97 tried without one": {with(func(r *Recipient) { r.Route, r.FirstFailure = "", failed }), mail.StateUnrouted},
		"B97 the route is gone": {with(func(r *Recipient) {
			r.Route, r.FirstFailure, r.Last = "route:old", failed, mail.NewReply(451, "4.4.4", "gone")
		}), mail.StateUnrouted},
		"B98 by MX":                           {queued, mail.StateRouteSelected},
		"B98 by MX, another port":             {with(func(r *Recipient) { r.NextHop = "far.test:2525" }), mail.StateRouteSelected},
		"B98 named route by MX":               {with(func(r *Recipient) { r.Route = "route:far" }), mail.StateRouteSelected},
		"B98 named route by MX, another port": {with(func(r *Recipient) { r.Route, r.NextHop = "route:far", "far.test:2525" }), mail.StateRouteSelected},
		"B98 an IPv6 address as the domain": {with(func(r *Recipient) {
			r.Address, r.Route, r.NextHop = address("r@[IPv6:2001:db8::1]"), "route:far", "[ipv6:2001:db8::1]"
		}), mail.StateRouteSelected},
		"B98 the same, another port": {with(func(r *Recipient) {
			r.Address, r.Route, r.NextHop = address("r@[IPv6:2001:db8::1]"), "route:far", "[ipv6:2001:db8::1]:2525"
		}), mail.StateRouteSelected},
		"B99 static host of the domain's name": {with(func(r *Recipient) { r.Route, r.NextHop = "route:far", "far.test:25" }), mail.StateHostIdentified},
		"B99 static IPv6 host":                 {with(func(r *Recipient) { r.Route, r.NextHop = "route:relay", "[2001:db8::1]:2525" }), mail.StateHostIdentified},
		"B99 static hosts":                     {with(func(r *Recipient) { r.Route, r.NextHop = "route:relay", "a.test:25,far.test:2525" }), mail.StateHostIdentified},
		"B99 LMTP":                             {with(func(r *Recipient) { r.Route, r.NextHop = "route:relay", "lmtp:unix:/run/lmtp" }), mail.StateHostIdentified},
		"B99 within":                           {with(func(r *Recipient) { r.Route, r.NextHop = "local:far", "local:far" }), mail.StateHostIdentified},
		"B99 static host":                      {with(func(r *Recipient) { r.Route, r.NextHop = "route:relay", "192.0.2.1:25" }), mail.StateHostIdentified},
		"B99 looked up, has to wait":           {with(func(r *Recipient) { r.LastHost, r.Throttled = "mx1.far.test", true }), mail.StateHostIdentified},
		"B100":                                 {with(func(r *Recipient) { r.FirstFailure, r.Failures = failed, 1 }), mail.StateAttemptFailed},
		"B100 the destination's 4.4.4 is no route of ours": {with(func(r *Recipient) {
			r.FirstFailure, r.Last, r.LastRemote, r.LastHost = failed, mail.NewReply(451, "4.4.4", "?"), true, "h"
		}), mail.StateAttemptFailed},
		"B101":             {with(func(r *Recipient) { r.FirstFailure, r.DelayNoticed = failed, true }), mail.StateDelayNoticed},
		"frozen":           {with(func(r *Recipient) { r.Status = mail.StatusQueueFrozen }), ""},
		"not filtered yet": {with(func(r *Recipient) { r.Status, r.Unjudged = mail.StatusAccepted, true }), ""},
		"delivered":        {with(func(r *Recipient) { r.Status = mail.StatusDelivered }), ""},
	} {
		if got := c.r.State(); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
		row := Row{&Message{}, &c.r}
		if v := row.Text("state"); len(v) > 1 || len(v) == 1 && v[0] != string(c.want) || len(v) == 0 && c.want != "" {
			t.Errorf("%s: a search sees %q", name, v)
		}
	}
}
