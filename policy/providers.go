package policy

import "time"

// provider is a large mailbox provider. Domains and hosts are those it
// publishes as MX; a field of gentle that is left out is the default.
type provider struct {
	name    string
	domains []string // of its own mailboxes
	mx      []string // of those and of its customers; patterns
	gentle  gentle
	doc     string // where the values come from, for the reference
}

// gentle is what a destination block or a provider says; nil is left out.
type gentle struct {
	connections, perConnection, suspendAfter *int
	rate                                     *rate
	idle, backoff, maxBackoff, suspendFor    *time.Duration
	schedule                                 string
}

// over lays g over a destination.
func (g *gentle) over(d *Destination) {
	lay(&d.Connections, g.connections)
	lay(&d.PerConnection, g.perConnection)
	lay(&d.SuspendAfter, g.suspendAfter)
	lay(&d.Idle, g.idle)
	lay(&d.Backoff, g.backoff)
	lay(&d.MaxBackoff, g.maxBackoff)
	lay(&d.SuspendFor, g.suspendFor)
	if g.rate != nil {
		d.Rate, d.RatePer = g.rate.n, g.rate.per
	}
	if g.schedule != "" {
		d.Schedule = g.schedule
	}
}

func lay[T any](to *T, x *T) {
	if x != nil {
		*to = *x
	}
}

// polite is the common form of the table: connections, messages over one,
// first and longest pause.
func polite(connections, perConnection int, backoff, maxBackoff time.Duration) gentle {
	return gentle{connections: &connections, perConnection: &perConnection, backoff: &backoff, maxBackoff: &maxBackoff}
}

// providers are built in, the first that matches counts. No provider
// publishes firm numbers: where its own guidance for senders names one
// (Gmail's "few connections", Yahoo's and Microsoft's limits on messages over
// one connection), the value stays below; the rest is cautious. An address of
// good standing may raise them in a destination block.
var providers = []provider{
	{name: "google", domains: []string{"gmail.com", "googlemail.com"},
		mx:     []string{"*.google.com", "*.googlemail.com"},
		gentle: polite(10, 100, 2*time.Minute, time.Hour),
		doc:    "Its guidelines ask for few connections and to slow down on 421 4.7.28 and 4.7.0."},
	{name: "microsoft-consumer", domains: []string{"outlook.com", "hotmail.com", "live.com", "msn.com", "passport.com", "hotmail.co.uk", "hotmail.fr", "hotmail.de", "hotmail.it", "hotmail.es", "live.co.uk", "live.fr", "live.de", "live.it", "live.nl", "outlook.de", "outlook.fr", "outlook.es", "outlook.it"},
		mx:     []string{"*.olc.protection.outlook.com"},
		gentle: polite(5, 50, 5*time.Minute, 2*time.Hour),
		doc:    "Answers 421 RP-001 to RP-003 and 4.7.650 to addresses that open too much; pauses of minutes cure it."},
	{name: "microsoft-365", mx: []string{"*.mail.protection.outlook.com", "*.mx.microsoft"},
		gentle: polite(10, 50, 2*time.Minute, time.Hour),
		doc:    "Counted over all its customers, since its limits are by the sender's address (451 4.7.500)."},
	{name: "yahoo", domains: []string{"yahoo.com", "ymail.com", "rocketmail.com", "yahoo.co.uk", "yahoo.de", "yahoo.fr", "yahoo.it", "yahoo.es", "yahoo.ca", "yahoo.com.br", "yahoo.co.in", "yahoo.in", "yahoo.com.au", "myyahoo.com", "aol.com", "aim.com", "verizon.net", "netscape.net"},
		mx:     []string{"*.yahoodns.net"},
		gentle: polite(5, 20, 5*time.Minute, 2*time.Hour),
		doc:    "Its guidance asks for at most 20 messages over a connection; 421 TSS04 lasts for hours, and more tries prolong it."},
	{name: "icloud", domains: []string{"icloud.com", "me.com", "mac.com"}, mx: []string{"*.mail.icloud.com"},
		gentle: polite(5, 50, 5*time.Minute, time.Hour),
		doc:    "Defers with 421 or 450 when it is too much."},
	{name: "comcast", domains: []string{"comcast.net"}, mx: []string{"*.comcast.net"},
		gentle: polite(5, 50, 5*time.Minute, time.Hour),
		doc:    "Publishes limits on connections by the sender's reputation (421 4.1.0, RL000001)."},
	{name: "gmx", domains: []string{"gmx.de", "gmx.net", "gmx.at", "gmx.ch", "gmx.com", "web.de", "mail.com"}, mx: []string{"*.gmx.net", "*.web.de", "*.mail.com"},
		gentle: polite(5, 50, 5*time.Minute, time.Hour),
		doc:    "Answers 421 or 450 to addresses without standing; the pause decides, not the number of tries."},
	{name: "t-online", domains: []string{"t-online.de", "magenta.de"}, mx: []string{"*.t-online.de"},
		gentle: polite(3, 20, 10*time.Minute, 2*time.Hour),
		doc:    "Takes few connections of one address, and admits new senders by hand (554)."},
	{name: "orange", domains: []string{"orange.fr", "wanadoo.fr"}, mx: []string{"*.orange.fr", "*.wanadoo.fr"},
		gentle: polite(2, 50, 5*time.Minute, 2*time.Hour),
		doc:    "Its rules for senders allow few connections at one time (421 OFR_…)."},
	{name: "free", domains: []string{"free.fr"}, mx: []string{"*.free.fr"},
		gentle: polite(2, 20, 5*time.Minute, 2*time.Hour),
		doc:    "Refuses connections with 421 early."},
	{name: "mailru", domains: []string{"mail.ru", "inbox.ru", "list.ru", "bk.ru", "internet.ru"}, mx: []string{"*.mail.ru"},
		gentle: polite(5, 50, 5*time.Minute, 2*time.Hour),
		doc:    "Limits by address and hour (451, \"ratelimited\")."},
	{name: "proofpoint", mx: []string{"*.pphosted.com", "*.ppe-hosted.com"},
		gentle: polite(5, 50, 5*time.Minute, time.Hour),
		doc:    "A filter for many domains: limits are by the sender's address over all of them."},
	{name: "mimecast", mx: []string{"*.mimecast.com", "*.mimecast.co.za"},
		gentle: polite(10, 50, 2*time.Minute, time.Hour),
		doc:    "A filter for many domains; greylists with 451."},
}
