package archive

import (
	"strconv"
	"time"
)

// Limits bound what is looked into. Zero values take the defaults.
type Limits struct {
	Depth   int   // containers within one another
	Entries int   // entries of all archives
	Bytes   int64 // octets decoded
	Ratio   int64 // octets decoded for one octet of the part, once Bytes/4 are used; also of declared sizes
	Memory  int64 // octets of decoded content held at a time
	Verify  int64 // octets of packed content decoded only to see whether it is sound
	Time    time.Duration
}

// Defaults are for a guest of 64 MiB and a deadline of 5 s.
var Defaults = Limits{Depth: 8, Entries: 10_000, Bytes: 64 << 20, Ratio: 250, Memory: 24 << 20, Verify: 256 << 10, Time: 3 * time.Second}

// maxSearch is how many octets of one message are searched for archives that
// stand behind something else.
const maxSearch = 256 << 20

// declaredFloor is how much an archive may say it unpacks to, whatever its ratio.
const declaredFloor = 100 << 20

// Budget is what is left for one message: shared by all its parts and nested
// levels. It is not safe for use in parallel.
type Budget struct {
	lim      Limits
	entries  int
	bytes    int64
	search   int64
	verify   int64
	held     int64 // octets of spools in use
	part     int64 // size of the part at hand
	partUsed int64 // octets decoded of it
	until    time.Time
	free     [][]byte // chunks of spools to use again
	key      *Key     // tried where a password is needed, nil none
}

// NewBudget starts a message.
func NewBudget(l Limits) *Budget {
	d := Defaults
	for _, f := range []struct{ have, def *int64 }{{&l.Bytes, &d.Bytes}, {&l.Ratio, &d.Ratio}, {&l.Memory, &d.Memory}, {&l.Verify, &d.Verify}} {
		if *f.have == 0 {
			*f.have = *f.def
		}
	}
	if l.Depth == 0 {
		l.Depth = d.Depth
	}
	if l.Entries == 0 {
		l.Entries = d.Entries
	}
	if l.Time == 0 {
		l.Time = d.Time
	}
	return &Budget{lim: l, entries: l.Entries, bytes: l.Bytes, search: maxSearch, verify: l.Verify}
}

// begin starts a part; the clock runs from the first one.
func (b *Budget) begin(size int64) {
	if b.until.IsZero() {
		b.until = time.Now().Add(b.lim.Time)
	}
	b.part, b.partUsed = size, 0
}

func (b *Budget) entry() error {
	if b.entries--; b.entries < 0 {
		return exceeded("there are more than " + strconv.Itoa(b.lim.Entries) + " entries in the message's archives")
	}
	if b.entries&63 == 0 {
		return b.late()
	}
	return nil
}

func (b *Budget) late() error {
	if time.Now().After(b.until) {
		return exceeded("it takes too long to look through")
	}
	return nil
}

// decoded takes octets that were unpacked from the budget.
func (b *Budget) decoded(n int64) error {
	b.bytes -= n
	b.partUsed += n
	switch {
	case b.bytes < 0:
		return exceeded("the message unpacks to more than " + mib(b.lim.Bytes))
	case b.partUsed > b.lim.Bytes/4 && b.partUsed/max(b.part, 1) > b.lim.Ratio:
		return exceeded("it unpacks to more than " + strconv.FormatInt(b.lim.Ratio, 10) + " times its size")
	}
	return b.late()
}

// declared checks what an archive says it unpacks to before any of it is.
func (b *Budget) declared(total, packed int64) error {
	if total > declaredFloor && total/max(packed, 1) > b.lim.Ratio {
		return exceeded("it would unpack to " + mib(total) + ", more than " + strconv.FormatInt(b.lim.Ratio, 10) + " times its size")
	}
	return nil
}

func (b *Budget) searched(n int64) error {
	if b.search -= n; b.search < 0 {
		return exceeded("there is too much to search")
	}
	return nil
}

// take gives a chunk, nil where the memory for decoded content is used up.
func (b *Budget) take() []byte {
	if b.held+chunkSize > b.lim.Memory {
		return nil
	}
	b.held += chunkSize
	if n := len(b.free); n > 0 {
		c := b.free[n-1]
		b.free = b.free[:n-1]
		return c
	}
	return make([]byte, chunkSize)
}

func (b *Budget) give(chunks [][]byte) {
	b.held -= chunkSize * int64(len(chunks))
	b.free = append(b.free, chunks...)
}

func mib(n int64) string {
	if n < 1<<20 {
		return strconv.FormatInt(n, 10) + " octets"
	}
	return strconv.FormatInt(n>>20, 10) + " MiB"
}

// hold takes memory for a decoder; drop gives it back.
func (b *Budget) hold(n int64) bool {
	if b.held+n > b.lim.Memory {
		return false
	}
	b.held += n
	return true
}

func (b *Budget) drop(n int64) { b.held -= n }

// Entry and Unpack take from the budget for others that look into the same
// message (document.Budget); false when it is used up.
func (b *Budget) Entry() bool { return b.entry() == nil }

// Unpack takes octets that were unpacked.
func (b *Budget) Unpack(n int64) bool { return b.decoded(n) == nil }

// Depth is how many containers may lie within one another.
func (b *Budget) Depth() int { return b.lim.Depth }
