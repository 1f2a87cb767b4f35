package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// watched is a server with a tail to append to.
type watched struct {
	*httptest.Server
	t    *testing.T
	tail *apitest.Tail
	stop context.CancelFunc
	ids  map[string]mail.ID // by recipient
}

func watch(t *testing.T, who api.Authenticator, change func(*api.Services)) *watched {
	t.Helper()
	ra := store.Recipient{Address: apitest.Address("anna@acme.test"), Tenant: "acme", Status: mail.StatusQueued}
	rb := store.Recipient{Address: apitest.Address("bob@other.test"), Tenant: "other", Status: mail.StatusQueued}
	one, both := apitest.Message(time.Hour, 1, "x@partner.test", "one", ra), apitest.Message(time.Minute, 2, "x@partner.test", "both", ra, rb)
	s := apitest.New(one, both).Services()
	w := &watched{t: t, tail: s.Tail.(*apitest.Tail), ids: map[string]mail.ID{"one": one.ID, "both": both.ID}}
	s.Heartbeat = 20 * time.Millisecond
	s.Closing, w.stop = context.WithCancel(t.Context())
	t.Cleanup(w.stop)
	if change != nil {
		change(&s)
	}
	h := api.NewListener(s, who)
	w.Server = httptest.NewUnstartedServer(h)
	w.Config = api.NewServer(h, nil)
	w.Config.ReadTimeout, w.Config.WriteTimeout = 150*time.Millisecond, 150*time.Millisecond // a stream outlives both
	w.Start()
	t.Cleanup(func() { w.stop(); w.Close() })
	return w
}

func (w *watched) happens(typ mail.EventType, id string, n int, st mail.Status) {
	w.tail.Append(mail.Event{At: apitest.Now, Type: typ, Message: w.ids[id], N: n, Status: st})
}

// sse reads a stream.
type sse struct {
	t    *testing.T
	resp *http.Response
	sc   *bufio.Scanner
	last string // ID
}

func (w *watched) open(path string, header ...string) *sse {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.URL+path, nil)
	if err != nil {
		w.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { resp.Body.Close() })
	return &sse{w.t, resp, bufio.NewScanner(resp.Body), ""}
}

// next is the next event with data, its name and the data; "" at the end.
func (s *sse) next() (name, data string) {
	for s.sc.Scan() {
		line := s.sc.Text()
		switch {
		case strings.HasPrefix(line, "id: "):
			s.last = line[4:]
		case strings.HasPrefix(line, "event: "):
			name = line[7:]
		case strings.HasPrefix(line, "data: "):
			data = line[6:]
		case line == "" && data != "":
			return name, data
		}
	}
	return "", ""
}

func (s *sse) change() api.Change {
	s.t.Helper()
	name, data := s.next()
	var c api.Change
	if err := json.Unmarshal([]byte(data), &c); err != nil || name != "change" {
		s.t.Fatalf("event %q %q: %v", name, data, err)
	}
	return c
}

func TestTailStreamsChanges(t *testing.T) {
	w := watch(t, named{}, nil)
	w.happens(mail.EventReception, "one", 0, "") // before it watches
	s := w.open("/v1/tail?q=status:queued,delivered", "X-Caller", "ann")
	if s.resp.StatusCode != 200 || !strings.HasPrefix(s.resp.Header.Get("Content-Type"), "text/event-stream") {
		t.Fatalf("%d %v", s.resp.StatusCode, s.resp.Header)
	}
	w.happens(mail.EventTransientFailure, "one", 1, mail.StatusQueued)
	c := s.change()
	if c.Seq != 2 || c.Type != "TransientFailure" || c.Row.Recipient != "anna@acme.test" || c.Row.Status != "queued" || s.last != "2" {
		t.Errorf("change %+v, id %s", c, s.last)
	}
	time.Sleep(300 * time.Millisecond) // longer than the server's time for requests and answers
	w.happens(mail.EventBounce, "one", 1, mail.StatusBounced)
	w.happens(mail.EventDelivery, "both", 2, mail.StatusDelivered)
	if c := s.change(); c.Seq != 4 || c.Row.Recipient != "bob@other.test" || c.Row.Status != "delivered" {
		t.Errorf("change %+v", c)
	}
	w.stop()
	if name, data := s.next(); name != "" || data != "" {
		t.Errorf("after the gateway's end: %q %q", name, data)
	}
}

func TestTailGoesOnFromTheLastEvent(t *testing.T) {
	w := watch(t, named{}, nil)
	for range 5 {
		w.happens(mail.EventDelivery, "one", 1, mail.StatusDelivered)
	}
	s := w.open("/v1/tail", "X-Caller", "ann", "Last-Event-ID", "3")
	if a, b := s.change(), s.change(); a.Seq != 4 || b.Seq != 5 {
		t.Errorf("%d and %d, want 4 and 5", a.Seq, b.Seq)
	}
	// An event about several recipients has its ID on the last of them: who
	// breaks off in between gets all of them again.
	s = w.open("/v1/tail?after=5", "X-Caller", "ann")
	w.happens(mail.EventReception, "both", 0, "")
	if c := s.change(); c.Row.Recipient != "anna@acme.test" || s.last == "6" {
		t.Errorf("first of two: %+v, id %s", c, s.last)
	}
	if c := s.change(); c.Row.Recipient != "bob@other.test" || s.last != "6" {
		t.Errorf("second of two: %+v, id %s", c, s.last)
	}
	// What was looked at and did not match is not looked at again.
	s = w.open("/v1/tail?q=status:stalled", "X-Caller", "ann")
	w.happens(mail.EventDelivery, "one", 1, mail.StatusDelivered)
	for s.last != "7" {
		if !s.sc.Scan() {
			t.Fatal("the stream ended")
		}
		if id, ok := strings.CutPrefix(s.sc.Text(), "id: "); ok {
			s.last = id
		}
	}
	for _, bad := range []string{"/v1/tail?after=x", "/v1/tail?q=nonsense:1", "/v1/tail?after=99999999999999999999"} {
		s := w.open(bad, "X-Caller", "ann")
		if s.resp.StatusCode != 422 || s.resp.Header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d", bad, s.resp.StatusCode)
		}
	}
}

// onLevels gives callers scopes of their own, until they are put out.
type onLevels struct{ out *atomic.Bool }

func (l onLevels) Identify(r *http.Request) (accounts.Identity, error) {
	name := r.Header.Get("X-Caller")
	if l.out.Load() {
		return accounts.Identity{}, accounts.ErrSignedOut
	}
	switch level, of, _ := strings.Cut(name, ":"); level {
	case "domain":
		return accounts.Identity{Scope: scope.Domain(name, of)}, nil
	case "mailbox":
		return accounts.Identity{Scope: scope.Mailbox(name, of)}, nil
	}
	return accounts.Identity{}, accounts.ErrSignedOut
}

func (onLevels) Source(r *http.Request) string { return r.RemoteAddr }

func TestTailStaysWithinTheScope(t *testing.T) {
	w := watch(t, onLevels{new(atomic.Bool)}, nil)
	for who, want := range map[string]string{"domain:other.test": "bob@other.test", "mailbox:bob@other.test": "bob@other.test", "mailbox:anna@acme.test": "anna@acme.test"} {
		t.Run(who, func(t *testing.T) {
			s := w.open("/v1/tail", "X-Caller", who)
			from := w.tail.LastSeq()
			w.happens(mail.EventDelivery, "both", 1, mail.StatusDelivered)
			w.happens(mail.EventDelivery, "both", 2, mail.StatusDelivered)
			w.happens(mail.EventReception, "both", 0, "")
			for range 2 { // the one of its own, and its part of the reception
				if c := s.change(); c.Row.Recipient != want || c.Seq <= from {
					t.Errorf("%s sees %+v", who, c)
				}
			}
		})
	}
	if s := w.open("/v1/tail", "X-Caller", "stranger"); s.resp.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger: %d", s.resp.StatusCode)
	}
}

func TestTailEndsWithTheSession(t *testing.T) {
	who := onLevels{new(atomic.Bool)}
	w := watch(t, who, nil)
	s := w.open("/v1/tail", "X-Caller", "domain:other.test")
	w.happens(mail.EventDelivery, "both", 2, mail.StatusDelivered)
	s.change()
	who.out.Store(true)
	if name, data := s.next(); name != "end" || !strings.Contains(data, "session has ended") {
		t.Errorf("%q %q", name, data)
	}
	if name, _ := s.next(); name != "" {
		t.Errorf("%q after the end", name)
	}
}

func TestTailsAreBounded(t *testing.T) {
	w := watch(t, named{}, func(s *api.Services) { s.Limits = func() api.Limits { return api.Limits{Streams: 2} } })
	a, b := w.open("/v1/tail", "X-Caller", "ann"), w.open("/v1/tail", "X-Caller", "ann")
	if a.resp.StatusCode != 200 || b.resp.StatusCode != 200 {
		t.Fatal("two are allowed")
	}
	if c := w.open("/v1/tail", "X-Caller", "ann"); c.resp.StatusCode != http.StatusTooManyRequests {
		t.Errorf("a third: %d", c.resp.StatusCode)
	}
	if c := w.open("/v1/tail", "X-Caller", "bob"); c.resp.StatusCode != 200 {
		t.Errorf("another caller: %d", c.resp.StatusCode)
	}
	a.resp.Body.Close()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		if c := w.open("/v1/tail", "X-Caller", "ann"); c.resp.StatusCode == 200 {
			break
		}
		if time.Now().After(end) {
			t.Fatal("a place is not free although its stream ended")
		}
	}
}

// growing is a job that gets on each time it is looked at.
type growing struct {
	api.Jobs
	n atomic.Int32
}

func (g *growing) Get(_ context.Context, _ scope.Scope, id string) (api.Job, error) {
	if id != "j1" {
		return api.Job{}, fmt.Errorf("job %s: %w", id, store.ErrNotFound)
	}
	n := int(g.n.Add(1))
	return api.Job{ID: id, Verb: "retry", State: map[bool]string{true: "done", false: "running"}[n >= 4], Over: n >= 4, Total: 3, Tried: min(n-1, 3)}, nil
}

func TestJobEventsEndWithTheJob(t *testing.T) {
	w := watch(t, named{}, func(s *api.Services) { s.Jobs = &growing{Jobs: s.Jobs} })
	s := w.open("/v1/jobs/j1/events", "X-Caller", "ann")
	for i := range 4 {
		name, data := s.next()
		var j api.Job
		if err := json.Unmarshal([]byte(data), &j); err != nil {
			t.Fatal(err)
		}
		if want := map[bool]string{true: "end", false: "progress"}[i == 3]; name != want || j.Tried != i {
			t.Errorf("event %d: %s %+v", i, name, j)
		}
	}
	if name, data := s.next(); name+data != "" {
		t.Errorf("after the end: %s %s", name, data)
	}
	if s := w.open("/v1/jobs/j2/events", "X-Caller", "ann"); s.resp.StatusCode != http.StatusNotFound {
		t.Errorf("no such job: %d", s.resp.StatusCode)
	}
}
