package mail

import (
	"net/netip"
	"time"
)

// Client is who gave us a message, as known at the end of the transaction.
type Client struct {
	Addr      netip.AddrPort `json:"addr"`
	Name      string         `json:"name,omitempty"` // reverse DNS, confirmed forward; "" unknown
	Helo      string         `json:"helo,omitempty"`
	ESMTP     bool           `json:"esmtp,omitempty"`
	TLS       string         `json:"tls,omitempty"`    // "TLS1.3", "" for plaintext
	Cipher    string         `json:"cipher,omitempty"` // as crypto/tls names it
	User      string         `json:"user,omitempty"`   // authenticated user, "" for none
	Listener  string         `json:"listener,omitempty"`
	Direction Direction      `json:"direction,omitempty"`
}

// MailParams are the ESMTP parameters of MAIL that we honour.
type MailParams struct {
	Size     int64  `json:"size,omitempty"` // declared, octets (RFC 1870); 0 none
	Body     string `json:"body,omitempty"` // "", "7BIT" or "8BITMIME" (RFC 6152)
	SMTPUTF8 bool   `json:"smtputf8,omitempty"`
	Ret      string `json:"ret,omitempty"`   // "FULL", "HDRS" or "": what a failure notice returns (RFC 3461 §4.3)
	EnvID    string `json:"envid,omitempty"` // the sender's own name for the transaction, xtext taken off (RFC 3461 §4.4)
}

// RcptParams are the ESMTP parameters of RCPT that we honour (RFC 3461 §4.1,
// §4.2).
type RcptParams struct {
	Notify Notify `json:"notify,omitempty"`
	// ORcpt is the original recipient, "type;address" with xtext taken off; "" none.
	ORcpt string `json:"orcpt,omitempty"`
}

// Notify is when the sender wants to hear of a recipient (RFC 3461 §4.1). The
// zero value is no NOTIFY at all: failures are told, and delay where we like.
type Notify uint8

// The conditions. NotifyNever stands alone.
const (
	NotifyNever Notify = 1 << iota
	NotifySuccess
	NotifyFailure
	NotifyDelay
)

// Secure is a demand of policy on the channel to the destination (B30): the
// message may leave over no lesser one.
type Secure struct {
	TLS       string `json:"tls"`       // "required", "verified" or "dane"
	Otherwise string `json:"otherwise"` // when it cannot be had: "retry", "hold" (queue-frozen) or "bounce"
	Rule      string `json:"rule"`      // HCL file:line that demands it
}

// Action is what a filter recommends or policy decides for a message. The
// spelling equals the plugin ABI's and the HCL functions'.
type Action string

// The actions, most severe first (architecture: chain and policy).
const (
	ActionDisconnect Action = "disconnect"
	ActionReject     Action = "reject"
	ActionTempfail   Action = "tempfail"
	ActionDiscard    Action = "discard"
	ActionStall      Action = "stall"
	ActionQuarantine Action = "quarantine"
	ActionRedirect   Action = "redirect"
	ActionAccept     Action = "accept"
	ActionContinue   Action = "continue"
)

// Severity orders actions: higher wins. An unknown action is the most severe
// temporary one, so that a mistake never lets mail pass.
func (a Action) Severity() int {
	switch a {
	case ActionDisconnect:
		return 8
	case ActionReject:
		return 7
	case ActionTempfail:
		return 6
	case ActionDiscard:
		return 5
	case ActionStall:
		return 4
	case ActionQuarantine:
		return 3
	case ActionRedirect:
		return 2
	case ActionAccept:
		return 1
	case ActionContinue, "":
		return 0
	}
	return 6
}

// Class names what a finding is about, from general to particular.
type Class struct {
	Main  string `json:"main,omitempty"`
	Sub   string `json:"sub,omitempty"`
	Extra string `json:"extra,omitempty"`
}

// String is "main/sub/extra" without empty tails.
func (c Class) String() string {
	s := c.Main
	if c.Sub != "" {
		s += "/" + c.Sub
	}
	if c.Extra != "" {
		s += "/" + c.Extra
	}
	return s
}

// Finding is one thing a filter found, and what became of its recommendation.
type Finding struct {
	Filter      string   `json:"filter"`          // the HCL filter block, e.g. "baseline.lists"
	Plugin      string   `json:"plugin"`          // the HCL plugin block
	Stage       string   `json:"stage,omitempty"` // hook that reported it
	Class       Class    `json:"class"`
	Score       float64  `json:"score,omitempty"`
	Explanation string   `json:"explanation,omitempty"` // one sentence for the operator
	Part        string   `json:"part,omitempty"`        // MIME part, e.g. "2.1 invoice.zip"
	Path        string   `json:"path,omitempty"`        // path inside an archive
	Recommended Action   `json:"recommended,omitempty"`
	Redirect    []string `json:"redirect,omitempty"` // where a recommended redirect leads
	Reply       *Reply   `json:"reply,omitempty"`    // the reply the plugin or policy proposes
	Action      Action   `json:"action,omitempty"`   // what policy made of it
	Rule        string   `json:"rule,omitempty"`     // HCL file:line of the deciding block
	Waived      string   `json:"waived,omitempty"`   // who waived it: a filter's allow or an operator's force; "" not waived
	Observed    bool     `json:"observed,omitempty"` // mode = "observe": recorded, never acted on
}

// Waiver lets findings of some classes pass: an allow rule's, or an
// operator's release or force. It never covers malware or unscannable content
// unless it names that class.
type Waiver struct {
	Classes []string  `json:"classes"`          // "spam", "list/sender", "*"
	By      string    `json:"by"`               // filter or actor
	Reason  string    `json:"reason,omitempty"` // for the log
	At      time.Time `json:"at,omitzero"`
	Stage   string    `json:"stage,omitempty"` // hook at which a filter gave it; "" an operator did
	// Findings, when set, binds an operator's waiver to what was held:
	// fingerprints of the findings that the operator saw.
	Findings []string `json:"findings,omitempty"`
}

// HeaderEdit is one staged change of the header, applied when the message is
// sent; all other header bytes stay as they came.
type HeaderEdit struct {
	Op    string `json:"op"` // "add" (on top), "replace", "remove"
	Name  string `json:"name"`
	Index int    `json:"index,omitempty"` // which occurrence, from 0; -1 all
	Value string `json:"value,omitempty"`
	Early bool   `json:"early,omitempty"` // asked for before the message: it stays when the message is filtered again
}

// Attempt is one try to hand recipients to one host, with its dialogue.
type Attempt struct {
	Message    ID          `json:"message"`
	K          int         `json:"k"`          // attempt number of the message, from 1
	Recipients []int       `json:"recipients"` // N of the recipients tried
	Start      time.Time   `json:"start"`
	Took       int64       `json:"took_ms"`         // milliseconds
	Route      string      `json:"route,omitempty"` // route name
	Host       string      `json:"host,omitempty"`  // destination's name as routed
	Addr       string      `json:"addr,omitempty"`  // IP and port
	TLS        string      `json:"tls,omitempty"`   // version, "" plaintext
	Verified   bool        `json:"verified,omitempty"`
	Reused     bool        `json:"reused,omitempty"` // the connection had carried other mail
	Outcome    []RcptReply `json:"outcome"`
	Transcript string      `json:"transcript,omitempty"` // redacted dialogue, lines prefixed "> ", "< ", "* "
}

// RcptReply is the result of an attempt for one recipient.
type RcptReply struct {
	N     int   `json:"n"`
	Reply Reply `json:"reply"`
	// Remote tells that Reply is the destination's own words; otherwise it is
	// ours, for a host that could not be reached or broke off.
	Remote bool `json:"remote,omitempty"`
}
