package badgerstore

import (
	"bytes"
	"fmt"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// change is one message's new state, encoded by whoever asks for it, so that
// the committer has only to copy bytes.
type change struct {
	id       mail.ID
	expect   uint64 // revision it was made from; 0: the message must be new
	state    state
	records  records
	sets     []kv
	events   []encodedEvent
	liveWas  bool
	liveIs   bool
	size     int
	existing bool // set by write: a new message was there already, nothing was written
}

type kv struct{ k, v []byte }

// newChange encodes m, which was read as old (nil: new), with the attempts
// that follow those it has. It raises m's revision.
func newChange(old *stored, m *store.Message, attempts []mail.Attempt, events []mail.Event) (*change, error) {
	c := &change{id: m.ID}
	var rawMsg []byte
	var rawRcpt map[int][]byte
	if old != nil {
		c.expect = old.msg.Rev
		rawMsg, rawRcpt = old.rawMsg, old.rawRcpt
		was := stateOf(old.msg)
		c.liveWas = was.live() || was.hasBody
	}
	m.Rev = c.expect + 1
	for i := range attempts {
		a := attempts[i]
		m.Attempts++
		a.Message, a.K = m.ID, m.Attempts
		b, err := encodeJSON(a)
		if err != nil {
			return nil, fmt.Errorf("encode attempt %s.%d: %w", m.ID, a.K, err)
		}
		c.add(attemptKey(m.ID, a.K), b)
	}
	if !m.HasBody {
		m.Lighten()
	}
	b, err := encodeMessage(m)
	if err != nil {
		return nil, err
	}
	c.records.msg = b
	if !bytes.Equal(b, rawMsg) {
		c.add(messageKey(m.ID), b)
	}
	c.records.rcpts = make([][]byte, len(m.Recipients))
	for i := range m.Recipients {
		r := &m.Recipients[i]
		b, err := encodeRecipient(m.ID, r)
		if err != nil {
			return nil, err
		}
		c.records.rcpts[i] = b
		if !bytes.Equal(b, rawRcpt[r.N]) {
			c.add(recipientKey(m.ID, r.N), b)
		}
	}
	c.state = stateOf(m)
	c.records.state = c.state.encode()
	c.liveIs = c.state.live() || c.state.hasBody
	var n int
	if c.events, n, err = encodeEvents(events); err != nil {
		return nil, err
	}
	c.size += n + len(c.records.state) + 64
	return c, c.fits()
}

// fits refuses records that Badger would put into its value log.
func (c *change) fits() error {
	most := len(c.records.state)
	for _, s := range c.sets {
		most = max(most, len(s.v))
	}
	for _, e := range c.events {
		most = max(most, len(e.json))
	}
	if most > maxRecord {
		return fmt.Errorf("message %s: a record of %d octets is over the limit of %d", c.id, most, maxRecord)
	}
	return nil
}

func (c *change) add(k, v []byte) {
	c.sets = append(c.sets, kv{k, v})
	c.size += len(k) + len(v) + 16
}

// check compares revisions. errStale: read again.
func (c *change) check(b *batch) error {
	c.existing = false
	rev, err := b.revision(c.id)
	switch {
	case err != nil:
		return fmt.Errorf("read message %s: %w", c.id, err)
	case rev == c.expect:
		return nil
	case rev == 0:
		return fmt.Errorf("message %s: %w", c.id, store.ErrNotFound)
	case c.expect == 0:
		c.existing = true
		return nil
	}
	return errStale
}

// apply sets everything; check has passed.
func (c *change) apply(b *batch) error {
	if c.existing {
		return nil
	}
	b.wrote = append(b.wrote, written{c.id, &c.records})
	if err := b.set(stateKey(c.id), c.records.state); err != nil {
		return err
	}
	for _, s := range c.sets {
		if err := b.set(s.k, s.v); err != nil {
			return err
		}
	}
	if c.liveIs != c.liveWas {
		var err error
		if c.liveIs {
			err = b.set(liveKey(c.id), nil)
		} else {
			err = b.Delete(liveKey(c.id))
		}
		if err != nil {
			return err
		}
	}
	for i := range c.events {
		if err := b.event(&c.events[i]); err != nil {
			return err
		}
	}
	return nil
}

// writeAll checks all changes and then applies them: whole or not at all.
func writeAll(b *batch, cs ...*change) error {
	for _, c := range cs {
		if err := c.check(b); err != nil {
			return err
		}
	}
	for _, c := range cs {
		if err := c.apply(b); err != nil {
			return err
		}
	}
	return nil
}
