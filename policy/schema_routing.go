package policy

import "strings"

// This file is the part of the language that says where mail goes and how
// gently: routes, the static routing table, destinations, and what channel
// must be had.

// tlsWords are what a route may ask of TLS, each more than the one before.
var tlsWords = []string{"none", "opportunistic", "required", "verified", "dane"}

// ipWords are which addresses of a host are tried.
var ipWords = []string{"any", "4", "6", "prefer4", "prefer6"}

// routeAttrs are the same for a named route, a tenant's inbound route and its
// smarthost.
var routeAttrs = []attrSpec{
	{name: "hosts", kind: kRouteHosts, doc: "Destinations, tried in order (B102). The port is 25 (24 for lmtp) where none is given; `unix:/PATH` is an lmtp socket."},
	{name: "mx", kind: kMX, doc: "Instead of hosts: a domain whose MX hosts are used, or `*` for those of each recipient's own domain."},
	{name: "port", kind: kInt, def: "25", min: 1, max: 65535, doc: "Port of MX hosts."},
	{name: "protocol", kind: kString, def: "smtp", oneOf: []string{"smtp", "lmtp"}, doc: "Protocol."},
	{name: "tls", kind: kString, def: "opportunistic", oneOf: tlsWords, doc: "The least that will do. `required` never sends in the clear; `verified` asks for a certificate of the host's own name beside; `dane` for TLSA records that it matches (RFC 7672)."},
	{name: "ip", kind: kString, def: "any", oneOf: ipWords, doc: "Which addresses of a host: all in the order the DNS has them, only IPv4, only IPv6, or all with one kind first."},
	{name: "helo", kind: kDomain, defDoc: "the gateway's hostname", doc: "Name in EHLO."},
	{name: "source", kind: kIP4, defDoc: "any", doc: "Local IPv4 address to connect from."},
	{name: "source6", kind: kIP6, defDoc: "any", doc: "Local IPv6 address to connect from."},
	{name: "retry", kind: kRef, ref: "retry", defDoc: "that of the direction", doc: "Retry schedule of mail that goes this way. A destination's outranks it."},
	{name: "connections", kind: kInt, min: 0, max: 10000, defDoc: "the destination's", doc: "Connections at one time; `0` is the default."},
	{name: "per_connection", kind: kInt, min: 0, max: 100000, defDoc: "the destination's", doc: "Messages over one connection; `0` is the default."},
}

var routeBlocks = []*blockSpec{
	{name: "host", label: "host", many: true, parse: parseHostLabel,
		doc: "Instead of hosts: one destination with a rank. Of equal priority one is chosen by chance, in proportion to the weights, then the next (as with SRV records, RFC 2782).",
		attrs: []attrSpec{
			{name: "priority", kind: kInt, def: "10", min: 0, max: 65535, doc: "Lower is tried first."},
			{name: "weight", kind: kInt, def: "1", min: 0, max: 65535, doc: "Share among those of equal priority. `0` is hardly ever first."},
		}},
	{name: "auth", doc: "Authentication at the hosts (RFC 4954), only over TLS: it needs `tls` of `required` or more.", attrs: []attrSpec{
		{name: "user", kind: kString, required: true, doc: "User name."},
		{name: "password", kind: kPassword, required: true, doc: "Password. Best from outside the configuration: `var.NAME`, or `chomp(file(\"…\"))`."},
	}},
}

// routeSpec is a named route.
var routeSpec = &blockSpec{name: "route", label: "name", many: true, attrs: routeAttrs, blocks: routeBlocks,
	doc:    "A way for mail to go, named `route.NAME` by via blocks. It needs `hosts`, `host` blocks or `mx`.",
	sample: "route \"relay\" {\n  tls = \"verified\"\n  host \"a.relay.test:587\" { weight = 3 }\n  host \"b.relay.test:587\" {}\n  host \"spare.relay.test:587\" { priority = 20 }\n  auth {\n    user     = \"acme\"\n    password = var.relay_password\n  }\n}"}

// ownRouteSpec is a tenant's route: the same, without a name.
func ownRouteSpec(doc string) *blockSpec {
	return &blockSpec{name: "route", doc: doc, attrs: routeAttrs, blocks: routeBlocks, like: "route"}
}

var viaAttrs = []attrSpec{
	{name: "recipient", kind: kParties, defDoc: "any", doc: "Recipients: addresses, domains, or patterns such as `*.partner.test` and `*@acme.test`."},
	{name: "sender", kind: kSenders, defDoc: "any", doc: "Senders, written the same; `<>` is the null path of notices."},
	{name: "route", kind: kRef, ref: "route", doc: "A named route."},
	{name: "mx", kind: kBool, doc: "`true`: straight to the MX hosts of the recipient's domain, past any smarthost."},
	{name: "reject", kind: kString, doc: "The text of a 550 5.1.2 for every such recipient: mail there is not possible."},
}

// viaSpec is a line of the static routing table.
var viaSpec = &blockSpec{name: "via", label: "name", many: true, attrs: viaAttrs,
	doc: "A line of the static routing table (B82, B90): the first that matches sender and recipient says where mail goes. It needs one of `route`, `mx` and `reject`. " +
		"A tenant's own lines come first, then its route or smarthost, then those of the top level, then outbound the MX hosts. Inbound, a line of the top level counts only where `recipient` names the address.",
	sample: "via \"partners\" {\n  recipient = [\"partner.test\", \"*.partner.test\"]\n  route     = route.relay\n}"}

// ownViaSpec is a line of a tenant's table.
func ownViaSpec(dir string) *blockSpec {
	doc := "A line of the tenant's own routing table, asked before those of the top level."
	if dir == Inbound {
		doc = "Another way for some of the tenant's recipients, asked before its route."
	}
	return &blockSpec{name: "via", label: "name", many: true, attrs: viaAttrs, like: "via", doc: doc}
}

var destinationSpec = &blockSpec{name: "destination", label: "name", many: true,
	doc:    "How gently a destination is treated (B89): the first block that names the recipient's domain, the host or the route. What a block leaves out is as built in for large mailbox providers, see [Large mailbox providers](#large-mailbox-providers), or else the default here.",
	sample: "destination \"google\" {\n  domains     = [\"gmail.com\", \"googlemail.com\"]\n  mx          = [\"*.google.com\"]\n  connections = 10\n  rate        = \"600/1m\"\n}",
	attrs: []attrSpec{
		{name: "domains", kind: kDomainPatterns, doc: "Domains of recipients, or patterns such as `*.acme.test`, where their mail exchangers are asked. What a route sends to hosts of its own is matched by `mx` and `routes`."},
		{name: "mx", kind: kDomainPatterns, doc: "Names of hosts, or patterns: whatever domain they serve."},
		{name: "routes", kind: kRefs, ref: "route", doc: "Named routes: whatever mail goes there."},
		{name: "connections", kind: kInt, defDoc: "`20`", min: 1, max: 10000, doc: "Connections at one time."},
		{name: "per_connection", kind: kInt, defDoc: "`100`", min: 1, max: 100000, doc: "Messages over one connection."},
		{name: "rate", kind: kRate, defDoc: "`none`", doc: "Messages within a time."},
		{name: "idle", kind: kDuration, defDoc: "`15s`", max: 3600, doc: "How long an unused connection is kept; `0s` closes it at once."},
		{name: "backoff", kind: kDuration, defDoc: "`1m`", min: 1, max: 86400, doc: "Pause after the destination asks for one (421, 4yz to everybody) or cannot be reached. It doubles each time."},
		{name: "max_backoff", kind: kDuration, defDoc: "`1h`", min: 1, max: 7 * 86400, doc: "Longest pause."},
		{name: "suspend_after", kind: kInt, defDoc: "`20`", min: 0, max: 100000, doc: "Refusals of everybody in a row until the destination is suspended; `0` never."},
		{name: "suspend_for", kind: kDuration, defDoc: "`10m`", min: 1, max: 7 * 86400, doc: "How long it is not tried then, or as long as the last `backoff` before it where that is more. One connection tries it when that ends."},
		{name: "retry", kind: kRef, ref: "retry", defDoc: "the route's, or that of the direction", doc: "Retry schedule of mail that goes there."},
	}}

// secureSpec is a demand on the channel.
var secureSpec = &blockSpec{name: "secure", label: "name", many: true,
	doc:    "A demand on the channel to the destination (B30): the first that matches counts. It is asked once for each finding that counts, and once with an empty finding where there is none. Outgoing mail for which `verified` or `dane` was demanded, and had, ends as secure-delivered.",
	sample: "secure \"confidential\" {\n  when      = matches(\"(?i)^\\\\[secure\\\\]\", message.subject)\n  tls       = \"verified\"\n  otherwise = \"bounce\"\n}",
	attrs: []attrSpec{
		{name: "when", kind: kCondition, required: true, doc: "Which mail."},
		{name: "tls", kind: kString, def: "verified", oneOf: tlsWords[2:], doc: "The least that will do: encrypted, with a host of proven name, or one proven by DANE. A route that asks for more stays at that."},
		{name: "otherwise", kind: kString, def: "retry", oneOf: []string{"retry", "hold", "bounce"}, doc: "What becomes of mail for which the channel cannot be had: tried again by the retry schedule, held as queue-frozen, or returned at once."},
	}}

// noticeKinds are the notices whose words a tenant may replace.
var noticeKinds = []string{"failed", "delayed", "relayed", "delivered", "expanded", "stalled", "expired"}

// noticeLanguages are those that notices are built in for.
var noticeLanguages = []string{"en", "de", "fr", "es"}

var notifySpec = &blockSpec{name: "notify", doc: "Who is told of what, and how.", attrs: []attrSpec{
	{name: "stalled", kind: kAddresses, defDoc: "postmaster at the first domain", doc: "Told when mail stalls (B145). `[]` for nobody."},
	{name: "expired", kind: kAddresses, defDoc: "as `stalled`", doc: "Told when stalled mail ends because nobody decided on it (B136, B137), and when queued mail ends whose sender is not told. `[]` for nobody."},
	{name: "language", kind: kString, def: "en", oneOf: noticeLanguages, doc: "Language of notices to senders and administrators."},
	{name: "from", kind: kAddress, defDoc: "the gateway's", doc: "From of notices. Their return path stays empty."},
}, blocks: []*blockSpec{templateSpec}}

var templateSpec = &blockSpec{name: "template", label: "kind", many: true, parse: parseNoticeKind,
	doc:    "Replaces the words of a kind of notice: `" + strings.Join(noticeKinds, "`, `") + "`. It is a template of Go's text/template, from `file` or `text`; see [Words of a notice](#words-of-a-notice). One that defines `subject` gives that too.",
	sample: "template \"failed\" {\n  text = <<-END\n    {{define \"subject\"}}Not delivered: {{.Subject}}{{end}}\n    {{range .Recipients}}{{.Address}}: {{.Text}}\n    {{end}}\n    Help: extension 99.\n  END\n}",
	attrs: []attrSpec{
		{name: "file", kind: kFile, doc: "A text file."},
		{name: "text", kind: kString, doc: "The text itself."},
	}}
