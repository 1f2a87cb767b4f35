package api_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/audit"
)

// noted keeps audit entries in memory.
type noted struct {
	mu sync.Mutex
	es []audit.Entry
}

func (n *noted) Record(_ context.Context, e audit.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.es = append(n.es, e)
	return nil
}

type nobodyHosted struct{}

func (nobodyHosted) Domains(string) ([]string, bool) { return nil, false }
func (nobodyHosted) TenantOf(string) (string, bool)  { return "", false }

// door is a listener with accounts, at a clock that the test moves.
type door struct {
	h   http.Handler
	log noted
	now time.Time
}

func newDoor(t *testing.T) *door {
	t.Helper()
	d := &door{now: apitest.Now}
	clock := func() time.Time { return d.now }
	a, err := accounts.New(accounts.Options{Docs: &apitest.Docs{}, Tenants: nobodyHosted{}, Key: make([]byte, 32), Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	s := apitest.Sample().Services()
	s.Accounts, s.Audit, s.Now = a, &d.log, clock
	d.h = api.NewListener(s, a)
	return d
}

func (d *door) post(t *testing.T, path, from string, form url.Values) int {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, strings.NewReader(form.Encode()))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.RemoteAddr = from + ":1000"
	w := httptest.NewRecorder()
	d.h.ServeHTTP(w, r)
	return w.Code
}

// Whatever somebody unknown sends to the pages of sign-in, a network fills the
// audit log no faster than its guesses are looked at, and nothing is lost of how
// many there were.
func TestStrangersDoNotFillTheAuditLog(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		form url.Values
		most int // guesses that are looked at in the time below
	}{
		"password": {"/sign-in", url.Values{"do": {"password"}, "name": {"anna"}, "password": {"x"}}, 20},
		"code":     {"/sign-in", url.Values{"do": {"code"}, "pending": {"garbage"}, "code": {"1"}}, 45},
		"link":     {"/sign-in/link/garbage", url.Values{}, 45},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDoor(t)
			answered := 0
			for range 600 { // ten minutes
				if d.post(t, c.path, "192.0.2.1", c.form) != http.StatusTooManyRequests {
					answered++
				}
				d.now = d.now.Add(time.Second)
			}
			if n := len(d.log.es); answered > c.most || n > answered+1 {
				t.Errorf("%d looked at, %d entries; want at most %d, and one of those that had to wait", answered, n, c.most)
			}
			// Later somebody else comes, and the sum is recorded.
			d.now = d.now.Add(time.Hour)
			before := len(d.log.es)
			d.post(t, c.path, "198.51.100.1", c.form)
			sum := d.log.es[before]
			if sum.Source != "192.0.2.1" || sum.Refused == "" || sum.Details["times"] == "" || len(d.log.es) != before+2 {
				t.Errorf("%+v", d.log.es[before:])
			}
		})
	}
}

func TestSignInPagesAreLimited(t *testing.T) {
	d := newDoor(t)
	form := url.Values{"do": {"sign-out"}} // that nothing else limits
	limited := 0
	for range 100 {
		if d.post(t, "/sign-in", "192.0.2.1", form) == http.StatusTooManyRequests {
			limited++
		}
	}
	if limited != 40 {
		t.Errorf("%d of 100 were refused, want those after 60", limited)
	}
	if code := d.post(t, "/sign-in", "192.0.2.2", form); code == http.StatusTooManyRequests {
		t.Error("another network is refused, too")
	}
}

func TestNameOfASignInIsShort(t *testing.T) {
	d := newDoor(t)
	long := strings.Repeat("ä", 100_000)
	d.post(t, "/sign-in", "192.0.2.1", url.Values{"do": {"password"}, "name": {"x" + long}, "password": {"x"}})
	ask(t, d.h, "POST", "/v1/sign-in", `{"name":"x`+long[:500]+`","password":"x"}`)
	if len(d.log.es) != 2 {
		t.Fatalf("%d entries", len(d.log.es))
	}
	for _, e := range d.log.es {
		if len(e.Actor) > 254 || len(e.Actor) < 250 || !utf8.ValidString(e.Actor) || e.Target != e.Actor {
			t.Errorf("a name of %d octets is recorded", len(e.Actor))
		}
	}
}
