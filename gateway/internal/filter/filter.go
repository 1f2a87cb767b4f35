package filter

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"runtime"
	"time"

	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Spec is one plugin as the policy declares it.
type Spec struct {
	Name    string              // the HCL plugin block; also the KV namespace
	Source  string              // as written, for messages
	Module  []byte              // the packed module
	Digest  string              // "sha256:…" that Module must have; "" not pinned
	Limits  Limits              // zero fields are defaults
	OnError OnErrorFunc         // nil: tempfail
	Grants  map[string][]string // kind → what of it; an empty list is the grant without a restriction
	// Trusted says that the module comes with the gateway. It is compiled in this
	// process where no other can be started; everything else holds for it too.
	Trusted bool
	// Isolated gives every call an instance of its own, so that nothing one
	// message leaves in a guest's memory meets the next. The instance is put back
	// to its beginning after each call (about 50 us for a Go guest), or, where
	// that cannot be, another is started (about 2 ms).
	Isolated bool
}

// Limits of one plugin. A zero field is its default.
type Limits struct {
	Memory    int64                       // octets of linear memory per instance; 64 MiB
	Deadline  map[abi.Stage]time.Duration // of a call; stage 0 stands for all others; DefaultDeadline
	Instances int                         // at most; 0: one for each processor, two where it may use the network; 2 to 16
	Wait      time.Duration               // for a free instance; 1 s
}

// Bounds of limits.
const (
	DefaultMemory = 64 << 20
	MinMemory     = 1 << 20
	MaxMemory     = 1 << 30
	DefaultWait   = time.Second
	MaxInstances  = 64
)

// DefaultDeadline is how long a call may take where the policy does not say:
// 100 ms at the envelope stages (2 s when the plugin may use the network), 5 s
// for a message and what happens to it later, 30 s for a schedule or an action.
func DefaultDeadline(s abi.Stage, net bool) time.Duration {
	switch s {
	case abi.StageHeaders, abi.StageMessage, abi.StageQueued, abi.StageDelivery, abi.StageHoldEvent:
		return 5 * time.Second
	case abi.StageSchedule, abi.StageAction:
		return 30 * time.Second
	}
	if net {
		return 2 * time.Second
	}
	return 100 * time.Millisecond
}

func (l Limits) deadline(s abi.Stage, net bool) time.Duration {
	if d := l.Deadline[s]; d > 0 {
		return d
	}
	if d := l.Deadline[0]; d > 0 {
		return d
	}
	return DefaultDeadline(s, net)
}

func (l Limits) memory() int64 {
	if l.Memory == 0 {
		return DefaultMemory
	}
	return min(max(l.Memory, MinMemory), MaxMemory)
}

// instances: a guest that computes is not helped by more than there are
// processors, one that waits for others is.
func (l Limits) instances(net bool) int {
	if l.Instances <= 0 {
		n := runtime.GOMAXPROCS(0)
		if net {
			n *= 2
		}
		return min(16, max(2, n))
	}
	return min(l.Instances, MaxInstances)
}

func (l Limits) wait() time.Duration {
	if l.Wait <= 0 {
		return DefaultWait
	}
	return l.Wait
}

// OnError says what becomes of mail when a plugin fails.
type OnError string

// The values of on_error.
const (
	Tempfail OnError = "tempfail" // the default; after the 250: retry, then hold
	Pass     OnError = "pass"     // go on without the plugin; must be written out
	Reject   OnError = "reject"
	Stall    OnError = "stall"
)

// OnErrorFunc gives on_error by stage.
type OnErrorFunc func(abi.Stage) OnError

// Config is one distinct configuration value of a plugin.
type Config struct {
	ID     uint64 // stable: another value has another ID
	Plugin string
	Value  abi.Value
	// Earlier marks one of an earlier policy, kept for sessions that began
	// under it: it was checked then.
	Earlier bool
}

// ConfigError is a configuration that its plugin cannot use.
type ConfigError struct {
	Plugin string
	ID     uint64
	Text   string // the plugin's own words
}

// Error implements error.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("plugin %q cannot use its configuration: %s", e.Plugin, e.Text)
}

// Options of a Host.
type Options struct {
	Logger   *slog.Logger     // nil: discarded
	CacheDir string           // compiled code, executable: made with mode 0700; "" none
	Lists    Lists            // nil: lists are unavailable
	KV       KV               // nil: KV is unavailable
	Metrics  Metrics          // nil: counters of plugins are dropped
	DNS      DNS              // nil: dns_query is unavailable
	Net      Net              // nil: http_fetch and dial are unavailable
	Queue    Queue            // nil: schedule and message_* are unavailable
	Clock    func() time.Time // for the breaker; nil: time.Now
}

// Lists are the allow and block lists that the gateway keeps. Lookup is called
// in parallel, must be quick, and gives ErrNoList for a list that is not there.
type Lists interface {
	Lookup(ctx context.Context, tenant, list string, keys []string) (key, value string, found bool, err error)
}

// ErrNoList says that no list has that name.
var ErrNoList = errors.New("no such list")

// KV is the store behind the kv grant, one namespace per plugin and tenant
// ("_" before a tenant is known), called in parallel. A ttl of 0 is for ever.
type KV interface {
	Get(ctx context.Context, plugin, tenant, key string) (value []byte, found bool, err error)
	Set(ctx context.Context, plugin, tenant, key string, value []byte, ttl time.Duration) error
	// CompareAndSwap stores value if key holds old; old nil means absent.
	CompareAndSwap(ctx context.Context, plugin, tenant, key string, old, value []byte, ttl time.Duration) (bool, error)
	Delete(ctx context.Context, plugin, tenant, key string) error
	// Add adds to a counter, kept as 8 octets little-endian, and returns its
	// new value. ttl counts from the counter's first Add.
	Add(ctx context.Context, plugin, tenant, key string, delta int64, ttl time.Duration) (int64, error)
	// Batch runs operations in order, each of which sees those before it, and
	// gives a result for each. ops have been checked (keys, values, TTLs).
	// ErrKVReply, when the values found have more than MaxKVReply octets
	// together, and then nothing was written.
	Batch(ctx context.Context, plugin, tenant string, ops []abi.KVRequest) ([]abi.KVResult, error)
}

// MaxKVReply is how many octets the values of one kv_batch may have together.
const MaxKVReply = 4 << 20

// ErrKVReply is what KV.Batch answers when more was asked for than MaxKVReply.
var ErrKVReply = errors.New("the values have more than 4 MiB together; ask for fewer keys at once")

// NoTenant is the tenant of KV before RCPT.
const NoTenant = "_"

// DNS answers dns_query, called in parallel. There is an answer for every
// question, in step, however little time ctx leaves: what is not known by then
// has code failed. Types are upper-case and among DNSTypes.
type DNS interface {
	Query(ctx context.Context, questions []abi.DNSQuestion) []abi.DNSAnswer
}

// DNSTypes are the record types a plugin may ask for.
var DNSTypes = []string{"A", "AAAA", "MX", "TXT", "PTR", "TLSA", "SRV", "CNAME", "NS"}

// Net opens connections for plugins, called in parallel. Whether the grant
// names the address or the URL was checked; granted is the whole grant, for
// what it says of addresses that are otherwise refused (private, loopback,
// link-local, ...). Errors that wrap ErrRefused say that the address may not be
// reached, ErrBadRequest that the request makes no sense, context's errors that
// time was over; all others that the other side was not there or broken.
type Net interface {
	// Dial connects to "unix:/path" or "host:port". The connection is the caller's to close.
	Dial(ctx context.Context, address string, granted []string) (net.Conn, error)
	// Fetch does one HTTP request and follows no redirect. body is nil or what
	// is sent in place of r.Body, size octets of it, -1 where that is not known.
	// It is not read from after Fetch has returned.
	Fetch(ctx context.Context, r *abi.HTTPRequest, body io.Reader, size int64, granted []string) (*abi.HTTPResponse, error)
}

// Errors that implementations of Net wrap.
var (
	ErrRefused    = errors.New("refused")
	ErrBadRequest = errors.New("bad request")
)

// Queue does what plugins order under the queue grant, called in parallel. It
// sees only what is the tenant's (that of the call, never NoTenant): anything
// else is ErrNoMessage. Errors that wrap ErrBadRequest tell the plugin what is
// wrong with its order.
type Queue interface {
	// Schedule plans a call of stage schedule, durably; the same plugin, tenant,
	// name and key replaces an earlier one, a time of 0 drops it.
	Schedule(ctx context.Context, plugin, tenant string, configID uint64, r abi.ScheduleRequest) error
	// Message is what is recorded of a message, with the tenant's recipients only. ErrNoMessage.
	Message(ctx context.Context, tenant, id string) (*abi.MessageInfo, error)
	// Order runs a verb ("release", "reject", "delete") on a message's
	// recipients and says how many it changed. ErrNoMessage.
	Order(ctx context.Context, verb, plugin, tenant string, o abi.MessageOrder) (changed int, err error)
	// Submit queues a notice and gives its message ID.
	Submit(ctx context.Context, plugin, tenant string, s abi.Submission) (id string, err error)
}

// ErrNoMessage says that the tenant has no message of that ID.
var ErrNoMessage = errors.New("no such message")

// Metrics takes what plugins count. Names are [a-z][a-z0-9_]*, at most 64 a plugin.
type Metrics interface {
	Count(plugin, name string, delta int64)
}

// MessageView is the message of a call. It is used by one goroutine at a time
// for the length of the call.
type MessageView interface {
	Headers() []abi.Header
	Parts() abi.PartList
	// ReadPart reads a part's decoded content (-1: the raw message) from off.
	// At the end it gives 0, nil or 0, io.EOF.
	ReadPart(part int, off int64, p []byte) (int, error)
}

// Status is one plugin as operators see it.
type Status struct {
	Name        string   `json:"name"`
	Source      string   `json:"source"`
	Version     string   `json:"version"`
	Description string   `json:"description,omitempty"`
	Digest      string   `json:"digest"` // sha256:…
	Hooks       []string `json:"hooks"`
	Grants      []string `json:"grants,omitempty"` // in effect
	// Counts are of the plugin since the gateway started, over all its
	// generations; P50, P99 and Took of the present one.
	Calls       uint64            `json:"calls"`
	Verdicts    map[string]uint64 `json:"verdicts,omitempty"` // calls that gave one, by action
	Failures    map[Kind]uint64   `json:"failures,omitempty"` // calls that gave none
	Traps       uint64            `json:"traps"`              // of those, the ones that ended their guest: trap, memory, deadline
	P50         time.Duration     `json:"p50"`                // of calls that ended well or not, without waiting
	P99         time.Duration     `json:"p99"`
	Took        Durations         `json:"-"`
	Fuel        uint64            `json:"fuel"`    // cost units used, in steps of a tick
	Breaker     string            `json:"breaker"` // "closed", "open" or "probe"
	Instances   int               `json:"instances"`
	Idle        int               `json:"idle"`
	Memory      int64             `json:"memory"`       // octets of linear memory of all instances
	MemoryPeak  int64             `json:"memory_peak"`  // the most that was
	MemoryLimit int64             `json:"memory_limit"` // of one instance
	Actions     []manifest.Action `json:"actions,omitempty"`
	Loaded      time.Time         `json:"loaded"`
	LoadTime    time.Duration     `json:"load_time"`
}

// ReadManifest reads and validates the manifest of a module without running it.
func ReadManifest(module []byte) (*manifest.Manifest, error) {
	m, err := manifest.Read(module)
	if err != nil {
		return nil, err
	}
	return m, m.Validate()
}
