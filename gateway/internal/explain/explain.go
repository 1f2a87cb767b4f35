package explain

import (
	"regexp"
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Actor is who has to act before mail like this gets through.
type Actor string

// The actors.
const (
	Sender     Actor = "sender"
	Recipient  Actor = "recipient"
	Postmaster Actor = "their postmaster" // of the destination
	Operator   Actor = "our operator"
	Nobody     Actor = "nobody" // it is tried again by itself
)

// Meaning is an answer in plain words.
type Meaning struct {
	Key      string // stable, for icons and statistics: "no-such-user"
	Cause    string // what it means, in sentences
	Actor    Actor
	Advice   string // what that actor can do, in sentences
	Provider string // whose answer it is, where that shows: "Gmail"; "" unknown
	By       string // what told it: "text", "enhanced code" or "code"
	// Note says where code, enhanced code and text contradict each other; ""
	// they do not.
	Note string
}

// String is all of it in one paragraph.
func (m Meaning) String() string { return m.Cause + " " + m.Advice }

// Reply finds what an answer means. host is the destination's name, or "": it
// helps to tell whose words they are. False: good news, or nothing that says
// anything. Servers pair code, enhanced code and text wrongly, so each is
// looked at by itself, and the most telling one that says anything counts:
// the text, then the enhanced code, then the code (B154).
func Reply(r mail.Reply, host string) (Meaning, bool) {
	if r.Success() || r.Code == 0 && strings.TrimSpace(r.Text) == "" {
		return Meaning{}, false
	}
	a := read(r, host)
	m, ok := a.byOwn()
	if !ok {
		m, ok = a.byProvider()
	}
	if !ok {
		m, ok = a.byCause()
	}
	if !ok {
		return Meaning{}, false
	}
	if r.Permanent() {
		m = final(m)
	}
	m.Provider = a.provider.name
	m.Note = a.contradiction(m)
	return m, true
}

// final corrects advice that counts on further attempts, for an answer after
// which there are none. Causes that are often permanent bring words of their
// own.
func final(m Meaning) Meaning {
	if m.Actor == Nobody || strings.Contains(m.Advice, "is tried again") {
		m.Actor, m.Advice = Sender, "The answer is permanent, so it is not tried again. Send it again later; if that fails too, ask the destination's postmaster."
	}
	return m
}

// answer is a reply made ready for matching.
type answer struct {
	text     string // lower case, one line, without mail addresses
	enhanced mail.Enhanced
	code     int
	provider provider
}

var (
	addressed  = regexp.MustCompile(`<[^<>\s]*@[^<>\s]*>|[^\s<>()\[\],;:"']+@[^\s<>()\[\],;:"']+`)
	embedded   = regexp.MustCompile(`(?:^|[\s(#])([245]\.\d{1,3}\.\d{1,3})(?:[\s):,;]|$)`)
	manyBlanks = regexp.MustCompile(`\s+`)
)

func read(r mail.Reply, host string) answer {
	whole := strings.ToLower(manyBlanks.ReplaceAllString(r.Text, " "))
	a := answer{enhanced: r.Enhanced, code: r.Code}
	a.text = addressed.ReplaceAllString(whole, " ")
	a.provider = whose(a.text, strings.ToLower(strings.TrimSuffix(host, ".")))
	if a.enhanced == (mail.Enhanced{}) { // "sorry, no mailbox here by that name. (#5.1.1)"
		if m := embedded.FindStringSubmatch(a.text); m != nil {
			a.enhanced, _ = mail.ParseEnhanced(m[1])
		}
	}
	return a
}

// detail is the enhanced code without its class, which servers get wrong most
// often: "1.1"; "" none.
func (a answer) detail() string {
	_, d, _ := strings.Cut(a.enhanced.String(), ".")
	return d
}

func (a answer) byProvider() (Meaning, bool) {
	if a.provider.key == "" {
		return Meaning{}, false
	}
	for _, r := range rules {
		if r.provider != a.provider.key {
			continue
		}
		by := ""
		switch {
		case slices.ContainsFunc(r.says, func(w string) bool { return containsWord(a.text, w) }),
			r.pattern != nil && r.pattern.MatchString(a.text):
			by = "text"
		case r.subject != 0 && a.enhanced[1] == r.subject && a.enhanced[2] >= r.from && a.enhanced[2] <= r.to:
			by = "enhanced code"
		default:
			continue
		}
		return r.meaning(a.code, by), true
	}
	return Meaning{}, false
}

func (a answer) byCause() (Meaning, bool) {
	detail := a.detail()
	tells := []struct {
		by   string
		tell func(cause) bool
	}{
		{"text", func(c cause) bool {
			return c.pattern != nil && c.pattern.MatchString(a.text) || slices.ContainsFunc(c.says, func(w string) bool { return containsWord(a.text, w) })
		}},
		{"enhanced code", func(c cause) bool { return detail != "" && slices.Contains(c.enhanced, detail) }},
		{"code", func(c cause) bool { return slices.Contains(c.codes, a.code) }},
	}
	for _, t := range tells {
		if i := slices.IndexFunc(causes, t.tell); i >= 0 {
			return causes[i].meaning(a.code, t.by), true
		}
	}
	return Meaning{}, false
}

// contradiction says what does not fit together in an answer.
func (a answer) contradiction(m Meaning) string {
	if c := a.enhanced[0]; c != 0 && a.code >= 400 && c != a.code/100 {
		return "Its code " + digits(a.code) + " and its enhanced code " + a.enhanced.String() + " contradict each other; the code counts for whether it is tried again."
	}
	if m.By != "text" || a.detail() == "" {
		return ""
	}
	// Security refusals (x.7.y) and "other" codes go with anything.
	if a.enhanced[1] == 7 || a.enhanced[1] == 0 || a.enhanced[2] == 0 {
		return ""
	}
	i := slices.IndexFunc(causes, func(c cause) bool { return slices.Contains(c.enhanced, a.detail()) })
	if i < 0 || causes[i].key == m.Key || slices.Contains(akin[m.Key], causes[i].key) {
		return ""
	}
	return "Its enhanced code " + a.enhanced.String() + " stands for something else (" + causes[i].key + "); the text counts."
}

func digits(n int) string {
	return string([]byte{byte('0' + n/100%10), byte('0' + n/10%10), byte('0' + n%10)})
}

// containsWord finds w where no letter or digit stands in front of it. Short
// words stand alone: "spf" is not in "xspfy", nor "spam" in "spam.example".
func containsWord(text, w string) bool {
	for from := 0; ; {
		i := strings.Index(text[from:], w)
		if i < 0 {
			return false
		}
		i += from
		if starts(text, i, len(w) <= 5) && (len(w) > 5 || ends(text, i+len(w))) {
			return true
		}
		from = i + 1
	}
}

func starts(text string, i int, alone bool) bool {
	if i == 0 {
		return true
	}
	c := text[i-1]
	return !alnum(c) && !(alone && strings.IndexByte(".-_@/", c) >= 0)
}

func ends(text string, i int) bool {
	if i == len(text) {
		return true
	}
	c := text[i]
	if c == '.' {
		return i+1 == len(text) || !alnum(text[i+1])
	}
	return !alnum(c) && strings.IndexByte("-_@", c) < 0
}

func alnum(c byte) bool { return 'a' <= c && c <= 'z' || '0' <= c && c <= '9' }
