package sqlindex

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Change is one message as it is now, or that it is gone.
type Change struct {
	ID      mail.ID
	Message *store.Message // nil: it was forgotten
}

// Apply brings messages, each given once, up to date and notes how far the index
// has come, in one transaction.
func (x *Index) Apply(ctx context.Context, to State, changes []Change) error {
	return x.ApplyParts(ctx, to, func() (part []Change, err error) {
		part, changes = changes, nil
		return part, nil
	})
}

// ApplyParts is Apply of changes that come in parts, until one is empty: a
// transaction may be of more messages than should be in memory at one time.
func (x *Index) ApplyParts(ctx context.Context, to State, next func() ([]Change, error)) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	// The driver would start a goroutine for each statement that can be
	// interrupted, and there are several to a message.
	w, err := newWriter(context.WithoutCancel(ctx), tx, x)
	if err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	for {
		part, err := next()
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return fmt.Errorf("search index: %w", err)
		}
		if len(part) == 0 {
			break
		}
		for i := range part {
			if err := w.change(&part[i]); err != nil {
				return fmt.Errorf("search index: message %s: %w", part[i].ID, err)
			}
		}
	}
	if err := w.countLows(); err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	for k, v := range map[string]string{
		"epoch": to.Epoch, "applied": strconv.FormatUint(to.Applied, 10),
		"early": strconv.FormatInt(w.skew.min, 10), "late": strconv.FormatInt(w.skew.max, 10),
	} {
		if _, err := tx.ExecContext(ctx, "INSERT OR REPLACE INTO meta VALUES (?, ?)", k, v); err != nil {
			return fmt.Errorf("search index: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	x.nameMu.Lock()
	defer x.nameMu.Unlock()
	for k, no := range w.named {
		x.names[k] = no
	}
	x.skew = w.skew
	return nil
}

// Begin empties the index, to be filled by Apply with each message once, and
// without its indexes, which Finish makes: that takes a third of the time.
// Until then nothing can be searched, and the index has no epoch.
func (x *Index) Begin(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	qs := []string{"DROP TABLE rows", "DROP TABLE names", "DROP TABLE IF EXISTS lows", "DROP TABLE words", "DROP TABLE meta", tables}
	if err := x.exec(ctx, qs); err != nil {
		return err
	}
	x.bulk = true
	x.nameMu.Lock()
	defer x.nameMu.Unlock()
	clear(x.names)
	x.skew = skew{}
	return nil
}

// Finish makes the indexes, and notes how far the index has come.
func (x *Index) Finish(ctx context.Context, to State) error {
	x.mu.Lock()
	for _, q := range indexes { // one by one: a transaction with all would take twice the space
		if err := x.exec(ctx, []string{strings.Replace(q, " INDEX ", " INDEX IF NOT EXISTS ", 1)}); err != nil {
			x.mu.Unlock()
			return err
		}
	}
	err := x.exec(ctx, []string{"DROP TABLE IF EXISTS lows", lowsTable, "INSERT INTO lows SELECT low, count(*) FROM rows INDEXED BY by_low GROUP BY low"})
	if err == nil {
		x.bulk = false
	}
	x.mu.Unlock()
	if err != nil {
		return err
	}
	return x.Apply(ctx, to, nil)
}

// exec runs statements in one transaction.
func (x *Index) exec(ctx context.Context, qs []string) error {
	tx, err := x.write.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	defer func() { _ = tx.Rollback() }()
	for _, q := range qs {
		if _, err := tx.ExecContext(ctx, q); err != nil {
			return fmt.Errorf("search index: %w", err)
		}
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("search index: %w", err)
	}
	return nil
}

// writer writes rows within one transaction.
type writer struct {
	ctx                             context.Context
	tx                              *sql.Tx
	x                               *Index
	have, last, insert, word, forID *sql.Stmt
	updates                         map[string]*sql.Stmt // by the columns that they set
	named                           map[string]int       // numbers given in this transaction
	lows                            map[int64]int        // by how many each of the table lows changes
	newest                          string               // ID before this transaction
	top                             int64                // the highest key there is
	skew                            skew
}

func newWriter(ctx context.Context, tx *sql.Tx, x *Index) (*writer, error) {
	w := &writer{ctx: ctx, tx: tx, x: x, named: map[string]int{}, lows: map[int64]int{}, updates: map[string]*sql.Stmt{}, skew: x.late()}
	newest := "SELECT ifnull(max(id), '') FROM rows"
	if x.bulk { // there is no index by it, and no need
		newest = "SELECT ''"
	}
	err := tx.QueryRowContext(ctx, "SELECT ("+newest+"), (SELECT ifnull(max(at), 0) FROM rows)").Scan(&w.newest, &w.top)
	prepare := func(q string) *sql.Stmt {
		s, e := tx.PrepareContext(ctx, q)
		err = errors.Join(err, e)
		return s
	}
	w.have = prepare("SELECT n, at, " + strings.Join(columnNames, ", ") + " FROM rows WHERE id = ?")
	w.last = prepare("SELECT ifnull(max(at), 0) FROM rows WHERE at >= ? AND at < ?")
	w.insert = prepare("INSERT INTO rows (at, id, n, " + strings.Join(columnNames, ", ") + ") VALUES (?, ?, ?" + strings.Repeat(", ?", len(columnNames)) + ")")
	w.word = prepare("INSERT INTO words (rowid, subject) VALUES (?, ?)")
	w.forID = prepare("DELETE FROM rows WHERE id = ?")
	return w, err
}

func (w *writer) change(c *Change) error {
	id := c.ID.String()
	if w.x.bulk || id > w.newest { // it cannot be there yet
		return w.message(c, id, nil)
	}
	old, err := w.rowsOf(id)
	if err != nil {
		return err
	}
	if c.Message == nil {
		for _, o := range old {
			if _, err := w.tx.ExecContext(w.ctx, "DELETE FROM words WHERE rowid = ?", o.at); err != nil {
				return err
			}
			w.lows[o.low()]--
		}
		_, err := w.forID.ExecContext(w.ctx, id)
		return err
	}
	return w.message(c, id, old)
}

// was is a row as it is in the index.
type was struct {
	at     int64
	values []any // of columnNames
}

func (o was) low() int64 { return o.values[lowColumn].(int64) } // NOT NULL

// rowsOf are a message's rows, by N.
func (w *writer) rowsOf(id string) (map[int]was, error) {
	rows, err := w.have.QueryContext(w.ctx, id)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // read to its end by then, or given up
	var out map[int]was
	for rows.Next() {
		var n int
		o := was{values: make([]any, len(columnNames))}
		into := append(make([]any, 0, 2+len(columnNames)), &n, &o.at)
		for i := range o.values {
			into = append(into, &o.values[i])
		}
		if err := rows.Scan(into...); err != nil {
			return nil, err
		}
		if out == nil {
			out = map[int]was{}
		}
		out[n] = o
	}
	return out, rows.Err()
}

// most is how many statements there are for updates in one transaction; what
// else changes together is set with all columns.
const most = 60

// update writes what changed of a row, and nothing else: SQLite writes every
// index anew whose column is set, also to what it was, and each is another page.
func (w *writer) update(o was, values []any) error {
	var names []string
	var set []any
	for i, v := range values {
		if !same(o.values[i], v) {
			names, set = append(names, columnNames[i]), append(set, v)
		}
	}
	if len(names) == 0 {
		return nil
	}
	key := strings.Join(names, " = ?, ")
	st := w.updates[key]
	if st == nil {
		if len(w.updates) >= most {
			key, set = strings.Join(columnNames, " = ?, "), values
		}
		var err error
		if st = w.updates[key]; st == nil {
			if st, err = w.tx.PrepareContext(w.ctx, "UPDATE rows SET "+key+" = ? WHERE at = ?"); err != nil {
				return err
			}
			w.updates[key] = st
		}
	}
	_, err := st.ExecContext(w.ctx, append(set, o.at)...)
	return err
}

// same reports whether a value is what the index has. Whole numbers come back
// from it as such, whatever they were.
func same(have, want any) bool {
	switch want := want.(type) {
	case nil:
		return have == nil
	case string:
		s, ok := have.(string)
		return ok && s == want
	case []byte:
		b, ok := have.([]byte)
		return ok && bytes.Equal(b, want)
	case int64:
		n, ok := have.(int64)
		return ok && n == want
	case float64:
		switch n := have.(type) {
		case int64:
			return float64(n) == want
		case float64:
			return n == want
		}
	}
	return false
}

// message writes a message's rows, of which those of old are there.
func (w *writer) message(c *Change, id string, old map[int]was) error {
	if c.Message == nil {
		return nil
	}
	if t := c.Message.Received; !t.IsZero() {
		w.skew = w.skew.with(t.UnixMilli() - c.ID.Time().UnixMilli())
	}
	next := int64(-1)
	for i := range c.Message.Recipients {
		row := store.Row{Message: c.Message, Recipient: &c.Message.Recipients[i]}
		values, err := w.values(row)
		if err != nil {
			return err
		}
		if o, ok := old[row.Recipient.N]; ok {
			if err := w.update(o, values); err != nil {
				return err
			}
			w.lows[o.low()]--
			w.lows[values[lowColumn].(int64)]++
			continue
		}
		if next < 0 {
			if next, err = w.free(c.ID.Time()); err != nil {
				return err
			}
		}
		if _, err := w.insert.ExecContext(w.ctx, append([]any{next, id, row.Recipient.N}, values...)...); err != nil {
			return err
		}
		if s := query.Key(c.Message.Summary.Subject); s != "" {
			if _, err := w.word.ExecContext(w.ctx, next, s); err != nil {
				return err
			}
		}
		w.lows[values[lowColumn].(int64)]++
		w.top = max(w.top, next)
		next++
	}
	return nil
}

// countLows brings the table lows up to date; one that is filled is counted in the
// end.
func (w *writer) countLows() error {
	for low, n := range w.lows {
		if n == 0 || w.x.bulk {
			continue
		}
		_, err := w.tx.ExecContext(w.ctx, "INSERT INTO lows VALUES (?, ?) ON CONFLICT (low) DO UPDATE SET n = n + excluded.n", low, n)
		if err == nil && n < 0 {
			_, err = w.tx.ExecContext(w.ctx, "DELETE FROM lows WHERE low = ? AND n = 0", low)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// free is the first key of a time that is not taken. A million rows of one
// millisecond run into the next.
func (w *writer) free(t time.Time) (int64, error) {
	first := keyOf(t)
	if w.top < first+counters { // nothing is behind it
		return max(first, w.top+1), nil
	}
	var last int64
	if err := w.last.QueryRowContext(w.ctx, first, first+counters).Scan(&last); err != nil {
		return 0, err
	}
	return max(first, last+1), nil
}

// keyOf is the first key of a time.
func keyOf(t time.Time) int64 { return keyOfMilli(t.UnixMilli()) }

// keyOfMilli is that of a time in milliseconds since 1970.
func keyOfMilli(ms int64) int64 { return min(max(0, ms), math.MaxInt64>>counterBits) << counterBits }

// number is the number of a name, given on first use; 0 for "", and for those
// that come when all are given: what has 0 is looked at itself.
func (w *writer) number(kind, name string) (int, error) {
	if name == "" {
		return 0, nil
	}
	k := kind + "\x00" + name
	if no := w.x.number(k); no != 0 {
		return no, nil
	}
	if no, ok := w.named[k]; ok {
		return no, nil
	}
	no := w.x.numbers() + len(w.named) + 1
	if no >= lowNumbers {
		return 0, nil
	}
	if _, err := w.tx.ExecContext(w.ctx, "INSERT INTO names VALUES (?, ?, ?)", no, kind, name); err != nil {
		return 0, err
	}
	w.named[k] = no
	return no, nil
}
