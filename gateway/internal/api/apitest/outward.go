package apitest

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/events"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/saved"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/store"
)

// outward is a gateway's tail, saved searches and receivers of events.
func (g *Gateway) outward() api.Outward {
	docs := &Docs{}
	return api.Outward{
		Tail: &Tail{g: g}, Docs: docs, Sinks: sinks{}, Now: func() time.Time { return Now },
		Saved: saved.New(saved.Options{Docs: docs, Clock: func() time.Time { return Now }, Manages: func(sc scope.Scope, tenant string) bool {
			return tenant == "acme" && sc.Validate() == nil
		}}),
	}
}

// Docs are documents in memory.
type Docs struct {
	mu  sync.Mutex
	rev uint64
	all map[string]store.Doc
}

var _ store.Docs = (*Docs)(nil)

func docName(tenant, kind, key string) string { return tenant + "\x00" + kind + "\x00" + key }

// GetDoc implements store.Docs.
func (d *Docs) GetDoc(_ context.Context, tenant, kind, key string) (store.Doc, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if doc, ok := d.all[docName(tenant, kind, key)]; ok {
		return doc, nil
	}
	return store.Doc{}, fmt.Errorf("document %s: %w", key, store.ErrNotFound)
}

// PutDoc implements store.Docs.
func (d *Docs) PutDoc(_ context.Context, doc store.Doc, ifRev uint64) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	name := docName(doc.Tenant, doc.Kind, doc.Key)
	if d.all[name].Rev != ifRev {
		return 0, store.ErrConflict
	}
	if d.all == nil {
		d.all = map[string]store.Doc{}
	}
	d.rev++
	doc.Rev = d.rev
	d.all[name] = doc
	return d.rev, nil
}

// DeleteDoc implements store.Docs.
func (d *Docs) DeleteDoc(_ context.Context, tenant, kind, key string, ifRev uint64) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	doc, ok := d.all[docName(tenant, kind, key)]
	switch {
	case !ok:
		return store.ErrNotFound
	case doc.Rev != ifRev:
		return store.ErrConflict
	}
	delete(d.all, docName(tenant, kind, key))
	return nil
}

// ListDocs implements store.Docs.
func (d *Docs) ListDocs(_ context.Context, tenant, kind, prefix string) ([]store.Doc, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []store.Doc
	for _, doc := range d.all {
		if doc.Tenant == tenant && doc.Kind == kind && strings.HasPrefix(doc.Key, prefix) {
			out = append(out, doc)
		}
	}
	slices.SortFunc(out, func(a, b store.Doc) int { return cmp.Compare(a.Key, b.Key) })
	return out, nil
}

// Tail is a sequence of events about the gateway's messages.
type Tail struct {
	g *Gateway

	mu   sync.Mutex
	all  []mail.Event
	more chan struct{}
}

var _ events.Source = (*Tail)(nil)

// Append commits events.
func (t *Tail) Append(es ...mail.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range es {
		e.Seq = uint64(len(t.all) + 1)
		t.all = append(t.all, e)
	}
	if t.more != nil {
		close(t.more)
		t.more = nil
	}
}

// EventsAfter implements store.Tailer.
func (t *Tail) EventsAfter(_ context.Context, after uint64, limit int) ([]mail.Event, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if after >= uint64(len(t.all)) {
		return nil, nil
	}
	out := t.all[after:]
	if limit > 0 && len(out) > limit {
		out = out[:limit]
	}
	return slices.Clone(out), nil
}

// LastSeq implements store.Tailer.
func (t *Tail) LastSeq() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return uint64(len(t.all))
}

// Committed implements store.Tailer.
func (t *Tail) Committed() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.more == nil {
		t.more = make(chan struct{})
	}
	return t.more
}

// Get gives one of the gateway's messages.
func (t *Tail) Get(_ context.Context, id mail.ID) (*store.Message, error) {
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	for _, m := range t.g.messages {
		if m.ID == id {
			return m, nil
		}
	}
	return nil, store.ErrNotFound
}

// sinks is one receiver that does well, and one that does not.
type sinks struct{}

func (sinks) Status() []events.Status {
	return []events.Status{
		{Name: "acme/log", Kind: "file", To: "/var/log/weir/acme.jsonl", State: "ok", Seq: 41, Delivered: 12, Last: Now.Add(-time.Minute)},
		{Name: "siem", Kind: "webhook", To: "https://siem.acme.test", State: "retrying", Error: "no answer within 15s", Seq: 30, Behind: 11, Failures: 3, Tries: 3, Oldest: Now.Add(-time.Hour), Next: Now.Add(time.Minute)},
	}
}

func (sinks) Resume(name string) error {
	if name != "siem" && name != "acme/log" {
		return store.ErrNotFound
	}
	return nil
}
