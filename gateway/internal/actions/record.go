package actions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// What a filter finds is named in the audit log before it is acted on (B40), a
// batch at a time: one entry for each tenant, all of a batch with one sync. Once
// a batch is over, further entries say what became of it. What has an entry
// "asked" and no other was under way when the process ended: it may be done or
// not, and the message's history tells.

// Recorder keeps entries of the audit log: all of them are durable, or none
// counts and an error is given. audit.Log is one.
type Recorder interface {
	RecordAll(ctx context.Context, entries []audit.Entry) error
}

// ErrUnrecorded: the audit log takes nothing, so nothing is done.
var ErrUnrecorded = errors.New("this cannot be recorded in the audit log, so nothing further was done")

const (
	// batchMessages and batchRecipients bound what is named, and may have been
	// asked for and not be done after a crash.
	batchMessages   = 512
	batchRecipients = 900
	// perEntry is how many recipients one entry names: their IDs are 28 octets and
	// more, and a value of an entry has 32 KiB.
	perEntry = 900
)

// The results of an entry about a batch.
const (
	resultAsked     = "asked"
	resultDone      = "done"
	resultUnchanged = "unchanged" // it was as asked already, or the verb changes nothing
	resultRefused   = "refused"
	resultFailed    = "failed"    // it is not known to be done
	resultNotBegun  = "not begun" // stopped before its turn came
	resultPassed    = "passed over"
)

// named is one message of a batch.
type named struct {
	id      mail.ID
	ns      []int
	tenants []string // of each of ns
	slot    int
	begun   bool
}

// batch is what is asked for together.
type batch struct {
	messages   []named
	recipients int
	left       sync.WaitGroup // those under way
}

func (b *batch) take(m named) {
	b.messages = append(b.messages, m)
	b.recipients += len(m.ns)
}

func (b *batch) full() bool {
	return len(b.messages) >= batchMessages || b.recipients >= batchRecipients
}

// do names a batch in the audit log and has it done. Its error is that it
// cannot be named: then nothing of it is done.
func (r *run) do(ctx, broken context.Context, work *errgroup.Group, b *batch) error {
	if len(b.messages) == 0 {
		return nil
	}
	if err := r.ask(broken, b); err != nil {
		return err
	}
	for i := range b.messages {
		m := &b.messages[i]
		if ctx.Err() != nil || broken.Err() != nil {
			break
		}
		m.begun = true
		b.left.Add(1)
		work.Go(func() error {
			defer b.left.Done()
			return r.message(broken, m.id, pick{ns: m.ns}, m.slot)
		})
	}
	work.Go(func() error {
		b.left.Wait()
		return r.tellOf(broken, b)
	})
	return nil
}

func (r *run) records() bool { return r.s.Audit != nil && !r.args.DryRun }

// ask writes down what is to be done.
func (r *run) ask(ctx context.Context, b *batch) error {
	if !r.records() {
		return nil
	}
	by := map[string][]string{}
	for i := range b.messages {
		m := &b.messages[i]
		for k, n := range m.ns {
			by[m.tenants[k]] = append(by[m.tenants[k]], recipientID(m.id, n))
		}
	}
	var es []audit.Entry
	for _, tenant := range slices.Sorted(maps.Keys(by)) {
		es = append(es, r.entries(ctx, tenant, resultAsked, "", by[tenant])...)
	}
	if err := r.s.Audit.RecordAll(ctx, es); err != nil {
		r.s.Logger.Error("what is to be done cannot be recorded, so it is not done", "action", string(r.verb), "actor", r.sc.Actor, "error", err)
		return ErrUnrecorded
	}
	return nil
}

// tellOf writes down what became of a batch that is over.
func (r *run) tellOf(ctx context.Context, b *batch) error {
	if !r.records() {
		return nil
	}
	type kind struct{ tenant, result string }
	type some struct {
		ids []string
		why string // of the first
	}
	by := map[kind]*some{}
	r.mu.Lock()
	for i := range b.messages {
		m := &b.messages[i]
		for k, n := range m.ns {
			id := recipientID(m.id, n)
			result, why := r.resultOf(m, id)
			at := kind{m.tenants[k], result}
			if by[at] == nil {
				by[at] = &some{why: why}
			}
			by[at].ids = append(by[at].ids, id)
			delete(r.became, id)
		}
		delete(r.became, m.id.String())
	}
	r.mu.Unlock()
	var es []audit.Entry
	for _, k := range slices.SortedFunc(maps.Keys(by), func(a, b kind) int {
		return strings.Compare(a.tenant+"\x00"+a.result, b.tenant+"\x00"+b.result)
	}) {
		es = append(es, r.entries(ctx, k.tenant, k.result, by[k].why, by[k].ids)...)
	}
	// The run may be broken off; what was done is written down all the same.
	if err := r.s.Audit.RecordAll(context.WithoutCancel(ctx), es); err != nil {
		r.s.Logger.Error("what became of an action is not in the audit log", "action", string(r.verb), "actor", r.sc.Actor, "error", err)
		return ErrUnrecorded
	}
	return nil
}

// resultOf is what became of one recipient, and why it was not done. It wants
// the lock.
func (r *run) resultOf(m *named, id string) (result, why string) {
	it, ok := r.became[id]
	if !ok {
		it, ok = r.became[m.id.String()]
	}
	switch {
	case !m.begun:
		return resultNotBegun, "stopped before its turn came"
	case !ok: // it does not match any more
		return resultPassed, "it was no longer as it was found"
	case it.Code == CodeFailed:
		return resultFailed, it.Error
	case it.Code != "":
		return resultRefused, it.Error
	case it.Changed:
		return resultDone, ""
	}
	return resultUnchanged, ""
}

// entries are about recipients of one tenant.
func (r *run) entries(ctx context.Context, tenant, result, refused string, ids []string) (out []audit.Entry) {
	c := audit.CauseOf(ctx)
	for some := range slices.Chunk(ids, perEntry) {
		d := maps.Clone(c.Details)
		if d == nil {
			d = map[string]string{}
		}
		d["result"], d["recipients"] = result, strconv.Itoa(len(some))
		if r.args.Reason != "" {
			d["args.reason"] = r.args.Reason
		}
		e := audit.Entry{Actor: r.sc.Actor, Source: c.Source, Tenant: tenant, Action: string(r.verb), Details: d, Refused: refused}
		if len(some) == 1 {
			e.Target = some[0]
		} else {
			d["ids"] = strings.Join(some, " ")
		}
		out = append(out, e)
	}
	return out
}

func recipientID(id mail.ID, n int) string { return fmt.Sprintf("%s.%d", id, n) }

// gather collects the rows of a search, which come message by message, into
// batches.
type gather struct {
	r    *run
	now  named
	b    *batch
	slot int
	full func(*batch) error
}

// row takes in what was found.
func (g *gather) row(row store.Row) error {
	if row.Message.ID != g.now.id {
		if err := g.close(); err != nil {
			return err
		}
		g.now = named{id: row.Message.ID}
	}
	if g.r.sc.Sees(row.Message, row.Recipient) {
		g.now.ns = append(g.now.ns, row.Recipient.N)
		g.now.tenants = append(g.now.tenants, row.Recipient.Tenant)
	}
	return nil
}

// close takes the message that was being read.
func (g *gather) close() error {
	m := g.now
	g.now = named{}
	if len(m.ns) == 0 {
		return nil
	}
	m.slot = g.slot
	g.slot += len(m.ns)
	g.b.take(m)
	if !g.b.full() {
		return nil
	}
	b := g.b
	g.b = &batch{}
	return g.full(b)
}

// end takes the last message, and the batch that is not full.
func (g *gather) end() error {
	if err := g.close(); err != nil {
		return err
	}
	return g.full(g.b)
}
