package api

import "time"

// The types below are the API's own words, so that what is stored may change
// without breaking a client. Statuses, directions, verbs and fields are spelt
// as everywhere else in the gateway.

// Row is one recipient of one message, as lists show it. The fields are those
// that a filter can ask about, under the same names, and a few of lists alone;
// GET /v1/fields tells. Those that are marked row:"asked" are there only when they
// are named.
type Row struct {
	ID        string    `json:"id" doc:"Recipient ID: message ID, a dot, number" example:"01kb3z6q9xe0m8v2r5s7t4w1yd.1"`
	Received  time.Time `json:"received,omitzero"`
	Direction string    `json:"direction,omitempty" enum:"inbound,outbound"`
	Status    string    `json:"status,omitempty" example:"queued"`
	Sender    string    `json:"sender,omitempty" doc:"Envelope sender; empty for the null reverse-path"`
	Recipient string    `json:"recipient,omitempty"`
	Original  string    `json:"original,omitempty" doc:"Recipient before a redirect"`
	Tenant    string    `json:"tenant,omitempty"`
	Subject   string    `json:"subject,omitempty" doc:"Decoded, at most 998 bytes"`
	From      string    `json:"from,omitempty" doc:"Header From"`
	To        string    `json:"to,omitempty" doc:"Header To"`
	Cc        string    `json:"cc,omitempty" doc:"Header Cc"`
	MessageID string    `json:"message_id,omitempty" doc:"Header Message-ID"`
	Attached  int       `json:"attachments,omitempty" doc:"How many attachments"`
	Kind      string    `json:"kind,omitempty" doc:"dsn or notice; absent for ordinary mail"`
	Size      int64     `json:"size,omitempty" doc:"Octets as received"`
	Client    string    `json:"client,omitempty" doc:"IP address the message came from"`
	Name      string    `json:"client_name,omitempty" doc:"Reverse DNS of the client, confirmed forward"`
	Helo      string    `json:"helo,omitempty"`
	TLS       string    `json:"tls,omitempty" doc:"TLS version of the client's channel; absent for plaintext"`
	User      string    `json:"user,omitempty" doc:"Authenticated user"`
	Listener  string    `json:"listener,omitempty"`
	Identity  string    `json:"identity,omitempty" doc:"Whose outgoing mail it is"`
	Class     string    `json:"class,omitempty" doc:"main/sub/extra class" example:"list/sender"`
	Score     float64   `json:"score,omitempty"`
	Reason    string    `json:"reason,omitempty" doc:"Why held, frozen or refused"`
	Explained string    `json:"explanation,omitempty" doc:"What was said of the finding that decided"`
	Rule      string    `json:"rule,omitempty" doc:"HCL file:line that decided"`
	Mark      string    `json:"mark,omitempty" enum:"queued,deferring,failed,filtering" doc:"Why the row stands out; absent: it is delivered, or was decided"`
	State     string    `json:"state,omitempty" doc:"How far a queued recipient has come: unrouted, route-selected, host-identified, attempt-failed or delay-noticed"`
	Route     string    `json:"route,omitempty"`
	NextHop   string    `json:"next_hop,omitempty"`
	Next      time.Time `json:"next,omitzero" doc:"Next attempt"`
	Failures  int       `json:"failures,omitempty" doc:"Automatic attempts that failed"`
	Attempts  int       `json:"attempts,omitempty" doc:"Attempts made"`
	Last      *Reply    `json:"last,omitempty" doc:"Last answer of the destination, or ours for it"`
	LastHost  string    `json:"last_host,omitempty"`
	LastAddr  string    `json:"last_address,omitempty" doc:"Address and port of the last attempt"`
	Delay     float64   `json:"delay,omitempty" doc:"Seconds from reception to the final status"`
	Changed   time.Time `json:"changed,omitzero" doc:"Last change of the status"`
	Expires   time.Time `json:"expires,omitzero" doc:"End of lifetime or of quarantine"`
	HasBody   bool      `json:"has_body,omitempty" doc:"The content is still kept"`
	Archived  bool      `json:"archived,omitempty" doc:"A copy is in the archive"`
	Tags      []string  `json:"tags,omitempty"`
	Policy    string    `json:"policy,omitempty" doc:"Digest of the policy that judged it"`
	Verbs     []string  `json:"verbs,omitempty" doc:"Actions offered for it"`

	N               int      `json:"n,omitempty" row:"asked" doc:"Number of the recipient within its message"`
	Origin          string   `json:"origin,omitempty" row:"asked" doc:"released or auto-released, for mail on its way after a release"`
	SenderDomain    string   `json:"sender_domain,omitempty" row:"asked"`
	RecipientDomain string   `json:"recipient_domain,omitempty" row:"asked"`
	Owner           string   `json:"owner,omitempty" row:"asked" doc:"Whose mail it is"`
	OwnerDomain     string   `json:"owner_domain,omitempty" row:"asked"`
	Attachment      []string `json:"attachment,omitempty" row:"asked" doc:"Names of attachments"`
	Main            string   `json:"main,omitempty" row:"asked" doc:"Main class"`
	Sub             string   `json:"sub,omitempty" row:"asked"`
	Extra           string   `json:"extra,omitempty" row:"asked"`
	Filter          []string `json:"filter,omitempty" row:"asked" doc:"Filters that found something"`
	Plugin          []string `json:"plugin,omitempty" row:"asked" doc:"Plugins that ran on it"`
	PluginDigest    []string `json:"plugin_digest,omitempty" row:"asked" doc:"Digests of their modules, 16 hexadecimal digits each"`
	FilterTime      float64  `json:"filter_time,omitempty" row:"asked" doc:"Milliseconds that all filters took"`
	Tag             []string `json:"tag,omitempty" row:"asked"`
	Reply           string   `json:"reply,omitempty" row:"asked" doc:"Last answer of the destination, or ours for it"`
	Code            int      `json:"code,omitempty" row:"asked" doc:"Code of the last answer"`
	Enhanced        string   `json:"enhanced,omitempty" row:"asked" doc:"Enhanced code of the last answer"`
	Host            string   `json:"host,omitempty" row:"asked" doc:"Host of the last attempt"`
	Address         string   `json:"address,omitempty" row:"asked" doc:"Address and port of the last attempt"`
	Schedule        string   `json:"schedule,omitempty" row:"asked" doc:"Retry schedule"`
	Parent          string   `json:"parent,omitempty" row:"asked" doc:"Message that this DSN or notice reports on"`
}

// Reply is one SMTP reply.
type Reply struct {
	Code     int    `json:"code" doc:"200 to 599; 0 when there was none"`
	Enhanced string `json:"enhanced,omitempty" doc:"RFC 3463" example:"5.7.1"`
	Text     string `json:"text,omitempty"`
}

// SearchPage is one page of a search.
type SearchPage struct {
	Items          []Row     `json:"items"`
	Next           string    `json:"next,omitempty" doc:"Cursor of the next page; absent at the end"`
	Partial        bool      `json:"partial,omitempty" doc:"Not everything was looked at: what came in before searched_back_to was not. With next, the time for a page ran out, and the search goes on there; without, the rows to sort were too many"`
	SearchedBackTo time.Time `json:"searched_back_to,omitzero" doc:"How far back was searched, where that is not all"`
}

// CountResult is how many rows a search finds.
type CountResult struct {
	Count int  `json:"count"`
	Exact bool `json:"exact" doc:"false: at least so many; the time to count was over"`
}

// FacetsResult are the most frequent values of fields.
type FacetsResult struct {
	Fields map[string]Facets `json:"fields" doc:"By field"`
}

// Facets are the most frequent values of one field.
type Facets struct {
	Values []Facet `json:"values" doc:"Most frequent first; texts in lower case"`
	Others int     `json:"others" doc:"Rows with values that are not among them"`
	Exact  bool    `json:"exact" doc:"false: of what was looked at, newest first, until the time was over"`
}

// Facet is one value.
type Facet struct {
	Value string `json:"value"`
	Count int    `json:"count"`
}

// HistogramResult is how many rows were received when.
type HistogramResult struct {
	Bars  []Bar `json:"bars" doc:"Oldest first, without empty ones"`
	Exact bool  `json:"exact"`
}

// Bar is one step of time.
type Bar struct {
	At    time.Time `json:"at"`
	Count int       `json:"count"`
}

// Client is who handed a message in.
type Client struct {
	Address  string `json:"address,omitempty" doc:"IP address and port"`
	Name     string `json:"name,omitempty" doc:"Reverse DNS, confirmed forward"`
	Helo     string `json:"helo,omitempty"`
	TLS      string `json:"tls,omitempty" doc:"Version; absent for plaintext"`
	Cipher   string `json:"cipher,omitempty"`
	User     string `json:"user,omitempty"`
	Listener string `json:"listener,omitempty"`
}

// Message is one message with everything known about its recipients.
type Message struct {
	ID          string      `json:"id"`
	Direction   string      `json:"direction,omitempty"`
	Received    time.Time   `json:"received"`
	Client      Client      `json:"client"`
	Sender      string      `json:"sender" doc:"Empty for the null reverse-path"`
	Size        int64       `json:"size" doc:"Octets as received"`
	SHA256      string      `json:"sha256,omitempty"`
	From        string      `json:"from,omitempty"`
	To          string      `json:"to,omitempty"`
	Cc          string      `json:"cc,omitempty"`
	Subject     string      `json:"subject,omitempty"`
	MessageID   string      `json:"message_id,omitempty"`
	Attachments []string    `json:"attachments,omitempty"`
	Policy      string      `json:"policy,omitempty" doc:"Digest of the policy that judged it"`
	Parent      string      `json:"parent,omitempty" doc:"Message this one reports on"`
	Kind        string      `json:"kind,omitempty" doc:"dsn or notice; absent for ordinary mail"`
	Ret         string      `json:"ret,omitempty" doc:"What the sender wants back of a failure (RFC 3461): FULL or HDRS"`
	EnvelopeID  string      `json:"envelope_id,omitempty" doc:"The sender's own name for the transaction (RFC 3461)"`
	HasBody     bool        `json:"has_body"`
	Attempts    int         `json:"attempts"`
	Recipients  []Recipient `json:"recipients"`
}

// Recipient is the state of one recipient.
type Recipient struct {
	N            int               `json:"n" doc:"From 1, in order of RCPT"`
	Address      string            `json:"address"`
	Original     string            `json:"original,omitempty"`
	Tenant       string            `json:"tenant,omitempty"`
	Status       string            `json:"status"`
	Origin       string            `json:"origin,omitempty" doc:"What delivered will be called: released or auto-released"`
	State        string            `json:"state,omitempty" doc:"How far a queued recipient has come: unrouted, route-selected, host-identified, attempt-failed or delay-noticed"`
	Throttled    bool              `json:"throttled,omitempty" doc:"Our own limits for the destination put off the last try"`
	Class        string            `json:"class,omitempty"`
	Score        float64           `json:"score,omitempty"`
	Findings     []Finding         `json:"findings,omitempty"`
	Filters      []FilterRun       `json:"filters,omitempty" doc:"What ran on it for the verdict that stands, found something or not"`
	Waivers      []Waiver          `json:"waivers,omitempty"`
	Edits        []HeaderEdit      `json:"edits,omitempty"`
	PartEdits    []PartEdit        `json:"part_edits,omitempty" doc:"Changes of the body that delivery makes, in order"`
	Kept         bool              `json:"kept,omitempty" doc:"The original of what was sent to this recipient with part_edits"`
	Hold         *Hold             `json:"hold,omitempty" doc:"A filter wants to look again later"`
	Tags         []string          `json:"tags,omitempty"`
	Notes        map[string]string `json:"notes,omitempty" doc:"By plugin name, a dot, key"`
	Rule         string            `json:"rule,omitempty" doc:"HCL file:line that decided"`
	Reason       string            `json:"reason,omitempty"`
	Advice       string            `json:"advice,omitempty" doc:"The status, or the destination's answer, in plain words"`
	Notify       string            `json:"notify,omitempty" doc:"What the sender asked to be told (RFC 3461): NEVER, or some of SUCCESS,FAILURE,DELAY"`
	Local        bool              `json:"local,omitempty" doc:"Known valid, or on the Local Recipients list, when accepted"`
	Route        string            `json:"route,omitempty"`
	Schedule     string            `json:"schedule,omitempty"`
	NextHop      string            `json:"next_hop,omitempty"`
	Next         time.Time         `json:"next,omitzero"`
	FirstFailure time.Time         `json:"first_failure,omitzero"`
	Failures     int               `json:"failures,omitempty"`
	Attempts     int               `json:"attempts,omitempty"`
	Last         *Reply            `json:"last,omitempty"`
	LastRemote   bool              `json:"last_remote,omitempty" doc:"last is the destination's own words, not ours about it"`
	LastHost     string            `json:"last_host,omitempty"`
	LastAddress  string            `json:"last_address,omitempty"`
	Changed      time.Time         `json:"changed,omitzero"`
	Expires      time.Time         `json:"expires,omitzero"`
	Verbs        []string          `json:"verbs,omitempty" doc:"Actions offered for it"`
	Actions      []OfferedAction   `json:"actions,omitempty" doc:"Custom actions of plugins offered for it"`
}

// OfferedAction names a custom action; GET /v1/plugin-actions has the rest.
type OfferedAction struct {
	Plugin string `json:"plugin"`
	Action string `json:"action"`
	Title  string `json:"title,omitempty"`
	Train  string `json:"train,omitempty" enum:"spam,ham"`
}

// Finding is one thing a filter found, and what became of it.
type Finding struct {
	Filter      string  `json:"filter" example:"baseline.lists"`
	Plugin      string  `json:"plugin"`
	Stage       string  `json:"stage,omitempty"`
	Class       string  `json:"class,omitempty"`
	Score       float64 `json:"score,omitempty"`
	Explanation string  `json:"explanation,omitempty"`
	Part        string  `json:"part,omitempty" doc:"MIME part"`
	Path        string  `json:"path,omitempty" doc:"Path inside an archive"`
	Recommended string  `json:"recommended,omitempty"`
	Reply       *Reply  `json:"reply,omitempty"`
	Action      string  `json:"action,omitempty" doc:"What policy made of it"`
	Rule        string  `json:"rule,omitempty" doc:"HCL file:line of the deciding block"`
	Waived      string  `json:"waived,omitempty" doc:"Who let it pass"`
	Observed    bool    `json:"observed,omitempty" doc:"Recorded only"`
}

// HeaderEdit is a change of the header that delivery makes.
type HeaderEdit struct {
	Op    string `json:"op" enum:"add,replace,remove"`
	Name  string `json:"name"`
	Index int    `json:"index,omitempty"`
	Value string `json:"value,omitempty"`
}

// PartEdit is a change of the body that delivery makes.
type PartEdit struct {
	Op       string `json:"op" enum:"replace,remove,prepend,append"`
	Part     string `json:"part" doc:"Number and name of the part"`
	Type     string `json:"type,omitempty" doc:"Media type of new content"`
	Filename string `json:"filename,omitempty" doc:"File name of new content"`
	Octets   int    `json:"octets,omitempty" doc:"Length of the new content"`
	Filter   string `json:"filter,omitempty" doc:"Who asked for it"`
}

// Hold is a filter's wish to look at a message again later.
type Hold struct {
	Until  time.Time `json:"until" doc:"The filters run again"`
	Filter string    `json:"filter,omitempty"`
	Reason string    `json:"reason,omitempty"`
	Key    string    `json:"key,omitempty" doc:"The plugin's own name for it"`
	Since  time.Time `json:"since" doc:"Of the first of an unbroken row of holds"`
	Count  int       `json:"count" doc:"Holds in that row"`
}

// Attempt is one try to hand recipients to one host.
type Attempt struct {
	Message    string        `json:"message"`
	K          int           `json:"k" doc:"From 1, of the message"`
	Start      time.Time     `json:"start"`
	Took       int64         `json:"took_ms" doc:"Milliseconds"`
	Sender     string        `json:"sender,omitempty"`
	Direction  string        `json:"direction,omitempty"`
	Route      string        `json:"route,omitempty"`
	Host       string        `json:"host,omitempty"`
	Address    string        `json:"address,omitempty"`
	TLS        string        `json:"tls,omitempty"`
	Verified   bool          `json:"verified,omitempty" doc:"The certificate was verified"`
	Reused     bool          `json:"reused,omitempty" doc:"The connection had carried other mail"`
	Outcome    []AttemptRcpt `json:"outcome"`
	Transcript string        `json:"transcript,omitempty" doc:"Redacted dialogue; lines start with '> ', '< ' or '* '"`
	KeyLines   []int         `json:"key_lines,omitempty" doc:"Lines of the transcript, from 0, that decided"`
}

// AttemptRcpt is the result of an attempt for one recipient (B116–B123).
type AttemptRcpt struct {
	N         int      `json:"n"`
	Recipient string   `json:"recipient,omitempty"`
	Result    string   `json:"result" enum:"sent,deferred,bounced,expired" doc:"Expired: put off, and its time was over"`
	Reply     Reply    `json:"reply"`
	Remote    bool     `json:"remote,omitempty" doc:"The reply is the destination's own"`
	Meaning   *Meaning `json:"meaning,omitempty" doc:"The reply in plain words"`
}

// Meaning is a server's answer in plain words (B124–B129).
type Meaning struct {
	Key      string `json:"key" example:"no-such-user" doc:"Stable, for icons and statistics"`
	Cause    string `json:"cause" doc:"What it means"`
	Actor    string `json:"actor" enum:"sender,recipient,their postmaster,our operator,nobody" doc:"Who has to act"`
	Advice   string `json:"advice" doc:"What that actor can do"`
	Provider string `json:"provider,omitempty" example:"Gmail" doc:"Whose answer it is, where that shows"`
	By       string `json:"by" enum:"text,enhanced code,code" doc:"What told it"`
	Note     string `json:"note,omitempty" doc:"Where code, enhanced code and text contradict each other"`
}

// ReplyExplanation is a copied answer as it was read, and its meaning.
type ReplyExplanation struct {
	Reply   Reply    `json:"reply"`
	Meaning *Meaning `json:"meaning,omitempty" doc:"Absent: it says nothing that the catalogue knows, or it is good news"`
}

// AttemptPage is one page of attempts.
type AttemptPage struct {
	Items []Attempt `json:"items"`
	Next  string    `json:"next,omitempty" doc:"Cursor of the next page; absent at the end"`
}

// Event is one line of the journal.
type Event struct {
	Seq       uint64    `json:"seq,omitempty"`
	At        time.Time `json:"at"`
	Type      string    `json:"type" example:"TransientFailure"`
	Message   string    `json:"message,omitempty"`
	N         int       `json:"n,omitempty" doc:"Recipient; absent for the whole message"`
	Tenant    string    `json:"tenant,omitempty"`
	Direction string    `json:"direction,omitempty"`
	Sender    string    `json:"sender,omitempty"`
	Recipient string    `json:"recipient,omitempty"`
	Client    string    `json:"client,omitempty"`
	Status    string    `json:"status,omitempty" doc:"After the event"`
	Actor     string    `json:"actor,omitempty" doc:"Operator; absent for the gateway itself"`
	Class     string    `json:"class,omitempty"`
	Host      string    `json:"host,omitempty"`
	Attempt   int       `json:"attempt,omitempty"`
	Reply     *Reply    `json:"reply,omitempty"`
	Next      time.Time `json:"next,omitzero"`
	Text      string    `json:"text,omitempty"`
}

// Explanation is everything there is to say about one message.
type Explanation struct {
	Message  Message          `json:"message"`
	Words    []RecipientWords `json:"words" doc:"One for each recipient of the message, in the same order"`
	Attempts []Attempt        `json:"attempts"`
	Events   []Event          `json:"events"`
}

// RecipientWords say in sentences where a recipient stands. Times in them are
// UTC and say so.
type RecipientWords struct {
	N        int      `json:"n"`
	Status   string   `json:"status"`
	Decision string   `json:"decision,omitempty" doc:"What policy decided and where"`
	Findings []string `json:"findings,omitempty" doc:"One for each finding, in the same order"`
	Where    string   `json:"where,omitempty" doc:"Route and next hop"`
	Next     string   `json:"next,omitempty" doc:"When the next attempt is due and why then"`
	Last     *Meaning `json:"last,omitempty" doc:"The destination's last answer in plain words"`
}

// Summary is the queue by status.
type Summary struct {
	Counts map[string]int `json:"counts" doc:"Recipients by live status"`
}

// ActionItem is what became of one recipient.
type ActionItem struct {
	ID        string `json:"id"`
	Recipient string `json:"recipient,omitempty"`
	Status    string `json:"status,omitempty" doc:"After the action"`
	Error     string `json:"error,omitempty" doc:"Why it was not applied"`
	Note      string `json:"note,omitempty" doc:"What was done beside, such as what plugins learnt"`
	See       string `json:"see,omitempty" doc:"Path of this API where what the verb shows is to be had"`
}

// ActionResult is what became of an action.
type ActionResult struct {
	Verb    string       `json:"verb"`
	DryRun  bool         `json:"dry_run,omitempty"`
	Matched int          `json:"matched"`
	Changed int          `json:"changed"`
	Items   []ActionItem `json:"items" doc:"One for each recipient, at most 1000"`
}

// Diagnostic is one fault in the policy.
type Diagnostic struct {
	Severity string `json:"severity" enum:"error,warning"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	File     string `json:"file,omitempty"`
	Line     int    `json:"line,omitempty"`
	Column   int    `json:"column,omitempty"`
	Source   string `json:"source,omitempty" doc:"The line it is about"`
}

// ReloadResult is the answer to a reload.
type ReloadResult struct {
	Reloaded    bool         `json:"reloaded" doc:"The policy read is now in force"`
	Changed     bool         `json:"changed" doc:"It differs from the one before"`
	Digest      string       `json:"digest" doc:"Of the policy in force"`
	Diagnostics []Diagnostic `json:"diagnostics"`
}

// PolicyInfo describes the policy in force.
type PolicyInfo struct {
	Path      string         `json:"path"`
	Digest    string         `json:"digest"`
	Loaded    time.Time      `json:"loaded"`
	Hostname  string         `json:"hostname"`
	DataDir   string         `json:"data_dir"`
	Listeners []ListenerInfo `json:"listeners"`
	Tenants   []TenantInfo   `json:"tenants"`
}

// ListenerInfo is one SMTP listener.
type ListenerInfo struct {
	Name      string `json:"name"`
	Address   string `json:"address"`
	Direction string `json:"direction"`
}

// TenantInfo is one tenant.
type TenantInfo struct {
	Name    string   `json:"name"`
	Domains []string `json:"domains"`
}

// PluginStatus is one loaded plugin. Counts are since the gateway started, and
// go on over reloads; quantiles are of the module as it is loaded now.
type PluginStatus struct {
	Name        string            `json:"name"`
	Source      string            `json:"source,omitempty"`
	Version     string            `json:"version,omitempty"`
	Description string            `json:"description,omitempty"`
	Digest      string            `json:"digest,omitempty"`
	Hooks       []string          `json:"hooks,omitempty"`
	Grants      []string          `json:"grants,omitempty" doc:"Kinds of grant in effect"`
	Actions     []string          `json:"actions,omitempty" doc:"Names of the actions it offers"`
	Instances   int               `json:"instances"`
	Idle        int               `json:"idle"`
	Calls       uint64            `json:"calls"`
	Verdicts    map[string]uint64 `json:"verdicts,omitempty" doc:"Calls that gave a verdict, by action"`
	Failures    map[string]uint64 `json:"failures,omitempty" doc:"Calls that gave none, by kind"`
	Traps       uint64            `json:"traps" doc:"Failures that ended the guest: trap, memory and deadline"`
	P50         float64           `json:"p50_ms" doc:"Milliseconds"`
	P99         float64           `json:"p99_ms" doc:"Milliseconds"`
	Fuel        uint64            `json:"fuel" doc:"Cost units used, about instructions"`
	Memory      int64             `json:"memory" doc:"Octets of linear memory of all instances"`
	MemoryPeak  int64             `json:"memory_peak" doc:"The most that was, in octets"`
	MemoryLimit int64             `json:"memory_limit" doc:"Of one instance, in octets"`
	Loaded      time.Time         `json:"loaded,omitzero"`
	LoadTime    float64           `json:"load_ms" doc:"Milliseconds that loading took"`
	State       string            `json:"state" doc:"ok, or what the breaker says"`
}

// VersionInfo is which build this is.
type VersionInfo struct {
	Version  string `json:"version"`
	Revision string `json:"revision,omitempty"`
	Time     string `json:"time,omitempty" doc:"Of the revision, RFC 3339"`
	Modified bool   `json:"modified,omitempty" doc:"Built from a changed tree"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}
