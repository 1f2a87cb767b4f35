package explain

import "regexp"

// carrierRules are those of access and hosting providers. Sources:
// postmaster.gmx.net, postmaster.t-online.de, postmaster.comcast.net and
// xfinity.com, Spectrum's and Cox's error code pages, postmaster.orange.fr,
// godaddy.com/help, Yandex and QQ bounce help.
var carrierRules = []rule{
	{provider: "gmx", key: "reverse-dns", says: []string{"bad dns ptr", "ptr"}},
	{provider: "gmx", key: "address-listed", says: []string{"ip address is block listed", "bad reputation", "no smtp service", "blacklisted"},
		words: "GMX and WEB.DE block this gateway's address.", actor: Operator, advice: "Open the link in the answer: it says why, and has the form to ask for release."},
	{provider: "gmx", key: "sender-unproven", says: []string{"spf policy", "dmarc", "dkim"}},
	{provider: "gmx", key: "rate-limited", says: []string{"too many", "rate", "service not available"}},
	{provider: "gmx", key: "no-such-user", says: []string{"mailbox unavailable"}, words: "GMX and WEB.DE know no such mailbox, or it is closed or full; their words are the same for each."},
	{provider: "gmx", key: "policy-refused", says: []string{"policy restrictions", "transaction failed"}},

	{provider: "tonline", key: "address-listed", pattern: regexp.MustCompile(`none/bad reputation|a problem occurred|\((nowl|bl)\)`),
		words: "T-Online takes mail from addresses that it knows only, and does not know this gateway's, or blocks it.", actor: Operator, advice: "Write to the address in the answer from a working mailbox and ask for a reset; T-Online wants a reverse DNS name of your own domain with an imprint on its website."},

	{provider: "comcast", key: "address-listed", pattern: regexp.MustCompile(`\bbl\d{3,6}\b|\bes0000\d{2}\b|\bph0000\d{2}\b`),
		words: "Comcast blocks this gateway's address: its own findings, Spamhaus or Cloudmark.", actor: Operator, advice: "The BL number in the answer says which list (xfinity.com/support/articles/email-errors); ask there."},
	{provider: "comcast", key: "rate-limited", pattern: regexp.MustCompile(`\brl\d{3,6}\b|too many sessions`)},
	{provider: "comcast", key: "reverse-dns", says: []string{"reverse dns"}},

	{provider: "cox", key: "address-listed", pattern: regexp.MustCompile(`aup#(cxcnct|cxbl|cdrbl|cxdns|blk|bl|rbl|dnsbl|snd)`), actor: Operator},
	{provider: "cox", key: "bad-sender", pattern: regexp.MustCompile(`aup#cxsndr`)},
	{provider: "cox", key: "rate-limited", pattern: regexp.MustCompile(`aup#(lim|rate|cxsess|cxthrt)`)},
	{provider: "cox", key: "mailbox-disabled", pattern: regexp.MustCompile(`aup#cxmj`)},

	{provider: "spectrum", key: "address-listed", pattern: regexp.MustCompile(`aup#[-a-z]*(1000|12[0-5]\d)\b`),
		words: "Spectrum blocks this gateway's address: its own findings, Cloudmark or Spamhaus.", actor: Operator},
	{provider: "spectrum", key: "reverse-dns", pattern: regexp.MustCompile(`aup#[-a-z]*11[0-5]\d\b`)},
	{provider: "spectrum", key: "policy-refused", pattern: regexp.MustCompile(`aup#[-a-z]*(101\d|10[2-8]\d|11[6-9]\d|15[02]0|1560)\b`)},
	{provider: "spectrum", key: "rate-limited", pattern: regexp.MustCompile(`aup#[-a-z]*(13\d\d|14\d\d|15[48]0|1550)\b`),
		words: "Spectrum limits how much it takes from this gateway's address; the limit grows with its reputation."},
	{provider: "spectrum", key: "message-too-large", pattern: regexp.MustCompile(`aup#[-a-z]*1530\b`)},

	{provider: "att", key: "address-listed", says: []string{"blocked", "dnsbl", "error - blocked"},
		words: "AT&T blocks this gateway's address.", actor: Operator, advice: "Write to the address in the answer (abuse_rbl@abuse-att.net) with the IP address and the whole answer."},

	{provider: "orange", key: "rate-limited", pattern: regexp.MustCompile(`(ofr|lpn)\w*_10(4|9)\b|trop de connexions`)},
	{provider: "orange", key: "address-listed", pattern: regexp.MustCompile(`(ofr|lpn)\w*_10[1235]\b|adresse ip source bloquee`), actor: Operator},
	{provider: "orange", key: "sender-unproven", pattern: regexp.MustCompile(`(ofr|lpn)\w*_(401|517)\b|spf/dns`)},
	{provider: "orange", key: "bad-sender", pattern: regexp.MustCompile(`(ofr|lpn)\w*_(403|405|415|421)\b`)},
	{provider: "orange", key: "no-such-user", pattern: regexp.MustCompile(`(ofr|lpn)\w*_?416\b`)},
	{provider: "orange", key: "mailbox-full", pattern: regexp.MustCompile(`(ofr|lpn)\w*_417\b`)},
	{provider: "orange", key: "mailbox-disabled", pattern: regexp.MustCompile(`(ofr|lpn)\w*_(420|426)\b`)},
	{provider: "orange", key: "spam-refused", pattern: regexp.MustCompile(`(ofr|lpn)\w*_(506|513)\b`)},
	{provider: "orange", key: "message-too-large", pattern: regexp.MustCompile(`(ofr|lpn)\w*_514\b`)},
	{provider: "orange", key: "local-error", pattern: regexp.MustCompile(`service refuse`)},

	{provider: "mailru", key: "spam-refused", says: []string{"spam message rejected", "spam"}, advice: "Look into what was sent; the link in the answer leads to Mail.ru's form for messages that were taken for spam wrongly."},
	{provider: "yandex", key: "spam-refused", says: []string{"under suspicion of spam", "spam statistics", "looks like spam"},
		words: "Yandex takes the message for spam; after much of it, it blocks the sending address for 24 hours."},
	{provider: "yandex", key: "mailbox-disabled", says: []string{"policy rejection on the target address"}},
	{provider: "qq", key: "rate-limited", says: []string{"frequency limited", "frequency of receiving", "mailbox unavailable or access denied"},
		words: "QQ limits how often it takes mail from this gateway's address or domain."},
	{provider: "qq", key: "spam-refused", says: []string{"suspected spam", "mail content denied", "suspected bounce attacks", "spam is embedded"}},
	{provider: "qq", key: "address-listed", says: []string{"connection denied", "suspected spam ip"}},
	{provider: "netease", key: "spam-refused", pattern: regexp.MustCompile(`\bdt:spm\b|\bspm\b|isp:|is considered spam`)},
	{provider: "netease", key: "rate-limited", pattern: regexp.MustCompile(`\brp:[a-z]+\b|mi:(imf|mbc|dmc|cel|spb)`)},
	{provider: "netease", key: "sender-unproven", pattern: regexp.MustCompile(`mi:spf|mi:dmc`)},

	{provider: "godaddy", key: "address-listed", pattern: regexp.MustCompile(`\bib10[3-6]\b|rbl reject|rblbounce`), actor: Operator,
		words: "GoDaddy blocks this gateway's address: its own list, Spamhaus or Cloudmark."},
	{provider: "godaddy", key: "reverse-dns", pattern: regexp.MustCompile(`\bib108\b`)},
	{provider: "godaddy", key: "rate-limited", pattern: regexp.MustCompile(`\bib(007|101|11[0-3]|504|510|607)\b`)},
	{provider: "godaddy", key: "too-many-recipients", pattern: regexp.MustCompile(`\bib605\b`)},
	{provider: "godaddy", key: "sender-unproven", pattern: regexp.MustCompile(`\bib508\b`)},
	{provider: "godaddy", key: "spam-refused", pattern: regexp.MustCompile(`\bib212\b`)},
	{provider: "godaddy", key: "virus", pattern: regexp.MustCompile(`\bib705\b`)},
	{provider: "godaddy", key: "bad-sender", pattern: regexp.MustCompile(`\bib50[126]\b`)},

	{provider: "rackspace", key: "reverse-dns", says: []string{"(g1f)"}},
	{provider: "rackspace", key: "rate-limited", pattern: regexp.MustCompile(`\(g(2|28|30)\)`)},
	{provider: "zoho", key: "spam-refused", says: []string{"unusual activity", "unusual sending activity", "rejected due to", "spam"}},
}
