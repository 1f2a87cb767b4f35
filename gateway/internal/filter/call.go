package filter

import (
	"context"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// Bounds of one call.
const (
	maxEvent   = 256 << 10 // octets of the encoded event
	maxResult  = 256 << 10 // octets of the encoded verdict
	maxLines   = 64        // log lines, with those of stdout and stderr
	maxLine    = 1 << 10   // octets of one
	maxStderr  = 8 << 10   // octets of stderr kept for the log of a crash
	maxErrText = 200       // octets of a guest's words in a Failure
)

// call is the state of one call into a guest: what the host functions serve.
type call struct {
	ctx      context.Context // the caller's
	trial    *Trial          // of a test, else nil
	deadline time.Time
	until    time.Duration // deadline as time since start, for tick
	yielded  time.Duration // when tick last let others in
	extended bool          // configGrace was given
	stage    abi.Stage     // 0 in weir_init
	input    []byte        // what event_read gives
	ev       *abi.Event
	msg      MessageView
	configs  map[uint64][]byte

	result  []byte
	written bool

	bounded context.Context // ctx with deadline, made when a host function needs it
	cancel  context.CancelFunc

	headers []abi.Header // asked of msg once
	headEnc []byte
	parts   *abi.PartList
	partEnc []byte
	hashes  map[hashKey][]byte

	reply       []byte // for reply_read
	net         netState
	orders      int // made of the queue
	submissions int // of them
	staged      map[uint32][]byte
	stagedSize  int

	errText string // of the last negative result, for error_read
	said    string // the last line of level error
	lines   int
	out     [2]partial // lines of stdout and stderr that have not ended
	stderr  []byte     // the beginning of all of it
	ticks   uint64
}

type hashKey struct {
	part int32
	alg  abi.Hash
}

// newCall starts the clock of a call.
func newCall(ctx context.Context, limit time.Duration, input []byte) *call {
	now := time.Now()
	c := &call{ctx: ctx, trial: trialOf(ctx), deadline: now.Add(limit), input: input, yielded: now.Sub(start)}
	c.until = c.yielded + limit
	return c
}

// extend gives the call at least d from now on, once: a guest that reads one
// configuration after the other would live for ever otherwise.
func (c *call) extend(d time.Duration) {
	if c.extended {
		return
	}
	c.extended = true
	now := time.Now()
	if t := now.Add(d); t.After(c.deadline) {
		c.deadline, c.until = t, now.Sub(start)+d
		if c.cancel != nil {
			c.cancel() // a context with the old deadline
		}
		c.bounded, c.cancel = nil, nil
	}
}

// check is why the guest must stop now, if it must.
func (c *call) check() error {
	if err := c.ctx.Err(); err != nil {
		return errCancelled
	}
	if !time.Now().Before(c.deadline) {
		return errDeadline
	}
	return nil
}

// must ends the guest if its time is over.
func (c *call) must() {
	if err := c.check(); err != nil {
		panic(err)
	}
}

// context is for host functions that may wait.
func (c *call) context() context.Context {
	if c.bounded == nil {
		c.bounded, c.cancel = context.WithDeadline(c.ctx, c.deadline)
	}
	return c.bounded
}

func (c *call) end() {
	if c.cancel != nil {
		c.cancel()
	}
	c.closeConns()
}

func (c *call) tenant() string {
	if c.ev == nil || c.ev.Tenant == "" {
		return NoTenant
	}
	return c.ev.Tenant
}

// fail is a negative result with words for error_read.
func (c *call) fail(code int32, text string) int32 {
	c.errText = text
	return code
}
