// Package storetest is the conformance suite of the store seam: whatever
// stands behind store.Store has to pass Run. It tests promises, sentence by
// sentence, and no implementation: what a crash or a full disk does to an
// engine is that engine's own tests' business.
package storetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Open opens the store that lives in dir, making it where there is none. It
// ends the test when it cannot. The suite closes what it opened.
type Open func(t *testing.T, dir string) store.Store

// Run runs the suite. Each test gets a directory of its own.
func Run(t *testing.T, open Open) {
	groups := []struct {
		name  string
		tests []test
	}{
		{"enqueue", enqueueTests},
		{"claim", claimTests},
		{"fair", fairTests},
		{"settle", settleTests},
		{"update", updateTests},
		{"forget", forgetTests},
		{"bodies", bodyTests},
		{"journal", journalTests},
		{"find", findTests},
		{"tail", tailTests},
		{"docs", docTests},
		{"parallel", parallelTests},
	}
	for _, g := range groups {
		t.Run(g.name, func(t *testing.T) {
			for _, c := range g.tests {
				t.Run(c.name, func(t *testing.T) {
					t.Parallel()
					f := &fixture{T: t, open: open, dir: t.TempDir()}
					f.s = open(t, f.dir)
					defer func() {
						if err := f.s.Close(); err != nil {
							t.Errorf("close: %v", err)
						}
					}()
					c.run(f)
				})
			}
		})
	}
}

type test struct {
	name string
	run  func(f *fixture)
}

// fixture is one test's store and what makes tests short.
type fixture struct {
	*testing.T
	open Open
	dir  string
	s    store.Store
}

var ctx = context.Background()

// t0 is the time of the suite's messages: whole seconds, so that it survives
// any encoding.
var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// reopen closes the store and opens it again, as a restart does.
func (f *fixture) reopen() {
	f.Helper()
	if err := f.s.Close(); err != nil {
		f.Fatalf("close: %v", err)
	}
	f.s = f.open(f.T, f.dir)
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

func (f *fixture) wantErr(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("error is %v, want %v", err, want)
	}
}

func address(s string) mail.Address {
	a, err := mail.ParseAddress(s)
	if err != nil {
		panic(err)
	}
	return a
}

// rcpt is a queued recipient, due at t0.
func rcpt(n int, hop string) store.Recipient {
	return store.Recipient{
		N: n, Address: address(fmt.Sprintf("r%d@dest.test", n)), Tenant: "acme", Status: mail.StatusQueued,
		NextHop: hop, Route: "tenant:acme:in", Next: t0, Changed: t0,
	}
}

// message makes a message with these recipients.
func message(rs ...store.Recipient) *store.Message {
	return &store.Message{
		ID: mail.NewID(time.Now()), Direction: mail.Inbound, Received: t0, Sender: address("from@sender.test"),
		Summary: store.Summary{Subject: "hello"}, Recipients: rs,
	}
}

func event(m *store.Message, typ mail.EventType) mail.Event {
	return mail.Event{At: t0, Type: typ, Message: m.ID, Tenant: "acme"}
}

// draft makes a draft with these octets.
func (f *fixture) draft(body []byte) store.Draft {
	f.Helper()
	d, err := f.s.NewDraft(ctx, int64(len(body)))
	f.must(err)
	if _, err := d.Write(body); err != nil {
		f.Fatal(err)
	}
	return d
}

// Body is the body of Work's messages, for those who add some of their own.
func Body(id mail.ID, size int) []byte { return bodyOf(id, size) }

func bodyOf(id mail.ID, size int) []byte {
	return bytes.Repeat([]byte("Subject: "+id.String()+"\r\n\r\n"), size/39+1)[:size]
}

// enqueue takes a message over with a small body and a Reception event.
func (f *fixture) enqueue(m *store.Message) *store.Message {
	f.Helper()
	d := f.draft(bodyOf(m.ID, 1000))
	defer d.Discard()
	_, err := f.s.Enqueue(ctx, &store.Admission{Message: m, Draft: d, Events: []mail.Event{event(m, mail.EventReception)}})
	f.must(err)
	return m
}

func (f *fixture) get(id mail.ID) *store.Message {
	f.Helper()
	m, err := f.s.Get(ctx, id)
	f.must(err)
	return m
}

// claim claims at now, for a minute.
func (f *fixture) claim(now time.Time, limit int) []store.Claimed {
	f.Helper()
	cs, err := f.s.Claim(ctx, store.ClaimRequest{Now: now, Limit: limit, For: time.Minute})
	f.must(err)
	return cs
}

func (f *fixture) claimOne(now time.Time) store.Claimed {
	f.Helper()
	cs := f.claim(now, 10)
	if len(cs) != 1 {
		f.Fatalf("claimed %d pieces of work, want 1", len(cs))
	}
	return cs[0]
}

// outcome gives the leased recipients a status.
func outcome(c store.Claimed, st mail.Status) store.Outcome {
	var o store.Outcome
	for _, n := range c.Lease.Recipients {
		r := *find(c.Message, n)
		r.Status = st
		o.Recipients = append(o.Recipients, r)
	}
	return o
}

func find(m *store.Message, n int) *store.Recipient {
	for i := range m.Recipients {
		if m.Recipients[i].N == n {
			return &m.Recipients[i]
		}
	}
	return nil
}

func (f *fixture) wantStatus(id mail.ID, n int, want mail.Status) {
	f.Helper()
	r := find(f.get(id), n)
	if r == nil || r.Status != want {
		f.Fatalf("recipient %d is %+v, want %s", n, r, want)
	}
}

func (f *fixture) wantBody(id mail.ID, want []byte) {
	f.Helper()
	b, err := f.s.OpenBody(ctx, id)
	f.must(err)
	defer b.Close()
	got, err := io.ReadAll(io.NewSectionReader(b, 0, b.Size()+1))
	f.must(err)
	if b.Size() != int64(len(want)) || !bytes.Equal(got, want) {
		f.Fatalf("body has %d octets that differ from the %d expected", len(got), len(want))
	}
}

func (f *fixture) wantNoBody(id mail.ID) {
	f.Helper()
	b, err := f.s.OpenBody(ctx, id)
	if err == nil {
		b.Close()
	}
	f.wantErr(err, store.ErrNotFound)
}

func (f *fixture) events(id mail.ID) []mail.EventType {
	f.Helper()
	es, err := f.s.Events(ctx, id)
	f.must(err)
	var out []mail.EventType
	last := uint64(0)
	for _, e := range es {
		if e.Seq <= last {
			f.Fatalf("event %s has number %d after %d", e.Type, e.Seq, last)
		}
		last = e.Seq
		out = append(out, e.Type)
	}
	return out
}
