package events_test

import (
	"encoding/base64"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/plugnet"
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
