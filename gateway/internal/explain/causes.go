package explain

import "regexp"

// cause is a general entry of the catalogue. Text, enhanced codes and codes
// are matched apart from one another; the particular stands before the
// general, since the first entry that matches counts.
type cause struct {
	key    string
	words  string // what it means
	actor  Actor
	advice string
	// gone replaces actor and advice where the answer is permanent, so that
	// nothing is tried again by itself; goneAdvice "" leaves both.
	goneActor  Actor
	goneAdvice string

	says     []string // lower case; any of them
	pattern  *regexp.Regexp
	enhanced []string // subject.detail, as in x.1.1; any of them
	codes    []int    // the code alone means this
}

func (c cause) meaning(code int, by string) Meaning {
	m := Meaning{Key: c.key, Cause: c.words, Actor: c.actor, Advice: c.advice, By: by}
	if code/100 == 5 && c.goneAdvice != "" {
		m.Actor, m.Advice = c.goneActor, c.goneAdvice
	}
	return m
}

// akin are causes whose enhanced codes servers use for one another in good
// faith: no contradiction is worth a word.
var akin = map[string][]string{
	"no-such-user":          {"mailbox-disabled", "moved", "bad-address", "mailbox-unavailable"},
	"mailbox-disabled":      {"no-such-user", "mailbox-full"},
	"mailbox-full":          {"no-resources"},
	"mailbox-busy":          {"mailbox-disabled"},
	"rate-limited":          {"no-resources", "local-error", "mailbox-disabled", "too-many-recipients"},
	"greylisted":            {"local-error", "mailbox-disabled"},
	"no-resources":          {"local-error", "rate-limited"},
	"local-error":           {"no-resources", "unreachable", "mailbox-disabled"},
	"message-too-large":     {"mailbox-full"},
	"relaying-denied":       {"no-such-user", "dns-failed"},
	"unreachable":           {"timed-out", "dns-failed"},
	"timed-out":             {"unreachable"},
	"bad-sender":            {"bad-address"},
	"unrouted":              {"dns-failed"},
	"malformed":             {"protocol"},
	"mailbox-unavailable":   {"mailbox-disabled", "no-such-user"},
	"restricted-recipient":  {"no-such-user"},
	"too-many-recipients":   {"rate-limited"},
	"domain-takes-no-mail":  {"dns-failed"},
	"authentication-failed": {"protocol"},
}

var causes = []cause{
	{key: "unrouted", words: "The policy has no route for this mail.", actor: Operator, advice: "Give the tenant a route, then retry.",
		says: []string{"unrouted", "no route for", "has no route", "is not in the policy any more"}},
	{key: "our-limits", words: "This gateway's own limits for the destination leave no room at the moment; nothing was tried.", actor: Nobody, advice: "Nothing; it goes out as soon as the limits allow. They are in the destination block of the policy.",
		says: []string{"limit of the destination block", "suspended by this gateway", "our own limits"}},
	{key: "loop", words: "The message went round in circles: too many servers have handled it.", actor: Operator, advice: "Compare the routes of this gateway and of the destination, and forwarding at the recipient; one sends the mail back to the other.",
		says:     []string{"hop count exceeded", "too many hops", "mail loop", "routing loop", "loops back to", "mail is looping", "message is looping", "too many received", "maximum hop", "exceeded 50 hops", "already has my delivered-to line", "would come back to this gateway", "mail forwarding loop", "detected a loop", "loop detected"},
		enhanced: []string{"4.6", "4.14"}},
	{key: "mailbox-full", words: "The recipient's mailbox is full.", actor: Recipient, advice: "The recipient has to make room. It is tried again meanwhile.",
		goneActor: Recipient, goneAdvice: "The recipient has to make room; reach the person another way, then send it again.",
		says:     []string{"mailbox full", "mailbox is full", "mailbox was full", "inbox is full", "account is full", "over quota", "over storage quota", "over the allowed quota", "quota exceeded", "quota has been exceeded", "quota limit exceeded", "exceeded quota", "exceeded its quota", "exceeded the quota", "exceeded storage", "exceeds quota", "exceed mailbox quota", "insufficient storage for", "mailbox has exceeded", "mailbox size limit exceeded", "mailbox size exceeded", "mailbox exceeded", "out of storage", "overquota", "over-quota", "quota full", "mailfolder is full", "mailfolder is over", "too many messages on the server", "exhausted allowed storage", "not enough storage space", "account storage limit", "disk quota", "boite du destinataire pleine", "quota violation", "no more space in", "user has exceeded", "trouble in home directory"},
		enhanced: []string{"2.2"}, codes: []int{422}},
	{key: "mailbox-disabled", words: "The recipient's mailbox is closed, suspended or no longer used.", actor: Recipient, advice: "Reach the person another way; only they or their provider can open it again.",
		says:     []string{"mailbox disabled", "mailbox is disabled", "account disabled", "account is disabled", "account has been disabled", "disabled or discontinued", "mailbox is inactive", "mailbox inactive", "account is inactive", "account that you tried to reach is inactive", "account that you tried to reach is disabled", "inactive email address", "user is inactive", "user inactive", "inactive user", "account suspended", "account is suspended", "user suspended", "user is suspended", "has been suspended", "account inactive", "account closed", "account is closed", "account expired", "mailbox unavailable or access denied", "no longer valid", "no longer active", "is no longer in use", "deactivated mailbox", "compte du destinataire est bloque", "boite du destinataire archivee", "mailbox frozen", "recipient account is blocked", "user hangup", "account is locked", "mailbox not activated", "user disabled", "policy rejection on the target address"},
		enhanced: []string{"2.1"}},
	{key: "moved", words: "The recipient has moved to another address.", actor: Sender, advice: "Ask for the new address and write there.",
		says:     []string{"recipient no longer on server", "user has moved", "has moved to", "mailbox has moved", "user not local; please try", "no longer with"},
		enhanced: []string{"1.6"}, codes: []int{551}},
	{key: "message-too-large", words: "The message is larger than the destination takes.", actor: Sender, advice: "Send it smaller, or send a link to the file.",
		says:     []string{"message too large", "message too big", "message size exceeds", "exceeds size limit", "exceeded size limit", "exceeds the size limit", "size limit exceeded", "size limits", "exceeds message size limit", "message size limit", "exceeds maximum message size", "exceeds the maximum message", "exceeds maximum size", "exceeds the maximum size", "maximum message size", "maximum email size", "message is too large", "message is too big", "message length exceeds", "message exceeds", "message file too big", "fixed maximum size", "fixed maximum message size", "fixed limit", "message header size", "taille limite du message", "recipsizelimit", "too large for this recipient", "mail is too large", "size of your message"},
		enhanced: []string{"3.4", "2.3"}, codes: []int{523}},
	{key: "virus", words: "The destination found a virus or other harmful content in the message.", actor: Sender, advice: "Check the computer that sent it and the attachment; send it without.",
		says: []string{"virus", "malware", "infected by", "trojan", "message infected", "phishing", "malicious content", "malicious url", "clamav"}},
	{key: "attachment-refused", words: "The destination does not take this kind of attachment.", actor: Sender, advice: "Send a link to the file, or agree with the recipient on another form.",
		says: []string{"illegal attachment", "presents a potential security issue", "attachment type", "attachment not allowed", "attachments are not allowed", "prohibited attachment", "banned attachment", "banned file", "blocked attachment", "file extension", "dangerous attachment", "executable attachment", "unacceptable attachment", "disallowed mime", "limit attachments"}},
	{key: "sender-unproven", words: "The destination could not prove where the message comes from (SPF, DKIM or DMARC).", actor: Operator, advice: "Publish SPF and DKIM for the sender's domain, and let this gateway's addresses be among them; mail that was forwarded to us fails here too.",
		says:     []string{"spf", "dkim", "dmarc", "unauthenticated email", "sender policy framework", "sender is unauthenticated", "authentication checks", "domain authentication fail", "domainkeys", "does not pass authentication", "not authorized to send from this domain", "header based anti-spoofing", "header-based anti-spoofing", "anti-spoofing policy", "not authorized to send in the name of", "sender id"},
		enhanced: []string{"7.20", "7.21", "7.22", "7.23", "7.24", "7.26", "7.27", "7.30", "7.32", "7.509"}},
	{key: "reverse-dns", words: "The destination found no name for this gateway's address, or one that does not lead back to it (reverse DNS).", actor: Operator, advice: "Have whoever gave you the IP address set its PTR record to this gateway's hostname, and that name's A and AAAA records to the address; \"weir test self\" checks it.",
		says:     []string{"ptr record", "no ptr", "reverse dns", "reverse lookup", "cannot find your hostname", "cannot find your reverse hostname", "reverse hostname", "rdns", "no reverse", "fcrdns", "could not resolve your ip", "client host rejected: cannot find", "hostname lookup", "fix reverse", "does not resolve to a hostname", "unresolvable ip", "bad dns ptr", "ip name lookup failed", "unable to look up your ip", "invalid rdns", "missing rdns"},
		enhanced: []string{"7.25"}},
	{key: "helo-refused", words: "The destination does not accept the name with which this gateway introduces itself.", actor: Operator, advice: "Set gateway.hostname, or helo of the route, to a full name that resolves to the address we call from.",
		says: []string{"helo command rejected", "bad helo", "invalid helo", "helo/ehlo argument", "helo argument", "invalid ehlo", "ehlo/helo name", "helo name", "helo host", "helo hostname", "helo has been", "helo mismatch", "forged helo", "your helo"}},
	{key: "address-listed", words: "The destination does not take mail from this gateway's address: it is on a block list, or has a poor reputation.", actor: Operator, advice: "Look the address up at the list that the answer names and ask to be taken off; first find out what it was listed for (weir log search, weir queue summary).",
		says: []string{"blocked using", "blacklist", "blacklisted", "black list", "blocklist", "blocklisted", "block list", "block listed", "denylist", "listed at", "is listed in", "due to listing in", "in an rbl", "listed on", "listed by", "poor reputation", "low reputation", "bad reputation", "ip reputation", "poor email reputation", "very low reputation", "reputation of the sending", "dnsbl", "rbl", "spamhaus", "spamcop", "sorbs", "uceprotect", "abusix", "senderscore", "cloudmark sender intelligence", "csi.cloudmark", "banned sending ip", "ip address has been blocked", "your ip has been blocked", "your ip address has been", "client host blocked", "client host rejected", "connections will not be accepted from", "is blocked by my administrator", "ip address is block", "adresse ip source bloquee", "suspected spam ip", "not accepting connections from your ip", "your host is blocked", "your server has been blocked", "sending ip is blocked", "blocked for abuse", "dynamic ip", "residential ip", "dynamic/residential", "ip is rejected", "temporarily blocked for", "connection rejected by policy", "your network is"}},
	{key: "sender-blocked", words: "The recipient, or the destination's administrator, has blocked this sender.", actor: Recipient, advice: "Only the recipient or their administrator can lift the block; reach them another way.",
		says:     []string{"blocked sender", "sender is blocked", "sender blocked", "sender address blocked", "blocked by the recipient", "blocked by recipient", "rejected by recipient", "rejected by the recipient", "rejected by recipients", "block policy for", "envelope blocked", "badmailfrom", "sender is in my", "sender denied", "banned sender", "sender is banned", "recipient has blocked", "manually blocked", "your domain has been blocked", "your email address has been blocked", "recipient does not want", "recipient refuses", "sender is rejected", "sender rejected by user", "in the recipient's block"},
		enhanced: []string{"7.507", "7.703"}},
	{key: "restricted-recipient", words: "The recipient takes mail from certain senders only: a closed list, or an address for its own organisation.", actor: Postmaster, advice: "Ask the owner of the list or the destination's postmaster to allow the sender.",
		says:     []string{"not in allowed-senders list", "not authenticated for group", "was not authenticated for mailbox", "restrictedreceiver", "restricttorecipientspermission", "resolver.rst.notauthorized", "resolver.rst.authrequired", "not authorized to send to", "not allowed to send to this", "not allowed to post", "members only", "only members", "restricted to members", "not a member of", "not permitted to send to", "sender not authenticated by organization", "sender was not authenticated", "closed list", "moderated", "you are not allowed to send to", "permission to post"}, //nolint:misspell // the servers' own words
		enhanced: []string{"7.12", "7.124", "7.133", "7.134", "7.135", "7.136", "7.2"}},
	{key: "rate-limited", words: "The destination takes no more mail from us for the moment.", actor: Nobody, advice: "Nothing if it is rare, it is tried again; otherwise allow fewer connections or a lower rate in a destination block.",
		goneActor: Operator, goneAdvice: "Allow fewer connections or a lower rate in a destination block, then send it again.",
		says:     []string{"rate limit", "rate limited", "rate-limited", "ratelimit", "rate limiting", "too many connections", "too many concurrent", "too many messages", "too many sessions", "too many mails", "too many emails", "too many errors", "too many invalid", "too many unknown", "too frequent", "too quickly", "too fast", "throttl", "throttled", "exceeded the rate", "exceeded the maximum number", "exceeds the maximum number", "slow down", "sending rate", "unusual rate", "excessive volume", "unexpected volume", "user complaints", "at a rate that prevents", "frequency limited", "frequency of receiving", "sending limit exceeded", "sending quota exceeded", "sending limits", "relay limit exceeded", "limit exceeded for", "hourly limit", "daily limit", "per hour", "max message per connection", "messages per connection", "messages per session", "messages this hour", "recipients this hour", "connection limit", "connections limit", "concurrent connections", "concurrency limit", "too much email", "too much mail", "trop de connexions", "permanently deferred", "temporarily deferred", "message temporarily deferred", "thread limit exceeded", "threshold", "defer - ", "too many deferrals"},
		enhanced: []string{"4.5", "7.28", "7.650"}},
	{key: "greylisted", words: "The destination does not know us yet and asks to be tried again (greylisting).", actor: Nobody, advice: "Nothing; a later attempt gets through.",
		says: []string{"greylist", "greylisted", "greylisting", "graylist", "graylisted", "graylisting", "grey-list", "gray-list", "grey listed", "try again in", "postgrey", "come back in", "retry in", "temporarily rejected. try again later", "please retry", "deferred while", "http://help.myisp"}},
	{key: "bad-sender", words: "The destination does not accept the sender's address.", actor: Sender, advice: "Check that the sender's domain exists, has MX or address records, and can receive mail.",
		says:     []string{"sender address rejected", "sender rejected", "invalid sender", "bad sender", "sender domain", "sender verify failed", "sender verification", "sender address verification", "could not verify sender", "couldn't verify sender", "domain of sender", "sender address has no", "from domain", "unresolvable from", "return-path", "envelope sender", "mail from domain", "sender not allowed", "sender invalid", "emetteur invalide", "originator", "sender mailbox", "fake sender", "sender address", "null sender", "empty envelope senders", "mail from not owned", "mail from invalid", "from: domain is invalid", "dns mx record for sender", "sending domain"},
		enhanced: []string{"1.7", "1.8"}},
	{key: "domain-unknown", words: "The recipient's domain does not exist.", actor: Sender, advice: "Check the part of the address behind the @ for a typing error.",
		pattern:  regexp.MustCompile(`\bdomain (\S+ )?does not exist`),
		says:     []string{"no such domain", "host unknown", "unknown host", "host or domain name not found", "nxdomain", "domain not found", "nonexistent domain", "nonexistentdomain", "domain unknown", "unknown domain", "bad destination system", "no such host"},
		enhanced: []string{"1.2"}, codes: []int{512}},
	{key: "no-such-user", words: "The destination knows no such recipient.", actor: Sender, advice: "Check the address for a typing error, or whether the person has left.",
		says:     []string{"user unknown", "unknown user", "no such user", "no such recipient", "no such mailbox", "no such address", "no such person", "no such local user", "no such domain at this location", "no such alias", "does not exist", "doesn't exist", "not exist", "doesn't have a", "unknown recipient", "recipient unknown", "invalid recipient", "invalid mailbox", "recipient not found", "recipientnotfound", "recipient address not found", "user not found", "mailbox not found", "address not found", "account not found", "not found in directory", "couldn't be found", "could not be found", "wasn't found", "no mailbox here", "no mailbox by that name", "mailbox does not", "unknown mailbox", "unknown or illegal alias", "unknown alias", "unknown account", "no such account", "no account here", "no account by that name", "not a valid mailbox", "not a valid user", "not a valid recipient", "address unknown", "unknown address", "unknown local", "unknown email", "recipient rejected", "not our customer", "user is unknown", "not a known user", "user doesn't", "unrouteable address", "unroutable address", "not listed in domino directory", "not listed in public name", "undeliverable address", "recipient address rejected: undeliverable", "recipient verification failed", "recipient verify failed", "invalid address specified", "benutzer nicht bekannt", "destinataire invalide", "destinataire inconnu", "adresse d au moins un destinataire", "utente sconosciuto", "usuario desconocido", "no valid recipients", "no correct recipients", "invalid email address", "user invalid", "invalid user", "email address is not", "recipient is not local", "not a local recipient", "mailbox is not allowed", "bad destination mailbox", "bad destination email", "address is invalid", "destination mailbox address", "not known here", "address rejected", "is a nonexistent", "nonexistent user", "non-existent"},
		enhanced: []string{"1.1", "1.10", "1.351", "4.310"}, codes: []int{511}},
	{key: "authentication-failed", words: "The next hop did not accept the user and password of the route.", actor: Operator, advice: "Check auth of the route: user, password, and whether the account may still send.",
		says:     []string{"username and password not accepted", "authentication failed", "authentication unsuccessful", "authentication credentials invalid", "incorrect authentication data", "invalid login", "invalid credentials", "bad username or password", "application-specific password required", "please log in", "basic authentication is disabled", "smtpclientauthentication is disabled", "too many login attempts", "login denied"},
		enhanced: []string{"7.8", "7.9", "7.139"}, codes: []int{535, 534, 538}},
	{key: "relaying-denied", words: "The destination does not take mail for this domain from this gateway (a mail client would be told to turn on SMTP authentication).", actor: Operator, advice: "The destination is not configured for the domain, or the route points to the wrong server: check both. Where the route is a smarthost, it may want auth.",
		says:     []string{"relay access denied", "relaying denied", "relay denied", "relaying is denied", "relay not permitted", "relay not allowed", "relaying prohibited", "relay prohibited", "relay is not", "relaying is not allowed", "unable to relay", "cannot relay", "can't relay", "relaying not allowed", "not permitted to relay", "not relayed here", "we do not relay", "does not relay", "not a relay", "open relay not allowed", "as a relay", "turn on smtp authentication", "authentication required", "authentication is required", "requires authentication", "must authenticate", "not authenticated", "rcpthosts", "list of allowed rcpt", "list of allowed hosts", "domain not hosted", "domain isn't in my list", "not a local domain", "domain not accepted", "domain is not hosted", "not configured to accept mail for", "we don't handle mail for", "we do not accept mail for", "not responsible for", "mail sending denied", "user not local", "not authorized to relay", "client was not authenticated", "must have login", "pop before smtp", "check for mail before", "unrecognized domain", "no such domain here", "account inbounds disabled"}, //nolint:misspell // the servers' own words
		enhanced: []string{"7.64", "7.57"}, codes: []int{530}},
	{key: "too-many-recipients", words: "The destination takes fewer recipients at once, or within a time.", actor: Nobody, advice: "Nothing; the others follow in further transactions.",
		goneActor: Sender, goneAdvice: "Send it to fewer people at once.",
		says:     []string{"too many recipients", "too many recipient", "too many rcpt", "recipient limit", "recipients exceeds", "number of recipients", "recipients per", "maximum recipients", "domain policy size per transaction", "try this recipient in a separate transaction", "multiple destination domains per transaction"},
		enhanced: []string{"5.3"}},
	{key: "malformed", words: "The destination finds the message's header or structure against the rules (RFC 5322, MIME).", actor: Sender, advice: "The sending program has to be corrected: one From and one Message-ID, well-formed lines, no bare line feeds.",
		says:     []string{"not rfc 5322", "rfc 5322", "rfc5322", "not rfc 2822", "rfc 2822", "rfc compliant", "malformed", "from: header", "from header", "from: addresses", "blank from", "message-id: header", "missing header", "missing or invalid", "header error", "duplicate header", "duplicate headers", "unfolded header", "stray linefeed", "stray linefeeds", "bare lf", "bare linefeed", "bare newline", "bare carriage", "line too long", "line length", "lines are too long", "invalid header", "header line", "8-bit", "8bit", "encoded-word", "unicode character", "invalid message content", "mime structure", "mime error", "null bytes", "nul characters", "date header", "invalid date", "message id", "message contains"},
		enhanced: []string{"6.0", "6.1", "6.2", "6.11"}},
	{key: "address-encoding", words: "The destination cannot handle addresses with characters beyond ASCII (SMTPUTF8).", actor: Sender, advice: "Write to an ASCII address of the recipient, from one of the sender.",
		says: []string{"smtputf8", "utf8smtp", "internationalized", "non-ascii", "non ascii"}, enhanced: []string{"6.7", "6.9"}},
	{key: "spam-refused", words: "The destination takes the message for spam.", actor: Sender, advice: "Look into what was sent, and through which account; ask the destination's postmaster if it is legitimate.",
		says: []string{"spam", "anti-spam", "antispam", "spam message", "spam content", "spammy", "junk", "bulk mail", "bulk email", "unsolicited", "unsolicited mail", "spam score", "considered spam", "likely suspicious", "is suspicious", "looks like", "bounce attacks", "content filter", "content filtering", "uribl", "surbl", "url in this", "blacklisted url", "mail rejete", "message filtered", "mail content denied", "content denied", "content judged", "message content rejected", "content rejected", "blocked by filter", "objectionable content", "nature of the content"}},
	{key: "bad-address", words: "The destination does not accept the way the address is written.", actor: Sender, advice: "Check the address for blanks, brackets and special characters.",
		says:     []string{"bad address syntax", "malformed address", "address syntax", "invalid address", "mailbox name not allowed", "mailbox name invalid", "syntax error in address", "bad recipient address", "need fully-qualified address", "restricted characters in address", "illegal address", "invalid character", "mailbox syntax", "bad mailbox"},
		enhanced: []string{"1.3"}, codes: []int{553, 501, 510}},
	{key: "policy-refused", words: "The destination refuses the message by a rule of its own.", actor: Postmaster, advice: "Ask the destination's postmaster, and name the answer.",
		says:     []string{"denied by policy", "by policy", "policy violation", "policy reasons", "policy reason", "policy restriction", "policy restrictions", "violates policy", "email policy", "local policy", "security policy", "security policies", "policy that prohibited", "policies", "rule imposed", "rule-imposed", "transport rule", "transport.rules", "administrative prohibition", "administratively denied", "administratively prohibited", "access denied", "message rejected", "mail rejected", "message refused", "mail refused", "message blocked", "message was blocked", "email blocked", "e-mail blocked", "mail blocked", "not accepted for", "prohibited", "not authorized", "not permitted", "not allowed", "blocked by", "refused by", "delivery not authorized", "mail not accepted", "rejected by", "message denied", "connection denied", "connection refused by policy", "content policy", "message not allowed", "not accepting mail from", "blocked", "aup#", "rejected for policy", "does not accept email over ipv6"},
		enhanced: []string{"7.1", "7.0"}},
	{key: "tls-failed", words: "No encrypted connection that one side demands could be made.", actor: Operator, advice: "Read which side refused, and why, in the dialogue: the destination's certificate, or tls of the route. Lower tls on the route only if plaintext is acceptable for this mail.",
		says:     []string{"starttls", "tls handshake", "certificate", "tls required", "requires tls", "tls is required", "requires encryption", "encryption required", "encryption needed", "tls connection required", "tls negotiation", "tls not available", "tls version", "over a tls", "tls/ssl", "x509:", "dane", "tlsa", "mta-sts", "cipher", "ciphers", "tls:", "dnssec", "no encrypted connection", "must use tls"},
		enhanced: []string{"7.10", "7.11", "7.4", "7.5", "7.29", "7.321", "7.322", "7.323", "7.324", "7.325"}, codes: []int{454}},
	{key: "lifetime-over", words: "The next server kept the message as long as it may and could not deliver it.", actor: Postmaster, advice: "Ask the destination's postmaster whether their mail server is reachable; then send it again.",
		says:     []string{"queue expired", "message expired", "delivery time expired", "delivery timeout", "in the queue too long", "expired, giving up"},
		enhanced: []string{"4.7", "4.300"}},
	{key: "timed-out", words: "The destination did not answer in time.", actor: Nobody, advice: "Nothing if it is rare, it is tried again; otherwise check that the host of the route is up and reachable from here.",
		says:     []string{"timed out", "timeout", "time out", "i/o timeout", "deadline exceeded", "idle too long"},
		enhanced: []string{"4.1"}},
	{key: "unreachable", words: "No connection to the destination could be made, or it broke.", actor: Nobody, advice: "Nothing if it is rare, it is tried again; otherwise check that the host of the route is up, its port open, and that no firewall stands between.",
		says:     []string{"connection refused", "no route to host", "network is unreachable", "network unreachable", "host is down", "connection reset", "broken pipe", "unreachable", "closed the connection", "connection closed", "connection dropped", "connection expired", "unexpected eof", "lost connection", "conversation with", "not accepting connections", "unable to connect", "wasn't able to establish an smtp connection", "connection failed", "remote host closed"},
		enhanced: []string{"4.2", "4.0", "4.316"}},
	{key: "domain-takes-no-mail", words: "The recipient's domain says that it takes no mail at all (null MX).", actor: Sender, advice: "Check the part of the address behind the @.",
		says: []string{"null mx", "does not accept mail", "does not accept email", "takes no mail", "nullmx"}, codes: []int{556, 521}},
	{key: "dns-failed", words: "The destination's name could not be looked up.", actor: Nobody, advice: "Nothing if it is rare, it is tried again; otherwise check the domain's MX records and this gateway's resolver.",
		says:     []string{"no mx", "host not found", "name resolution", "name service error", "could not be looked up", "lookup failed", "servfail", "dns lookup", "dns failure", "dns error", "dns"},
		enhanced: []string{"4.3", "4.4"}},
	{key: "mailbox-busy", words: "The recipient's mailbox cannot be used for the moment.", actor: Nobody, advice: "Nothing; it is tried again.",
		says: []string{"mailbox busy", "mailbox is busy", "mailbox temporarily unavailable", "recipient temporarily unavailable", "mailbox is locked", "temporarily unavailable mailbox", "mailbox currently unavailable", "recipient's server was temporarily unavailable"}, codes: []int{450}},
	{key: "mailbox-unavailable", words: "The destination refuses this recipient without saying why.", actor: Sender, advice: "Check the address; ask the destination's postmaster if it is right.",
		says: []string{"mailbox unavailable", "mailbox not available", "recipient unavailable", "unable to deliver to"}},
	{key: "protocol", words: "The destination did not understand us, or we it: one of the two does not keep to SMTP.", actor: Operator, advice: "Read the dialogue of the attempt; a firewall that rewrites SMTP in between is a common cause.",
		says:     []string{"syntax error", "bad sequence of commands", "command not recognized", "command not implemented", "command unrecognized", "unrecognized command", "unknown command", "unimplemented command", "protocol violation", "protocol error", "out of order", "need mail before", "need rcpt", "parameter not", "invalid command", "pipelining", "answer that does not belong here"}, //nolint:misspell // the servers' own words
		enhanced: []string{"5.0", "5.1", "5.2", "5.4", "5.6"}, codes: []int{500, 502, 503, 504, 555}},
	{key: "no-resources", words: "The destination lacks room or other resources for the moment.", actor: Nobody, advice: "Nothing; it is tried again. If it lasts, tell the destination's postmaster.",
		goneActor: Postmaster, goneAdvice: "Tell the destination's postmaster; it is not tried again.",
		says:     []string{"insufficient system resources", "insufficient system storage", "insufficient disk", "insufficient resources", "insufficient storage", "insufficient memory", "system resources", "resources temporarily", "resource temporarily", "resources are temporarily", "out of memory", "disk full", "disk is full", "no space left", "no space", "not enough space", "queue full", "server busy", "server is busy", "server too busy", "system busy", "load is too high", "load too high", "overloaded", "high load", "under heavy load", "unable to process connection at this time", "back pressure", "low on"},
		enhanced: []string{"3.1"}, codes: []int{452, 421, 431}},
	{key: "local-error", words: "The destination has a problem of its own.", actor: Nobody, advice: "Nothing; it is tried again. If it lasts, tell the destination's postmaster.",
		goneActor: Postmaster, goneAdvice: "Tell the destination's postmaster; it is not tried again.",
		says:     []string{"local error", "local problem", "local configuration", "internal error", "internal server error", "server error", "service unavailable", "service not available", "service temporarily unavailable", "service currently unavailable", "service is currently", "service refused", "service refuse", "temporary failure", "temporary error", "temporary problem", "temporary server error", "temporary system problem", "temporarily rejected", "temporarily unavailable", "temporary lookup failure", "try again later", "try later", "not accepting network messages", "not accepting messages", "maintenance", "system not accepting", "unable to process", "error in processing", "please try another server", "could not complete", "configuration error", "mail server configuration"},
		enhanced: []string{"3.0", "3.2", "3.5", "2.0"}, codes: []int{451, 432}},
	{key: "refused", words: "The destination refuses the message without saying more.", actor: Postmaster, advice: "Ask the destination's postmaster, and name the answer.",
		says: []string{"transaction failed", "mail action aborted", "permanent failure", "rejected", "refused"}, enhanced: []string{"0.0"}, codes: []int{554, 552, 541, 571}},
	{key: "mailbox-unavailable", words: "The destination refuses this recipient without saying why.", actor: Sender, advice: "Check the address; ask the destination's postmaster if it is right.",
		codes: []int{550}},
}

// causeOf is the entry of a key, for the rules of providers.
func causeOf(key string) (cause, bool) {
	for _, c := range causes {
		if c.key == key {
			return c, true
		}
	}
	return cause{}, false
}
