package flow

import (
	"context"
	"errors"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/queue"
	"github.com/mailweir/weir/gateway/internal/store"
)

// archive makes the tenants' copies of what passes (B81), before anything is sent
// on: a message of which no copy can be made is not taken, and its client keeps
// it. nil: it may go on.
func (c *commit) archive(ctx context.Context, tx *transaction, passed []*item, now time.Time) *mail.Reply {
	if c.f.o.Archive == nil || len(passed) == 0 {
		return nil
	}
	c.sync()
	ns := make([]int, len(passed))
	for i, it := range passed {
		ns[i] = it.rec.N
	}
	copies, err := queue.StageCopies(ctx, c.f.o.Archive, c.p, c.rec, ns, c.body, c.body.Size())
	if err != nil {
		return c.notArchived(tx, err, now)
	}
	c.archives = copies
	c.mark()
	return nil
}

// mark takes over in the items what is archived.
func (c *commit) mark() {
	for i, it := range c.items {
		it.rec.Archived = c.rec.Recipients[i].Archived
	}
}

// unarchive drops the copies of a message that is not taken.
func (c *commit) unarchive() {
	if len(c.archives) == 0 {
		return
	}
	c.archives.Discard()
	for _, it := range c.items {
		it.rec.Archived = false
	}
}

// notArchived answers for a message of which no copy could be made.
func (c *commit) notArchived(tx *transaction, err error, now time.Time) *mail.Reply {
	reply := mail.NewReply(451, "4.3.0", "the archive is not available, try again later")
	if errors.Is(err, store.ErrFull) {
		reply = mail.NewReply(452, "4.3.1", "not enough free space, try again later")
	}
	c.log.Error("a message is deferred: no copy could be made for the archive", "err", err)
	for i := range c.rec.Recipients {
		r := &c.rec.Recipients[i]
		r.Status, r.Last, r.Changed, r.Reason = mail.StatusNotAccepted, reply, now, "no copy could be made for the archive"
	}
	c.keepRow(tx, mail.EventDeferral, reply, now)
	return reply
}

// recorded waits until the row of a message that was delivered directly is
// durable, where it is archived: a copy without a row is found by nobody. Other
// rows may be lost in a power cut.
func (c *commit) recorded(ctx context.Context) error {
	if len(c.archives) == 0 {
		return nil
	}
	if err := c.f.o.Store.Sync(ctx); err != nil {
		return err
	}
	c.archives.File()
	return nil
}
