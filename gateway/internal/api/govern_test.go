package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

// counted counts how often an action was done.
type counted struct {
	api.Actions
	n    atomic.Int32
	hold chan struct{} // nil: none; an action waits for it
	err  error         // what it ends with after one recipient; nil: well
}

func (c *counted) Do(ctx context.Context, s scope.Scope, o api.ActionOrder) (api.ActionOutcome, error) {
	c.n.Add(1)
	if c.hold != nil {
		select {
		case <-c.hold:
		case <-ctx.Done():
			return api.ActionOutcome{Matched: 2, Changed: 1}, ctx.Err()
		}
	}
	if c.err != nil {
		return api.ActionOutcome{Matched: 2, Changed: 1}, c.err
	}
	return c.Actions.Do(ctx, s, o)
}

// keyed is a handler with real documents, and an action to count.
func keyed(t *testing.T) (http.Handler, *counted, store.Docs, *time.Time) {
	t.Helper()
	docs, err := badgerstore.Open(badgerstore.Options{Dir: t.TempDir(), NoSync: true, Logger: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = docs.Close() })
	s := apitest.Sample().Services()
	c := &counted{Actions: s.Actions}
	now := apitest.Now
	s.Actions, s.Docs, s.Now = c, docs, func() time.Time { return now }
	return api.New(s), c, docs, &now
}

// retryOne is a request that changes something.
func retryOne(t *testing.T) string {
	t.Helper()
	_, v := ask(t, api.New(apitest.Sample().Services()), "GET", "/v1/messages?q=status:queued&limit=1", "")
	id := v["items"].([]any)[0].(map[string]any)["id"].(string)
	return fmt.Sprintf(`{"verb":"retry","ids":[%q]}`, id)
}

func TestIdempotencyKeyDoesThingsOnce(t *testing.T) {
	h, c, docs, now := keyed(t)
	body := retryOne(t)
	w1, v1 := ask(t, h, "POST", "/v1/actions", body, "Idempotency-Key", "k-1")
	w2, v2 := ask(t, h, "POST", "/v1/actions", body, "Idempotency-Key", "k-1")
	if w1.Code != 200 || w2.Code != 200 || fmt.Sprint(v1) != fmt.Sprint(v2) || c.n.Load() != 1 {
		t.Fatalf("%d %v, then %d %v; done %d times", w1.Code, v1, w2.Code, v2, c.n.Load())
	}
	if w1.Header().Get("Idempotency-Replayed") != "" || w2.Header().Get("Idempotency-Replayed") != "true" || w2.Header().Get("Content-Type") != w1.Header().Get("Content-Type") {
		t.Errorf("headers %v, then %v", w1.Header(), w2.Header())
	}
	w, v := ask(t, h, "POST", "/v1/actions", strings.Replace(body, "retry", "freeze", 1), "Idempotency-Key", "k-1")
	wantProblem(t, w, v, http.StatusUnprocessableEntity, "belongs to another request")
	w, v = ask(t, h, "POST", "/v1/jobs", `{"verb":"retry","q":"status:queued"}`, "Idempotency-Key", "k-1")
	wantProblem(t, w, v, http.StatusUnprocessableEntity, "belongs to another request")
	if w, _ := ask(t, h, "POST", "/v1/actions", body, "Idempotency-Key", "k-2"); w.Code != 200 || c.n.Load() != 2 {
		t.Errorf("another key: %d, done %d times", w.Code, c.n.Load())
	}
	if w, _ := ask(t, h, "POST", "/v1/actions", body); w.Code != 200 || c.n.Load() != 3 {
		t.Errorf("no key: %d, done %d times", w.Code, c.n.Load())
	}
	for _, bad := range []string{strings.Repeat("x", 256), "tab\there"} {
		w, v := ask(t, h, "POST", "/v1/actions", body, "Idempotency-Key", bad)
		wantProblem(t, w, v, http.StatusBadRequest, "Idempotency-Key")
	}

	// After a day the key is free, and what was kept is swept.
	*now = now.Add(25 * time.Hour)
	if w, _ := ask(t, h, "POST", "/v1/actions", body, "Idempotency-Key", "k-1"); w.Code != 200 || c.n.Load() != 4 {
		t.Errorf("a day later: %d, done %d times", w.Code, c.n.Load())
	}
	if n, err := api.ForgetAnswers(t.Context(), docs, *now); err != nil || n != 1 {
		t.Errorf("swept %d (%v), want that of k-2", n, err)
	}
	if n, err := api.ForgetAnswers(t.Context(), docs, now.Add(25*time.Hour)); err != nil || n != 1 {
		t.Errorf("swept %d (%v), want that of k-1", n, err)
	}
}

func TestIdempotencyKeyOfWhatFailedIsFree(t *testing.T) {
	h, c, _, _ := keyed(t)
	const wrong = `{"verb":"retry","ids":["zzzz"]}`
	for range 2 {
		w, v := ask(t, h, "POST", "/v1/actions", wrong, "Idempotency-Key", "k")
		wantProblem(t, w, v, http.StatusNotFound, "zzzz")
	}
	if w, _ := ask(t, h, "POST", "/v1/actions", retryOne(t), "Idempotency-Key", "k"); w.Code != 200 || c.n.Load() != 1 {
		t.Errorf("after a failure: %d, done %d times", w.Code, c.n.Load())
	}
}

// What broke down may be half done: it is not done again under its key, and
// says what it said.
func TestIdempotencyKeyOfWhatBrokeDownIsTaken(t *testing.T) {
	h, c, _, _ := keyed(t)
	c.err = store.ErrUnavailable
	body := retryOne(t)
	for i := range 2 {
		w, v := ask(t, h, "POST", "/v1/actions", body, "Idempotency-Key", "k")
		wantProblem(t, w, v, http.StatusServiceUnavailable, "after 1 of 2")
		if again := w.Header().Get("Idempotency-Replayed") == "true"; again != (i == 1) {
			t.Errorf("answer %d: replayed %v", i, again)
		}
	}
	if c.n.Load() != 1 {
		t.Errorf("done %d times", c.n.Load())
	}
}

// A caller who leaves stops nothing that has a key, and finds the answer later.
func TestIdempotencyKeyOfACallerWhoLeft(t *testing.T) {
	h, c, _, _ := keyed(t)
	c.hold = make(chan struct{})
	body := retryOne(t)
	ctx, leave := context.WithCancel(t.Context())
	over := make(chan struct{})
	go func() {
		defer close(over)
		r := httptest.NewRequest("POST", "/v1/actions", strings.NewReader(body)).WithContext(ctx)
		r.Header.Set("Idempotency-Key", "k")
		r.Header.Set("Content-Type", "application/json")
		h.ServeHTTP(httptest.NewRecorder(), r)
	}()
	for c.n.Load() == 0 {
		time.Sleep(time.Millisecond)
	}
	leave()
	select {
	case <-over:
		t.Error("it ended with its caller")
	case <-time.After(50 * time.Millisecond):
	}
	close(c.hold)
	<-over
	if w, _ := ask(t, h, "POST", "/v1/actions", body, "Idempotency-Key", "k"); w.Code != 200 || w.Header().Get("Idempotency-Replayed") != "true" || c.n.Load() != 1 {
		t.Errorf("%d, done %d times", w.Code, c.n.Load())
	}
}

// Of many that come at once with one key, one is carried out; the others are
// told that it is under way, or get its answer.
func TestIdempotencyKeyRace(t *testing.T) {
	h, c, _, _ := keyed(t)
	c.hold = make(chan struct{})
	body := retryOne(t)
	const callers = 20
	codes := make(chan int, callers)
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			w, _ := ask(t, h, "POST", "/v1/actions", body, "Idempotency-Key", "race")
			codes <- w.Code
		})
	}
	for range callers - 1 {
		if code := <-codes; code != http.StatusConflict {
			t.Errorf("while it runs: %d, want 409", code)
		}
	}
	close(c.hold)
	if code := <-codes; code != 200 {
		t.Errorf("the one that was carried out: %d", code)
	}
	wg.Wait()
	for range callers {
		wg.Go(func() {
			w, _ := ask(t, h, "POST", "/v1/actions", body, "Idempotency-Key", "race")
			codes <- w.Code
		})
	}
	wg.Wait()
	for range callers {
		if code := <-codes; code != 200 {
			t.Errorf("afterwards: %d", code)
		}
	}
	if c.n.Load() != 1 {
		t.Errorf("done %d times", c.n.Load())
	}
}

// named takes the caller's name from the request.
type named struct{}

func (named) Identify(r *http.Request) (accounts.Identity, error) {
	name := r.Header.Get("X-Caller")
	if name == "" {
		return accounts.Identity{}, accounts.ErrSignedOut
	}
	return accounts.Identity{Scope: scope.Admin(name)}, nil
}

// Source believes every proxy.
func (named) Source(r *http.Request) string {
	if a := r.Header.Get("X-Forwarded-For"); a != "" {
		return a
	}
	host, _, _ := net.SplitHostPort(r.RemoteAddr)
	return host
}

func TestIdempotencyKeysAreEachCallersOwn(t *testing.T) {
	s := apitest.Sample().Services()
	c := &counted{Actions: s.Actions}
	s.Actions = c
	h := api.NewListener(s, named{})
	for _, who := range []string{"ann", "bob"} {
		if w, _ := ask(t, h, "POST", "/v1/actions", retryOne(t), "Idempotency-Key", "k", "X-Caller", who); w.Code != 200 || w.Header().Get("Idempotency-Replayed") != "" {
			t.Errorf("%s: %d, %v", who, w.Code, w.Header())
		}
	}
	if c.n.Load() != 2 {
		t.Errorf("done %d times, want once for each", c.n.Load())
	}
}

func TestRateLimitOfACaller(t *testing.T) {
	s := apitest.Sample().Services()
	now := apitest.Now
	s.Now = func() time.Time { return now }
	s.Limits = func() api.Limits { return api.Limits{Requests: 60, Burst: 5} }
	h := api.NewListener(s, named{})
	get := func(caller, from string) *httptest.ResponseRecorder {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/version", nil)
		r.RemoteAddr = from
		if caller != "" {
			r.Header.Set("X-Caller", caller)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	const a, b = "192.0.2.1:1000", "192.0.2.2:1000"
	for i := range 5 {
		if w := get("ann", a); w.Code != 200 {
			t.Fatalf("request %d: %d", i, w.Code)
		}
	}
	w := get("ann", b) // the caller counts, wherever from
	var v map[string]any
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatal(err)
	}
	wantProblem(t, w, v, http.StatusTooManyRequests, "one caller")
	if n, err := strconv.Atoi(w.Header().Get("Retry-After")); err != nil || n != 1 {
		t.Errorf("Retry-After %q, want 1", w.Header().Get("Retry-After"))
	}
	if w := get("bob", a); w.Code != 200 {
		t.Errorf("another caller: %d", w.Code)
	}
	now = now.Add(time.Second) // one a second
	if w := get("ann", a); w.Code != 200 {
		t.Errorf("a second later: %d", w.Code)
	}
	if w := get("ann", a); w.Code != http.StatusTooManyRequests {
		t.Errorf("and once more: %d", w.Code)
	}

	// Nobody's requests count for their address, and so do not those of others.
	for i := range 5 {
		if w := get("", "198.51.100.9:"+strconv.Itoa(2000+i)); w.Code != http.StatusUnauthorized {
			t.Fatalf("request %d of nobody: %d", i, w.Code)
		}
	}
	if w := get("", "198.51.100.9:3000"); w.Code != http.StatusTooManyRequests {
		t.Errorf("a sixth one of nobody: %d", w.Code)
	}
	if w := get("", "198.51.100.10:3000"); w.Code != http.StatusUnauthorized {
		t.Errorf("nobody from elsewhere: %d", w.Code)
	}
	for i := range 5 { // one network of a subscriber's is one address
		get("", fmt.Sprintf("[2001:db8:1:2::%x]:1", i+1))
	}
	if w := get("", "[2001:db8:1:2:ffff::1]:1"); w.Code != http.StatusTooManyRequests {
		t.Errorf("nobody from the same network: %d", w.Code)
	}
}

// Strangers use up what is theirs and nothing else: neither what signed-in
// callers have, nor what strangers of other networks have, though all of them
// come by one proxy.
func TestStrangersDoNotShutOthersOut(t *testing.T) {
	for _, path := range []string{"/v1/version", "/v1/sign-in/ways"} { // one that wants somebody, and one that is free
		t.Run(path, func(t *testing.T) {
			s := apitest.Sample().Services()
			s.Now = func() time.Time { return apitest.Now }
			s.Limits = func() api.Limits { return api.Limits{Requests: 60, Burst: 5} }
			h := api.NewListener(s, named{})
			limited := func(caller, source string) bool {
				r := httptest.NewRequestWithContext(t.Context(), "GET", path, nil)
				r.RemoteAddr = "192.0.2.1:1000"
				r.Header.Set("X-Forwarded-For", source)
				if caller != "" {
					r.Header.Set("X-Caller", caller)
				}
				w := httptest.NewRecorder()
				h.ServeHTTP(w, r)
				return w.Code == http.StatusTooManyRequests
			}
			for i := range 5 {
				if limited("", fmt.Sprintf("2001:db8:0:1::%x", i+1)) {
					t.Fatalf("request %d is refused", i)
				}
			}
			if !limited("", "2001:db8:0:1:ffff::") {
				t.Error("a stranger asks without end")
			}
			if limited("", "2001:db8:0:2::1") {
				t.Error("a stranger from elsewhere is shut out")
			}
			if limited("ann", "2001:db8:0:1::1") {
				t.Error("somebody signed in is shut out by a stranger of the same network")
			}
		})
	}
}

func TestSocketHasNoRateLimit(t *testing.T) {
	s := apitest.Sample().Services()
	s.Limits = func() api.Limits { return api.Limits{Requests: 1, Burst: 1} }
	h := api.New(s)
	for range 50 {
		r := httptest.NewRequestWithContext(t.Context(), "GET", "/v1/version", nil)
		r.RemoteAddr = "@"
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if w.Code != 200 {
			t.Fatalf("%d", w.Code)
		}
	}
}
