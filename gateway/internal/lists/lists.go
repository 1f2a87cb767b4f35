package lists

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
	"github.com/mailweir/weir/policy"
)

// The lists that exist without being declared. The plugin rules consults them.
const (
	AllowSender    = "operator.allow-sender"    // B33
	BlockSender    = "operator.block-sender"    // B35
	BlockRecipient = "operator.block-recipient" // B34
)

// Own are the lists that exist without being declared.
var Own = []string{AllowSender, BlockSender, BlockRecipient}

// Bounds.
const (
	MaxEntries  = 1_000_000 // of one tenant
	MaxOwn      = 10_000    // of one mailbox, of a list: its owner does not fill the tenant's
	MaxNote     = 500       // octets
	maxParallel = 64        // commits under way at one time: the store groups them
	sweepAtOnce = 1000      // entries
)

// ErrInvalid wraps what is wrong with an entry or a rule.
var ErrInvalid = errors.New("lists")

func invalid(f string, a ...any) error { return &faulty{fmt.Sprintf(f, a...)} }

// faulty is the caller's mistake.
type faulty struct{ text string }

func (f *faulty) Error() string { return f.text }
func (f *faulty) Unwrap() error { return ErrInvalid }

// Entry is one entry of a list.
type Entry struct {
	Tenant  string    `json:"tenant"`
	List    string    `json:"list"`
	Mailbox string    `json:"mailbox,omitempty"` // for this recipient alone
	Key     string    `json:"key"`               // an address, a domain, ".domain" for all below, an IP address or a network
	Note    string    `json:"note,omitempty"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Expires time.Time `json:"expires,omitzero"`
}

func (e *Entry) id() string {
	return strings.Join([]string{e.Tenant, e.List, e.Mailbox, e.Key}, "\x00")
}

// set is one list of one tenant for one mailbox ("" everyone).
type set struct {
	entries map[string]*Entry
	nets    policy.Networks // of the entries that are networks
}

// Options make a Lists.
type Options struct {
	Docs   store.Docs
	Clock  func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: discarded
}

// Lists is what operators added. It is safe in parallel.
type Lists struct {
	o Options

	write sync.Mutex // one change of a document after the other, batches apart

	mu        sync.RWMutex
	sets      map[string]*set // tenant NUL list NUL mailbox
	revs      map[string]uint64
	counts    map[string]int // by tenant
	rules     map[string]*ruleBook
	overrides map[string]map[string]*Override // tenant: class
}

// The kinds of documents. They stand under no tenant, so that one reading has
// them all; the tenant is the beginning of the key.
const (
	kindEntry    = "list-entry"
	kindRule     = "list-rule"
	kindOverride = "class-action"
)

// Open reads everything. What has expired is dropped. A document that cannot
// be read is an error: a block list with holes would let mail pass.
func Open(ctx context.Context, o Options) (*Lists, error) {
	if o.Clock == nil {
		o.Clock = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	l := &Lists{
		o: o, sets: map[string]*set{}, revs: map[string]uint64{}, counts: map[string]int{},
		rules: map[string]*ruleBook{}, overrides: map[string]map[string]*Override{},
	}
	docs, err := o.Docs.ListDocs(ctx, "", kindEntry, "")
	if err != nil {
		return nil, fmt.Errorf("reading the operators' lists: %w", err)
	}
	for _, d := range docs {
		e := new(Entry)
		if err := json.Unmarshal(d.JSON, e); err != nil {
			return nil, fmt.Errorf("reading the operators' lists: entry %q: %w", d.Key, err)
		}
		l.put(e, d.Rev)
	}
	if err := l.openRules(ctx); err != nil {
		return nil, err
	}
	return l, l.openOverrides(ctx)
}

func setKey(tenant, list, mailbox string) string { return tenant + "\x00" + list + "\x00" + mailbox }

// put changes memory alone.
func (l *Lists) put(e *Entry, rev uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := setKey(e.Tenant, e.List, e.Mailbox)
	s := l.sets[k]
	if s == nil {
		s = &set{entries: map[string]*Entry{}}
		l.sets[k] = s
	}
	if s.entries[e.Key] == nil {
		l.counts[e.Tenant]++
		if p, err := netip.ParsePrefix(e.Key); err == nil {
			s.nets.Add(p)
		}
	}
	s.entries[e.Key] = e
	l.revs[e.id()] = rev
}

func (l *Lists) drop(e *Entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := setKey(e.Tenant, e.List, e.Mailbox)
	s := l.sets[k]
	if s == nil || s.entries[e.Key] == nil {
		return
	}
	delete(s.entries, e.Key)
	delete(l.revs, e.id())
	l.counts[e.Tenant]--
	if p, err := netip.ParsePrefix(e.Key); err == nil {
		s.nets.Remove(p)
	}
	if len(s.entries) == 0 {
		delete(l.sets, k)
	}
}

// Valid puts a key into the form lists keep; false: it is no entry.
func Valid(key string) (string, bool) { return policy.ListEntry(key) }

// check puts an entry into its form.
func (l *Lists) check(e *Entry) error {
	key, ok := policy.ListEntry(e.Key)
	switch {
	case !ok:
		return invalid("%.60q is no list entry; write an address, a domain, an IP address or a network", e.Key)
	case e.Tenant == "" || e.List == "":
		return invalid("an entry needs a tenant and a list")
	case len(e.Note) > MaxNote:
		return invalid("the note has %d octets; at most %d", len(e.Note), MaxNote)
	case strings.ContainsFunc(e.Note, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return invalid("the note holds a line break or another control character")
	case e.By == "":
		return invalid("an entry needs to say who added it")
	}
	if e.Mailbox, ok = mailboxOf(e.Mailbox); !ok {
		return invalid("%.60q is no mailbox; write an address", e.Mailbox)
	}
	e.Key = key
	if e.At.IsZero() {
		e.At = l.o.Clock().UTC()
	}
	if !e.Expires.IsZero() && !e.Expires.After(l.o.Clock()) {
		return invalid("the entry would have expired at %s already", e.Expires.Format(time.RFC3339))
	}
	return nil
}

// mailboxOf is a mailbox in the form in which plugins name it; "" is everybody.
// false: it is none, and comes back as it was.
func mailboxOf(s string) (string, bool) {
	if s == "" {
		return "", true
	}
	a, err := mail.ParseAddress(s)
	if err != nil {
		return s, false
	}
	return a.Key(), true
}

// Add adds entries, or gives those that are there a new note, time and end. It
// returns how many are new once all are durable. An entry that is not valid
// stops it before anything is written.
func (l *Lists) Add(ctx context.Context, entries ...Entry) (added int, err error) {
	own := slices.Clone(entries)
	for i := range own {
		if err := l.check(&own[i]); err != nil {
			if len(own) > 1 {
				return 0, fmt.Errorf("entry %d: %w", i+1, err)
			}
			return 0, err
		}
	}
	l.write.Lock()
	defer l.write.Unlock()
	fresh := map[string]bool{}
	more, mine := map[string]int{}, map[string]int{}
	for i := range own {
		id := own[i].id()
		if _, there := l.rev(id); !there && !fresh[id] {
			fresh[id] = true
			more[own[i].Tenant]++
			if own[i].Mailbox != "" {
				mine[setKey(own[i].Tenant, own[i].List, own[i].Mailbox)]++
			}
		}
	}
	for k, n := range mine {
		if have := l.size(k); have+n > MaxOwn {
			return 0, invalid("the list of one mailbox would have %d entries; at most %d", have+n, MaxOwn)
		}
	}
	for tenant, n := range more {
		if have := l.count(tenant); have+n > MaxEntries {
			return 0, invalid("tenant %s would have %d entries; at most %d", tenant, have+n, MaxEntries)
		}
	}
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(maxParallel)
	done := map[string]bool{}
	for i := range own {
		e := &own[i]
		if done[e.id()] {
			continue
		}
		done[e.id()] = true
		g.Go(func() error {
			b, err := json.Marshal(e)
			if err != nil {
				return err
			}
			rev, _ := l.rev(e.id())
			rev, err = l.o.Docs.PutDoc(gctx, store.Doc{Kind: kindEntry, Key: e.id(), JSON: b}, rev)
			if err != nil {
				return fmt.Errorf("adding %s to list %s: %w", e.Key, e.List, err)
			}
			l.put(e, rev)
			return nil
		})
	}
	return len(fresh), g.Wait()
}

// Remove removes entries; how many were there.
func (l *Lists) Remove(ctx context.Context, entries ...Entry) (removed int, err error) {
	own := slices.Clone(entries)
	for i := range own {
		e := &own[i]
		var ok bool
		if e.Key, ok = policy.ListEntry(e.Key); !ok {
			return 0, invalid("%.60q is no list entry", entries[i].Key)
		}
		if e.Mailbox, ok = mailboxOf(e.Mailbox); !ok {
			return 0, invalid("%.60q is no mailbox", e.Mailbox)
		}
	}
	return l.remove(ctx, own, func(*Entry) bool { return true })
}

// remove removes those of entries that are there and still such as only says.
func (l *Lists) remove(ctx context.Context, entries []Entry, only func(*Entry) bool) (removed int, err error) {
	l.write.Lock()
	defer l.write.Unlock()
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(maxParallel)
	var gone atomic.Int64
	done := map[string]bool{}
	for i := range entries {
		e := &entries[i]
		have, rev := l.there(e)
		if have == nil || done[e.id()] || !only(have) {
			continue
		}
		done[e.id()] = true
		g.Go(func() error {
			if err := l.o.Docs.DeleteDoc(gctx, "", kindEntry, e.id(), rev); err != nil && !errors.Is(err, store.ErrNotFound) {
				return fmt.Errorf("removing %s from list %s: %w", e.Key, e.List, err)
			}
			l.drop(e)
			gone.Add(1)
			return nil
		})
	}
	err = g.Wait()
	return int(gone.Load()), err
}

// there is the entry of e's list, mailbox and key, with its revision.
func (l *Lists) there(e *Entry) (*Entry, uint64) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := l.sets[setKey(e.Tenant, e.List, e.Mailbox)]
	if s == nil || s.entries[e.Key] == nil {
		return nil, 0
	}
	return s.entries[e.Key], l.revs[e.id()]
}

func (l *Lists) rev(id string) (uint64, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	r, ok := l.revs[id]
	return r, ok
}

func (l *Lists) count(tenant string) int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.counts[tenant]
}

// size is how many entries a set has.
func (l *Lists) size(key string) int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s := l.sets[key]; s != nil {
		return len(s.entries)
	}
	return 0
}

// Count is how many entries a list of a tenant has, of all or of one mailbox,
// those that have expired included.
func (l *Lists) Count(tenant, list string, mailbox *string) int {
	l.mu.RLock()
	defer l.mu.RUnlock()
	n := 0
	prefix := setKey(tenant, list, "")
	for k, s := range l.sets {
		if of, ok := strings.CutPrefix(k, prefix); ok && (mailbox == nil || of == strings.ToLower(*mailbox)) {
			n += len(s.entries)
		}
	}
	return n
}

// Find gives the nearest entry of a list that holds key: an address is found
// by itself, its domain and ".PARENT", an IP address by a network. It costs a
// few map look-ups, however long the list is.
func (l *Lists) Find(tenant, list, mailbox, key string) (Entry, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	s := l.sets[setKey(tenant, list, strings.ToLower(mailbox))]
	if s == nil {
		return Entry{}, false
	}
	now := l.o.Clock()
	holds := func(k string) (*Entry, bool) {
		e := s.entries[k]
		return e, e != nil && (e.Expires.IsZero() || now.Before(e.Expires))
	}
	for k := range policy.ListEntries(key) {
		if e, ok := holds(k); ok {
			return *e, true
		}
	}
	for n := range s.nets.Of(key) {
		if e, ok := holds(n.String()); ok {
			return *e, true
		}
	}
	return Entry{}, false
}

// Query selects entries.
type Query struct {
	Tenant  string // needed
	List    string // "" all
	Mailbox *string
	Prefix  string // of the key
	After   string // the cursor of the page before
	Limit   int    // 0: 100
}

// Entries gives one page in the order of list, mailbox and key, and the cursor
// of the next, "" at the end.
func (l *Lists) Entries(q Query) (page []Entry, next string) {
	limit := q.Limit
	if limit <= 0 {
		limit = 100
	}
	now := l.o.Clock()
	l.mu.RLock()
	var all []*Entry
	for k, s := range l.sets {
		part := strings.SplitN(k, "\x00", 3)
		if part[0] != q.Tenant || q.List != "" && part[1] != q.List || q.Mailbox != nil && part[2] != strings.ToLower(*q.Mailbox) {
			continue
		}
		for _, e := range s.entries {
			if strings.HasPrefix(e.Key, q.Prefix) && e.id() > q.After && (e.Expires.IsZero() || now.Before(e.Expires)) {
				all = append(all, e)
			}
		}
	}
	l.mu.RUnlock()
	slices.SortFunc(all, func(a, b *Entry) int { return cmp.Compare(a.id(), b.id()) })
	for _, e := range all[:min(limit, len(all))] {
		page = append(page, *e)
	}
	if len(all) > limit {
		next = all[limit-1].id()
	}
	return page, next
}

// Sweep removes what has expired; how many entries that were. It lets others
// write in between.
func (l *Lists) Sweep(ctx context.Context) (n int, err error) {
	now := l.o.Clock()
	expired := func(e *Entry) bool { return !e.Expires.IsZero() && !now.Before(e.Expires) }
	var old []Entry
	l.mu.RLock()
	for _, s := range l.sets {
		for _, e := range s.entries {
			if expired(e) {
				old = append(old, *e)
			}
		}
	}
	l.mu.RUnlock()
	for some := range slices.Chunk(old, sweepAtOnce) {
		k, err := l.remove(ctx, some, expired) // unless it was given a new end
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}
