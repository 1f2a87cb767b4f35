package client_test

import (
	"bytes"
	"context"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// acted counts what was really done.
type acted struct {
	api.Actions
	n    atomic.Int32
	hold chan struct{} // nil: none; an action waits for it

	begun chan struct{}
}

func (a *acted) Do(ctx context.Context, s scope.Scope, o api.ActionOrder) (api.ActionOutcome, error) {
	a.n.Add(1)
	if a.hold != nil {
		a.begun <- struct{}{}
		<-a.hold
	}
	return a.Actions.Do(ctx, s, o)
}

// line is a line to a gateway on which things go wrong: the n-th POST is carried
// out as cuts[n] says.
type line struct {
	h    http.Handler
	mu   sync.Mutex
	cuts []string
	keys []string // of the POSTs that came
	told func()   // nil, or called when a POST was answered as it should be

	begun chan struct{} // gets something when an action begins
}

func (l *line) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodPost {
		l.h.ServeHTTP(w, r)
		return
	}
	l.mu.Lock()
	l.keys = append(l.keys, r.Header.Get("Idempotency-Key"))
	how := ""
	if len(l.cuts) > 0 {
		how, l.cuts = l.cuts[0], l.cuts[1:]
	}
	l.mu.Unlock()
	switch how {
	case "":
		l.h.ServeHTTP(w, r)
		if l.told != nil {
			l.told()
		}
		return
	case "before": // it never came to the gateway
	case "after": // the gateway acts, its answer is lost
		l.h.ServeHTTP(httptest.NewRecorder(), r)
	case "within": // a part of its answer comes
		rec := httptest.NewRecorder()
		l.h.ServeHTTP(rec, r)
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Content-Length", "100000")
		_, _ = w.Write(rec.Body.Bytes()[:rec.Body.Len()/2])
	case "during": // the line breaks while the gateway acts on
		b, _ := io.ReadAll(r.Body)
		again := r.Clone(context.WithoutCancel(r.Context()))
		again.Body = io.NopCloser(bytes.NewReader(b))
		go l.h.ServeHTTP(httptest.NewRecorder(), again)
		<-l.begun
	}
	panic(http.ErrAbortHandler)
}

// came are the keys of the POSTs that came.
func (l *line) came() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.keys)
}

// over is a client whose lines go wrong as cuts say, and what is done.
func over(t *testing.T, cuts ...string) (*client.Client, *line, *acted, string) {
	t.Helper()
	s := apitest.Sample().Services()
	a := &acted{Actions: s.Actions}
	s.Actions = a
	ln := &line{h: api.New(s), cuts: cuts}
	path := filepath.Join(t.TempDir(), api.SocketName)
	l, err := api.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, ln)
	c := client.New(client.Options{Socket: path})
	t.Cleanup(c.Close)
	page, err := c.Search(t.Context(), client.Search{Q: "status:queued", Limit: 1})
	if err != nil || len(page.Items) != 1 {
		t.Fatalf("%+v, %v", page, err)
	}
	return c, ln, a, page.Items[0].ID
}

// A connection that is cut does not have a thing done twice, nor not at all.
func TestWhatIsSentAgainIsDoneOnce(t *testing.T) {
	for _, cuts := range [][]string{{}, {"before"}, {"after"}, {"within"}, {"after", "before", "within"}} {
		t.Run(strings.Join(append(cuts, "well"), "_"), func(t *testing.T) {
			c, ln, a, id := over(t, cuts...)
			r, err := c.Act(t.Context(), api.ActionRequest{Verb: "freeze", IDs: []string{id}})
			if err != nil || r.Changed != 1 || r.Matched != 1 {
				t.Errorf("%+v, %v", r, err)
			}
			if n := a.n.Load(); n != 1 {
				t.Errorf("it was done %d times", n)
			}
			if len(ln.came()) != len(cuts)+1 || len(slices.Compact(ln.came())) != 1 || len(ln.came()[0]) < 16 {
				t.Errorf("the keys of what was sent are %q", ln.came())
			}
			if _, err := c.Act(t.Context(), api.ActionRequest{Verb: "freeze", IDs: []string{id}}); err != nil || ln.came()[0] == ln.came()[len(ln.came())-1] {
				t.Errorf("the next request has the key of this one (%v)", err)
			}
		})
	}
}

// While the first request is still carried out, the second one waits for its
// answer.
func TestWhatIsSentAgainWaitsForTheFirst(t *testing.T) {
	c, ln, a, id := over(t, "during")
	a.hold, a.begun = make(chan struct{}), make(chan struct{}, 1)
	ln.begun = a.begun
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	ln.told = sync.OnceFunc(func() { close(a.hold) }) // the second one was told that the first still runs
	r, err := c.Act(ctx, api.ActionRequest{Verb: "freeze", IDs: []string{id}})
	if err != nil || r.Changed != 1 || a.n.Load() != 1 || len(ln.came()) != 3 {
		t.Errorf("%+v, %v; done %d times, sent %d times", r, err, a.n.Load(), len(ln.came()))
	}
}

// A gateway that is not there is told of at once, and not as if something might
// have been done.
func TestNothingIsSentAgainWhereNobodyAnswered(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	_, err = client.New(client.Options{URL: "http://" + l.Addr().String()}).Act(t.Context(), api.ActionRequest{Verb: "freeze", Q: "*"})
	if err == nil || strings.Contains(err.Error(), "not known") {
		t.Errorf("got %v", err)
	}
	var n atomic.Int32
	secret := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { n.Add(1) }))
	secret.Config.ErrorLog = log.New(io.Discard, "", 0)
	secret.StartTLS()
	defer secret.Close()
	_, err = client.New(client.Options{URL: secret.URL}).Act(t.Context(), api.ActionRequest{Verb: "freeze", Q: "*"})
	if err == nil || strings.Contains(err.Error(), "not known") || n.Load() != 0 {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
}

// Where the line stays cut, the caller learns that it is not known whether the
// request was carried out.
func TestLineThatStaysCut(t *testing.T) {
	defer client.Hurry()()
	c, ln, a, id := over(t, append([]string{"after"}, slices.Repeat([]string{"before"}, 30)...)...)
	_, err := c.Act(t.Context(), api.ActionRequest{Verb: "freeze", IDs: []string{id}})
	if err == nil || !strings.Contains(err.Error(), "whether this was carried out is not known") || a.n.Load() != 1 || len(ln.came()) < 6 {
		t.Errorf("%v; done %d times, sent %d times", err, a.n.Load(), len(ln.came()))
	}
}
