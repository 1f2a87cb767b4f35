package badgerstore

import (
	"sync"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// inflight lets one caller at a time take over a message of a given ID, so
// that a second call with the same ID finds what the first one did.
type inflight struct {
	mu  sync.Mutex
	ids map[mail.ID]chan struct{}
}

func (f *inflight) enter(id mail.ID) {
	for {
		f.mu.Lock()
		wait, busy := f.ids[id]
		if !busy {
			if f.ids == nil {
				f.ids = map[mail.ID]chan struct{}{}
			}
			f.ids[id] = make(chan struct{})
			f.mu.Unlock()
			return
		}
		f.mu.Unlock()
		<-wait
	}
}

func (f *inflight) leave(id mail.ID) {
	f.mu.Lock()
	defer f.mu.Unlock()
	close(f.ids[id])
	delete(f.ids, id)
}
