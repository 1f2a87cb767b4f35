package events_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

func TestRestartInTheMiddle(t *testing.T) {
	j, r, c := open(t), receive(t), newClock()
	k := r.hook(t, "siem", 5, true)
	s := j.run(nil, c, k)
	for round := range 4 {
		j.delivered(23, "acme", start)
		s.until("on its way", func() bool { return len(r.seqs()) > 23*round+4 })
		s.stop()
		j.restart()
		s = j.run(nil, c, k)
	}
	s.until("taken", func() bool { return r.whole(1, 92) == nil })
}

// unkept are documents whose writes are lost from some time on, as by a kill.
type unkept struct {
	store.Docs
	dead atomic.Bool
}

func (u *unkept) PutDoc(ctx context.Context, d store.Doc, rev uint64) (uint64, error) {
	if u.dead.Load() {
		return rev, nil
	}
	return u.Docs.PutDoc(ctx, d, rev)
}

func TestKillBetweenDeliveryAndCursorRepeatsAndLosesNothing(t *testing.T) {
	j, r, c := open(t), receive(t), newClock()
	docs := &unkept{Docs: j.s}
	k := r.hook(t, "siem", 10, true)
	s := j.run(docs, c, k)
	j.delivered(10, "acme", start)
	s.until("taken", func() bool { return s.is("siem").Delivered == 10 && s.is("siem").Behind == 0 })
	docs.dead.Store(true)
	j.delivered(10, "acme", start)
	s.until("taken", func() bool { return len(r.seqs()) == 20 })
	s.stop()
	j.restart()
	s = j.run(nil, c, k)
	j.delivered(5, "acme", start)
	s.until("taken", func() bool { return r.whole(1, 25) == nil })
	if n := len(r.seqs()); n != 35 {
		t.Errorf("%d came, want 35: those of the batch whose place was lost come twice", n)
	}
	twice := map[string]int{}
	for _, id := range r.ids {
		twice[id]++
	}
	if len(twice) == len(r.ids) {
		t.Logf("no request came twice as it was: %v", r.ids)
	}
}

func TestDeadReceiverDelaysNobody(t *testing.T) {
	j, dead, live, c := open(t), receive(t), receive(t), newClock()
	dead.answers(func(_ int, w http.ResponseWriter, r *http.Request) bool {
		<-r.Context().Done()
		return false
	})
	s := j.run(nil, c, dead.hook(t, "dead", 10, true), live.hook(t, "live", 10, true))
	began := time.Now()
	j.delivered(300, "acme", start)
	s.until("taken", func() bool { return live.whole(1, 300) == nil })
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("a dead receiver delayed another for %v", took)
	}
	st := s.is("dead")
	if st.State == "ok" && st.Failures > 0 || st.Behind == 0 {
		t.Errorf("the dead receiver is %+v", st)
	}
	if !st.Oldest.Equal(start) {
		t.Errorf("the oldest that waits is of %v, want %v", st.Oldest, start)
	}
}

func TestLossIsToldWhenRetentionOvertakes(t *testing.T) {
	j, r, c := open(t), receive(t), newClock()
	k := r.hook(t, "siem", 100, true)
	s := j.run(nil, c, k)
	s.stop()
	ids := j.delivered(20, "acme", start)
	for _, id := range ids[5:15] {
		if err := j.s.Forget(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	s = j.run(nil, c, k)
	s.until("taken", func() bool { return len(r.seqs()) == 10 })
	if r.lost() != 10 || r.got[0].Type != events.TypeLost {
		t.Errorf("told of %d lost events, want 10: %+v", r.lost(), r.got[0])
	}
	s.until("told", func() bool { return s.is("siem").Lost == 10 })
	j.delivered(1, "acme", start)
	s.until("taken", func() bool { return len(r.seqs()) == 11 })
	if r.lost() != 10 {
		t.Errorf("told twice: %d", r.lost())
	}
	s.until("noted", func() bool { return s.is("siem").Behind == 0 }) // else it comes again
	s.stop()
	ids = j.delivered(3, "acme", start)
	for _, id := range ids { // all that there is
		if err := j.s.Forget(ctx, id); err != nil {
			t.Fatal(err)
		}
	}
	s = j.run(nil, c, k)
	j.delivered(1, "acme", start)
	s.until("taken", func() bool { return len(r.seqs()) == 12 })
	if r.lost() != 13 {
		t.Errorf("told of %d, want 13", r.lost())
	}
}

func TestEventsWaitNoLongerThanKeep(t *testing.T) {
	j, r, c := open(t), receive(t), newClock()
	r.answers(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusInternalServerError)
		return false
	})
	s := j.run(nil, c, r.hook(t, "siem", 100, true))
	j.delivered(7, "acme", start)
	s.until("tried", func() bool { return s.is("siem").State == "retrying" })
	j.delivered(2, "acme", start.Add(20*time.Hour))
	c.forward(30 * time.Hour)
	s.until("given up", func() bool { return s.is("siem").Lost == 7 })
	r.answers(nil)
	s.until("taken", func() bool { return len(r.seqs()) == 2 })
	if r.lost() != 7 {
		t.Errorf("told of %d lost events, want 7", r.lost())
	}
}

func TestSelection(t *testing.T) {
	j, c := open(t), newClock()
	all, acme, bounces, large, own := receive(t), receive(t), receive(t), receive(t), receive(t)
	sink := func(r *receiver, name string, f func(*events.Sink)) events.Sink {
		k := r.hook(t, name, 100, true)
		f(&k)
		return k
	}
	parse := func(q string) query.Filter {
		f, err := query.Parse(q)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	s := j.run(nil, c,
		sink(all, "all", func(*events.Sink) {}),
		sink(acme, "acme", func(k *events.Sink) { k.Tenants = []string{"acme"} }),
		sink(bounces, "bounces", func(k *events.Sink) { k.Types = []string{"Bounce", "Policy"} }),
		sink(large, "search", func(k *events.Sink) { k.Filter = parse("subject:2 status:delivered") }),
		sink(own, "own", func(k *events.Sink) { k.Tenants, k.Filter = []string{"other"}, parse("subject:2") }),
	)
	j.delivered(4, "acme", start)
	j.delivered(4, "other", start)
	j.s.Record(nil, nil, mail.Event{At: start, Type: mail.EventPolicy, Text: "in force"})
	if err := j.s.Sync(ctx); err != nil {
		t.Fatal(err)
	}
	s.until("taken", func() bool { return len(all.seqs()) == 9 })
	for _, x := range []struct {
		name string
		r    *receiver
		want []uint64
	}{
		{"acme", acme, []uint64{1, 2, 3, 4}}, {"bounces", bounces, []uint64{9}}, {"search", large, []uint64{3, 7}}, {"own", own, []uint64{7}},
	} {
		s.until(x.name+" taken", func() bool { return len(x.r.seqs()) >= len(x.want) })
		got, _ := json.Marshal(x.r.seqs())
		want, _ := json.Marshal(x.want)
		if string(got) != string(want) {
			t.Errorf("%s got %s, want %s", x.name, got, want)
		}
	}
}

func TestApplyKeepsWhoIsAsBefore(t *testing.T) {
	j, a, b, c := open(t), receive(t), receive(t), newClock()
	ka := a.hook(t, "a", 10, true)
	s := j.run(nil, c, ka)
	j.delivered(3, "acme", start)
	s.until("taken", func() bool { return len(a.seqs()) == 3 })
	s.Apply([]events.Sink{ka, b.hook(t, "b", 10, true)})
	s.until("there", func() bool { return len(s.Status()) == 2 && s.is("b").Seq == 3 })
	if s.is("a").Delivered != 3 {
		t.Error("a receiver that was not changed began anew")
	}
	j.delivered(2, "acme", start)
	s.until("taken", func() bool { return a.whole(1, 5) == nil && b.whole(4, 5) == nil })
	s.Apply(nil)
	if len(s.Status()) != 0 {
		t.Error("receivers that nobody wants")
	}
	j.delivered(2, "acme", start)
	s.Apply([]events.Sink{ka}) // it goes on where it was
	s.until("taken", func() bool { return a.whole(1, 7) == nil })
}
