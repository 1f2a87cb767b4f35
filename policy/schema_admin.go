package policy

var adminSpec = &blockSpec{name: "admin", doc: "The listener of the HTTP API and web interface. Without it only the unix socket answers. Who may use it, and how they sign in, is in accounts.md.",
	sample: "admin {\n  address = \":8443\"\n  url     = \"https://mail.example.net:8443\"\n  tls {\n    cert = \"/etc/weir/tls/fullchain.pem\"\n    key  = \"/etc/weir/tls/privkey.pem\"\n  }\n}",
	attrs: []attrSpec{
		{name: "address", kind: kListen, required: true, doc: "Where to listen. One that others reach needs a `tls` block, or `plain`. A change needs a restart."},
		{name: "url", kind: kString, defDoc: "`http://` or `https://` and the address", doc: "How people reach this listener, such as `https://mail.example.net`: links in mails and sign-in begin with it. No path, no slash at the end."},
		{name: "plain", kind: kBool, def: "false", doc: "Speak plain HTTP although others reach the address, because a proxy in front of it has the certificate. A change needs a restart."},
		{name: "proxies", kind: kPrefixes, doc: "Proxies in front of the listener: what they say in `X-Forwarded-For` counts as the address that a request came from."},
		{name: "session_idle", kind: kDuration, def: "1h", min: 60, max: 30 * 86400, doc: "A session that is not used so long ends."},
		{name: "session_longest", kind: kDuration, def: "12h", min: 60, max: 90 * 86400, doc: "Every session ends this long after sign-in."},
		{name: "sign_in_links", kind: kBool, def: "true", doc: "Mail users of hosted mailboxes a link by which they sign in to their own mail. Only addresses that are known to be valid get one. It needs `url`."},
		{name: "keep_audit", kind: kDuration, def: "400d", min: 86400, max: 36500 * 86400, doc: "How long the audit log is kept."},
	},
	blocks: []*blockSpec{adminLimitsSpec, {name: "tls", doc: "HTTPS. A change needs a restart, but for the content of the files: it is read anew with the policy.", attrs: []attrSpec{
		{name: "auto", kind: kString, oneOf: []string{"self-signed"}, doc: "Make a certificate instead of reading one."},
		{name: "cert", kind: kFile, doc: "PEM file with the certificate chain."},
		{name: "key", kind: kFile, doc: "PEM file with the private key."},
	}}, oidcSpec},
}

var oidcSpec = &blockSpec{name: "oidc", label: "name", many: true, doc: "A provider of OpenID Connect by which people sign in. At the provider, register `URL/v1/sign-in/oidc/NAME/callback` with the listener's `url`.",
	attrs: []attrSpec{
		{name: "title", kind: kString, defDoc: "its name", doc: "What the button says."},
		{name: "issuer", kind: kString, required: true, doc: "The provider: `https://…`, below which it has `/.well-known/openid-configuration`."},
		{name: "client_id", kind: kString, required: true, doc: "What the provider calls this gateway."},
		{name: "client_secret", kind: kPassword, doc: "The secret it gave out. Best as `var.NAME`. None: a public client; PKCE is used in any case."},
		{name: "scopes", kind: kStrings, defDoc: "`openid`, `email` and `profile`", doc: "What to ask the provider for."},
		{name: "accounts", kind: kBool, def: "false", doc: "Who has a user account here of the name that is their verified mail address signs in to it. Set it only where the provider is the authority for those addresses."},
		{name: "ca", kind: kFile, defDoc: "the system's", doc: "PEM file with the certificates that the provider's must be signed by."},
	},
	blocks: []*blockSpec{{name: "grant", many: true, doc: "What people with a claim may; the first grant that fits counts.", attrs: []attrSpec{
		{name: "claim", kind: kString, required: true, doc: "Claim of the ID token: text, a list of texts, or true; such as `groups`, or `email` (which has to be verified)."},
		{name: "value", kind: kString, required: true, doc: "The value, or one of the values, that it must have. `@acme.test` is every address of a domain, for `email`."},
		{name: "level", kind: kString, required: true, oneOf: []string{"admin", "domain", "mailbox"}, doc: "`admin`: everything; `domain`: a tenant's mail; `mailbox`: the mail of their own verified address."},
		{name: "role", kind: kString, def: "operator", oneOf: []string{"operator", "auditor", "helpdesk"}, doc: "`auditor` sees everything but content and changes nothing; `helpdesk` may test and retry, and reads no content."},
		{name: "tenant", kind: kString, doc: "Whose mail, at level `domain`."},
		{name: "domains", kind: kDomains, defDoc: "all of the tenant's", doc: "Of these domains of the tenant alone, at level `domain`."},
	}}},
	sample: "oidc \"corp\" {\n  issuer        = \"https://id.example.net\"\n  client_id     = \"weir\"\n  client_secret = var.oidc_secret\n  scopes        = [\"openid\", \"email\", \"groups\"]\n  grant {\n    claim = \"groups\"\n    value = \"postmasters\"\n    level = \"admin\"\n  }\n}"}
