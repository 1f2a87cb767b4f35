package badgerstore

import (
	"fmt"
	"os"
	"sync"
)

// syncDir makes the entries of a directory durable.
func syncDir(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("sync directory: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("sync directory %s: %w", dir, err)
	}
	return nil
}

// dirSyncer coalesces the syncs of one directory: whoever asks is released by
// a sync that started after it asked, and many are released by one.
type dirSyncer struct {
	dir string
	off bool // no syncing at all: the control of the power-cut test

	mu    sync.Mutex
	next  *dirSync // those who wait for the sync to come
	busy  bool
	dirty bool // entries were removed since the last sync started
}

type dirSync struct {
	done chan struct{}
	err  error
}

// sync waits for a sync that starts after the call.
func (d *dirSyncer) sync() error {
	if d.off {
		return nil
	}
	d.mu.Lock()
	w := d.next
	if w == nil {
		w = &dirSync{done: make(chan struct{})}
		d.next = w
	}
	if d.busy {
		d.mu.Unlock()
		<-w.done
		return w.err
	}
	d.busy = true
	cur := d.take()
	d.mu.Unlock()
	d.do(cur) // cur is w: nobody was busy, so nobody else took it
	// Those who came meanwhile are served by a goroutine, so that this caller
	// is not kept by them.
	d.mu.Lock()
	if d.next == nil {
		d.busy = false
		d.mu.Unlock()
		return w.err
	}
	d.mu.Unlock()
	go d.run()
	return w.err
}

// take claims the waiting sync; d.mu is held.
func (d *dirSyncer) take() *dirSync {
	cur := d.next
	d.next, d.dirty = nil, false
	return cur
}

func (d *dirSyncer) do(s *dirSync) {
	if s.err = syncDir(d.dir); s.err != nil {
		d.removed() // what was removed may not be durably gone
	}
	close(s.done)
}

// run syncs until nobody waits; busy is set on entry and cleared at the end.
func (d *dirSyncer) run() {
	for {
		d.mu.Lock()
		cur := d.next
		if cur == nil {
			d.busy = false
			d.mu.Unlock()
			return
		}
		d.take()
		d.mu.Unlock()
		d.do(cur)
	}
}

// removed notes that an entry was unlinked and is not yet durably gone.
func (d *dirSyncer) removed() {
	d.mu.Lock()
	d.dirty = true
	d.mu.Unlock()
}

// flush makes removals durable, if there are any.
func (d *dirSyncer) flush() error {
	d.mu.Lock()
	dirty := d.dirty || d.busy
	d.mu.Unlock()
	if !dirty {
		return nil
	}
	return d.sync()
}
