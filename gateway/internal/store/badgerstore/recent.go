package badgerstore

import (
	"bytes"
	"encoding/binary"
	"sync"
	"time"

	badger "github.com/dgraph-io/badger/v4"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// recent has the records of the messages that were committed last, as they are in
// the database. Whether a message is new is asked for each that comes, and what has
// just come is soon read again, for its next change and by the search index: the
// database looks through all tables of level 0, and one of each level, every time.
//
// It is a ring of blocks without pointers; what does not fit is not in it.
type recent struct {
	mu     sync.RWMutex
	of     map[mail.ID]recentAt
	blocks []recentBlock
	room   int    // octets of a block
	now    uint32 // number of the block that is being filled
	// floor: a message above it is in of, or not in the store.
	floor mail.ID
}

const (
	recentBlocks = 32
	recentRoom   = 256 << 10 // octets
)

type recentBlock struct {
	b   []byte
	ids []mail.ID
}

type recentAt struct{ block, from, to uint32 }

// newRecent begins with a store whose highest message is top.
func newRecent(top mail.ID) *recent {
	return &recent{of: map[mail.ID]recentAt{}, blocks: make([]recentBlock, recentBlocks), room: recentRoom, floor: top}
}

// drop forgets a message, which may be in the store or not.
func (r *recent) drop(id mail.ID) {
	delete(r.of, id)
	if bytes.Compare(id[:], r.floor[:]) > 0 {
		r.floor = id
	}
}

// put notes what was committed, in the order of that: the records of each, nil
// where they are gone.
func (r *recent) put(all []written) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range all {
		w := &all[i]
		if w.records == nil {
			r.drop(w.id)
			continue
		}
		size := w.records.size() + 4*(2+len(w.records.rcpts))
		if size > r.room {
			r.drop(w.id)
			continue
		}
		blk := r.block(size)
		from := len(blk.b)
		add := func(v []byte) {
			blk.b = append(binary.BigEndian.AppendUint32(blk.b, uint32(len(v))), v...)
		}
		add(w.records.state)
		add(w.records.msg)
		for _, v := range w.records.rcpts {
			add(v)
		}
		blk.ids = append(blk.ids, w.id)
		r.of[w.id] = recentAt{r.now, uint32(from), uint32(len(blk.b))}
	}
}

func (r *recent) at(block uint32) *recentBlock { return &r.blocks[block%uint32(len(r.blocks))] }

// block is one with room for n octets: the one at hand, or the oldest, emptied.
func (r *recent) block(n int) *recentBlock {
	blk := r.at(r.now)
	if blk.b != nil && len(blk.b)+n <= r.room {
		return blk
	}
	if blk.b != nil {
		r.now++
		blk = r.at(r.now)
	}
	for _, id := range blk.ids {
		if at, ok := r.of[id]; ok && at.block == r.now-uint32(len(r.blocks)) {
			r.drop(id)
		}
	}
	if blk.b == nil {
		blk.b = make([]byte, 0, r.room)
	}
	blk.b, blk.ids = blk.b[:0], blk.ids[:0]
	return blk
}

// revision is that of a message. known: there is none where it is 0.
func (r *recent) revision(id mail.ID) (rev uint64, known bool, err error) {
	r.mu.RLock()
	defer r.mu.RUnlock()
	at, ok := r.of[id]
	if !ok {
		return 0, bytes.Compare(id[:], r.floor[:]) > 0, nil
	}
	state, _ := cut(r.at(at.block).b[at.from:at.to])
	rev, err = decodeRev(state)
	return rev, true, err
}

// records are those of a message, to keep; nil: they are not at hand.
func (r *recent) records(id mail.ID) *records {
	r.mu.RLock()
	at, ok := r.of[id]
	if !ok {
		r.mu.RUnlock()
		return nil
	}
	b := bytes.Clone(r.at(at.block).b[at.from:at.to])
	r.mu.RUnlock()
	out := &records{}
	out.state, b = cut(b)
	out.msg, b = cut(b)
	for len(b) > 0 {
		var v []byte
		v, b = cut(b)
		out.rcpts = append(out.rcpts, v)
	}
	return out
}

// cut takes a record from those that follow each other.
func cut(b []byte) (record, rest []byte) {
	n := 4 + binary.BigEndian.Uint32(b)
	return b[4:n:n], b[n:]
}

// highest is above every message that is in the store and every mark of one, and not
// below any that was made before now.
func highest(txn *badger.Txn, now time.Time) mail.ID {
	top := mail.NewID(now)
	for i := 6; i < len(top); i++ { // behind the time
		top[i] = 0xff
	}
	for _, kind := range []byte{keyMessage, keyLive} {
		k := lastKey(txn, kind)
		if k == nil {
			continue
		}
		id, _, ok := keyID(k)
		if !ok { // nothing is known
			copy(id[:], bytes.Repeat([]byte{0xff}, len(id)))
		}
		if bytes.Compare(id[:], top[:]) > 0 {
			top = id
		}
	}
	return top
}
