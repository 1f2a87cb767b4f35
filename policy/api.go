// Package policy is the policy language: HCL in, a checked, immutable Policy
// out, and pure decisions about a message.
//
// It does not run filters, touch the network or know the store; gateway
// calls it with facts and findings.
package policy

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclparse"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Directions, as HCL and the journal spell them.
const (
	Inbound  = "inbound"
	Outbound = "outbound"
)

// Options steer Load. The zero value is usable.
type Options struct {
	// Vars are values for variable blocks (--var); they outrank the
	// environment's WEIR_VAR_name, which outranks a block's default.
	Vars map[string]string
	// Manifests returns the manifest of a plugin as the policy has it so far:
	// name, source ("builtin:rules", an absolute path, or a URL), digest and
	// SignedBy, with the gateway block for its data_dir. A nil manifest without
	// an error means that the schema is unknown: config passes unchecked. An
	// error becomes a diagnostic on the plugin block. It may be called in any
	// order, once per plugin block. A nil func knows no schema.
	Manifests func(Gateway, Plugin) (*manifest.Manifest, error)
	// Parser, when set, keeps the sources that were read, also when Load
	// fails, for WriteDiagnostics. Use a fresh one for each Load.
	Parser *hclparse.Parser
	// CheckSearch says what is wrong with the search of a report or an events block, or nil; Columns
	// are what a report may list. A nil func, or no columns, check nothing.
	CheckSearch func(text string) error
	Columns     []string
	// Environ replaces os.LookupEnv, for tests.
	Environ func(name string) (string, bool)
}

// Gateway is the gateway block.
type Gateway struct {
	Hostname  string        // EHLO, Received, DSN reporting MTA
	DataDir   string        // resolved against the folder of the config
	Watermark int64         // octets that must stay free on data_dir; below it: 452
	Queue     QueueSettings // delivery from the queue
	Archive   ArchivePlace  // where the tenants' archives are
	// DirectInbound and DirectOutbound are how long the client waits for
	// direct delivery before the message is queued (B64). 0: always queue.
	DirectInbound   time.Duration
	DirectOutbound  time.Duration
	Resolver        []string // host:port of DNS servers; empty: the system's
	ResolverTrusted bool     // their word on DNSSEC counts although they are not on the loopback
	DANE            bool     // honour TLSA records (RFC 7672) where the resolver validates
	MTASTS          bool     // honour MTA-STS policies (RFC 8461)
	BareLF          string   // "refuse" or "normalise"
	MaxReceived     int      // hops after which a message is a loop (B129)
	LogLevel        string   // "debug", "info", "warn", "error"
	LogFormat       string   // "text" or "json"
}

// QueueSettings bound delivery from the queue.
type QueueSettings struct {
	Workers int // attempts at one time
	PerHop  int // attempts at one time to one next hop
}

// ArchivePlace is where archives are, paths that are resolved. Dir "" is archive
// in data_dir; KeyFile "" is archive.key there, which the gateway makes.
type ArchivePlace struct{ Dir, KeyFile string }

// Listener is one SMTP listener.
type Listener struct {
	Name      string
	Address   string // host:port; host may be empty
	Direction string // "inbound" or "outbound"
	TLS       *ListenerTLS
	Auth      string         // "none"; "required" is refused at load until authentication exists
	Allow     []netip.Prefix // clients admitted; empty on an inbound listener: everyone
	BareLF    string         // the gateway's unless set here
	Limits    ListenerLimits
	Chain     []*Filter // filters of the listener's own rulesets, for stages before a tenant is known
	Range     hcl.Range
}

// ListenerTLS is the tls block: Auto "self-signed", or Cert and Key.
type ListenerTLS struct {
	Auto, Cert, Key string // Cert and Key are resolved paths of PEM files
}

// ListenerLimits are the limits of one listener. Durations and counts of 0
// are not possible: the schema sets a least value.
type ListenerLimits struct {
	MessageSize        int64 // octets
	Recipients         int   // per transaction
	Connections        int   // at one time
	PerClient          int   // connections of one client address at one time
	Errors             int   // answers of 5yz before the session ends
	Commands           int   // per session
	StageTimeout       time.Duration
	DataTimeout        time.Duration
	TransactionTimeout time.Duration
	MinRate            int // octets per second in DATA
}

// Plugin is one plugin block.
type Plugin struct {
	Name      string
	Source    string            // "builtin:rules", a resolved path, or https://… or oci://…
	Digest    string            // "sha256:…" pinned, or ""
	SignedBy  []string          // public keys, "ed25519:…", one of which must have signed; none: unsigned will do
	OnError   map[string]string // stage name, or "" for every other stage → "tempfail", "pass", "reject", "stall"; empty: the host's defaults
	Mode      string            // "enforce" or "observe"
	Isolation string            // "none" or "message"
	Limits    PluginLimits
	Grants    map[string][]string // kind → what of it; an empty list is the grant without a restriction
	Offer     string              // "used" or "all": for whose mail its actions are offered
	ConfigID  uint64              // configuration of its actions and schedules; 0: none
	Actions   []manifest.Action   // by its manifest
	Range     hcl.Range
}

// PluginLimits: a zero field is the host's default.
type PluginLimits struct {
	Memory    int64                    // octets of linear memory
	Deadline  map[string]time.Duration // stage name, or "" for every stage
	Instances int
	Wait      time.Duration // for a free instance
	KV        int64         // octets that it may keep for one tenant
}

// FilterConfig is one distinct configuration value of a plugin. Equal values
// share one ID, whichever filters use them.
type FilterConfig struct {
	ID     uint64 // stable over loads and machines
	Plugin string
	Value  Value
	Range  hcl.Range // of the first block that gives it
}

// List is one named list of the HCL: at the top level (Tenant "") or a
// tenant's own. A look-up for a tenant finds an entry in either.
type List struct {
	Tenant  string
	Name    string
	Entries []string // lower case
	Range   hcl.Range
}

// Route is where mail of a kind goes. The zero Route is "unrouted" (B97).
type Route struct {
	Name          string     // "tenant:acme:in", "tenant:acme:out", "route:NAME" of a named route, "mx", "reject"
	Hosts         []string   // host:port, tried in order (B102); empty with MX
	Weights       []HostRank // of Hosts, by index; nil: their order
	MX            string     // domain whose MX hosts are used; "" without Hosts: the recipient's domain
	TLS           string     // "none", "opportunistic", "required", "verified", "dane"
	Port          int        // for MX hosts
	Helo          string     // "" the gateway's hostname
	Source        string     // local IPv4 address, "" any
	Source6       string     // local IPv6 address, "" any
	IP            string     // "any", "4", "6", "prefer4", "prefer6"
	Protocol      string     // "smtp" or "lmtp"
	Auth          *Login     // nil: none
	Schedule      string     // name of a retry schedule; "" the tenant's
	Connections   int        // at one time; 0 the destination's
	PerConnection int        // messages over one connection; 0 the destination's
	Reject        string     // text of a via block's reject: mail for the recipient is refused, 550 5.1.2; Name is "reject"
	Rule          string     // HCL file:line of what chose it (RouteFor) or declares it (RouteByName); "" neither
}

// HostRank is a host's place among those of its route: lower priority first,
// within one by chance in proportion to weight (as in SRV records, RFC 2782).
type HostRank struct{ Priority, Weight int }

// Login is what a route authenticates with at its hosts (RFC 4954). It never
// reaches a log.
type Login struct{ User, Password string }

// String keeps the password out of every message.
func (Login) String() string { return "redacted" }

// GoString is String, for %#v.
func (l Login) GoString() string { return l.String() }

// LogValue is String, for slog.
func (l Login) LogValue() slog.Value { return slog.StringValue(l.String()) }

// MarshalText is String, for JSON.
func (l Login) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// Destination is how gently one destination is treated (B89). All fields are
// set: Policy.Destination lays HCL over what is built in for large providers,
// and that over the defaults.
type Destination struct {
	Name          string        // of the destination block or the built-in; "" the defaults
	Connections   int           // at one time
	PerConnection int           // messages over one connection
	Rate          int           // messages within RatePer; 0 no limit
	RatePer       time.Duration // window of Rate
	Idle          time.Duration // an unused connection is kept for
	Backoff       time.Duration // first pause after the destination asks for it (421, 4yz at MAIL) or cannot be reached; it doubles
	MaxBackoff    time.Duration // longest pause
	SuspendAfter  int           // refusals of everybody in a row until it counts as suspended; 0 never
	SuspendFor    time.Duration // how long it is not tried then
	Schedule      string        // name of a retry schedule; "" the route's
}

// IsZero reports the absence of a route.
func (r Route) IsZero() bool { return r.Name == "" }

// Recipients says how recipients of a tenant are verified (B65–B72).
type Recipients struct {
	Verify     string        // "callout", "local", "none"
	Local      []string      // addresses or patterns such as *@acme.test, lower case
	ValidFor   time.Duration // how long a good answer is believed (B71)
	InvalidFor time.Duration
	Refresh    time.Duration // a good answer in use is asked for again this long before it ends; 0 not
}

// Settings are what applies to one address in one direction, groups included.
type Settings struct {
	Encrypted      string        // "stall", "allow", "reject", "quarantine" (B140–B143)
	AllowEncrypted []string      // addresses or domains of the other party
	Schedule       string        // name of a retry schedule
	Lifetime       time.Duration // in the queue; 0: as long as the schedule
	Hold           time.Duration // stalled or pending mail nobody decided on expires after this (B136, B137)
	KeepRejected   bool          // quarantine what policy rejects after the 250, else blackhole it
	Archive        bool          // keep a copy of what passes (B81)
	Group          string        // the group that applied, or ""
}

// Retain says how long things are kept.
type Retain struct {
	Log, Quarantine time.Duration
	Failed          time.Duration // bodies of mail that bounced, failed or was refused, so that it can be queued again (B132)
	Archive         time.Duration // copies in the archive (B81); 0 none are made
}

// Notify says who is told of what.
type Notify struct {
	Stalled []string // B145; default: postmaster at the tenant's first domain
	Expired []string // told when held mail ends undecided (B136, B137); default as Stalled
	// Language of notices to senders and administrators: "en", "de", ...; "" en.
	Language string
	// Templates replace the words of a notice by kind ("failed", "delayed",
	// "relayed", "delivered", "expanded", "stalled", "expired"): text/template sources.
	Templates map[string]string
	From      string // From of notices; "" the gateway's
}

// Facts are what is known of a message, or of a session so far. Fields of
// stages not yet reached stay zero: a `when` that needs them does not match.
type Facts struct {
	Stage          string // "connect" … "message"; "" is message
	Tenant         string
	Direction      string
	ClientIP       string
	ClientName     string
	Helo           string
	TLS            string // "TLS1.3", "" for plaintext
	User           string // authenticated user
	Sender         string // addr-spec, "" for the null path
	Recipient      string // the one at hand; settings of groups follow it
	Recipients     []string
	Size           int64
	Subject        string
	Header         func(name string) []string // decoded values, first on top; nil: none
	HasAttachments bool
	Malformed      bool
	Score          float64 // sum so far; Decide computes its own
	SPF            string  // "" is "none" until authentication results exist
	DKIM           string
	DMARC          string
	Now            time.Time
	// Listed looks a key up in a named list, for the tenant. nil: the lists as
	// HCL declares them.
	Listed func(list, key string) bool
	// Override gives the action that an operator chose for a class (B37). It
	// outranks the action blocks. nil: there is none.
	Override func(main, sub, extra string) (Override, bool)
}

// Override is an operator's choice of what becomes of a class of findings.
type Override struct {
	Action string // "continue", "quarantine", "reject", "discard", "stall"
	By     string // for the log: "anna@acme.test"
}

// Finding is one thing a filter found.
type Finding struct {
	Filter      string // "baseline.lists"
	Plugin      string
	Main        string
	Sub         string
	Extra       string
	Explanation string
	Part        string
	Score       float64
	Action      string // in: the recommendation ("" is continue); out: what policy made of it
	Code        int
	Enhanced    string
	Text        string
	Redirect    []string
	Observed    bool   // mode = "observe": recorded, never acted on
	Recommended string // out: the recommendation as it came in
	Waived      string // in: who waived this very finding, "" nobody; out: or whose waiver covers it
	Rule        string // out: HCL file:line that set Action
}

// Waiver lets findings of some classes pass. "spam" covers main class spam,
// "list/sender" main and sub, "*" all but malware and unscannable, which must
// be named.
type Waiver struct {
	Classes []string
	By      string
}

// Decision is what becomes of a message for the recipients asked about.
type Decision struct {
	Action   string // mail.Action's spelling; "continue" lets it pass
	Code     int    // reply for reject, tempfail and disconnect, else 0
	Enhanced string
	Text     string
	Reason   string // one sentence, for held mail and the log
	Redirect []string
	Finding  int       // index of the finding that decided, -1 none
	Rule     string    // HCL file:line that decided, "" none
	Findings []Finding // as given, with Action, Recommended, Waived and Rule filled in
	Score    float64   // of the findings that count
	Tags     []string
	Secure   *Secure // the channel that a secure block demands, nil none
	Calls    []Call  // what the "run" of matching action blocks asks for, each once
}

// Secure is a demand on the channel to the destination (B30).
type Secure struct {
	TLS       string // "required", "verified", "dane"
	Otherwise string // "retry", "hold", "bounce"
	Rule      string // HCL file:line
}

// Phase is one phase of a retry schedule: until this long after the first
// failure, the interval is Every, times Factor after each failure.
type Phase struct {
	Until  time.Duration
	Every  time.Duration
	Factor float64 // 1 constant
}

// Schedule is a retry schedule (B74–B78). It is a pure value.
type Schedule struct {
	Name        string
	Phases      []Phase
	DelayNotice time.Duration // B104; 0 none
}
