package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/jobs"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/notify"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/gateway/internal/store/badgerstore"
)

var admin = scope.Admin("root")

// house is a store with jobs over it.
type house struct {
	*jobs.Service
	t   testing.TB
	dir string
	st  *badgerstore.Store
	do  *actions.Service
}

func open(t testing.TB, dir string) *house {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	st, err := badgerstore.Open(badgerstore.Options{Dir: dir, Logger: quiet, FreeWatermark: 1, BallastSize: -1})
	if err != nil {
		t.Fatal(err)
	}
	do := actions.New(actions.Options{Store: st, Logger: quiet, Payer: &notify.Payer{Store: st, Hostname: func() string { return "mx.weir.test" }}})
	js, err := jobs.Open(t.Context(), jobs.Options{Docs: st, Verbs: do, Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	return &house{js, t, dir, st, do}
}

func (h *house) close() {
	h.t.Helper()
	h.Close()
	if err := h.st.Close(); err != nil {
		h.t.Error(err)
	}
}

func address(t testing.TB, s string) mail.Address {
	a, err := mail.ParseAddress(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// fill queues n messages from one sender, by many at a time.
func (h *house) fill(n int, sender string) {
	h.t.Helper()
	from := address(h.t, sender)
	var wg sync.WaitGroup
	failed := make(chan error, n)
	slots := make(chan struct{}, 64)
	for i := range n {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			now := time.Now()
			to, _ := mail.ParseAddress(fmt.Sprintf("u%d@d%d.test", i, i%2000))
			m := &store.Message{ID: mail.NewID(now), Direction: mail.Outbound, Received: now, Sender: from, Recipients: []store.Recipient{{
				N: 1, Address: to, Tenant: "acme", Status: mail.StatusQueued, Route: "mx", NextHop: to.Domain(), Next: now.Add(time.Hour), Changed: now,
				Last: mail.NewReply(451, "4.4.1", "connection timed out"),
			}}}
			d, err := h.st.NewDraft(context.Background(), 0)
			if err == nil {
				_, err = io.WriteString(d, "From: x@acme.test\r\nSubject: hello\r\n\r\n"+strings.Repeat("A line of a message of usual length.\r\n", 20))
			}
			if err == nil {
				_, err = h.st.Enqueue(context.Background(), &store.Admission{Message: m, Draft: d})
				d.Discard()
			}
			if err != nil {
				failed <- err
			}
		})
	}
	wg.Wait()
	select {
	case err := <-failed:
		h.t.Fatal(err)
	default:
	}
}

// wait waits for a job's end.
func (h *house) wait(id string) jobs.Job {
	h.t.Helper()
	return h.within(time.Minute, id)
}

func (h *house) within(d time.Duration, id string) jobs.Job {
	h.t.Helper()
	for deadline := time.Now().Add(d); ; time.Sleep(5 * time.Millisecond) {
		j, err := h.Get(h.t.Context(), admin, id)
		if err != nil {
			h.t.Fatal(err)
		}
		if j.State.Over() {
			return j
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("the job does not end: %+v", j)
		}
	}
}

func (h *house) start(sc scope.Scope, v lifecycle.Verb, f query.Filter) jobs.Job {
	h.t.Helper()
	j, err := h.Start(h.t.Context(), sc, v, f, actions.Args{Reason: "a flood"})
	if err != nil {
		h.t.Fatal(err)
	}
	return j
}

func (h *house) results(id string, refused bool) []jobs.Result {
	h.t.Helper()
	var out []jobs.Result
	for cursor := ""; ; {
		rs, next, err := h.Results(h.t.Context(), admin, id, cursor, refused)
		if err != nil {
			h.t.Fatal(err)
		}
		out = append(out, rs...)
		if cursor = next; cursor == "" {
			return out
		}
	}
}

var flood = query.Where("sender", query.Is, "flood@acme.test")

// TestB96_a_flood_is_cleared_as_a_job: all that a search finds, over several
// documents of results, and nothing else; who did it stands in each event.
func TestB96_a_flood_is_cleared_as_a_job(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.close()
	const n = 2300
	h.fill(n, "flood@acme.test")
	h.fill(3, "ann@acme.test")
	j := h.wait(h.start(admin, lifecycle.Remove, flood).ID)
	if j.State != jobs.Done || j.Total != n || j.Tried != n || j.Changed != n || j.Refused != 0 || j.Actor != "root" || j.Ended.IsZero() {
		t.Fatalf("%+v", j)
	}
	seen := map[string]bool{}
	for _, r := range h.results(j.ID, false) {
		if r.Status != "queue-removed" || !r.Changed || r.Error != "" {
			t.Fatalf("%+v", r)
		}
		seen[r.ID] = true
	}
	if len(seen) != n {
		t.Fatalf("%d results", len(seen))
	}
	counts, err := h.st.Counts(t.Context())
	if err != nil || counts[mail.StatusQueued] != 3 {
		t.Errorf("%v %v", counts, err)
	}
	for id := range seen {
		m, err := mail.ParseID(id[:26])
		if err != nil {
			t.Fatal(err)
		}
		es, err := h.st.Events(t.Context(), m)
		if err != nil || len(es) != 1 || es[0].Actor != "root" || es[0].Type != mail.EventRemove || es[0].Text != "a flood" {
			t.Fatalf("%+v %v", es, err)
		}
		break
	}
}

// TestB96_what_is_not_done_says_why: recipients that a verb does not apply to
// are refused one by one.
func TestB96_what_is_not_done_says_why(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.close()
	h.fill(2, "flood@acme.test")
	h.fill(1, "ann@acme.test")
	j := h.wait(h.start(scope.Scope{Level: lifecycle.LevelDomain, Role: lifecycle.RoleHelpdesk, Domains: []string{"acme.test"}, Actor: "hans"}, lifecycle.Retry, flood).ID)
	if j.State != jobs.Done || j.Changed != 2 || j.Actor != "hans" {
		t.Fatalf("%+v", j)
	}
	j = h.wait(h.start(scope.Scope{Level: lifecycle.LevelDomain, Role: lifecycle.RoleHelpdesk, Domains: []string{"acme.test"}, Actor: "hans"}, lifecycle.Remove, flood).ID)
	rs := h.results(j.ID, true)
	if j.Refused != 2 || j.Changed != 0 || len(rs) != 2 || !strings.Contains(rs[0].Error, "role helpdesk") {
		t.Fatalf("%+v %+v", j, rs)
	}
}

// gate holds verbs up after some results, so that a test may look at a job
// while it runs.
type gate struct {
	*actions.Service
	after   int
	reached chan struct{}
	open    chan struct{}
	once    sync.Once
}

func (g *gate) DoEach(ctx context.Context, sc scope.Scope, v lifecycle.Verb, sel actions.Selection, a actions.Args, each func(actions.ItemResult)) (actions.Result, error) {
	n := 0
	return g.Service.DoEach(ctx, sc, v, sel, a, func(it actions.ItemResult) {
		each(it)
		if n++; n == g.after {
			g.once.Do(func() { close(g.reached) })
			<-g.open
		}
	})
}

func (h *house) gated(after int) (*jobs.Service, *gate) {
	h.t.Helper()
	g := &gate{Service: h.do, after: after, reached: make(chan struct{}), open: make(chan struct{})}
	js, err := jobs.Open(h.t.Context(), jobs.Options{Docs: h.st, Verbs: g, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		h.t.Fatal(err)
	}
	return js, g
}

// TestB96_a_job_is_stopped: what was begun is finished, the rest is as it was,
// and the counts say so.
func TestB96_a_job_is_stopped(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.close()
	h.fill(1500, "flood@acme.test")
	js, g := h.gated(100)
	defer js.Close()
	j, err := js.Start(t.Context(), admin, lifecycle.Remove, flood, actions.Args{})
	if err != nil {
		t.Fatal(err)
	}
	<-g.reached
	if now, err := js.Get(t.Context(), admin, j.ID); err != nil || now.State != jobs.Running || now.Total != 1500 || now.Tried != 100 {
		t.Errorf("while it runs: %+v %v", now, err)
	}
	for _, role := range []lifecycle.Role{lifecycle.RoleAuditor, lifecycle.RoleHelpdesk} {
		looks := scope.Admin("otto")
		looks.Role = role
		if _, err := js.Get(t.Context(), looks, j.ID); err != nil {
			t.Errorf("%s does not see it: %v", role, err)
		}
		if _, err := js.Cancel(t.Context(), looks, j.ID); !errors.Is(err, lifecycle.ErrRefused) {
			t.Errorf("%s stops another's: %v", role, err)
		}
	}
	if _, err := js.Cancel(t.Context(), scope.Admin("anna"), j.ID); err != nil {
		t.Fatal(err)
	}
	close(g.open)
	h.Service = js
	end := h.wait(j.ID)
	if end.State != jobs.Cancelled || end.Cancels != "anna" || end.Tried < 100 || end.Tried >= 1500 || end.Changed != end.Tried {
		t.Fatalf("%+v", end)
	}
	counts, err := h.st.Counts(t.Context())
	if err != nil || counts[mail.StatusQueued] != 1500-end.Changed {
		t.Errorf("%v queued after %d were removed, %v", counts, end.Changed, err)
	}
	if n := len(h.results(j.ID, false)); n != end.Tried {
		t.Errorf("%d results of %d", n, end.Tried)
	}
	// The same search finds what is left.
	again, err := js.Start(t.Context(), admin, lifecycle.Freeze, flood, actions.Args{})
	if err != nil {
		t.Fatal(err)
	}
	if j := h.wait(again.ID); j.State != jobs.Done || j.Changed != 1500-end.Changed {
		t.Errorf("%+v", j)
	}
}

// TestB96_a_restart_shows_a_job_as_stopped: with an orderly end and without.
func TestB96_a_restart_shows_a_job_as_stopped(t *testing.T) {
	dir := t.TempDir()
	h := open(t, dir)
	h.fill(300, "flood@acme.test")
	js, g := h.gated(50)
	j, err := js.Start(t.Context(), admin, lifecycle.Remove, flood, actions.Args{})
	if err != nil {
		t.Fatal(err)
	}
	<-g.reached
	// A second service over the same documents is what a restart after a crash
	// finds: a job that says it runs, and nobody who runs it.
	crashed, err := jobs.Open(t.Context(), jobs.Options{Docs: h.st, Verbs: h.do, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	if j, err := crashed.Get(t.Context(), admin, j.ID); err != nil || j.State != jobs.Stopped || j.Error == "" {
		t.Fatalf("%+v %v", j, err)
	}
	done := make(chan struct{})
	go func() { js.Close(); close(done) }()
	close(g.open)
	<-done
	if _, err := js.Start(t.Context(), admin, lifecycle.Remove, flood, actions.Args{}); !errors.Is(err, store.ErrUnavailable) {
		t.Errorf("a job began after the end: %v", err)
	}
	h.close()
	h = open(t, dir)
	defer h.close()
	if all, err := h.List(t.Context(), admin); err != nil || len(all) != 1 || all[0].State != jobs.Stopped {
		t.Fatalf("%+v %v", all, err)
	}
}

// TestB96_jobs_are_their_owners: others below the administrator neither see nor
// stop them, and a job reaches no further than whoever began it.
func TestB96_jobs_are_their_owners(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.close()
	h.fill(5, "flood@acme.test")
	anna, eve := scope.Domain("anna", "acme.test"), scope.Domain("eve", "other.test")
	if j := h.wait(h.start(eve, lifecycle.Remove, flood).ID); j.Total != 0 || j.Changed != 0 {
		t.Fatalf("another tenant's mail: %+v", j)
	}
	j := h.wait(h.start(anna, lifecycle.Freeze, flood).ID)
	if j.Changed != 5 {
		t.Fatalf("%+v", j)
	}
	for _, c := range []struct {
		sc   scope.Scope
		want int
	}{{anna, 1}, {eve, 1}, {admin, 2}, {scope.Domain("anna", "other.test"), 0}} {
		if all, err := h.List(t.Context(), c.sc); err != nil || len(all) != c.want {
			t.Errorf("%s sees %d, %v", c.sc.Actor, len(all), err)
		}
	}
	if _, err := h.Get(t.Context(), eve, j.ID); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, _, err := h.Results(t.Context(), eve, j.ID, "", false); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := h.Cancel(t.Context(), eve, j.ID); !errors.Is(err, store.ErrNotFound) {
		t.Error(err)
	}
	if _, err := h.List(t.Context(), scope.Scope{}); err == nil {
		t.Error("a scope that is not one sees jobs")
	}
	if _, err := h.Start(t.Context(), anna, "explode", flood, actions.Args{}); err == nil {
		t.Error("a verb that is not one began")
	}
	if _, _, err := h.Results(t.Context(), admin, j.ID, "x", false); err == nil {
		t.Error("a cursor that is not one")
	}
}

// TestB96_at_most_four_jobs_run keeps operators from taking the whole store.
func TestB96_at_most_four_jobs_run(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.close()
	h.fill(10, "flood@acme.test")
	js, g := h.gated(1)
	defer js.Close()
	for i := range 5 {
		_, err := js.Start(t.Context(), admin, lifecycle.Flush, flood, actions.Args{})
		if i < 4 && err != nil || i == 4 && !errors.Is(err, jobs.ErrBusy) {
			t.Errorf("job %d: %v", i+1, err)
		}
	}
	// A tenant's operators have theirs all the same.
	if _, err := js.Start(t.Context(), scope.Domain("anna", "acme.test").Within("acme"), lifecycle.Freeze, flood, actions.Args{}); err != nil {
		t.Errorf("a tenant's job beside them: %v", err)
	}
	<-g.reached
	close(g.open)
}

// TestB96_jobs_of_one_tenant_drop_no_others: only so many that are over are kept.
func TestB96_jobs_of_one_tenant_drop_no_others(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.close()
	anna, eve := scope.Domain("anna", "acme.test").Within("acme"), scope.Domain("eve", "other.test").Within("other")
	first := h.start(anna, lifecycle.Freeze, flood)
	h.wait(first.ID)
	for range 110 {
		h.wait(h.start(eve, lifecycle.Freeze, flood).ID)
	}
	if all, err := h.List(t.Context(), eve); err != nil || len(all) > 101 {
		t.Errorf("%d jobs of one tenant are kept, %v", len(all), err)
	}
	if _, err := h.Get(t.Context(), anna, first.ID); err != nil {
		t.Errorf("another tenant's job: %v", err)
	}
}

// TestB96_results_outlive_a_crash: those that were written after the job itself
// was last are shown, and go with the job.
func TestB96_results_outlive_a_crash(t *testing.T) {
	h := open(t, t.TempDir())
	defer h.close()
	h.fill(1100, "flood@acme.test")
	js, g := h.gated(1050)
	defer js.Close()
	defer close(g.open)
	j, err := js.Start(t.Context(), admin, lifecycle.Freeze, flood, actions.Args{})
	if err != nil {
		t.Fatal(err)
	}
	<-g.reached
	stored := func() int {
		t.Helper()
		docs, err := h.st.ListDocs(t.Context(), "", "job-result", "")
		if err != nil {
			t.Fatal(err)
		}
		return len(docs)
	}
	if n := stored(); n != 1 {
		t.Fatalf("%d documents of results", n)
	}
	now := time.Now()
	crashed, err := jobs.Open(t.Context(), jobs.Options{Docs: h.st, Verbs: h.do, Clock: func() time.Time { return now }, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer crashed.Close()
	if rs, _, err := crashed.Results(t.Context(), admin, j.ID, "", false); err != nil || len(rs) != 1000 {
		t.Errorf("%d results, %v", len(rs), err)
	}
	// A job of an earlier version, or one that cannot be read, does not say how
	// many there are.
	for key, job := range map[string]string{"0old": `{"id":"0old","state":"stopped"}`, "0bad": `{`} {
		for _, d := range []store.Doc{{Kind: "job", Key: key, JSON: []byte(job)}, {Kind: "job-result", Key: key + "/000000", JSON: []byte("[]")}, {Kind: "job-result", Key: key + "/000001", JSON: []byte("[]")}} {
			if _, err := h.st.PutDoc(t.Context(), d, 0); err != nil {
				t.Fatal(err)
			}
		}
	}
	now = now.Add(8 * 24 * time.Hour)
	if _, err := crashed.Start(t.Context(), admin, lifecycle.Freeze, query.Where("sender", query.Is, "nobody@acme.test"), actions.Args{}); err != nil {
		t.Fatal(err)
	}
	if n := stored(); n != 0 {
		t.Errorf("%d documents of results are left", n)
	}
}

// TestB96_a_hundred_thousand clears a flood of 5,000, or of as many as $WEIR_BULK
// says, and measures that.
func TestB96_a_hundred_thousand(t *testing.T) {
	n := 5000
	if many := os.Getenv("WEIR_BULK"); many != "" {
		var err error
		if n, err = strconv.Atoi(many); err != nil {
			t.Fatalf("WEIR_BULK=%q: %v", many, err)
		}
	}
	h := open(t, t.TempDir())
	defer h.close()
	began := time.Now()
	h.fill(n, "flood@acme.test")
	t.Logf("queued %d in %v", n, time.Since(began).Round(time.Millisecond))
	for _, v := range []lifecycle.Verb{lifecycle.Flush, lifecycle.Freeze, lifecycle.Thaw, lifecycle.Remove} {
		began = time.Now()
		j := h.within(10*time.Minute, h.start(admin, v, flood).ID)
		took := time.Since(began)
		t.Logf("%s: %d of %d in %v, %.0f/s", v, j.Changed, j.Total, took.Round(time.Millisecond), float64(j.Changed)/took.Seconds())
		if j.State != jobs.Done || j.Total != n || j.Tried != n || j.Changed != n || j.Refused != 0 {
			t.Fatalf("%+v", j)
		}
	}
	counts, err := h.st.Counts(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for status, left := range counts {
		if left != 0 && status.Live() {
			t.Errorf("%d are %s", left, status)
		}
	}
}
