package badgerstore

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// maxRows bounds one page of a search.
const maxRows = 10000

// Search implements store.Journal.
func (s *Store) Search(ctx context.Context, f query.Filter, cursor string, limit int) ([]store.Row, string, error) {
	found, err := s.Find(ctx, store.Query{Filter: f, Cursor: cursor, Limit: limit})
	return found.Rows, found.Next, err
}

// page is one search under way that reads messages from the newest on and
// tries the filter on each.
type page struct {
	match  *query.Matcher
	limit  int
	resume mail.ID // zero: from the newest
	after  int     // of the message resume: recipients up to this one were given out

	each   func(store.Row)                   // gets the rows instead of rows; nil: rows does
	enough func(id mail.ID, looked int) bool // after each message; nil never

	rows []store.Row
	next string
	seen mail.ID // last message looked at
}

// liveOnly tells whether everything that can match is live: then the index
// knows the messages, and a journal of millions is left alone.
func liveOnly(m *query.Matcher) ([]mail.Status, bool) {
	st := m.Statuses()
	for _, s := range st {
		if !s.Live() {
			return nil, false
		}
	}
	return st, st != nil
}

// list tries the filter on these messages, which are in the page's order.
func (p *page) list(ctx context.Context, txn *badger.Txn, ids []mail.ID) error {
	for i, id := range ids {
		if id == p.resume && p.after < 0 {
			continue
		}
		st, err := load(txn, id)
		if errors.Is(err, store.ErrNotFound) {
			continue // forgotten meanwhile
		}
		if err != nil {
			return err
		}
		p.take(st.msg)
		if p.next != "" {
			return nil
		}
		p.seen = id
		if err := ctx.Err(); err != nil && i < len(ids)-1 {
			p.next = formatCursor(id, -1)
			return err
		}
	}
	return nil
}

// scan tries the filter on all messages.
func (p *page) scan(ctx context.Context, txn *badger.Txn) error {
	o := badger.DefaultIteratorOptions
	o.PrefetchValues = false // there are attempts among them
	o.Reverse = true
	o.Prefix = []byte{keyMessage}
	it := txn.NewIterator(o)
	defer it.Close()
	from := []byte{keyMessage + 1}
	lo, hi, bounded := idRange(p.match.IDPrefix())
	if bounded {
		from = append(idKey(keyMessage, hi), 0xff)
	}
	if !p.resume.IsZero() {
		from = idKey(keyMessage, p.resume) // behind which, backwards, the next message begins
		if p.after >= 0 {
			from = append(from, 0xff)
		}
	}
	// Backwards the recipients come before the state, and that before the message.
	var rcpts []store.Recipient
	var st state
	for it.Seek(from); it.Valid(); it.Next() {
		id, rest, ok := keyID(it.Item().Key())
		if !ok || len(rest) == 0 || rest[0] > partRecipient {
			if err := ctx.Err(); err != nil && !p.seen.IsZero() {
				p.next = formatCursor(p.seen, -1)
				return err
			}
			continue
		}
		if bounded && bytes.Compare(id[:], lo[:]) < 0 {
			return nil
		}
		err := it.Item().Value(func(v []byte) (err error) {
			switch rest[0] {
			case partRecipient:
				var r store.Recipient
				err = decodeJSON(v, &r)
				rcpts = append(rcpts, r)
			case partState:
				st, err = decodeState(v)
			case partMessage:
				m := new(store.Message)
				if err = decodeJSON(v, m); err != nil {
					return err
				}
				m.Rev, m.HasBody, m.Attempts = st.rev, st.hasBody, st.attempts
				m.Recipients = inOrder(rcpts, st)
				rcpts, st = nil, state{}
				p.take(m)
				if p.next == "" && p.enough != nil && p.enough(id, len(m.Recipients)) {
					p.seen, p.next = id, formatCursor(id, -1)
				}
			}
			return err
		})
		if err != nil {
			return fmt.Errorf("read message %s: %w", id, err)
		}
		if p.next != "" {
			return nil
		}
		if rest[0] != partMessage {
			continue
		}
		p.seen = id
		if err := ctx.Err(); err != nil {
			p.next = formatCursor(id, -1)
			return err
		}
	}
	return nil
}

// inOrder brings recipients, read backwards, into the message's order.
func inOrder(rs []store.Recipient, st state) []store.Recipient {
	byN := make(map[int]int, len(rs))
	for i := range rs {
		byN[rs[i].N] = i
	}
	out := make([]store.Recipient, 0, len(rs))
	for _, r := range st.rcpts {
		if i, ok := byN[r.n]; ok {
			out = append(out, rs[i])
		}
	}
	return out
}

// take adds a message's rows that match.
func (p *page) take(m *store.Message) {
	skip := m.ID == p.resume
	for i := range m.Recipients {
		r := &m.Recipients[i]
		if skip {
			skip = r.N != p.after
			continue
		}
		row := store.Row{Message: m, Recipient: r}
		if !p.match.Match(row) {
			continue
		}
		if p.each != nil {
			p.each(row)
			continue
		}
		p.rows = append(p.rows, row)
		if len(p.rows) == p.limit {
			p.next = formatCursor(m.ID, r.N)
			return
		}
	}
}

// A cursor is the last row given out: "ID.N", or "ID.*" for all of ID.
func formatCursor(id mail.ID, n int) string {
	if n < 0 {
		return id.String() + ".*"
	}
	return id.String() + "." + strconv.Itoa(n)
}

func parseCursor(c string) (id mail.ID, n int, err error) {
	if c == "" {
		return id, 0, nil
	}
	text, num, ok := strings.Cut(c, ".")
	if ok {
		if id, err = mail.ParseID(text); err == nil {
			if num == "*" {
				return id, -1, nil
			}
			n, err = strconv.Atoi(num)
		}
	}
	if !ok || err != nil || n < 0 {
		return id, 0, fmt.Errorf("search: %q is not a cursor", c)
	}
	return id, n, nil
}
