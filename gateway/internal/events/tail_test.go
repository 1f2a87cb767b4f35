package events_test

import (
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

func matcher(t *testing.T, q string) *query.Matcher {
	t.Helper()
	f, err := query.Parse(q)
	if err != nil {
		t.Fatal(err)
	}
	m, err := query.Compile(f, start)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// read takes the changes that are there.
func read(t *testing.T, tail *events.Tail) (out []events.Change) {
	t.Helper()
	for {
		cs, more, err := tail.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, cs...)
		if more != nil {
			return out
		}
	}
}

func TestTailSeesWhatASearchSees(t *testing.T) {
	j := open(t)
	m := &store.Message{ // two tenants in one message
		ID: mail.NewID(start), Direction: mail.Inbound, Received: start, Sender: address("from@sender.test"), Summary: store.Summary{Subject: "to both"},
		Recipients: []store.Recipient{
			{N: 1, Address: address("a@acme.test"), Tenant: "acme", Status: mail.StatusDelivered, Changed: start},
			{N: 2, Address: address("b@other.test"), Tenant: "other", Status: mail.StatusDelivered, Changed: start},
			{N: 3, Address: address("c@acme.test"), Tenant: "acme", Status: mail.StatusBounced, Changed: start},
		},
	}
	ev := func(typ mail.EventType, n int, st mail.Status) mail.Event {
		return mail.Event{At: start, Type: typ, Message: m.ID, N: n, Status: st}
	}
	j.s.Record(m, nil, ev(mail.EventReception, 0, ""), ev(mail.EventTransientFailure, 1, mail.StatusQueued), ev(mail.EventDelivery, 1, mail.StatusDelivered),
		ev(mail.EventDelivery, 2, mail.StatusDelivered), ev(mail.EventBounce, 3, mail.StatusBounced))
	j.s.Record(nil, nil, mail.Event{At: start, Type: mail.EventPolicy})
	if err := j.s.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	for name, x := range map[string]struct {
		sc   scope.Scope
		q    string
		want []string
	}{
		"admin":          {scope.Admin("root"), "", []string{"Reception a accepted?", "Reception b", "Reception c", "TransientFailure a", "Delivery a", "Delivery b", "Bounce c"}},
		"tenant":         {scope.Tenant("plugin", "other"), "", []string{"Reception b", "Delivery b"}},
		"domain":         {scope.Domain("dora", "other.test"), "", []string{"Reception b", "Delivery b"}},
		"mailbox":        {scope.Mailbox("carl", "c@acme.test"), "", []string{"Reception c", "Bounce c"}},
		"nobody":         {scope.Scope{}, "", nil},
		"filter":         {scope.Admin("root"), "status:queued", []string{"TransientFailure a"}}, // as it was then
		"filter_beyond":  {scope.Domain("dora", "other.test"), "recipient:a@acme.test", nil},
		"filter_subject": {scope.Domain("dora", "other.test"), "subject:both", []string{"Reception b", "Delivery b"}},
	} {
		t.Run(name, func(t *testing.T) {
			got := read(t, events.Follow(j.s, x.sc, matcher(t, x.q), 0))
			if len(got) != len(x.want) {
				t.Fatalf("%d changes, want %v", len(got), x.want)
			}
			for i, c := range got {
				text := string(c.Event.Type) + " " + c.Row.Recipient.Address.String()[:1]
				if len(x.want[i]) < len(text) || x.want[i][:len(text)] != text {
					t.Errorf("change %d is %q, want %q", i, text, x.want[i])
				}
				if c.Event.N != 0 && c.Row.Recipient.Status != c.Event.Status {
					t.Errorf("change %d has status %s, want %s", i, c.Row.Recipient.Status, c.Event.Status)
				}
				last := i == len(got)-1 || got[i+1].Event.Seq != c.Event.Seq
				if c.Last != last {
					t.Errorf("change %d: last is %v", i, c.Last)
				}
			}
		})
	}
}

// A reader that is slow gets all, delays no writer, and one that comes back
// goes on where it was.
func TestTailUnderLoad(t *testing.T) {
	j := open(t)
	const writers, each = 4, 250
	var wg sync.WaitGroup
	for range writers {
		wg.Go(func() {
			for range each {
				m := &store.Message{ID: mail.NewID(time.Now()), Direction: mail.Inbound, Received: start, Sender: address("from@sender.test"),
					Recipients: []store.Recipient{{N: 1, Address: address("a@acme.test"), Tenant: "acme", Status: mail.StatusDelivered, Changed: start}}}
				j.s.Record(m, nil, mail.Event{At: start, Type: mail.EventDelivery, Message: m.ID, N: 1, Status: mail.StatusDelivered})
			}
		})
	}
	seen, at := map[uint64]int{}, uint64(0)
	began := time.Now()
	written := make(chan time.Duration, 1)
	go func() {
		wg.Wait()
		_ = j.s.Sync(ctx)
		written <- time.Since(began)
	}()
	tail := events.Follow(j.s, scope.Admin("root"), matcher(t, ""), 0)
	for reads := 0; len(seen) < writers*each; reads++ {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("%d of %d seen", len(seen), writers*each)
		}
		cs, more, err := tail.Next(ctx)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range cs {
			if c.Event.Seq <= at {
				t.Fatalf("%d after %d", c.Event.Seq, at)
			}
			at = c.Event.Seq
			seen[at]++
		}
		if reads%3 == 2 { // it breaks off, and comes back
			tail = events.Follow(j.s, scope.Admin("root"), matcher(t, ""), at)
		}
		time.Sleep(5 * time.Millisecond) // slow
		if more != nil {
			select {
			case <-more:
			case <-time.After(10 * time.Millisecond):
			}
		}
	}
	for seq, n := range seen {
		if n != 1 {
			t.Errorf("event %d came %d times", seq, n)
		}
	}
	t.Logf("%d events written in %v, read in %v", writers*each, <-written, time.Since(began))
}

func TestTailFromBeyondTheEndBeginsNow(t *testing.T) {
	j := open(t)
	j.delivered(2, "acme", start)
	tail := events.Follow(j.s, scope.Admin("root"), matcher(t, ""), 1000)
	j.delivered(1, "acme", start)
	if got := read(t, tail); len(got) != 1 || got[0].Event.Seq != 3 {
		t.Errorf("%+v", got)
	}
}

// TestTailNamesNoOthers: what a host said of the whole message names nobody that the
// scope does not see, neither in the event nor in the row.
func TestTailNamesNoOthers(t *testing.T) {
	j := open(t)
	said := mail.NewReply(554, "5.2.2", "<b@other.test> over quota")
	m := &store.Message{
		ID: mail.NewID(start), Direction: mail.Inbound, Received: start, Sender: address("from@sender.test"),
		Recipients: []store.Recipient{
			{N: 1, Address: address("a@acme.test"), Tenant: "acme", Status: mail.StatusBounced, Changed: start, Last: said},
			{N: 2, Address: address("b@other.test"), Tenant: "other", Status: mail.StatusBounced, Changed: start, Last: said},
		},
	}
	j.s.Record(m, nil, mail.Event{At: start, Type: mail.EventBounce, Message: m.ID, N: 1, Status: mail.StatusBounced, Reply: said, Text: said.Text})
	if err := j.s.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	for want, sc := range map[string]scope.Scope{
		"<b@other.test> over quota":        scope.Admin("root"),
		"<(another recipient)> over quota": scope.Domain("anna", "acme.test"),
	} {
		got := read(t, events.Follow(j.s, sc, matcher(t, ""), 0))
		if len(got) != 1 {
			t.Fatalf("%s: %+v", sc.Actor, got)
		}
		c := got[0]
		if c.Event.Reply.Text != want || c.Event.Text != want || c.Row.Recipient.Last.Text != want || c.Row.Message.Recipients[0].Last.Text != want {
			t.Errorf("%s reads %+v %+v", sc.Actor, c.Event, c.Row.Recipient.Last)
		}
	}
}
