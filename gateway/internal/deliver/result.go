package deliver

import (
	"io"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Request is one message for one route.
type Request struct {
	ID     mail.ID
	Tenant string // whose mail it is: who waits for a connection is served in turn by it; "" nobody's
	Route  Route
	From   mail.Address
	To     []Rcpt
	Params mail.MailParams
	// Open opens the whole message as it goes on the wire, trace and edits
	// included. It is called once for each transaction, by one goroutine at a time.
	Open func() (io.ReadCloser, error)
	Size int64 // octets of what Open gives; 0 unknown
	// Patience is how long a free connection to the destination is waited for; 0 as
	// Options.Patience. Direct deliveries have more of it
	// than the queue, whose worker does other work meanwhile.
	Patience time.Duration
	// Insist: back-off and our own suspension of the destination are not heeded,
	// since an operator asked for this attempt. Everything else is.
	Insist bool
	// Sealed: the message carries what is for its recipient alone, such as a link that
	// signs in. Of what hosts say about it only the codes are kept, in results,
	// transcripts and the destination's state.
	Sealed bool
}

// Rcpt is one recipient, with its number in the message.
type Rcpt struct {
	N      int
	Addr   mail.Address
	Params mail.RcptParams
}

// Outcome is what became of one recipient in one attempt.
type Outcome int

// The outcomes. The zero value is Deferred, the safe one.
const (
	Deferred  Outcome = iota // nobody took it, a later attempt may succeed (B117)
	Delivered                // a host answered the message with 2yz (B116)
	Failed                   // trying again is of no use (B118)
)

// String is the outcome's name.
func (o Outcome) String() string {
	return [...]string{"deferred", "delivered", "failed"}[o]
}

// Result is the end of an attempt.
type Result struct {
	Rcpts    []RcptResult   // one for each of Request.To, in order
	Attempts []mail.Attempt // one for each host tried, in order; K is left 0
	// Aborted: recipients are deferred because the attempt was stopped, not
	// because a host failed.
	Aborted bool
}

// RcptResult is one recipient's end. Reply is set for every outcome: the
// destination's words when Remote, else ours. Its code always agrees with
// Outcome: 2yz, 4yz, 5yz.
type RcptResult struct {
	N       int
	Outcome Outcome
	Reply   mail.Reply
	Remote  bool
	Host    string // name as routed
	Addr    string // IP address and port, "" where none was reached for
	TLS     string // "TLS1.3", "" plaintext
	// Verified: the host's certificate was good for its name.
	Verified bool
	// DNS: it was the look-up that failed (B107: tried again sooner).
	DNS bool
	// RetryAfter is how long the failed look-up's answer holds, 0 unknown (B107).
	RetryAfter time.Duration
	// Throttled: our own limits for the destination (rate, back-off, suspended)
	// left no room, so nothing was tried. It is no failure: the queue tries
	// again after RetryAfter and counts nothing (B89).
	Throttled bool
	// Relayed: the host (also one of LMTP) took the message but offers no DSN, so what the sender
	// asked about success ends here ("relayed", RFC 3461 §5.2.2).
	Relayed bool
	// NoSecure: no host offered the channel that the route or policy demands.
	NoSecure bool
	// Channel says how the host was authenticated: "dane", "mta-sts", "pkix"
	// (by its own certificate and name), "" not at all.
	Channel string
	// MayDuplicate: the reply to the final dot was lost; the destination may
	// have the message although it is deferred.
	MayDuplicate bool
}
