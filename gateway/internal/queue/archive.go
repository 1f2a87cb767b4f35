package queue

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/archive"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// Archive makes the copies of the tenants' archives (B81); *archive.Archive is
// one.
type Archive interface {
	Stage(ctx context.Context, tenant string, m *store.Message, ns []int, body io.ReaderAt, size int64) (*archive.Staged, error)
}

// Copies are what Stage made of one message, by tenant.
type Copies []*archive.Staged

// StageCopies makes the copies that the policy wants of recipients ns of m and
// that are not there, and marks those recipients. nil copies: there is nothing
// to do. An error makes none. What the gateway writes itself is nobody's mail to
// keep.
func StageCopies(ctx context.Context, a Archive, p *policy.Policy, m *store.Message, ns []int, body io.ReaderAt, size int64) (Copies, error) {
	if a == nil || m.Kind != "" || m.Sealed {
		return nil, nil
	}
	var out Copies
	var marked []*store.Recipient
	for _, t := range archiving(p, m, ns) {
		s, err := a.Stage(ctx, t.name, m, t.ns, body, size)
		if err != nil {
			out.Discard()
			return nil, err
		}
		out = append(out, s)
		for _, n := range t.ns {
			marked = append(marked, find(m, n))
		}
	}
	for _, r := range marked {
		r.Archived = true
	}
	return out, nil
}

// archived are recipients of one tenant.
type archived struct {
	name string
	ns   []int
}

// archiving groups the recipients of which a copy is to be made, by tenant.
func archiving(p *policy.Policy, m *store.Message, ns []int) (out []archived) {
	for _, n := range ns {
		r := find(m, n)
		if r == nil || r.Archived || r.NoArchive {
			continue
		}
		t, ok := p.Tenant(r.Tenant)
		if !ok || !t.Settings(string(m.Direction), Own(m, r).Key()).Archive {
			continue
		}
		i := slices.IndexFunc(out, func(a archived) bool { return a.name == r.Tenant })
		if i < 0 {
			out = append(out, archived{name: r.Tenant})
			i = len(out) - 1
		}
		out[i].ns = append(out[i].ns, n)
	}
	return out
}

// File puts copies in their place: their record is durable.
func (c Copies) File() {
	for _, s := range c {
		s.File()
	}
}

// Discard drops those of what was not taken.
func (c Copies) Discard() {
	for _, s := range c {
		s.Discard()
	}
}

// Leave ends those that were not filed or discarded: the next start finds out.
func (c Copies) Leave() {
	for _, s := range c {
		s.Leave()
	}
}

// archiveRetry is how soon mail is tried again of which no copy could be made.
const archiveRetry = 5 * time.Minute

// notArchived says why mail waits. It is not sent on without its copy.
const notArchived = "no copy could be made for the archive; it is sent on once there is one"

// putOff leaves recipients for later, since no copy of them could be made. No
// failure is counted: their mail does not expire for it.
func (w *Worker) putOff(ctx context.Context, log *slog.Logger, c store.Claimed, ns []int, cause error) {
	log.Error("no copy could be made for the archive; the mail waits", "err", cause)
	now := w.o.Now()
	var o store.Outcome
	for _, n := range ns {
		r := *find(c.Message, n)
		told := r.Reason == notArchived
		r.Next, r.Changed, r.Reason = now.Add(archiveRetry), now, notArchived
		o.Recipients = append(o.Recipients, r)
		if !told {
			ev := Event(c.Message, &r, mail.EventTransientFailure, now)
			ev.Status, ev.Next, ev.Text = r.Status, r.Next, r.Reason
			if errors.Is(cause, store.ErrFull) {
				ev.Text += " (not enough free space)"
			}
			o.Events = append(o.Events, ev)
		}
	}
	w.settle(ctx, log, c.Lease, o, Entry{})
}

// archive makes the copies that are wanted before the first attempt of mail
// that had none: released, judged later, or taken before there was an archive.
func (w *Worker) archive(ctx context.Context, p *policy.Policy, m *store.Message, ns []int, body store.Body) (Copies, error) {
	copies, err := StageCopies(ctx, w.o.Archive, p, m, ns, body, body.Size())
	if err != nil {
		return nil, err
	}
	for _, n := range ns {
		if r := find(m, n); r != nil && r.Reason == notArchived {
			r.Reason = ""
		}
	}
	return copies, nil
}
