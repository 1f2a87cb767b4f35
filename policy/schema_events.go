package policy

// Events out: what happens to mail, given to other programs as it happens.

var eventTypes = []string{
	"Reception", "Verdict", "Rejection", "Deferral", "Delivery", "TransientFailure", "Bounce", "Expiration", "AdminBounce", "Remove",
	"Freeze", "Thaw", "Retry", "Rebind", "Copy", "Quarantine", "Stall", "Release", "Discard", "Recovered", "FilterError", "Notice",
	"Policy", "List", "Action", "ActionFailed", "Archive", "Reply",
}

var eventsAttrs = []attrSpec{
	{name: "types", kind: kStrings, defDoc: "all", doc: "Types of events, such as `Delivery` and `Bounce`."},
	{name: "filter", kind: kString, doc: "Only events about recipients that this search finds, as in `weir log search`: `direction:inbound class:malware`. Events without a recipient, such as a reload, do not match one."},
	{name: "keep", kind: kDuration, def: "7d", min: 60, max: 90 * 86400, doc: "How long events wait for a receiver that does not take them. Older ones are dropped, and the next that are taken say how many."},
}

var eventsBlocks = []*blockSpec{
	{name: "file", doc: "JSON lines, one event each, appended to a file.", attrs: []attrSpec{
		{name: "path", kind: kPath, required: true, doc: "The file. Its folder must exist. It is opened anew where it was moved away."},
		{name: "size", kind: kBytes, def: "100MiB", min: 1 << 20, max: 1 << 40, doc: "The file is renamed and begun anew before it grows larger. The older ones have the time of their end in their name."},
		{name: "files", kind: kInt, def: "10", min: 1, max: 10000, doc: "How many older files are kept."},
	}},
	{name: "webhook", doc: "Signed HTTPS requests (Standard Webhooks) with some events each, in order.", attrs: []attrSpec{
		{name: "url", kind: kString, required: true, doc: "Where to: `https://…`. Redirects are not followed."},
		{name: "secret", kind: kPassword, required: true, doc: "Key of the signatures: `whsec_` and base64 of 24 to 64 octets, or a text of at least 24 characters. Best as `var.NAME`."},
		{name: "old_secret", kind: kPassword, doc: "An earlier key that signs too, while receivers change over."},
		{name: "allow_private", kind: kStrings, doc: "Addresses with ports that are not public and that the requests may go to all the same, such as `10.0.0.9:8443`. To one of them plain `http://` is allowed, too."},
		{name: "ca", kind: kFile, defDoc: "the system's", doc: "PEM file with the certificates that the receiver's must be signed by."},
		{name: "batch", kind: kInt, def: "100", min: 1, max: 1000, doc: "Events in one request at most."},
		{name: "timeout", kind: kDuration, def: "15s", min: 1, max: 300, doc: "How long one request may take."},
	}},
}

var eventsSpec = &blockSpec{name: "events", label: "name", many: true, attrs: append([]attrSpec{
	{name: "tenants", kind: kStrings, defDoc: "all, and events of the gateway itself", doc: "Only events of these tenants' mail."},
}, eventsAttrs...), blocks: eventsBlocks,
	doc:    "A receiver of events: what happens to mail, as it happens, in order, each at least once. It needs a `file` or a `webhook` block. See events.md.",
	sample: "events \"siem\" {\n  types = [\"Delivery\", \"Bounce\", \"Quarantine\"]\n  webhook {\n    url    = \"https://siem.acme.test/weir\"\n    secret = var.siem_secret\n  }\n}"}

var tenantEventsSpec = &blockSpec{name: "events", label: "name", many: true, attrs: eventsAttrs, blocks: eventsBlocks, like: "events",
	doc: "A receiver of events of the tenant's own mail; it is called TENANT/NAME."}

var adminLimitsSpec = &blockSpec{name: "limits", doc: "What one caller of the API may do: a user, a token, an address. The unix socket has no limits.", attrs: []attrSpec{
	{name: "requests", kind: kInt, def: "1200", min: 10, max: 10000000, doc: "Requests in a minute, on average."},
	{name: "burst", kind: kInt, def: "200", min: 1, max: 100000, doc: "Requests at once, before the average counts."},
	{name: "streams", kind: kInt, def: "8", min: 1, max: 1000, doc: "Live tails at one time."},
}}
