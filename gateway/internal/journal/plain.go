package journal

import (
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Meaning is a common answer of a server in plain words.
type Meaning struct {
	Key    string // stable, for icons and statistics: "no-such-user"
	Text   string // what it means
	Advice string // what to do about it
}

// pattern says what an answer looks like. Servers pair code, enhanced code
// and text wrongly, so each is matched by itself and the most telling one
// counts: words before enhanced code before code (B124–B129, B154). The
// particular stands before the general.
type pattern struct {
	Meaning
	words    []string // lower case; any of them
	enhanced []string // subject.detail, as in x.1.1; any of them
	codes    []int    // the code alone means this
}

var patterns = []pattern{
	{Meaning{"unrouted", "The policy has no route for this mail.", "Give the tenant a route, then retry."},
		[]string{"unrouted", "no route for", "has no route", "is not in the policy any more"}, nil, nil},
	{Meaning{"no-such-user", "The destination knows no such recipient.", "Check the address for a typing error, or whether the person has left."},
		[]string{"user unknown", "unknown user", "no such user", "no such recipient", "does not exist", "doesn't exist", "unknown recipient", "recipient unknown", "invalid recipient", "recipient not found", "user not found", "no mailbox here", "unknown mailbox", "no such account", "address unknown", "unknown address", "unknown local", "recipient rejected", "not our customer", "user is unknown", "recipient address rejected: undeliverable"},
		[]string{"1.1", "1.10", "1.6"}, nil},
	{Meaning{"mailbox-disabled", "The recipient's mailbox is closed or suspended.", "Reach the person another way; only their provider can open it again."},
		[]string{"mailbox disabled", "account disabled", "account is disabled", "account has been disabled", "mailbox is inactive", "account suspended", "user suspended", "mailbox unavailable or access denied", "account inactive"},
		[]string{"2.1"}, nil},
	{Meaning{"mailbox-full", "The recipient's mailbox is full.", "The recipient has to make room; it is tried again if the refusal is temporary."},
		[]string{"mailbox full", "mailbox is full", "over quota", "quota exceeded", "exceeded storage", "exceeds quota", "insufficient storage for", "mailbox has exceeded", "out of storage", "overquota", "quota full", "mailfolder is full"},
		[]string{"2.2"}, nil},
	{Meaning{"message-too-large", "The message is larger than the destination takes.", "Send it smaller, or send a link to the file."},
		[]string{"message too large", "message too big", "message size exceeds", "exceeds size limit", "size limit exceeded", "exceeds the maximum", "exceeds maximum", "maximum message size", "message is too large", "message length exceeds", "fixed maximum size"},
		[]string{"3.4", "2.3"}, nil},
	{Meaning{"loop", "The message went round in circles: too many servers have handled it.", "Compare the routes of this gateway and of the destination; one sends the mail back to the other."},
		[]string{"hop count exceeded", "too many hops", "mail loop", "routing loop", "loops back to", "too many received", "maximum hop"},
		[]string{"4.6"}, nil},
	{Meaning{"relaying-denied", "The destination does not take mail for this domain from this gateway (a mail client would be told to turn on SMTP authentication).", "The destination is not configured for the domain, or the route points to the wrong server; check both."},
		[]string{"relay access denied", "relaying denied", "relay not permitted", "unable to relay", "relaying not allowed", "not permitted to relay", "we do not relay", "turn on smtp authentication", "authentication required", "authentication is required", "must authenticate", "rcpthosts", "domain not hosted", "not a local domain"},
		nil, []int{530}},
	{Meaning{"spam-refused", "The destination takes the message or its sender for spam.", "Look into what was sent; ask the destination's postmaster if it is legitimate."},
		[]string{"spam", "blocked using", "blacklist", "blocklist", "block list", "listed at", "listed in", "poor reputation", "low reputation", "bulk mail", "dnsbl", "spamhaus", "unsolicited"},
		nil, nil},
	{Meaning{"sender-unproven", "The destination could not prove where the message comes from (SPF, DKIM or DMARC).", "Publish SPF and DKIM for the sender's domain, and let this gateway's address be among them."},
		[]string{"spf", "dkim", "dmarc", "unauthenticated email", "sender policy"},
		[]string{"7.20", "7.23", "7.25", "7.26"}, nil},
	{Meaning{"greylisted", "The destination does not know us yet and asks to be tried again (greylisting).", "Nothing; a later attempt gets through."},
		[]string{"greylist", "graylist", "grey-list", "gray-list", "try again in", "postgrey"},
		nil, nil},
	{Meaning{"rate-limited", "The destination takes no more mail from us for the moment.", "Nothing if it is rare; otherwise allow fewer connections on the route."},
		[]string{"rate limit", "too many connections", "too many messages", "too many recipients", "too many sessions", "throttl", "exceeded the rate", "slow down", "sending rate"},
		[]string{"4.5", "7.28"}, nil},
	{Meaning{"policy-refused", "The destination refuses the message by a rule of its own.", "Ask the destination's postmaster, and name the answer."},
		[]string{"denied by policy", "policy violation", "policy reasons", "rule imposed", "rule-imposed", "administrative prohibition", "administratively denied", "access denied", "message rejected", "content rejected", "prohibited", "not authorized", "blocked by"},
		[]string{"7.1", "7.0", "7.2"}, nil},
	{Meaning{"bad-sender", "The destination does not accept the sender's address.", "Check that the sender's domain exists and can receive mail."},
		[]string{"sender address rejected", "sender rejected", "invalid sender", "bad sender", "sender domain", "sender verify failed", "domain of sender"},
		[]string{"1.7", "1.8"}, nil},
	{Meaning{"bad-address", "The destination does not accept the way the address is written.", "Check the address for blanks, brackets and special characters."},
		[]string{"syntax error", "bad address syntax", "malformed address", "address syntax", "invalid address", "mailbox name not allowed"},
		[]string{"1.3"}, []int{553, 501}},
	{Meaning{"no-resources", "The destination lacks room or other resources for the moment.", "Nothing; it is tried again. If it lasts, tell the destination's postmaster."},
		[]string{"insufficient system resources", "insufficient system storage", "insufficient disk", "system resources", "out of memory", "disk full", "no space", "server busy", "system busy", "load is too high", "insufficient resources"},
		[]string{"3.1", "3.2"}, []int{452, 421}},
	{Meaning{"tls-failed", "No encrypted connection that the route demands could be made.", "Check the destination's certificate, or relax tls on the route."},
		[]string{"starttls", "tls handshake", "certificate", "tls required", "encryption required", "x509:"},
		[]string{"7.10", "7.11", "7.4"}, []int{454}},
	{Meaning{"timed-out", "The destination did not answer in time.", "Check that the host of the route is up and reachable from here."},
		[]string{"timed out", "timeout", "i/o timeout", "deadline exceeded"},
		[]string{"4.1"}, nil},
	{Meaning{"unreachable", "No connection to the destination could be made.", "Check that the host of the route is up, its port open, and that no firewall stands between."},
		[]string{"connection refused", "no route to host", "network is unreachable", "host is down", "connection reset", "broken pipe", "unreachable", "closed the connection", "connection closed", "unexpected eof"},
		[]string{"4.2", "4.0"}, nil},
	{Meaning{"dns-failed", "The destination's name could not be looked up, or has no mail server.", "Check the domain's MX records and this gateway's resolver."},
		[]string{"no such host", "nxdomain", "no mx", "null mx", "does not accept mail", "host not found", "name resolution", "dns"},
		[]string{"1.2", "4.3", "4.4"}, []int{556}},
	{Meaning{"mailbox-unavailable", "The destination refuses this recipient without saying why.", "Check the address; ask the destination's postmaster if it is right."},
		[]string{"mailbox unavailable", "mailbox not available"}, nil, []int{550}},
	{Meaning{"mailbox-busy", "The recipient's mailbox cannot be used for the moment.", "Nothing; it is tried again."},
		[]string{"mailbox busy", "mailbox temporarily unavailable"}, nil, []int{450}},
	{Meaning{"local-error", "The destination has a problem of its own.", "Nothing; it is tried again. If it lasts, tell the destination's postmaster."},
		[]string{"local error", "internal error", "service unavailable", "temporary failure", "temporarily unavailable"}, []string{"3.0"}, []int{451}},
	{Meaning{"refused", "The destination refuses the message without saying more.", "Ask the destination's postmaster, and name the answer."},
		[]string{"transaction failed"}, nil, []int{554, 552, 551}},
}

// Plain finds the meaning of an answer; false when it is none of the common
// ones, or good news.
func Plain(r mail.Reply) (Meaning, bool) {
	if r.Success() || r.Code == 0 && r.Text == "" {
		return Meaning{}, false
	}
	text := strings.ToLower(strings.ReplaceAll(r.Text, "\n", " "))
	_, detail, _ := strings.Cut(r.Enhanced.String(), ".")
	tells := []func(pattern) bool{
		func(p pattern) bool {
			return slices.ContainsFunc(p.words, func(w string) bool { return containsWord(text, w) })
		},
		func(p pattern) bool { return detail != "" && slices.Contains(p.enhanced, detail) },
		func(p pattern) bool { return slices.Contains(p.codes, r.Code) },
	}
	for _, tell := range tells {
		if i := slices.IndexFunc(patterns, tell); i >= 0 {
			return patterns[i].Meaning, true
		}
	}
	return Meaning{}, false
}

// containsWord finds w where no letter or digit stands in front of it, nor,
// for short words, behind it: "spf" is not in "xspfy".
func containsWord(text, w string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], w)
		if i < 0 {
			return false
		}
		i += from
		end := i + len(w)
		if (i == 0 || !alnum(text[i-1])) && (len(w) > 5 || end == len(text) || !alnum(text[end])) {
			return true
		}
		from = i + 1
	}
}

func alnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
