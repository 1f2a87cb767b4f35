package explain

import (
	"errors"
	"regexp"
	"strconv"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// ErrNoReply: the text has no answer of a mail server in it.
var ErrNoReply = errors.New("no answer of a mail server: it begins with a code such as 550")

var (
	// leads are what logs and notices write in front of an answer.
	leads = regexp.MustCompile(`(?is)^.*?(?:\bsaid:|\btold to me:|refused to talk to me:|smtp;|\bresponse:|remote server returned:?|<<<)\s*['"(]?\s*`)
	// line is one line of a reply, in whatever way lines are joined.
	replyLine = regexp.MustCompile(`(?s)^([2-5]\d\d)(?:[ -]|$)(?:([245]\.\d{1,3}\.\d{1,3})(?:[ :]|$))?`)
	// tails are what logs write behind an answer.
	tails = regexp.MustCompile(`(?is)\s*\(in reply to [^)]*\)+\s*$|['"]\s*$`)
)

// Parse reads an answer out of text that somebody copied: the reply itself,
// of one line or several, a Diagnostic-Code field, or a line of a mail log
// that quotes it. Errors: ErrNoReply.
func Parse(s string) (mail.Reply, error) {
	s = strings.TrimSpace(strings.ReplaceAll(s, "\r", ""))
	if !replyLine.MatchString(s) {
		s = leads.ReplaceAllString(s, "")
	}
	s = tails.ReplaceAllString(s, "")
	var r mail.Reply
	var text []string
	for _, l := range strings.Split(s, "\n") {
		l = strings.TrimSpace(l)
		m := replyLine.FindStringSubmatch(l)
		if m == nil {
			if r.Code != 0 && l != "" {
				text = append(text, l) // a line that was folded
			}
			continue
		}
		code, err := strconv.Atoi(m[1])
		if err != nil || r.Code != 0 && code != r.Code {
			continue
		}
		r.Code = code
		if e, ok := mail.ParseEnhanced(m[2]); ok && r.Enhanced == (mail.Enhanced{}) {
			r.Enhanced = e
		}
		if rest := strings.TrimSpace(l[len(m[0]):]); rest != "" {
			text = append(text, rest)
		}
	}
	if r.Code == 0 {
		return mail.Reply{}, ErrNoReply
	}
	r.Text = rejoin(strings.Join(text, "\n"), r)
	return r, nil
}

// rejoin takes out the codes that stand amid a text whose lines a log has
// joined: "550-5.1.1 does 550-5.1.1 not exist".
func rejoin(text string, r mail.Reply) string {
	code := strconv.Itoa(r.Code)
	enh := r.Enhanced.String()
	for _, sep := range []string{"-", " "} {
		if enh != "" {
			text = strings.ReplaceAll(text, " "+code+sep+enh+" ", " ")
		}
	}
	return strings.ReplaceAll(text, " "+code+"-", " ")
}
