package policy

// timetableAttrs are those of a block for what comes again and again.
func timetableAttrs(at string) []attrSpec {
	return []attrSpec{
		{name: "at", kind: kStrings, required: true, doc: "When: `\"07:00\"` is each day, `\"Mon 07:00\"` and `\"Mon-Fri 07:00\"` are days of the week, `\"1. 07:00\"` is a day of the month up to the 28th. " + at},
		{name: "zone", kind: kString, def: "UTC", doc: "Time zone of `at`, such as `Europe/Vienna`."},
	}
}

var digestSpec = &blockSpec{name: "digest", doc: "Mail to the tenant's people that lists what of their mail is held since the digest before, with links to release and remove it. It needs `url` in the admin block.",
	sample: "digest {\n  at     = [\"Mon-Fri 07:00\", \"Mon-Fri 15:00\"]\n  zone   = \"Europe/Vienna\"\n  except = [\"sales@acme.test\"]\n}",
	attrs: append(timetableAttrs("A digest that fell due while the gateway was down comes when it starts, once."), []attrSpec{
		{name: "to", kind: kParties, defDoc: "everybody whose mail is held", doc: "Who gets digests: addresses, domains or patterns."},
		{name: "except", kind: kParties, defDoc: "nobody", doc: "Who gets none: lists and shared mailboxes, whose readers could release each other's mail."},
		{name: "statuses", kind: kStrings, defDoc: "`[\"quarantined\"]`", doc: "What is listed: `quarantined`, and `stalled`, which is shown without links because operators decide on it."},
		{name: "search", kind: kString, defDoc: "nothing", doc: "Narrows what is listed, as `weir log search` takes it: `not main:malware`. What is not listed gets no links."},
		{name: "most", kind: kInt, def: "50", min: 1, max: 500, doc: "Messages that one digest lists; it says how many more there are."},
		{name: "links_for", kind: kDuration, def: "14d", min: 3600, max: 90 * 86400, doc: "How long the links hold; never longer than the message is kept."},
		{name: "language", kind: kString, oneOf: noticeLanguages, defDoc: "that of `notify`", doc: "Language of digests, and of the pages that their links open."},
	}...)}

var reportSpec = &blockSpec{name: "report", label: "name", many: true, doc: "A search whose result is sent by mail. In a tenant block it covers that tenant's mail alone.",
	sample: "report \"weekly\" {\n  at     = [\"Mon 07:00\"]\n  zone   = \"Europe/Vienna\"\n  to     = [\"boss@acme.test\"]\n  search = \"status:quarantined after:-7d\"\n}",
	attrs: append(timetableAttrs("A report that fell due while the gateway was down is made when it starts, once."), []attrSpec{
		{name: "to", kind: kAddresses, required: true, doc: "Who gets it."},
		{name: "search", kind: kString, required: true, doc: "What it lists, as `weir log search` takes it. `after:-7d` counts from the time that the report is due."},
		{name: "columns", kind: kStrings, defDoc: "`id`, `received`, `direction`, `status`, `sender`, `recipient`, `subject`, `size`, `class`, `reason`", doc: "Columns, in order; see `weir help search`."},
		{name: "format", kind: kString, def: "csv", oneOf: []string{"csv", "jsonl"}, doc: "`csv`, or `jsonl`: one JSON object on each line."},
		{name: "attach", kind: kBytes, def: "5MiB", min: 1024, max: 50 << 20, doc: "Largest attachment; it is zipped. A larger result is summed up only, with how to get it."},
		{name: "language", kind: kString, oneOf: noticeLanguages, defDoc: "that of `notify`; `en` for the gateway's", doc: "Language of the mail."},
	}...)}
