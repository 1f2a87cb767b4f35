package explain

import "strings"

// provider is whose answers have rules of their own.
type provider struct {
	key   string
	name  string   // as people call it
	marks []string // in the text, lower case; any of them
	hosts []string // domains of its mail servers
}

// providers are asked in this order: filters in front of mailboxes last of
// those whose marks are names, since the mailbox provider tells more.
var providers = []provider{
	{"gmail", "Gmail", []string{"gsmtp", "gcdp", "support.google.com/mail", "support.google.com/a", "mail.google.com/support", "www.google.com/mail"}, []string{"google.com", "googlemail.com", "gmail.com"}},
	{"proofpoint", "Proofpoint", []string{"proofpoint.com", "ppops.net"}, []string{"pphosted.com", "ppe-hosted.com", "gpphosted.com"}},
	{"apple", "Apple iCloud", []string{"support.apple.com", "[cs01]", "[cs02]", "[hm07]", "[hm08]", "[hme1]"}, []string{"icloud.com", "me.com", "mac.com", "apple.com"}},
	{"microsoft", "Microsoft", []string{"protection.outlook.com", "prod.outlook.com", "outlook.com", "mail.live.com", "postmaster.live.com", "office365", "messaging.microsoft.com", "sender.office.com", "go.microsoft.com", "aka.ms/", "aspmx.microsoft", "resolver.adr", "resolver.rst", "storedrv.", "tenantattribution"}, []string{"outlook.com", "hotmail.com", "live.com", "office365.us", "mx.microsoft"}},
	{"yahoo", "Yahoo and AOL", []string{"yahooinc.com", "postmaster.yahoo.com", "help.yahoo.com", "yahoo.com account", "[tss", "[ts01]", "[ts02]", "[ts03]", "[gl01]", "[ph01]", "[bl2", "postmaster.aol.com", "postmaster.info.aol.com", "aol.com account"}, []string{"yahoodns.net", "yahoo.com", "aol.com"}},
	{"mimecast", "Mimecast", []string{"mimecast"}, []string{"mimecast.com", "mimecast.co.za", "mimecast-offshore.com"}},
	{"barracuda", "Barracuda", []string{"barracuda"}, []string{"barracudanetworks.com", "cudasvc.com"}},
	{"cisco", "Cisco", []string{"senderbase", "talosintelligence", "ironport", "sending mta's poor reputation"}, []string{"iphmx.com"}},
	{"symantec", "Symantec (Broadcom)", []string{"messagelabs.com", "symanteccloud.com", "sms.symantec.com"}, []string{"messagelabs.com"}},
	{"trendmicro", "Trend Micro", []string{"trendmicro", "mail-abuse.com"}, []string{"trendmicro.com", "trendmicro.eu"}},
	{"sophos", "Sophos", []string{"sophos.com", "reflexion.net"}, []string{"sophos.com", "reflexion.net"}},
	{"forcepoint", "Forcepoint", []string{"mailcontrol.com", "forcepoint"}, []string{"mailcontrol.com"}},
	{"fortinet", "Fortinet", []string{"fortimail", "fortiguard", "fortinet"}, nil},
	{"hornet", "Hornetsecurity", []string{"hornetsecurity", "antispameurope"}, []string{"hornetsecurity.com", "antispameurope.com"}},
	{"gmx", "GMX, WEB.DE and IONOS", []string{"gmx.net", "gmx.com", "web.de", "postmaster.1und1.de", "nemesis esmtp", "kundenserver.de", "ionos."}, []string{"gmx.net", "web.de", "kundenserver.de", "mail.com", "ionos.com"}},
	{"tonline", "T-Online", []string{"t-online.de", "none/bad reputation", "(ask your postmaster for help"}, []string{"t-online.de"}},
	{"comcast", "Comcast", []string{"comcast.net", "xfinity.com"}, []string{"comcast.net"}},
	{"cox", "Cox", []string{"aup#cx", "cox.com", "cox.net"}, []string{"cox.net"}},
	{"spectrum", "Spectrum", []string{"aup#", "charter.net", "spectrum.net", "postmaster.rr.com"}, []string{"charter.net", "rr.com"}},
	{"att", "AT&T", []string{"att.net/blocks", "dnsbl.att.net", "att.net", "prodigy.net", "sbcglobal.net", "bellsouth.net"}, []string{"att.net", "prodigy.net"}},
	{"orange", "Orange and La Poste", []string{"ofr_", "ofr0", "ofr1", "lpn_", "lpn0", "lpn1", "lpnaaa", "orange.fr", "wanadoo.fr", "laposte.net"}, []string{"orange.fr", "wanadoo.fr", "laposte.net"}},
	{"mailru", "Mail.ru", []string{"help.mail.ru", "mail.ru"}, []string{"mail.ru"}},
	{"yandex", "Yandex", []string{"yandex."}, []string{"yandex.ru", "yandex.net", "yandex.com"}},
	{"qq", "Tencent QQ", []string{"mail.qq.com", "exmail.qq.com"}, []string{"qq.com"}},
	{"netease", "NetEase", []string{"mail.163.com", "help.163.com", "qiye.163.com"}, []string{"163.com", "126.com", "netease.com"}},
	{"zoho", "Zoho", []string{"zoho"}, []string{"zoho.com", "zoho.eu", "zohomail.com"}},
	{"godaddy", "GoDaddy", []string{"secureserver.net", "x.co/rbl"}, []string{"secureserver.net"}},
	{"rackspace", "Rackspace", []string{"emailsrvr.com"}, []string{"emailsrvr.com"}},
	{"fastmail", "Fastmail", []string{"messagingengine.com", "fastmail.com"}, []string{"messagingengine.com"}},
	{"proton", "Proton", []string{"protonmail.", "proton.me"}, []string{"protonmail.ch"}},
	{"amazon", "Amazon", []string{"amazonses", "amazonaws.com", "awsapps.com"}, []string{"amazonaws.com", "amazonses.com"}},
	{"cloudflare", "Cloudflare", []string{"cloudflare"}, []string{"cloudflare.net"}},
}

// whose tells from text and host who answered. The text wins: a filter in
// front of a provider answers in its own words.
func whose(text, host string) provider {
	for _, p := range providers {
		for _, m := range p.marks {
			if strings.Contains(text, m) {
				return p
			}
		}
	}
	for _, p := range providers {
		for _, d := range p.hosts {
			if host == d || strings.HasSuffix(host, "."+d) {
				return p
			}
		}
	}
	return provider{}
}
