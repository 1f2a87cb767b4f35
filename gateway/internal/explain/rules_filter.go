package explain

import "regexp"

// filterRules are those of filters in front of mailboxes: what they refuse is
// mostly the rule of the organisation they work for. Sources: Mimecast SMTP
// error codes, Proofpoint's ipcheck pages, Barracuda Central, Cisco Talos,
// Broadcom's knowledge base, Trend Micro's reputation pages.
var filterRules = []rule{
	{provider: "proofpoint", key: "address-listed", pattern: regexp.MustCompile(`ipcheck\.proofpoint|dnsbl-lookup|blocked - see|5\.7\.0 blocked`),
		words: "Proofpoint blocks this gateway's address for its reputation (Proofpoint Dynamic Reputation).", actor: Operator, advice: "Look the address up at ipcheck.proofpoint.com and ask there to be taken off; find out first what it was listed for."},
	{provider: "proofpoint", key: "policy-refused", says: []string{"local policy violation"},
		words: "A rule of the recipient's own organisation in Proofpoint refuses the message."},

	{provider: "mimecast", key: "greylisted", says: []string{"internal resource temporarily unavailable", "internal resources are temporarily unavailable"},
		words: "Mimecast does not know us yet (greylisting), or holds us back for our reputation; its words do not say so.", actor: Nobody, advice: "Nothing; a later attempt gets through, after a minute or up to 12 hours."},
	{provider: "mimecast", key: "address-listed", says: []string{"ip temporarily blacklisted", "local ct ip reputation", "recipient temporarily unavailable"},
		words: "Mimecast has put this gateway's address on its own block list, often for many invalid connections or recipients.", actor: Operator},
	{provider: "mimecast", key: "sender-unproven", says: []string{"anti-spoofing policy", "anti-spoofing", "spf sender invalid", "dkim sender invalid", "dmarc sender invalid"},
		words: "Mimecast takes the message for one that forges its sender: it claims a domain of the recipient's own organisation, or fails SPF, DKIM or DMARC.", actor: Postmaster, advice: "If it is legitimate, the recipient's Mimecast administrator has to permit it (an Anti-Spoofing bypass for this gateway's address), or the sender's SPF has to list this gateway."},
	{provider: "mimecast", key: "sender-blocked", says: []string{"envelope blocked", "envelope rejected", "block policy", "manually blocked", "sender address blocked"},
		words: "A block rule of the recipient, or of their administrator in Mimecast, refuses this sender.", actor: Postmaster, advice: "Only the recipient or their Mimecast administrator can lift it."},
	{provider: "mimecast", key: "policy-refused", says: []string{"content examination policy", "host network, not allowed", "host network not allowed", "administrative prohibition"}},
	{provider: "mimecast", key: "tls-failed", says: []string{"this route requires"},
		words: "The recipient's organisation takes mail over TLS only (a Mimecast secure receipt policy).", actor: Operator, advice: "Set tls of the route to required, and see in the dialogue why TLS was not made."},
	{provider: "mimecast", key: "no-resources", says: []string{"unable to process connection at this time"}},
	{provider: "mimecast", key: "rate-limited", says: []string{"account service is temporarily unavailable", "thread limit"}},
	{provider: "mimecast", key: "message-too-large", says: []string{"maximum email size exceeded"}},

	{provider: "barracuda", key: "address-listed", says: []string{"barracuda reputation", "barracudacentral", "reputation"},
		words: "The recipient's Barracuda blocks this gateway's address for its reputation, or an address in the message's Received lines.", actor: Operator, advice: "Look the address up at barracudacentral.org/lookups and ask there to be taken off."},
	{provider: "barracuda", key: "policy-refused", pattern: regexp.MustCompile(`permanent failure for one or more recipients \(.*:blocked\)|:blocked|\bblocked\b`),
		words: "A rule or the content filter of the recipient's own organisation in Barracuda refuses the message.", actor: Postmaster, advice: "Ask the recipient's administrator to look the message up in Barracuda's message log; it says which rule."},
	{provider: "barracuda", key: "no-such-user", pattern: regexp.MustCompile(`permanent failure for one or more recipients \(.*:550`)},

	{provider: "cisco", key: "address-listed", says: []string{"poor reputation", "senderbase", "talosintelligence", "sbrs"},
		words: "The recipient's Cisco gateway blocks this gateway's address for its reputation (Talos, formerly SenderBase).", actor: Operator, advice: "Look the address up at talosintelligence.com and open a ticket there; the recipient's administrator can let it pass meanwhile."},

	{provider: "symantec", key: "relaying-denied", says: []string{"as a relay", "turn on smtp authentication"},
		words: "Symantec's service does not take mail for this domain from this gateway, or not from this domain through it.", actor: Operator, advice: "Check the route, and that this gateway's address is registered with the service as an outbound route."},
	{provider: "symantec", key: "address-listed", says: []string{"connection rejected by policy", "ip is in the pbl", "your ip address has been", "blacklisted"},
		words: "Symantec blocks this gateway's address.", actor: Operator, advice: "Look the address up at ipremoval.sms.symantec.com and ask there to be taken off."},
	{provider: "symantec", key: "sender-blocked", says: []string{"badmailfrom", "domain has been blocked", "email address has been blocked"}},
	{provider: "symantec", key: "spam-refused", says: []string{"message filtered"}},

	{provider: "trendmicro", key: "address-listed", says: []string{"ers", "mail-abuse.com", "blocked using trend micro", "reputation"},
		words: "The recipient's Trend Micro service blocks this gateway's address for its reputation.", actor: Operator, advice: "Look the address up at servicecentral.trendmicro.com (Email Reputation) and ask there to be taken off."},
	{provider: "sophos", key: "spam-refused", says: []string{"spam"}, actor: Postmaster, advice: "If it is legitimate, the recipient's administrator has to permit the sender in Sophos Email."},
	{provider: "forcepoint", key: "spam-refused", says: []string{"spam", "mailcontrol"}, actor: Postmaster},
	{provider: "hornet", key: "spam-refused", says: []string{"spam"}, actor: Postmaster, advice: "If it is legitimate, the recipient's administrator has to permit the sender at Hornetsecurity."},
}
