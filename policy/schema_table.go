package policy

// This file is the language: every block and attribute, with its type,
// default and meaning. The decoder, its suggestions and the HCL reference
// are made from it.

var stageNames = []string{"connect", "helo", "auth", "mail_from", "rcpt_to", "data", "headers", "message",
	"queued", "delivery", "hold_event", "schedule", "action"}

var modeAttr = attrSpec{name: "mode", kind: kString, def: "enforce", oneOf: []string{"enforce", "observe"},
	doc: "`observe` only records findings and never acts on them."}

var bareLF = []string{"refuse", "normalise"}

// language is the top level of a file.
var language = &blockSpec{blocks: []*blockSpec{
	gatewaySpec, listenerSpec, adminSpec, trustSpec, pluginSpec, retrySpec, routeSpec, viaSpec, destinationSpec,
	listSpec, reportSpec, rulesetSpec, tenantSpec, tenantsSpec, eventsSpec, localsSpec, variableSpec,
}}

var gatewaySpec = &blockSpec{name: "gateway", must: true, doc: "The machine itself.",
	sample: "gateway {\n  hostname = \"mx.acme.test\"\n  data_dir = \"/var/lib/weir\"\n}",
	attrs: []attrSpec{
		{name: "hostname", kind: kDomain, required: true, doc: "Name in EHLO, Received and as the reporting MTA of delivery status notifications. A change needs a restart."},
		{name: "data_dir", kind: kPath, required: true, doc: "Folder of queue, journal and spool, relative to the configuration's folder. A change needs a restart."},
		{name: "watermark", kind: kBytes, defDoc: "the larger of 640MiB and 1.5 × the largest `message_size`", min: 1 << 20, doc: "Free space to keep on data_dir; below it mail is answered 452. At least 512 MiB are kept, which the store needs to compact itself. A change needs a restart."},
		{name: "direct_inbound", kind: kDuration, def: "30s", max: 600, doc: "How long an inbound client waits for direct delivery before its message is queued (B64). `0s` queues at once what may be queued; other recipients are still tried for up to 30 s (B69)."},
		{name: "direct_outbound", kind: kDuration, def: "10s", max: 600, doc: "The same for outbound clients."},
		{name: "resolver", kind: kHostPorts, defDoc: "the system's", doc: "DNS servers, asked in order; the port is 53 where none is given. A change needs a restart."},
		{name: "resolver_trusted", kind: kBool, def: "false", doc: "Those servers validate DNSSEC and the way to them is protected, so that what they say of it is believed (DANE needs that). Servers on this machine's loopback are believed without. A change needs a restart."},
		{name: "dane", kind: kBool, def: "true", doc: "Honour TLSA records (DANE, RFC 7672) of destinations, where a resolver that validates DNSSEC says they are genuine."},
		{name: "mta_sts", kind: kBool, def: "true", doc: "Honour MTA-STS policies (RFC 8461) of destinations."},
		{name: "bare_lf", kind: kString, def: "refuse", oneOf: bareLF, doc: "What to do with a line feed without carriage return in DATA. A bare carriage return is always refused."},
		{name: "max_received", kind: kInt, def: "50", min: 1, max: 1000, doc: "Received headers after which a message is taken for a loop (B129)."},
		{name: "log_level", kind: kString, def: "info", oneOf: []string{"debug", "info", "warn", "error"}, doc: "Least severity that is logged."},
		{name: "log_format", kind: kString, def: "text", oneOf: []string{"text", "json"}, doc: "Form of the log on standard error. A change needs a restart."},
	},
	blocks: []*blockSpec{{name: "queue", doc: "Delivery from the queue.", attrs: []attrSpec{
		{name: "workers", kind: kInt, def: "64", min: 1, max: 10000, doc: "Delivery attempts at one time. A change needs a restart."},
		{name: "per_hop", kind: kInt, def: "10", min: 1, max: 1000, doc: "Delivery attempts at one time to one next hop."},
	}}, {name: "archive", doc: "Where the tenants' archives are; `retain.archive` of a tenant says whether it has one.", attrs: []attrSpec{
		{name: "dir", kind: kPath, defDoc: "`archive` in data_dir", doc: "Folder of the encrypted copies and the tenants' wrapped keys. A change needs a restart."},
		{name: "key_file", kind: kPath, defDoc: "`archive.key` in data_dir, made when it is first needed", doc: "File with the master key, under which the tenants' keys are wrapped: 64 hexadecimal digits, read by its owner alone; `(umask 077; openssl rand -hex 32 > FILE)` makes one. Back it up apart from the copies: without it nobody reads them. A change needs a restart."},
	}}},
}

var listenerSpec = &blockSpec{name: "listener", label: "name", many: true, doc: "One SMTP listener. One more or one less needs a restart.",
	sample: "listener \"mx\" {\n  address   = \":25\"\n  direction = \"inbound\"\n  tls { auto = \"self-signed\" }\n}",
	attrs: []attrSpec{
		{name: "address", kind: kListen, required: true, doc: "Where to listen. A change needs a restart."},
		{name: "direction", kind: kString, required: true, oneOf: []string{Inbound, Outbound}, doc: "`inbound` takes mail for hosted domains; `outbound` takes mail of their users for the world. A change needs a restart."},
		{name: "auth", kind: kString, def: "none", oneOf: []string{"none", "required"}, doc: "Authentication. `required` is refused until authentication is built; admit clients with `allow`."},
		{name: "allow", kind: kPrefixes, defDoc: "everyone, inbound", doc: "Clients that are admitted. An outbound listener must have it."},
		{name: "bare_lf", kind: kString, oneOf: bareLF, defDoc: "the gateway's", doc: "As in the gateway block, for this listener."},
		{name: "rulesets", kind: kRefs, ref: "ruleset", doc: "Rulesets for the stages before a tenant is known (connect, helo, mail_from)."},
	},
	blocks: []*blockSpec{
		{name: "tls", doc: "STARTTLS. Without this block it is not offered.", attrs: []attrSpec{
			{name: "auto", kind: kString, oneOf: []string{"self-signed"}, doc: "Make a certificate instead of reading one."},
			{name: "cert", kind: kFile, doc: "PEM file with the certificate chain."},
			{name: "key", kind: kFile, doc: "PEM file with the private key."},
		}},
		{name: "limits", doc: "Limits of the listener.", attrs: []attrSpec{
			{name: "message_size", kind: kBytes, def: "50MiB", min: 65536, max: 1 << 40, doc: "Largest message, announced as SIZE (RFC 1870)."},
			{name: "recipients", kind: kInt, def: "100", min: 1, max: 100000, doc: "Recipients of a transaction (RFC 5321 §4.5.3.1.8 asks for 100)."},
			{name: "connections", kind: kInt, def: "1000", min: 1, max: 100000, doc: "Connections at one time."},
			{name: "per_client", kind: kInt, def: "50", min: 1, max: 100000, doc: "Connections of one client address at one time."},
			{name: "errors", kind: kInt, def: "20", min: 1, max: 100000, doc: "Refused commands after which the session ends."},
			{name: "commands", kind: kInt, def: "50000", min: 10, max: 10000000, doc: "Commands in a session."},
			{name: "stage_timeout", kind: kDuration, def: "5m", min: 1, max: 3600, doc: "Wait for the next command (RFC 5321 §4.5.3.2.7 asks for 5 minutes)."},
			{name: "data_timeout", kind: kDuration, def: "10m", min: 1, max: 86400, doc: "Time for the whole of DATA."},
			{name: "transaction_timeout", kind: kDuration, def: "15m", min: 1, max: 86400, doc: "Time from MAIL to the end of DATA."},
			{name: "min_rate", kind: kInt, def: "500", min: 1, max: 1 << 30, doc: "Least octets per second in DATA."},
		}},
	},
}

var trustSpec = &blockSpec{name: "trust", doc: "Who may sign plugins. With this block, every plugin that is not built in must be signed by one of its keys, unless its own `signed_by` names others.",
	sample: "trust {\n  keys = [file(\"acme.pub\")]\n}",
	attrs: []attrSpec{
		{name: "keys", kind: kStrings, required: true, doc: "Public keys, `ed25519:` and base64."},
	},
}

var pluginSpec = &blockSpec{name: "plugin", label: "name", many: true, doc: "A filter plugin: a WebAssembly module.",
	sample: "plugin \"stall\" {\n  source   = \"builtin:stall\"\n  on_error = \"stall\"\n}",
	attrs: []attrSpec{
		{name: "source", kind: kString, required: true, doc: "`builtin:NAME`, the path of a .wasm file relative to the configuration's folder, `https://…`, or `oci://REGISTRY/REPOSITORY:TAG`. What comes from elsewhere needs `digest`, or an entry of the lock file that `weir plugin lock` writes."},
		{name: "digest", kind: kString, doc: "`sha256:` and 64 hexadecimal digits; another module is refused. It outranks the lock file."},
		{name: "signed_by", kind: kStrings, defDoc: "the keys of the `trust` block", doc: "Public keys as `weir plugin keygen` writes them, `ed25519:…`; one of them must have signed the module."},
		{name: "on_error", kind: kStageStrings, oneOf: []string{"tempfail", "pass", "reject", "stall"}, defDoc: "`tempfail` before the 250; afterwards retry, then hold", doc: "What becomes of mail when the plugin fails. One word, or an object from stage to word."},
		{name: "isolation", kind: kString, def: "none", oneOf: []string{"none", "message"}, doc: "`message` restores the plugin's memory after each message."},
		modeAttr,
		{name: "offer", kind: kString, def: "used", oneOf: []string{"used", "all"}, doc: "For whose mail operators are offered the plugin's actions: of tenants whose rulesets use the plugin in a filter or in `run`, or of all."},
	},
	blocks: []*blockSpec{
		{name: "config", raw: true, doc: "The plugin's configuration for its actions and schedules, by the schema of its manifest; also that of filters without a config block of their own."},
		{name: "limits", doc: "Limits of an instance.", attrs: []attrSpec{
			{name: "memory", kind: kBytes, def: "64MiB", min: 1 << 20, max: 4 << 30, doc: "Linear memory."},
			{name: "deadline", kind: kStageTimes, min: 0.001, max: 3600, defDoc: "100ms for envelope stages (2s with a net grant), 5s for message, 30s for schedule and action", doc: "Time for one call. One duration, or an object from stage to duration."},
			{name: "instances", kind: kInt, defDoc: "one for each processor, two where it may use the network; 2 to 16", min: 1, max: 64, doc: "Instances at one time."},
			{name: "wait", kind: kDuration, def: "1s", min: 0.001, max: 60, doc: "Wait for a free instance."},
			{name: "kv", kind: kBytes, def: "64MiB", min: 1 << 20, max: 1 << 40, doc: "What the plugin may keep for one tenant: keys and values, and 64 octets each."},
		}},
		{name: "grant", doc: "What the plugin may use beyond reading the message. Effective is what is granted here and asked for in its manifest.", attrs: []attrSpec{
			{name: "lists", kind: kGrant, doc: "Named lists."},
			{name: "kv", kind: kGrant, doc: "The plugin's own key-value space."},
			{name: "dns", kind: kGrant, doc: "DNS queries: for these names, with a dot in front for all below them too; `true` for any name."},
			{name: "http", kind: kGrant, doc: "HTTP requests to URLs that begin so: scheme, host and port, and whole segments of the path. Names of the public DNS lead to public addresses only, unless an entry is written with the private address itself, and the same port."},
			{name: "dial", kind: kGrant, doc: "Connections to these addresses: `unix:/path`, `host:port`. Names of the public DNS lead to public addresses only, unless an entry is written with the private address itself, and the same port."},
			{name: "queue", kind: kGrant, doc: "Scheduling, releasing and submitting messages."},
			{name: "accept", kind: kGrant, doc: "Recommending `accept`."},
		}},
	},
}

var retrySpec = &blockSpec{name: "retry", label: "name", many: true, doc: "A retry schedule (B74–B78). `retry.standard` exists without being declared: every 15 min for 2 h, then 15 min growing by half until 16 h, then every 6 h until 4 days; delay notice after 4 h.",
	sample: "retry \"patient\" {\n  phase {\n    until = \"2h\"\n    every = \"15m\"\n  }\n  phase {\n    until  = \"7d\"\n    every  = \"15m\"\n    factor = 1.5\n  }\n}",
	attrs: []attrSpec{
		{name: "delay_notice", kind: kDuration, max: 30 * 86400, defDoc: "none", doc: "Age of queued mail at which its sender is told of the delay, once (B104)."},
	},
	blocks: []*blockSpec{{name: "phase", many: true, must: true, doc: "The phase that holds the moment of a failed attempt sets the next interval.", attrs: []attrSpec{
		{name: "until", kind: kDuration, required: true, min: 1, max: 90 * 86400, doc: "End of the phase, measured from the first failure. The end of the last phase is the lifetime."},
		{name: "every", kind: kDuration, required: true, min: 1, max: 30 * 86400, doc: "First interval."},
		{name: "factor", kind: kNumber, def: "1", min: 1, max: 100, doc: "What each interval is multiplied with to give the next."},
	}}},
}

var listSpec = &blockSpec{name: "list", label: "name", many: true, doc: "A named list: addresses, domains (`.acme.test` for all below), IP addresses and networks. In a tenant block it is the tenant's own, and adds to one of that name at the top level.",
	sample: "list \"partners\" {\n  entries = [\"partner.test\", \"billing@supplier.test\"]\n}",
	attrs: []attrSpec{
		{name: "entries", kind: kStrings, doc: "The entries."},
		{name: "file", kind: kFile, doc: "A text file with one entry per line; `#` starts a comment."},
	},
}

var rulesetSpec = &blockSpec{name: "ruleset", label: "name", many: true, doc: "Filters, and what to do with their findings.",
	sample: "ruleset \"baseline\" {\n  filter \"lists\" {\n    plugin = plugin.rules\n    config {\n      block \"spammers\" { sender_domain = [\"spam.test\"] }\n    }\n  }\n  action \"spam\" {\n    when = finding.main == \"spam\" && score >= 6\n    do   = quarantine(\"spam score ${score}\")\n  }\n}",
	blocks: []*blockSpec{
		{name: "filter", label: "name", many: true, doc: "One use of a plugin, in the order written.", attrs: []attrSpec{
			{name: "plugin", kind: kRef, ref: "plugin", required: true, doc: "The plugin."},
			{name: "when", kind: kCondition, doc: "The filter runs only where this is true. Facts a stage does not know yet make it false there."},
			{name: "mode", kind: kString, oneOf: []string{"enforce", "observe"}, defDoc: "the plugin's", doc: modeAttr.doc},
		}, blocks: []*blockSpec{{name: "config", raw: true, doc: "The plugin's configuration, by the schema of its manifest."}}},
		{name: "action", label: "name", many: true, doc: "Replaces the recommendation of the findings it matches. The first with a `do` that matches a finding wins; it is asked once per finding, and once with an empty finding where there is none. It needs `do`, `run` or both.", attrs: []attrSpec{
			{name: "when", kind: kCondition, required: true, doc: "Which findings."},
			{name: "do", kind: kDisposition, defDoc: "the recommendation stays, and the next action is asked", doc: "What is to be done with the message."},
			{name: "run", kind: kCalls, doc: "Actions of plugins to call beside, once per message and recipient, after the client was answered and without its waiting."},
		}},
	},
}

func directionSpec(name string, group bool) *blockSpec {
	hold, party, own := "7d", "sender", "recipient"
	if name == Outbound {
		hold, party, own = "24h", "recipient", "sender"
	}
	inherit := func(s string) string {
		if group {
			return "the tenant's"
		}
		return s
	}
	b := &blockSpec{name: name, doc: "Settings for " + name + " mail.", attrs: []attrSpec{
		{name: "encrypted", kind: kString, oneOf: []string{"stall", "allow", "reject", "quarantine"}, defDoc: inherit("at least `stall`"), doc: "What becomes of findings of main class `unscannable` (B140–B142). Left out, they stall unless a filter asks for something more severe."},
		{name: "allow_encrypted", kind: kParties, defDoc: inherit("none"), doc: "Other parties whose un-scannable mail is let through (B143): here the " + party + "."},
		{name: "retry", kind: kRef, ref: "retry", defDoc: inherit("`retry.standard`"), doc: "Retry schedule."},
		{name: "lifetime", kind: kDuration, min: 60, max: 90 * 86400, defDoc: inherit("the schedule's"), doc: "Ends the schedule early (B136)."},
		{name: "hold", kind: kDuration, min: 60, max: 90 * 86400, defDoc: inherit(hold), doc: "Stalled or pending mail that nobody decided on expires after this (B136, B137)."},
		{name: "keep_rejected", kind: kBool, defDoc: inherit("true where `retain.quarantine` is not `0d`"), doc: "Quarantine what policy rejects once the 250 is given; otherwise it is dropped."},
		{name: "archive", kind: kBool, defDoc: inherit("true where `retain.archive` is not `0d`"), doc: "Keep a copy of mail that passes the filters (B81), encrypted under the tenant's own key, for as long as `retain.archive` says. Mail of which no copy can be made is not passed on: its client, or the queue, tries again."},
	}}
	if group {
		b.doc += " The address that counts is the " + own + "'s."
		return b
	}
	b.attrs = append(b.attrs, attrSpec{name: "rulesets", kind: kRefs, ref: "ruleset", defDoc: "the tenant's", doc: "Rulesets for this direction instead of the tenant's."})
	b.blocks = append(b.blocks, ownViaSpec(name), secureSpec)
	if name == Outbound {
		b.blocks = append(b.blocks, ownRouteSpec("A smarthost. Without it mail goes to the MX hosts of its domain."))
	}
	return b
}

var tenantAttrs = []attrSpec{
	{name: "domains", kind: kDomains, required: true, doc: "Hosted domains (B83). A domain belongs to one tenant only."},
	{name: "rulesets", kind: kRefs, ref: "ruleset", doc: "Rulesets, in order."},
	{name: "routes", kind: kRefs, ref: "route", defDoc: "those that its via blocks name", doc: "Further named routes by which its operators and filters may send its mail."},
	{name: "force", kind: kString, def: "admin", oneOf: []string{"admin", "domain"}, doc: "Who may force stalled mail on (B148): administrators alone, or operators of the tenant's domains too."},
}

var tenantBlocks = []*blockSpec{
	ownRouteSpec("Where inbound mail goes. Without it inbound mail is unrouted (B97)."),
	{name: "recipients", doc: "How recipients are verified (B65–B72).", attrs: []attrSpec{
		{name: "verify", kind: kString, def: "callout", oneOf: []string{"callout", "local", "none"}, doc: "`callout` asks the destination, `local` knows only the list, `none` takes every address: nobody is asked, so every address that mail was delivered to counts as known."},
		{name: "local", kind: kParties, doc: "Local Recipients: addresses, or patterns such as `*@acme.test`, that are always accepted and queued (B70)."},
		{name: "valid_for", kind: kDuration, def: "4d", min: 1, max: 4 * 86400, doc: "How long a good answer is believed, at most 4d (B71)."},
		{name: "invalid_for", kind: kDuration, def: "2h", min: 1, max: 90 * 86400, doc: "How long a bad answer is believed."},
		{name: "refresh", kind: kDuration, max: 4 * 86400, defDoc: "`6h`, or a quarter of `valid_for` where that is less", doc: "A good answer that is in use is asked for again this long before it ends, so that an outage meets a fresh one. At most half of `valid_for` counts. `0s` does not."},
	}},
	directionSpec(Inbound, false),
	directionSpec(Outbound, false),
	notifySpec,
	{name: "retain", doc: "How long things are kept. `0d` keeps nothing.", attrs: []attrSpec{
		{name: "log", kind: kDuration, def: "32d", min: 3600, max: 3660 * 86400, doc: "Journal."},
		{name: "quarantine", kind: kDuration, def: "14d", max: 3660 * 86400, doc: "Quarantined mail."},
		{name: "failed", kind: kDuration, def: "7d", max: 3660 * 86400, doc: "Bodies of mail that bounced, failed or was refused, so that it can be queued again (B132)."},
		{name: "archive", kind: kDuration, def: "0d", max: 36600 * 86400, doc: "Copies in the archive (B81), from when the message came in; what `log` says does not shorten their rows in the journal. Copies that are there stay when this becomes `0d`, until an operator deletes them; a shorter time counts for them, too."},
	}},
	{name: "group", label: "name", many: true, doc: "Addresses or domains of the tenant with settings of their own (B140). The first group with the address wins.", attrs: []attrSpec{
		{name: "members", kind: kParties, required: true, doc: "Addresses, domains, or patterns such as `*-board@acme.test`."},
	}, blocks: []*blockSpec{directionSpec(Inbound, true), directionSpec(Outbound, true)}},
	digestSpec, reportSpec,
	listSpec,
	tenantEventsSpec,
}

var tenantSpec = &blockSpec{name: "tenant", label: "name", many: true, attrs: tenantAttrs, blocks: tenantBlocks,
	doc:    "A customer: domains that share rules, route and retention.",
	sample: "tenant \"acme\" {\n  domains  = [\"acme.test\"]\n  rulesets = [ruleset.baseline]\n  route { hosts = [\"10.0.0.5:25\"] }\n  inbound { encrypted = \"stall\" }\n}"}

var tenantsSpec = &blockSpec{name: "tenants", label: "name", many: true, blocks: tenantBlocks,
	doc:    "Tenants from data: one for each element of `for_each`, with `each.key` and `each.value` in every expression.",
	sample: "tenants \"customers\" {\n  for_each = csvdecode(file(\"customers.csv\"))\n  name     = each.value.id\n  domains  = split(\" \", each.value.domains)\n  rulesets = [ruleset.baseline, ruleset[each.value.plan]]\n  route { hosts = split(\" \", each.value.hosts) }\n}",
	attrs: append([]attrSpec{
		{name: "for_each", kind: kAny, required: true, doc: "A list, map or object. `each.key` is the index or key."},
		{name: "name", kind: kString, required: true, doc: "Name of the tenant."},
	}, tenantAttrs...)}

var localsSpec = &blockSpec{name: "locals", many: true, free: true, doc: "Names for expressions, used as `local.NAME`.",
	sample: "locals { office = [\"192.0.2.0/24\"] }"}

var variableSpec = &blockSpec{name: "variable", label: "name", many: true, doc: "A value from outside, used as `var.NAME`: from `--var NAME=VALUE`, else the environment's `WEIR_VAR_NAME`, else the default.",
	sample: "variable \"backend\" {\n  type    = string\n  default = \"127.0.0.1:2526\"\n}",
	attrs: []attrSpec{
		{name: "type", kind: kType, defDoc: "`string`", doc: "Type of the value. A value of another type than string is written as HCL."},
		{name: "default", kind: kAny, defDoc: "none: it must be given", doc: "Value where none is given."},
		{name: "description", kind: kString, doc: "What it is for."},
	}}
