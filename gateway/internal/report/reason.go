package report

import (
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// What differs from one message to the next in replies that say the same:
// addresses, IP addresses, queue IDs and numbers of every kind.
var (
	anAddress = regexp.MustCompile(`<?[^\s<>@]+@[A-Za-z0-9.-]+>?`)
	anIP      = regexp.MustCompile(`\[?\b\d{1,3}(\.\d{1,3}){3}\b\]?(:\d+)?|\[?[0-9a-fA-F]{0,4}(:[0-9a-fA-F]{0,4}){3,7}\]?(:\d+)?`)
	aURL      = regexp.MustCompile(`https?://\S+`)
	anID      = regexp.MustCompile(`\b[A-Za-z0-9._-]*\d[A-Za-z0-9._-]{7,}\b`)
	aNumber   = regexp.MustCompile(`\b\d+\b`)
	spaces    = regexp.MustCompile(`\s+`)
)

// maxReason bounds a reason, in bytes.
const maxReason = 120

// Reason says why a recipient waits, in words that are the same for all who
// wait for the same: the last reply without what is of one message alone.
func Reason(r *store.Recipient) string {
	switch {
	case r.Status == mail.StatusQueueFrozen:
		return "frozen: " + or(generic(r.Reason), "for no reason that is known")
	case r.Status == mail.StatusAccepted && r.Hold != nil:
		return "held by the filter " + or(r.Hold.Filter, "that wants to look again")
	case r.Status == mail.StatusAccepted:
		return "filters or the first attempt still to come"
	case r.Last == nil && r.Route == "":
		return "no route"
	case r.Last == nil:
		return "not tried yet"
	}
	var words []string
	if r.Last.Code != 0 {
		words = append(words, strconv.Itoa(r.Last.Code))
	}
	if e := r.Last.Enhanced.String(); e != "" {
		words = append(words, e)
	}
	return strings.Join(append(words, generic(r.Last.Text)), " ")
}

func generic(s string) string {
	if len(s) > 4*maxReason {
		s = s[:4*maxReason]
	}
	s = aURL.ReplaceAllString(s, "(URL)")
	s = anAddress.ReplaceAllString(s, "(address)")
	s = anIP.ReplaceAllString(s, "(IP)")
	s = anID.ReplaceAllString(s, "(ID)")
	s = aNumber.ReplaceAllString(s, "#")
	s = strings.TrimSpace(spaces.ReplaceAllString(strings.ToValidUTF8(s, "?"), " "))
	if len(s) > maxReason {
		s = s[:maxReason]
		for !utf8.ValidString(s) {
			s = s[:len(s)-1]
		}
	}
	return s
}
