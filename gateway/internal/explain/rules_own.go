package explain

import "strings"

// ownRules are for what the gateway itself says of a channel that a host did
// not have (packages smtpc and deliver); the first that matches counts. They
// are looked at before everybody else's: no server speaks so.
var ownRules = []rule{
	{key: "tls-failed", says: []string{"the host's certificate expired on"},
		words: "The destination's certificate has expired, and this mail may go over a verified channel only.", actor: Postmaster,
		advice: "Tell the destination's postmaster. The mail goes by itself once they have renewed it, within its lifetime."},
	{key: "tls-failed", says: []string{"the host's certificate is valid only from"},
		words: "The destination's certificate is not valid yet, or this machine's clock is wrong.", actor: Operator,
		advice: "Check the clock of this machine; if it is right, tell the destination's postmaster."},
	{key: "tls-failed", says: []string{"the host's certificate is for"},
		words: "The destination's mail server has a certificate for other names than it must, or the mail was led to another server.", actor: Postmaster,
		advice: "Check that the route's host is the one in the certificate. For a recipient's domain, names outside the domain count only where DNSSEC or an MTA-STS policy stands behind them: the domain's postmaster can publish one, or you can name the host in a route."},
	{key: "tls-failed", says: []string{"the host's certificate is self-signed", "the host's certificate was issued by"},
		words: "Nobody that is trusted vouches for the destination's certificate, and this mail may go over a verified channel only.", actor: Postmaster,
		advice: "Ask the destination's postmaster for a certificate of a public authority, with its intermediates, or for TLSA records (DANE); or demand less of the channel."},
	{key: "tls-failed", says: []string{"no tlsa record of"},
		words: "The destination's certificate is not the one that its DNS announces (DANE): they renewed it without changing the TLSA record, or somebody stands in between.", actor: Postmaster,
		advice: "Tell the destination's postmaster; no other mail server with DANE can reach them either. Do not work round it before they have answered."},
	{key: "tls-failed", says: []string{"none of the tlsa records of"},
		words: "The destination's TLSA records are of kinds that mail cannot use, and DANE is demanded for this mail.", actor: Postmaster,
		advice: "Ask the destination's postmaster for records of usage 3 or 2, or demand less of the channel."},
	{key: "tls-failed", says: []string{"the tlsa records of"},
		words: "Whether the destination demands a certificate by DANE cannot be told: its DNS answers are broken, forged, or do not arrive.", actor: Operator,
		advice: "Ask with weir test dns. If other domains fail too, look at this machine's resolver; if it is this one alone, tell its postmaster."},
	{key: "tls-failed", says: []string{"the mta-sts policy of"},
		words: "The destination's own MTA-STS policy does not name this mail server: they forgot it, or the DNS was forged to lead here.", actor: Postmaster,
		advice: "Tell the destination's postmaster; a policy of theirs that is put right counts at the next attempt."},
	{key: "tls-failed", says: []string{"dane is demanded"},
		words: "The route or a secure block demands DANE, which this destination does not have here.", actor: Operator,
		advice: "Read which part is missing in the answer: dane in the gateway block, a validating resolver, signed MX records, or TLSA records. The destination has to provide the last two; tls = \"verified\" is the next best."},
	{key: "tls-failed", says: []string{"tls is required, but the host does not offer it"},
		words: "The destination offers no encryption, or somebody in between takes the offer away, and this mail may not go in plaintext.", actor: Postmaster,
		advice: "Ask the destination's postmaster for STARTTLS. Lower tls of the route or the secure block only if plaintext is acceptable for this mail; what the destination itself demands (DANE, MTA-STS) cannot be lowered here."},
	{key: "tls-failed", says: []string{"tls handshake failed"},
		words: "The destination offers encryption, but the handshake breaks.", actor: Postmaster,
		advice: "Read in the dialogue where. Mostly the destination speaks TLS 1.1 or older only, or has no usable certificate: its postmaster has to mend that."},
}

func (a answer) byOwn() (Meaning, bool) {
	for _, r := range ownRules {
		for _, w := range r.says {
			if strings.HasPrefix(a.text, w) {
				return r.meaning(a.code, "text"), true
			}
		}
	}
	return Meaning{}, false
}
