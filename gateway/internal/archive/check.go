package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// What Check finds.
const (
	FoundDamaged  = "damaged"        // cut short or changed
	FoundNoKey    = "no-key"         // its key was destroyed, or is lost
	FoundUnknown  = "without-record" // a copy that the journal knows nothing of
	FoundDeleted  = "deleted"        // a copy that was deleted and is still there
	FoundMissing  = "without-copy"   // a record that says archived, and no copy
	FoundStranger = "no-copy"        // a file that is none of the archive's
)

// maxFound bounds Report.Found.
const maxFound = 1000

// Found is one thing that is not as it should be.
type Found struct {
	Tenant   string
	Message  string // its ID, or a file's name
	What     string
	Error    string // more about it
	Repaired bool
}

// Report is what a check came to.
type Report struct {
	Copies  int // looked at
	Octets  int64
	Records int // messages that are archived by their record, one for each tenant
	Found   []Found
	More    int // found beyond those in Found
}

// CheckOptions say how much is done.
type CheckOptions struct {
	Deep bool // read every copy whole
	// Repair puts right what can be: a copy without a record gets one, a record
	// without a copy says so no longer, a deleted copy goes. What is damaged stays.
	Repair bool
}

// checking is one check.
type checking struct {
	a *Archive
	o CheckOptions
	r Report
}

// Check compares copies and records both ways.
func (a *Archive) Check(ctx context.Context, o CheckOptions) (Report, error) {
	c := &checking{a: a, o: o}
	tenants, err := a.Tenants()
	if err != nil {
		return c.r, err
	}
	for _, t := range tenants {
		if err := a.days(ctx, t, func(dir string) error { return c.day(ctx, t, dir) }); err != nil {
			return c.r, err
		}
	}
	return c.r, c.records(ctx)
}

func (c *checking) found(f Found) {
	if len(c.r.Found) == maxFound {
		c.r.More++
		return
	}
	c.r.Found = append(c.r.Found, f)
}

func (c *checking) day(ctx context.Context, tenant, dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		id, err := mail.ParseID(e.Name())
		if p := (place{tenant, id}); err == nil && c.a.filed(p) == filepath.Join(dir, e.Name()) {
			if err := c.copy(ctx, p, e); err != nil {
				return err
			}
			continue
		}
		c.found(Found{Tenant: tenant, Message: e.Name(), What: FoundStranger, Error: "in " + dir})
	}
	return nil
}

// copy looks at one copy.
func (c *checking) copy(ctx context.Context, p place, e os.DirEntry) error {
	info, err := e.Info()
	if err != nil {
		return nil // just deleted
	}
	c.r.Copies++
	c.r.Octets += info.Size()
	f := Found{Tenant: p.tenant, Message: p.id.String()}
	cp, _, err := c.a.open(p)
	if err == nil {
		defer func() { _ = cp.Close() }() // it was only read
		if c.o.Deep {
			err = cp.Verify()
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, store.ErrNotFound):
		return nil
	case errors.Is(err, ErrNoKey), errors.Is(err, ErrDamaged):
		f.What, f.Error = FoundDamaged, err.Error()
		if errors.Is(err, ErrNoKey) {
			f.What = FoundNoKey
		}
		c.found(f)
		return nil
	default:
		return err
	}
	return c.record(ctx, p, f, cp, time.Since(info.ModTime()) > time.Hour)
}

// record compares a copy with its record. A copy that is young may be just being
// recorded, or deleted.
func (c *checking) record(ctx context.Context, p place, f Found, cp *Copy, settled bool) error {
	m, err := c.a.o.Store.Get(ctx, p.id)
	switch {
	case errors.Is(err, store.ErrNotFound):
		f.What = FoundUnknown
		if c.o.Repair {
			err = c.a.adopt(ctx, p.id)
			f.Repaired = err == nil
		} else {
			err = nil
		}
	case err != nil:
		err = fmt.Errorf("archive: %w", err)
	case archivedIn(m)[p.tenant] || !settled:
		return nil
	case deletedIn(m, p.tenant):
		f.What = FoundDeleted
		if c.o.Repair {
			err = c.a.dropUnless(p)
			f.Repaired = err == nil
		}
	default:
		f.What = FoundUnknown
		if c.o.Repair {
			f.Repaired, err = c.a.mark(ctx, p, &cp.Meta)
		}
	}
	if err == nil {
		c.found(f)
	}
	return err
}

// deletedIn reports a message of which a tenant's copy was deleted.
func deletedIn(m *store.Message, tenant string) bool {
	of := false
	for i := range m.Recipients {
		if r := &m.Recipients[i]; r.Tenant == tenant {
			if of = true; !r.NoArchive {
				return false
			}
		}
	}
	return of
}

// mark has a record say of which of a tenant's recipients there is a copy.
func (a *Archive) mark(ctx context.Context, p place, meta *Meta) (done bool, err error) {
	now := a.o.Clock()
	err = a.o.Store.Update(ctx, p.id, func(m *store.Message) ([]mail.Event, error) {
		var events []mail.Event
		for i := range m.Recipients {
			r := &m.Recipients[i]
			if r.Tenant == p.tenant && !r.NoArchive && slices.ContainsFunc(meta.Message.Recipients, func(o store.Recipient) bool { return o.N == r.N }) {
				r.Archived = true
				events = append(events, found(m, r, now))
			}
		}
		if len(events) == 0 {
			return nil, errNothing
		}
		return events, nil
	})
	if errors.Is(err, errNothing) || errors.Is(err, store.ErrLeased) {
		return false, nil
	}
	return err == nil, err
}

func found(m *store.Message, r *store.Recipient, now time.Time) mail.Event {
	return mail.Event{
		At: now, Type: mail.EventRecovered, Message: m.ID, N: r.N, Tenant: r.Tenant, Direction: m.Direction, Sender: m.Sender.String(),
		Recipient: r.Address.String(), Status: r.Status, Class: r.Class.String(), Text: "a copy was found in the archive",
	}
}

// adopt gives the copies of a message, of whichever tenants, a record made of
// what they say of themselves. What became of the message is not known, unless it
// was final when it was archived.
func (a *Archive) adopt(ctx context.Context, id mail.ID) error {
	tenants, err := a.Tenants()
	if err != nil {
		return err
	}
	var m *store.Message
	for _, t := range tenants {
		c, _, err := a.open(place{t, id})
		if err != nil { // it is there, but cannot be read: it is found by itself
			continue
		}
		_ = c.Close() // it was only read
		if m == nil {
			whole := c.Meta.Message
			whole.Recipients = nil
			m = &whole
		}
		m.Recipients = append(m.Recipients, c.Meta.Message.Recipients...)
	}
	if m == nil {
		return fmt.Errorf("archive: copies of %s: %w", id, store.ErrNotFound)
	}
	slices.SortFunc(m.Recipients, func(a, b store.Recipient) int { return a.N - b.N })
	m.HasBody, m.Rev, m.Attempts = false, 0, 0
	now := a.o.Clock()
	var events []mail.Event
	for i := range m.Recipients {
		r := &m.Recipients[i]
		r.Archived, r.Next, r.Hold, r.Manual, r.Unjudged, r.Changed = true, time.Time{}, nil, false, false, now
		if r.Status.Live() {
			r.Status = mail.StatusQueueRemoved
			r.Reason = "found in the archive without a record; what became of it is not known"
		}
		events = append(events, found(m, r, now))
	}
	m.Lighten()
	a.o.Store.Record(m, nil, events...)
	return a.o.Store.Sync(ctx)
}

// records looks for the copies that records speak of.
func (c *checking) records(ctx context.Context) error {
	seen := place{}
	return c.a.o.Store.Each(ctx, query.Where("archived", query.Is, "yes"), func(row store.Row) error {
		p := place{row.Recipient.Tenant, row.Message.ID}
		if p == seen || !row.Recipient.Archived {
			return nil
		}
		seen = p
		c.r.Records++
		if c.a.there(p) {
			return nil
		}
		f := Found{Tenant: p.tenant, Message: p.id.String(), What: FoundMissing}
		if c.o.Repair {
			gone, err := c.a.end(ctx, p.tenant, p.id, false, mail.Event{At: c.a.o.Clock(), Text: "no longer in the archive: its copy is missing"})
			if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrLeased) {
				return err
			}
			f.Repaired = gone
		}
		c.found(f)
		return nil
	})
}

// there reports whether a tenant has a copy of a message.
func (a *Archive) there(p place) bool {
	if !validTenant(p.tenant) {
		return false
	}
	for range 2 { // it may be filed in between
		for _, path := range []string{a.filed(p), a.incoming(p)} {
			if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
				return true
			}
		}
	}
	return false
}

// DestroyKey makes everything that a tenant has archived so far unreadable for
// good (crypto-shredding), then deletes what is left of it and says so in the
// records. Mail that comes after is archived under a new key. It gives the number
// of keys and of copies that went; what an interruption leaves is done by calling
// it again. ErrHeld: the tenant has a legal hold.
func (a *Archive) DestroyKey(ctx context.Context, tenant, actor string) (keys, copies int, err error) {
	if !validTenant(tenant) {
		return 0, 0, fmt.Errorf("tenant %.60q: %w", tenant, store.ErrNotFound)
	}
	a.holds.mu.RLock()
	for _, p := range a.holds.all {
		if p.Tenant == tenant {
			a.holds.mu.RUnlock()
			return 0, 0, fmt.Errorf("%w: %s", ErrHeld, p.ID)
		}
	}
	a.life.Lock() // nobody is just using it
	keys, err = a.keys.destroy(tenant, actor, a.o.Clock().UTC())
	a.life.Unlock()
	a.holds.mu.RUnlock()
	if err != nil {
		return keys, 0, fmt.Errorf("archive: %w", err)
	}
	if keys > 0 {
		a.o.Logger.Warn("the key of a tenant's archive was destroyed", "tenant", tenant, "actor", actor)
	}
	err = a.days(ctx, tenant, func(dir string) error {
		n, err := a.sweepDead(ctx, tenant, actor, dir)
		copies += n
		return err
	})
	return keys, copies, err
}

// sweepDead deletes the copies in a day's folder that no key opens any more.
func (a *Archive) sweepDead(ctx context.Context, tenant, actor, dir string) (n int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("archive: %w", err)
	}
	for _, e := range entries {
		if ctx.Err() != nil {
			return n, ctx.Err()
		}
		id, err := mail.ParseID(e.Name())
		if err != nil || !a.dead(filepath.Join(dir, e.Name())) {
			continue
		}
		_, err = a.end(ctx, tenant, id, false, mail.Event{At: a.o.Clock(), Actor: actor, Text: "no longer in the archive: the key was destroyed"})
		if err == nil || errors.Is(err, store.ErrNotFound) {
			err = a.dropUnless(place{tenant, id})
		}
		if errors.Is(err, store.ErrLeased) {
			continue // a delivery attempt is under way; it cannot be read anyhow
		}
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// dead reports a copy whose key was destroyed.
func (a *Archive) dead(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, headLen)
	if _, err := f.ReadAt(head, 0); err != nil || string(head[:len(headMagic)]) != headMagic {
		return false
	}
	a.keys.mu.Lock()
	defer a.keys.mu.Unlock()
	return a.keys.gone[keyID(head[len(headMagic):])]
}
