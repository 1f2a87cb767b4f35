// Package store is the seam for everything durable: queue state, message
// bodies, the journal and small documents. It is a domain interface, not
// key-value, so that an engine may index as it likes; it shows no engine's
// types. Every implementation is proven by storetest.Run.
//
// It is not for decisions: what a status may become is lifecycle's, when a
// retry is due is policy's.
package store

import (
	"context"
	"errors"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

var (
	// ErrLeaseLost: the fencing token is stale; drop the result.
	ErrLeaseLost = errors.New("store: lease lost")
	// ErrLeased: an attempt is under way on this recipient; try again shortly.
	ErrLeased = errors.New("store: a delivery attempt is under way")
	// ErrNotFound: no such message, body or document.
	ErrNotFound = errors.New("store: not found")
	// ErrAmbiguous: the beginning of an ID is that of more than one message.
	ErrAmbiguous = errors.New("store: not unique")
	// ErrConflict: the revision given is not the current one.
	ErrConflict = errors.New("store: revision conflict")
	// ErrFull: free space is below the watermark. SMTP answers 452 4.3.1.
	ErrFull = errors.New("store: not enough free space")
	// ErrUnavailable: the engine cannot commit now (closing, no quorum). SMTP answers 451.
	ErrUnavailable = errors.New("store: unavailable")
)

// Store is one engine. All methods are safe for use in parallel.
type Store interface {
	Queue
	Bodies
	Journal
	Docs

	// Close finishes what is being committed and closes the engine.
	Close() error
}

// Message is one message and everything known about its recipients. The body
// is not in it: Bodies has that, under the same ID.
type Message struct {
	ID        mail.ID         `json:"id"`
	Rev       uint64          `json:"rev"` // grows with every commit that touches the message
	Direction mail.Direction  `json:"direction"`
	Received  time.Time       `json:"received"`
	Client    mail.Client     `json:"client"`
	Sender    mail.Address    `json:"sender"`
	Params    mail.MailParams `json:"params,omitzero"`
	Size      int64           `json:"size"` // octets of the body as received
	SHA256    string          `json:"sha256,omitempty"`
	Trace     string          `json:"trace,omitempty"` // header lines that go in front of the body on the wire (Received …), CRLF-ended
	Summary   Summary         `json:"summary,omitzero"`
	Policy    string          `json:"policy,omitempty"` // digest of the policy that judged it
	Parent    mail.ID         `json:"parent,omitzero"`  // the message this one reports on
	Kind      string          `json:"kind,omitempty"`   // "" ordinary, "dsn", "notice"
	// Sealed tells that the content is for the recipients alone, such as a link
	// that signs them in: no verb shows it, copies it or sends it elsewhere.
	Sealed   bool `json:"sealed,omitempty"`
	HasBody  bool `json:"has_body"`
	Attempts int  `json:"attempts,omitempty"` // attempts recorded so far; the next one's K is this + 1
	// PartEdits are what filters staged for the body, by the key that
	// recipients name (mail.PartEditsKey): each list is there once. The content
	// goes with the body.
	PartEdits map[string][]mail.PartEdit `json:"part_edits,omitempty"`

	Recipients []Recipient `json:"recipients"`
}

// Summary is what a log column shows of a message's header, decoded, each
// field at most 998 bytes.
type Summary struct {
	From        string   `json:"from,omitempty"`
	To          string   `json:"to,omitempty"`
	Cc          string   `json:"cc,omitempty"`
	Subject     string   `json:"subject,omitempty"`
	MessageID   string   `json:"message_id,omitempty"`
	Attachments []string `json:"attachments,omitempty"`
}

// Recipient is one recipient's state.
type Recipient struct {
	N        int          `json:"n"` // from 1, in order of RCPT
	Address  mail.Address `json:"address"`
	Original mail.Address `json:"original,omitzero"` // before a redirect
	Former   []Former     `json:"former,omitempty"`  // what its attempts went to before operators sent it another way (B93)
	Tenant   string       `json:"tenant,omitempty"`
	Status   mail.Status  `json:"status"`
	Origin   mail.Status  `json:"origin,omitempty"`   // released or auto-released: what delivered will be called
	Unjudged bool         `json:"unjudged,omitempty"` // accepted, filters still have to run (a filter's tempfail after the 250)
	Local    bool         `json:"local,omitempty"`    // known valid or Local Recipient when accepted (B65, B70)

	Class     mail.Class        `json:"class,omitzero"`
	Score     float64           `json:"score,omitempty"`
	Findings  []mail.Finding    `json:"findings,omitempty"`
	Waivers   []mail.Waiver     `json:"waivers,omitempty"`
	Edits     []mail.HeaderEdit `json:"edits,omitempty"`
	PartEdits string            `json:"part_edits,omitempty"` // key in the message's; "" the body as it came
	Tags      []string          `json:"tags,omitempty"`
	Notes     map[string]string `json:"notes,omitempty"`   // plugin name + "." + key
	Filters   []mail.FilterRun  `json:"filters,omitempty"` // what ran on it, for the verdict that stands
	Rule      string            `json:"rule,omitempty"`    // HCL file:line that decided
	Ran       []string          `json:"ran,omitempty"`     // calls of plugins that policy has asked for: action block, "#", number
	Reason    string            `json:"reason,omitempty"`  // why held, frozen or refused, one sentence

	DSN    mail.RcptParams `json:"dsn,omitzero"`     // what the client asked of us about notices (RFC 3461)
	Secure *mail.Secure    `json:"secure,omitempty"` // the channel that policy demands (B30); not changed once it is here

	Route    string `json:"route,omitempty"`    // route name in the policy
	Schedule string `json:"schedule,omitempty"` // retry schedule's name
	NextHop  string `json:"next_hop,omitempty"` // grouping and fairness key, e.g. "127.0.0.1:2526"

	Next         time.Time   `json:"next,omitzero"` // when due, for queued and accepted
	FirstFailure time.Time   `json:"first_failure,omitzero"`
	Failures     int         `json:"failures,omitempty"` // automatic failures: the schedule's index. Manual retries leave it
	Manual       bool        `json:"manual,omitempty"`   // the next attempt was asked for by an operator
	Attempts     int         `json:"attempts,omitempty"`
	Breaks       int         `json:"breaks,omitempty"` // times a filter failed on it after the 250
	DelayNoticed bool        `json:"delay_noticed,omitempty"`
	Throttled    bool        `json:"throttled,omitempty"` // our own limits for the destination put off the last try (B89)
	Last         *mail.Reply `json:"last,omitempty"`
	LastRemote   bool        `json:"last_remote,omitempty"` // Last is the destination's own words
	LastHost     string      `json:"last_host,omitempty"`
	LastAddr     string      `json:"last_addr,omitempty"`
	Keep         string      `json:"keep,omitempty"`       // filters that want the original kept once the message goes out with part edits
	Kept         bool        `json:"kept,omitempty"`       // the original of what was sent to this recipient with edits, kept for an operator
	Hold         *Hold       `json:"hold,omitempty"`       // accepted: a filter wants to look again (B113)
	Archived     bool        `json:"archived,omitempty"`   // a copy is in the tenant's archive (B81)
	NoArchive    bool        `json:"no_archive,omitempty"` // none is made any more: it was deleted there, or this is one sent once more (B57, B60)
	Identity     string      `json:"identity,omitempty"`   // whose outgoing mail it is, as far as that was resolved (B61)
	Changed      time.Time   `json:"changed"`              // last change of Status
	Expires      time.Time   `json:"expires,omitzero"`     // end of lifetime or of quarantine
}

// Former is an address that a recipient had until an operator changed it. It is not
// changed once it is in a Recipient: copies share it.
type Former struct {
	Address mail.Address `json:"address"`
	Until   time.Time    `json:"until"`
}

// AddressAt is the recipient's address at a time, as attempts have it.
func (r *Recipient) AddressAt(t time.Time) mail.Address {
	for _, f := range r.Former {
		if t.Before(f.Until) {
			return f.Address
		}
	}
	return r.Address
}

// Hold is a filter's wish to look at a message again later (deep filtering,
// B113). A Hold is not changed once it is in a Recipient: copies share it.
type Hold struct {
	Until  time.Time `json:"until"` // the filters run again
	Filter string    `json:"filter,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Key    string    `json:"key,omitempty"` // the plugin's own name for it
	Since  time.Time `json:"since"`         // the first of an unbroken row of holds
	Count  int       `json:"count"`         // how many there were in that row
	// Redirected: policy sends the message to another address, once it is
	// judged; it is not to be sent on to this one as it is.
	Redirected bool `json:"redirected,omitempty"`
}

// MaxHold bounds an unbroken row of holds: by then the filters have a verdict,
// or the message goes to quarantine.
const MaxHold = time.Hour

// Edits are the part edits of a recipient, in the order to apply them.
func (m *Message) Edits(r *Recipient) []mail.PartEdit { return m.PartEdits[r.PartEdits] }

// Lighten drops what only serves to send the message, now that its body is
// gone: the content of part edits. What was done remains to be seen.
func (m *Message) Lighten() {
	if len(m.PartEdits) == 0 {
		return
	}
	light := make(map[string][]mail.PartEdit, len(m.PartEdits))
	for k, es := range m.PartEdits {
		es = slices.Clone(es)
		for i := range es {
			es[i].Text = nil
		}
		light[k] = es
	}
	m.PartEdits = light
}

// Prune drops the part edits that no recipient refers to any more.
func (m *Message) Prune() {
	used := map[string][]mail.PartEdit{}
	for i := range m.Recipients {
		if k := m.Recipients[i].PartEdits; k != "" && m.PartEdits[k] != nil {
			used[k] = m.PartEdits[k]
		}
	}
	if len(used) < len(m.PartEdits) {
		m.PartEdits = used
	}
}

// Stage adds a list of part edits to the message and gives the key for its
// recipients; "" for none.
func (m *Message) Stage(es []mail.PartEdit) string {
	key := mail.PartEditsKey(es)
	if _, ok := m.PartEdits[key]; key != "" && !ok {
		m.PartEdits = maps.Clone(m.PartEdits)
		if m.PartEdits == nil {
			m.PartEdits = map[string][]mail.PartEdit{}
		}
		m.PartEdits[key] = es
	}
	return key
}

// Admission is a message to take over, with its body.
type Admission struct {
	Message  *Message
	Draft    Draft        // nil: the recipients are all final and no body is kept
	Events   []mail.Event // written in the same commit; Seq is assigned
	Attempts []mail.Attempt
	// LeaseFor, when positive, puts the due recipients under a lease from the
	// start: an attempt is already running (direct delivery past its budget).
	LeaseFor time.Duration
	// LeaseOnly names the recipients (N) that LeaseFor is about; nil all. The
	// others are due as they say.
	LeaseOnly []int
}

// Queue is the state of mail. Enqueue is the durability point of the gateway.
type Queue interface {
	// Enqueue returns nil only after body, message and events are on stable
	// storage (and, in a cluster, on a quorum). It is idempotent on the
	// message's ID: a second call with the same ID changes nothing. Once the
	// body is being written ctx no longer cuts it short. Errors:
	// ErrFull, ErrUnavailable, or one that wraps the cause; on any of them the
	// message was not taken, or must be treated as not taken.
	// The lease is zero unless LeaseFor was set and something is due.
	Enqueue(ctx context.Context, a *Admission) (Lease, error)

	// Claim leases due recipients: one message and those of its recipients
	// that are due and share next hop and tenant, each. Tenants with due work
	// are served in turn, and each tenant's next hops, within one the longest
	// due first; and whatever the depth of the one, both mail that has never
	// failed and mail that is tried again get turns.
	// Unjudged recipients count as without next hop. A lease that ran out is
	// as good as none once a claim takes it; until then its holder may still
	// settle. It does not wait. ErrFull: there is no room to record outcomes,
	// so nothing is handed out.
	Claim(ctx context.Context, r ClaimRequest) ([]Claimed, error)

	// Extend moves a lease's end.
	Extend(ctx context.Context, l Lease, until time.Time) (Lease, error)

	// Settle writes the outcome of a leased piece of work in one transaction
	// and ends the lease. ErrLeaseLost: someone else holds it now; nothing was
	// written. ErrFull: nothing was written for want of space; the lease stands,
	// and the same outcome may be settled again.
	Settle(ctx context.Context, l Lease, o Outcome) error

	// Update changes one message as an operator or the keeper asks: f gets a
	// private copy, may change recipients that are not leased, may add further
	// ones behind them (with the next N, and while the body is kept), and returns
	// the events to write with it. It may be called more than once, and must
	// not change the store itself. Changing
	// a leased recipient gives ErrLeased. An error of f ends it unchanged.
	// When all recipients are final afterwards and f cleared HasBody, the body
	// is removed.
	Update(ctx context.Context, id mail.ID, f func(*Message) ([]mail.Event, error)) error

	// Get returns one message. ErrNotFound.
	Get(ctx context.Context, id mail.ID) (*Message, error)

	// Attempts returns the attempts made for a message, oldest first.
	Attempts(ctx context.Context, id mail.ID) ([]mail.Attempt, error)

	// NextDue is the earliest time at which Claim may find something: unleased
	// work falls due, what was skipped may be asked for again, or a lease runs
	// out; zero when there is neither. What PerTenant keeps back counts as due,
	// so wait for Woken, too, when a claim found nothing. Woken fires (capacity 1) when NextDue may have
	// changed or a lease ended.
	NextDue(ctx context.Context) (time.Time, error)
	Woken() <-chan struct{}

	// Counts is the number of recipients by status; live statuses only.
	Counts(ctx context.Context) (map[mail.Status]int, error)

	// Forget drops the record, attempts and events of a message that is final
	// for every recipient. Live messages give an error.
	Forget(ctx context.Context, id mail.ID) error
}

// Lease is the right to settle some recipients of one message.
type Lease struct {
	Message    mail.ID
	Recipients []int  // N
	Token      uint64 // fencing token: grows with every claim
	Until      time.Time
}

// ClaimRequest asks for due work.
type ClaimRequest struct {
	Now       time.Time
	Limit     int           // claims at most
	For       time.Duration // length of the lease
	PerHop    int           // at most this many running claims per next hop; 0 no limit
	PerTenant int           // at most this many running claims per tenant; 0 no limit
	// Room says what there is room for at a next hop. What is left alone is asked
	// about again when the time is over that it said, and at the latest after 20
	// seconds; where as many claims run as may, when one of them ends, and at the
	// latest after 5 seconds. It must be quick and not call the store. It does not
	// count for what an operator wants tried (Recipient.Manual). nil: there is always
	// room.
	Room func(nextHop string) Room
	// Overdue is for how long due work is left alone because Room says so. Then it is
	// claimed all the same, so that its lifetime ends when it does (B104, B105); more
	// than Most it is never. 0: for ever.
	Overdue time.Duration
	// Again has Room asked about every next hop, whatever it said before, and makes
	// due what our own limits put off (Recipient.Throttled).
	Again bool
}

// Room is what a next hop's work may have. The zero Room is as much as PerHop says.
type Room struct {
	Most int // this many running claims at most; 0 no limit
	// Shared is what next hops have in common that have Most together, such as the
	// hosts of their mail; "" it is this one's alone.
	Shared string
	Wait   time.Duration // its work is to be left alone for so long; 0 or less not at all
}

// Claimed is leased work.
type Claimed struct {
	Lease   Lease
	Message *Message // a copy; Lease.Recipients names those to work on
}

// Outcome is what became of leased recipients.
type Outcome struct {
	Recipients []Recipient    // new state, by N; recipients of the lease that are missing keep their state and become due again at Next
	Attempts   []mail.Attempt // K is assigned by the store
	Events     []mail.Event
	Spawn      []*Admission // DSNs and notices, durable in the same commit
	DropBody   bool         // remove the body when all recipients are final
	// Added are further recipients, such as an original that is kept beside
	// what is sent with edits. The store gives them the next N; Events with an
	// N of -1 - i are of Added[i].
	Added []Recipient
	// PartEdits join those of the message; what no recipient refers to any
	// more is dropped.
	PartEdits map[string][]mail.PartEdit
}

// Bodies are the bytes of messages, exactly as received.
type Bodies interface {
	// Admit reports whether a message of size octets may be taken now: ErrFull
	// below the watermark.
	Admit(ctx context.Context, size int64) error
	// NewDraft starts a body that becomes durable only through Enqueue. size
	// is a hint, 0 unknown.
	NewDraft(ctx context.Context, size int64) (Draft, error)
	// OpenBody opens a durable body. ErrNotFound.
	OpenBody(ctx context.Context, id mail.ID) (Body, error)
}

// Draft is a body being received. One goroutine writes; after the last write
// any number may read, also after Enqueue took it over, until Discard. Discard
// frees what is not durable: always call it when done; twice does nothing.
type Draft interface {
	io.Writer
	io.ReaderAt
	Size() int64
	Discard()
}

// Body is a durable body.
type Body interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Journal is the record of what happened and the search over it.
type Journal interface {
	Finder
	// Record writes a message whose recipients are all final, and events, at
	// the next group commit, without waiting for it: a power cut may lose the
	// row, never mail. m may be nil. A message that is known already keeps its
	// record; the events are still written. It blocks while the backlog is full.
	Record(m *Message, attempts []mail.Attempt, events ...mail.Event)
	// Events returns a message's events, oldest first.
	Events(ctx context.Context, id mail.ID) ([]mail.Event, error)
	// Search returns recipients' rows that match, newest message first, from
	// cursor ("" the start) on, and the cursor to go on from ("" the end).
	// When ctx's deadline passes, what was found so far comes back with the
	// cursor to go on from and no error, and at least one message was looked
	// at: a search always gets on.
	Search(ctx context.Context, f query.Filter, cursor string, limit int) ([]Row, string, error)
	// Each calls do for every recipient's row that matches, newest message
	// first, and holds no more than a few hundred messages at a time. A row is
	// given at most once, as it is when it is read; do may change the store. An
	// error of do ends it and comes back, as does ctx's.
	Each(ctx context.Context, f query.Filter, do func(Row) error) error
	// Sync waits until everything recorded before the call is durable.
	Sync(ctx context.Context) error
	// Resolve finds the one message whose ID starts with prefix. ErrNotFound,
	// or an error naming two candidates.
	Resolve(ctx context.Context, prefix string) (mail.ID, error)
}

// Row is one recipient of one message, as a search returns it.
type Row struct {
	Message   *Message
	Recipient *Recipient
}

// Docs are small documents: lists, accounts, saved searches, cached state
// that has to survive.
type Docs interface {
	GetDoc(ctx context.Context, tenant, kind, key string) (Doc, error)
	// PutDoc writes when the current revision is ifRev (0: must not exist);
	// it returns the new revision. ErrConflict.
	PutDoc(ctx context.Context, d Doc, ifRev uint64) (uint64, error)
	DeleteDoc(ctx context.Context, tenant, kind, key string, ifRev uint64) error
	ListDocs(ctx context.Context, tenant, kind, prefix string) ([]Doc, error)
}

// Doc is one document.
type Doc struct {
	Tenant, Kind, Key string
	Rev               uint64
	JSON              []byte
}
