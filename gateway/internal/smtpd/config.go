package smtpd

import (
	"crypto/tls"
	"net/netip"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// What becomes of a line feed without a carriage return in front of it.
// Neither setting lets it take part in an end of data.
const (
	BareLFRefuse    = "refuse"    // commands: 521 and close; messages: 550 5.6.0, and in DATA close
	BareLFNormalise = "normalise" // it counts as CRLF
)

// Config is one listener's settings. The server asks for it anew at each
// connection, so a reload takes effect for new sessions; it never changes it.
type Config struct {
	Listener  string         // name in the policy, for logs and Peer
	Hostname  string         // greeting and EHLO reply
	Direction mail.Direction // outbound: submission
	TLS       *tls.Config    // for STARTTLS; nil does not offer it
	// Allow is who may connect; others get 554 5.7.1. nil admits everyone, an
	// empty list nobody. A listener that relays must set it.
	Allow  []netip.Prefix
	BareLF string // BareLFRefuse ("" too) or BareLFNormalise
	// GreetDelay is how long a client must keep silent before the greeting.
	// Whoever talks earlier gets 554 5.5.1. Zero only looks whether something
	// is there already.
	GreetDelay time.Duration
	Limits     Limits
}

// Limits bound what one client can cost. A zero field takes its default. Once
// three quarters of Connections are taken, StageTimeout and IdleTimeout are at
// most 10 s, and Errors and Junk are 1, for commands that come then.
type Limits struct {
	MessageSize int64 // octets, declared and actual (552 5.3.4); default 50 MiB
	Recipients  int   // accepted ones per message (452 4.5.3, RFC 5321 §4.5.3.1.8); default 100
	Connections int   // open sessions of the server (421 4.3.2); default 1000
	PerClient   int   // open sessions of one IPv4 address or IPv6 /64 (421 4.7.0); default 50
	Errors      int   // 5yz replies since the last message taken (421 4.7.0); default 20, as Postfix
	Commands    int   // per session (421 4.7.0); default 20000
	Junk        int   // NOOP, RSET, VRFY, HELP and repeated greetings since the last message taken (421 4.7.0); default 100, as Postfix

	StageTimeout       time.Duration // for one whole command line, and for one answer of the Gate before DATA; default 5 min (RFC 5321 §4.5.3.2.7)
	IdleTimeout        time.Duration // silence inside a message; default 3 min (§4.5.3.2.5)
	DataTimeout        time.Duration // from 354 or the first BDAT to the end of data; default 30 min
	TransactionTimeout time.Duration // from MAIL to the end of data; default 1 h
	CommitTimeout      time.Duration // for the Gate's answer to a complete message; default 9 min (clients wait 10, §4.5.3.2.6)
	MinRate            int           // octets per second inside a message, on average over the time spent waiting, once RateGrace is used up; default 500, as Postfix; negative: none
	RateGrace          time.Duration // default 60 s
}

// Defaults of Limits.
const (
	defaultMessageSize        = 50 << 20
	defaultRecipients         = 100
	defaultConnections        = 1000
	defaultPerClient          = 50
	defaultErrors             = 20
	defaultCommands           = 20000
	defaultJunk               = 100
	defaultStageTimeout       = 5 * time.Minute
	defaultIdleTimeout        = 3 * time.Minute
	defaultDataTimeout        = 30 * time.Minute
	defaultTransactionTimeout = time.Hour
	defaultCommitTimeout      = 9 * time.Minute
	defaultMinRate            = 500
	defaultRateGrace          = time.Minute
)

// withDefaults is a copy of c with every zero limit filled in.
func (c *Config) withDefaults() *Config {
	var d Config
	if c != nil {
		d = *c
	}
	if d.Hostname == "" {
		d.Hostname = "localhost"
	}
	l := &d.Limits
	orElse(&l.MessageSize, defaultMessageSize)
	orElse(&l.Recipients, defaultRecipients)
	orElse(&l.Connections, defaultConnections)
	orElse(&l.PerClient, defaultPerClient)
	orElse(&l.Errors, defaultErrors)
	orElse(&l.Commands, defaultCommands)
	orElse(&l.Junk, defaultJunk)
	orElse(&l.StageTimeout, defaultStageTimeout)
	orElse(&l.IdleTimeout, defaultIdleTimeout)
	orElse(&l.DataTimeout, defaultDataTimeout)
	orElse(&l.TransactionTimeout, defaultTransactionTimeout)
	orElse(&l.CommitTimeout, defaultCommitTimeout)
	orElse(&l.MinRate, defaultMinRate)
	orElse(&l.RateGrace, defaultRateGrace)
	return &d
}

func orElse[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}
