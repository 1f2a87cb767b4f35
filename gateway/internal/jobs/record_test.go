package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/jobs"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// record is the audit log of a house, and what a test does to it.
type record struct {
	*audit.Log
	dir   string
	key   []byte
	asked func([]audit.Entry) error // after they are durable; nil: nothing
}

func (r *record) RecordAll(ctx context.Context, es []audit.Entry) error {
	if err := r.Log.RecordAll(ctx, es); err != nil {
		return err
	}
	if r.asked != nil && es[0].Details["result"] == "asked" {
		return r.asked(es)
	}
	return nil
}

// recorded is a house whose jobs are recorded.
func recorded(t testing.TB) (*house, *record) {
	t.Helper()
	h := open(t, t.TempDir())
	r := &record{dir: t.TempDir(), key: []byte("a key of thirty-two octets, or so")}
	var err error
	if r.Log, err = audit.Open(audit.Options{Dir: r.dir, Key: r.key, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	h.do.Audit = r
	t.Cleanup(func() { h.close(); r.Close() })
	return h, r
}

// of are the entries about a message, oldest first, in short.
func (r *record) of(t testing.TB, q audit.Query) (out []string) {
	t.Helper()
	q.Limit = 1000
	es, _, err := r.List(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	for i := len(es) - 1; i >= 0; i-- {
		out = append(out, es[i].Tenant+" "+es[i].Action+" "+es[i].Details["result"])
	}
	return out
}

func (r *record) verify(t testing.TB) {
	t.Helper()
	if rep, err := r.Verify(t.Context(), ""); err != nil || len(rep.Problems) != 0 {
		t.Errorf("%+v %v", rep, err)
	}
}

// all are the messages of the store, by status.
func (h *house) all() map[mail.Status][]mail.ID {
	h.t.Helper()
	out := map[mail.Status][]mail.ID{}
	err := h.st.Each(h.t.Context(), query.Filter{}, func(row store.Row) error {
		out[row.Recipient.Status] = append(out[row.Recipient.Status], row.Message.ID)
		return nil
	})
	if err != nil {
		h.t.Fatal(err)
	}
	return out
}

// TestB40_each_message_of_a_job_is_in_the_audit_log: before it is done and
// after, each under its tenant, who asked and why.
func TestB40_each_message_of_a_job_is_in_the_audit_log(t *testing.T) {
	h, log := recorded(t)
	const n = 1200 // more than one batch
	h.fill(n, "flood@acme.test")
	// One message has recipients of two tenants.
	now := time.Now()
	both := &store.Message{ID: mail.NewID(now), Direction: mail.Inbound, Received: now, Sender: address(t, "flood@acme.test")}
	for i, tenant := range []string{"acme", "beta"} {
		both.Recipients = append(both.Recipients, store.Recipient{N: i + 1, Address: address(t, "u@"+tenant+".test"), Tenant: tenant, Status: mail.StatusQueued, Route: "mx", NextHop: "mx", Next: now.Add(time.Hour), Changed: now})
	}
	d, err := h.st.NewDraft(t.Context(), 0)
	if err == nil {
		_, err = io.WriteString(d, "Subject: both\r\n\r\n")
	}
	if err == nil {
		_, err = h.st.Enqueue(t.Context(), &store.Admission{Message: both, Draft: d})
	}
	if err != nil {
		t.Fatal(err)
	}
	ctx := audit.Because(t.Context(), audit.Cause{Source: "192.0.2.9", Details: map[string]string{"request": "abc"}})
	j, err := h.Start(ctx, admin, lifecycle.Remove, flood, actions.Args{Reason: "a flood"})
	if err != nil {
		t.Fatal(err)
	}
	if j = h.wait(j.ID); j.Changed != n+2 {
		t.Fatalf("%+v", j)
	}
	ids := h.all()[mail.StatusQueueRemoved]
	for i := 0; i < len(ids); i += 97 {
		if ids[i] == both.ID {
			continue
		}
		if got := log.of(t, audit.Query{Message: ids[i].String(), Tenant: "acme"}); fmt.Sprint(got) != "[acme remove asked acme remove done]" {
			t.Errorf("message %d, %s: %q", i, ids[i], got)
		}
	}
	for _, tenant := range []string{"acme", "beta"} {
		if got := log.of(t, audit.Query{Message: both.ID.String(), Tenant: tenant}); len(got) != 2 || !strings.HasPrefix(got[0], tenant) {
			t.Errorf("%s: %q", tenant, got)
		}
	}
	// What beta's operators see of it names nothing of acme's.
	es, _, err := log.List(t.Context(), audit.Query{Tenant: "beta", Limit: 1000})
	if err != nil || len(es) != 2 {
		t.Fatalf("%d entries of beta, %v", len(es), err)
	}
	for _, e := range es {
		if e.Target != both.ID.String()+".2" || e.Details["ids"] != "" || e.Actor != "root" || e.Source != "192.0.2.9" || e.Details["request"] != "abc" || e.Details["job"] != j.ID || e.Details["args.reason"] != "a flood" {
			t.Errorf("%+v", e)
		}
	}
	log.verify(t)
}

// TestB40_what_a_job_did_not_do_is_told: refused by the table, or stopped before
// its turn.
func TestB40_what_a_job_did_not_do_is_told(t *testing.T) {
	h, log := recorded(t)
	h.fill(3, "flood@acme.test")
	hans := scope.Scope{Level: lifecycle.LevelDomain, Role: lifecycle.RoleHelpdesk, Domains: []string{"acme.test"}, Actor: "hans"}
	h.wait(h.start(hans, lifecycle.Remove, flood).ID)
	es, _, err := log.List(t.Context(), audit.Query{Refused: true})
	if err != nil || len(es) != 1 || es[0].Details["result"] != "refused" || !strings.Contains(es[0].Refused, "role helpdesk") || len(strings.Fields(es[0].Details["ids"])) != 3 {
		t.Errorf("%+v %v", es, err)
	}
	for _, id := range h.all()[mail.StatusQueued] {
		if got := log.of(t, audit.Query{Message: id.String()}); fmt.Sprint(got) != "[acme remove asked acme remove refused]" {
			t.Errorf("%q", got)
		}
	}

	h.fill(1500, "second@acme.test")
	js, g := h.gated(100)
	defer js.Close()
	j, err := js.Start(t.Context(), admin, lifecycle.Remove, query.Where("sender", query.Is, "second@acme.test"), actions.Args{})
	if err != nil {
		t.Fatal(err)
	}
	<-g.reached
	if _, err := js.Cancel(t.Context(), admin, j.ID); err != nil {
		t.Fatal(err)
	}
	close(g.open)
	h.Service = js
	if j = h.wait(j.ID); j.State != jobs.Cancelled {
		t.Fatalf("%+v", j)
	}
	results := map[string]int{}
	for status, ids := range h.all() {
		for _, id := range ids {
			got := fmt.Sprint(log.of(t, audit.Query{Message: id.String(), Actor: "root"}))
			results[got]++
			if done := strings.HasSuffix(got, "done]"); done != (status == mail.StatusQueueRemoved) {
				t.Fatalf("a message that is %s: %s", status, got)
			}
		}
	}
	if results["[acme remove asked acme remove done]"] != j.Changed || results["[acme remove asked acme remove not begun]"] == 0 || results["[]"] == 0 {
		t.Errorf("%d were removed, and the log says %v", j.Changed, results)
	}
	log.verify(t)
}

// TestB40_a_crash_leaves_what_was_asked: the entry is there before anything is
// done, and does not say that it was.
func TestB40_a_crash_leaves_what_was_asked(t *testing.T) {
	h, log := recorded(t)
	h.fill(700, "flood@acme.test")
	durable, crash := make(chan []audit.Entry), make(chan struct{})
	log.asked = func(es []audit.Entry) error {
		durable <- es
		<-crash
		return errors.New("the process is gone")
	}
	j := h.start(admin, lifecycle.Remove, flood)
	es := <-durable
	// What the disk has at this moment is what a crash leaves.
	after := filepath.Join(t.TempDir(), "audit")
	if err := os.CopyFS(after, os.DirFS(log.dir)); err != nil {
		t.Fatal(err)
	}
	if n := len(h.all()[mail.StatusQueued]); n != 700 {
		t.Errorf("%d are queued still: something was done before it was recorded", n)
	}
	left, err := audit.Open(audit.Options{Dir: after, Key: log.key, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer left.Close()
	if rep, err := left.Verify(t.Context(), ""); err != nil || len(rep.Problems) != 0 {
		t.Errorf("%+v %v", rep, err)
	}
	first := strings.Fields(es[0].Details["ids"])[0]
	found, _, err := left.List(t.Context(), audit.Query{Message: strings.TrimSuffix(first, ".1")})
	if err != nil || len(found) != 1 || found[0].Details["result"] != "asked" || found[0].Details["job"] != j.ID {
		t.Errorf("%+v %v", found, err)
	}
	// And where it cannot be written, nothing is done.
	close(crash)
	if j = h.wait(j.ID); j.State != jobs.Failed || !strings.Contains(j.Error, "cannot be recorded") || strings.Contains(j.Error, "gone") || j.Changed != 0 {
		t.Errorf("%+v", j)
	}
	if n := len(h.all()[mail.StatusQueued]); n != 700 {
		t.Errorf("%d are queued still", n)
	}
}

// TestB40_an_action_on_what_is_found_is_recorded as a job's is; a rehearsal is not.
func TestB40_an_action_on_what_is_found_is_recorded(t *testing.T) {
	h, log := recorded(t)
	h.fill(2, "flood@acme.test")
	for _, dry := range []bool{true, false} {
		if _, err := h.do.Do(t.Context(), admin, lifecycle.Freeze, actions.Selection{Filter: flood}, actions.Args{DryRun: dry}); err != nil {
			t.Fatal(err)
		}
		if seq, _ := log.Head(); (seq == 0) != dry {
			t.Errorf("rehearsal %v: %d entries", dry, seq)
		}
	}
	// Freezing what is frozen finds nothing, so nothing is asked.
	before, _ := log.Head()
	if _, err := h.do.Do(t.Context(), admin, lifecycle.Freeze, actions.Selection{Filter: flood}, actions.Args{}); err != nil {
		t.Fatal(err)
	}
	if after, _ := log.Head(); after != before {
		t.Errorf("%d entries about nothing", after-before)
	}
}

// TestB40_each_of_many_is_found: a message out of the middle of a large job, of
// several batches, is found in the log of it. With $WEIR_BULK=100000 it also
// tells what recording costs.
func TestB40_each_of_many_is_found(t *testing.T) {
	n := 1500
	if v := os.Getenv("WEIR_BULK"); v != "" {
		if _, err := fmt.Sscan(v, &n); err != nil {
			t.Fatal(err)
		}
	}
	h, log := recorded(t)
	h.fill(n, "flood@acme.test")
	took := func(what string, f func()) {
		began := time.Now()
		f()
		t.Logf("%s: %v", what, time.Since(began).Round(100*time.Microsecond))
	}
	recorder := h.do.Audit
	h.do.Audit = nil
	took("frozen without a record", func() { h.wait(h.start(admin, lifecycle.Freeze, flood).ID) })
	h.do.Audit = recorder
	took("thawed with it", func() { h.wait(h.start(admin, lifecycle.Thaw, flood).ID) })
	id := h.all()[mail.StatusQueued][n/2]
	took("found one message", func() {
		if got := log.of(t, audit.Query{Message: id.String(), Tenant: "acme"}); len(got) != 2 {
			t.Errorf("%q", got)
		}
	})
	took("verified", func() { log.verify(t) })
	size := int64(0)
	files, _ := filepath.Glob(filepath.Join(log.dir, "*.jsonl"))
	for _, f := range files {
		if i, err := os.Stat(f); err == nil {
			size += i.Size()
		}
	}
	seq, _ := log.Head()
	t.Logf("%d entries, %d octets, %.0f a message", seq, size, float64(size)/float64(n))
}
