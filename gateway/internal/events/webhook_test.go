package events_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/plugnet"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

var start = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func newClock() *clock { return &clock{t: start} }

// The test vector of the Standard Webhooks reference libraries.
func TestSignature(t *testing.T) {
	k, err := base64.StdEncoding.DecodeString("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
	if err != nil {
		t.Fatal(err)
	}
	const want = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	got := events.Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", []byte(`{"test": 2432232314}`), k, []byte("an older key"))
	if first, second, ok := strings.Cut(got, " "); !ok || first != want || !strings.HasPrefix(second, "v1,") || second == want {
		t.Errorf("signatures %q, want %q first", got, want)
	}
}

func TestWebhookGetsEverythingInOrder(t *testing.T) {
	j, r, c := open(t), receive(t), newClock()
	j.delivered(3, "acme", start) // before the receiver was there
	s := j.run(nil, c, r.hook(t, "siem", 7, true))
	j.delivered(50, "acme", start)
	s.until("taken", func() bool { return len(r.seqs()) >= 50 })
	if err := r.whole(4, 53); err != nil || len(r.seqs()) != 50 {
		t.Fatalf("%v; %v", err, r.seqs())
	}
	e := r.got[0]
	if e.Type != "Delivery" || e.Tenant != "acme" || e.Recipient != "someone@acme.test" || e.Status != "delivered" || e.Subject != "no. 0" || e.N != 1 || len(e.Message) != 26 {
		t.Errorf("event %+v", e)
	}
	s.until("told", func() bool { st := s.is("siem"); return st.Delivered == 50 && st.Behind == 0 && st.State == "ok" })
}

// failures are what a receiver may do instead of taking a batch.
func TestWebhookFailuresAreRetried(t *testing.T) {
	status := func(code int, header ...string) func(http.ResponseWriter, *http.Request) {
		return func(w http.ResponseWriter, _ *http.Request) {
			for i := 0; i < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
		}
	}
	elsewhere := atomic.Int32{}
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for name, f := range map[string]struct {
		fail func(http.ResponseWriter, *http.Request)
		want string        // part of the error
		wait time.Duration // at least
	}{
		"server_error":     {status(500), "500 Internal Server Error", time.Second},
		"not_found":        {status(404), "404", time.Second},
		"busy_for_seconds": {status(429, "Retry-After", "90"), "429", 90 * time.Second},
		"busy_until":       {status(503, "Retry-After", time.Now().Add(3*time.Minute).UTC().Format(http.TimeFormat)), "503", 2 * time.Minute},
		"redirect":         {status(307, "Location", other.URL), "redirects are not followed", time.Second},
		"no_answer":        {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "no answer within", time.Second},
		"breaks_off":       {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF", time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			j, r, c := open(t), receive(t), newClock()
			r.answers(func(n int, w http.ResponseWriter, req *http.Request) bool {
				if n <= 3 {
					f.fail(w, req)
					return false
				}
				return true
			})
			s := j.run(nil, c, r.hook(t, "siem", 100, true))
			seen := make(chan string, 1)
			go func() {
				for {
					if st := s.is("siem"); st.State == "retrying" {
						seen <- st.Error
						return
					}
					time.Sleep(100 * time.Microsecond)
				}
			}()
			j.delivered(5, "acme", start)
			s.until("taken", func() bool { return len(r.seqs()) >= 5 })
			if err := r.whole(1, 5); err != nil {
				t.Error(err)
			}
			if got := <-seen; !strings.Contains(got, f.want) {
				t.Errorf("error %q, want %q in it", got, f.want)
			}
			if got := s.w.longest(); got < f.wait {
				t.Errorf("waited %v, want %v", got, f.wait)
			}
			s.until("told", func() bool { st := s.is("siem"); return st.State == "ok" && st.Error == "" && st.Failures == 3 })
			if elsewhere.Load() != 0 {
				t.Error("a redirect was followed")
			}
		})
	}
}

func TestWebhookRefusesPrivateAddressesAndUnknownCertificates(t *testing.T) {
	r := receive(t)
	roots := r.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	opened := netip.MustParseAddrPort(strings.TrimPrefix(r.URL, "https://"))
	port := r.URL[strings.LastIndexByte(r.URL, ':'):]
	for name, x := range map[string]struct {
		url, want string
		o         plugnet.Options
		private   []netip.AddrPort
	}{
		"loopback":             {r.URL, "loopback address", plugnet.Options{Roots: roots}, nil},
		"public_name_to_it":    {"https://hook.example" + port, "loopback address", plugnet.Options{Roots: roots}, nil},
		"local_name_to_it":     {"https://hook.internal" + port, "loopback address", plugnet.Options{Roots: roots}, nil},
		"another_port":         {r.URL, "loopback address", plugnet.Options{Roots: roots}, []netip.AddrPort{netip.AddrPortFrom(opened.Addr(), opened.Port()+1)}},
		"unknown_certificate":  {r.URL, "certificate", plugnet.Options{}, []netip.AddrPort{opened}},
		"certificate_of_other": {"https://hook.internal" + port, "certificate", plugnet.Options{Roots: roots}, []netip.AddrPort{opened}},
	} {
		t.Run(name, func(t *testing.T) {
			j, c := open(t), newClock()
			x.o.Resolver, x.o.Strict = literal{}, true
			k := r.over(t, x.o, x.private, "siem", 100)
			k.Open = withURL(k, x.url)
			s := j.run(nil, c, k)
			j.delivered(1, "acme", start)
			s.until("refused", func() bool { return s.is("siem").State == "retrying" })
			if got := s.is("siem").Error; !strings.Contains(got, x.want) {
				t.Errorf("error %q, want %q in it", got, x.want)
			}
		})
	}
	if n := r.asked(); n != 0 {
		t.Errorf("%d requests arrived", n)
	}
}

// withURL sends a receiver's requests elsewhere.
func withURL(k events.Sink, url string) func() (events.Output, error) {
	return func() (events.Output, error) {
		o, err := k.Open()
		if err != nil {
			return nil, err
		}
		w := o.(events.Webhook)
		w.URL = url + "/hook"
		return w, nil
	}
}

func TestWebhookThatIsGoneIsAskedNoMore(t *testing.T) {
	j, r, c := open(t), receive(t), newClock()
	gone := func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusGone)
		return false
	}
	r.answers(gone)
	k := r.hook(t, "siem", 100, true)
	s := j.run(nil, c, k)
	j.delivered(3, "acme", start)
	s.until("disabled", func() bool { return s.is("siem").State == "disabled" })
	j.delivered(3, "acme", start)
	s.stop()
	s = j.run(nil, c, k) // a restart does not change its mind
	s.until("disabled", func() bool { return s.is("siem").State == "disabled" })
	if n := r.asked(); n != 1 {
		t.Fatalf("asked %d times, want once", n)
	}
	r.answers(nil)
	if err := s.Resume("siem"); err != nil {
		t.Fatal(err)
	}
	s.until("taken", func() bool { return len(r.seqs()) >= 6 })
	if err := r.whole(1, 6); err != nil {
		t.Error(err)
	}
	if err := s.Resume("other"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("resuming nobody: %v", err)
	}
}

func TestWebhookThatMovedIsAskedAgain(t *testing.T) {
	j, r, c := open(t), receive(t), newClock()
	r.answers(func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		w.WriteHeader(http.StatusGone)
		return false
	})
	s := j.run(nil, c, r.hook(t, "siem", 100, true))
	j.delivered(2, "acme", start)
	s.until("disabled", func() bool { return s.is("siem").State == "disabled" })
	moved := receive(t)
	s.Apply([]events.Sink{moved.hook(t, "siem", 100, true)})
	s.until("taken", func() bool { return len(moved.seqs()) >= 2 })
	if err := moved.whole(1, 2); err != nil {
		t.Error(err)
	}
}

func TestWebhookThatWantsLessAtATime(t *testing.T) {
	j, r, c := open(t), receive(t), newClock()
	r.answers(func(_ int, w http.ResponseWriter, req *http.Request) bool {
		if req.ContentLength > 1500 {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return false
		}
		return true
	})
	s := j.run(nil, c, r.hook(t, "siem", 64, true))
	j.delivered(64, "acme", start)
	s.until("taken", func() bool { return len(r.seqs()) >= 64 })
	if err := r.whole(1, 64); err != nil || len(r.seqs()) != 64 {
		t.Errorf("%v; %d came", err, len(r.seqs()))
	}
}

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
