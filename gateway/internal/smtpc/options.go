package smtpc

import (
	"crypto/x509"
	"log/slog"
	"time"

	"github.com/mailweir/weir/gateway/internal/dane"
)

// TLS modes of a connection. Neither Opportunistic nor Required checks the
// certificate (RFC 7435); Conn.Verified tells whether it would have passed.
const (
	TLSNone          = "none"
	TLSOpportunistic = "opportunistic" // use STARTTLS where offered; the default
	TLSRequired      = "required"      // no TLS, no mail
	TLSVerified      = "verified"      // and no mail unless the certificate is good for a name of Verify
	TLSDANE          = "dane"          // and no mail unless it matches TLSA records of Verify (RFC 7672)
)

// Verify says what a certificate is checked against.
type Verify struct {
	// Names are what the certificate may be for; one suffices. ".dest.test"
	// means any name below it. None: Options.Host. With TLSDANE the first is
	// where the records were found, as dane.Found has it. The first goes into
	// SNI, unless it begins with a dot.
	Names []string
	// TLSA are a host's records, for TLSDANE. When none of them is usable, TLS
	// is required and nobody authenticated (RFC 7672 §2.2), unless Mandatory.
	TLSA      []dane.TLSA
	Mandatory bool // TLSDANE: records that cannot authenticate are a failure (RFC 7672 §6)
	// Also, with TLSDANE: the certificate has to be good for one of these names
	// by the roots too, and where no record is usable by the roots alone. For
	// records that by themselves prove too little beside what else is demanded.
	Also  []string
	Roots *x509.CertPool // for TLSVerified and Also; nil: Options.Roots
	// Channel is what Conn.Channel tells of a certificate that passed; "" is
	// "pkix" with TLSVerified and "dane" with TLSDANE. "-" is nothing: what led
	// to the host was not secure, so that its certificate says little (RFC 7672
	// §2.2.1).
	Channel string
}

// Timeouts bound each stage; a zero field means its default. The reply to a
// command has to be complete within its stage's time, however slowly it drips.
type Timeouts struct {
	Connect  time.Duration // default 30 s
	Greeting time.Duration // default 5 min (RFC 5321 §4.5.3.2.1)
	EHLO     time.Duration // default 5 min
	StartTLS time.Duration // command and handshake; default 1 min
	Auth     time.Duration // default 1 min
	Mail     time.Duration // default 5 min (§4.5.3.2.2)
	Rcpt     time.Duration // each; default 5 min (§4.5.3.2.3)
	Data     time.Duration // reply to DATA; default 2 min (§4.5.3.2.4)
	Block    time.Duration // each write of up to 64 KiB of body; default 3 min (§4.5.3.2.5)
	Dot      time.Duration // reply to the final dot; default 10 min (§4.5.3.2.6)
	Reset    time.Duration // default 20 s
	Quit     time.Duration // default 2 s
}

func (t Timeouts) withDefaults() Timeouts {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&t.Connect, 30*time.Second)
	set(&t.Greeting, 5*time.Minute)
	set(&t.EHLO, 5*time.Minute)
	set(&t.StartTLS, time.Minute)
	set(&t.Auth, time.Minute)
	set(&t.Mail, 5*time.Minute)
	set(&t.Rcpt, 5*time.Minute)
	set(&t.Data, 2*time.Minute)
	set(&t.Block, 3*time.Minute)
	set(&t.Dot, 10*time.Minute)
	set(&t.Reset, 20*time.Second)
	set(&t.Quit, 2*time.Second)
	return t
}

func (t Timeouts) of(s Stage) time.Duration {
	switch s {
	case StageConnect:
		return t.Connect
	case StageGreeting:
		return t.Greeting
	case StageEHLO:
		return t.EHLO
	case StageStartTLS:
		return t.StartTLS
	case StageAuth:
		return t.Auth
	case StageMail:
		return t.Mail
	case StageRcpt:
		return t.Rcpt
	case StageData:
		return t.Data
	case StageDot:
		return t.Dot
	case StageReset:
		return t.Reset
	}
	return t.Quit
}

// The budget of one reply. RFC 5321 §4.5.3.1.5 allows 512 octets a line;
// real servers go beyond that, none goes beyond these.
const (
	maxReplyLine  = 2 << 10
	maxReplyLines = 128
	maxReplyBytes = 64 << 10
)

// Options say whom to call and how.
type Options struct {
	Network string // "tcp" (default) or "unix"
	Addr    string // "192.0.2.1:25", or a path for "unix"
	Host    string // the name the peer is known by, for SNI and the certificate; may be ""
	Helo    string // our name for EHLO; required
	Source  string // local IP address to call from, "" any
	LMTP    bool   // speak LMTP (RFC 2033)

	TLS    string         // one of the modes above; "" is TLSOpportunistic
	Verify *Verify        // for TLSVerified (nil: Host, by Roots) and TLSDANE
	Roots  *x509.CertPool // for Conn.Verified; nil means the system's

	Auth *Credentials // nil: do not authenticate

	Timeouts   Timeouts
	Transcript *Transcript // may be nil
}

// Credentials are a user and password for AUTH. They never reach a log.
type Credentials struct {
	User, Password string
}

// LogValue keeps the password out of every log.
func (c *Credentials) LogValue() slog.Value { return slog.StringValue("redacted") }

// String keeps the password out of every message.
func (c *Credentials) String() string { return "redacted" }
