package scope

import (
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Others are the recipients of a message that a view of it does not show: they
// may be another tenant's, or Bcc. Hosts name them in what they say about the
// whole message, and whoever has the view is not to read it.
type Others struct {
	whole, seen *store.Message
	names       *names // made when a text may name somebody
	last, clean string // one answer is often everybody's
}

// Hide makes the Others of a view. seen has some of the recipients of whole. It
// is one caller's, and not safe in parallel.
func Hide(whole, seen *store.Message) *Others { return &Others{whole: whole, seen: seen} }

const otherRecipient = "(another recipient)"

// Text takes the others' addresses out of a text.
func (o *Others) Text(s string) string {
	if !strings.Contains(s, "@") || len(o.seen.Recipients) >= len(o.whole.Recipients) {
		return s
	}
	if s == o.last {
		return o.clean
	}
	if o.names == nil {
		o.names = o.list()
	}
	o.last, o.clean = s, o.names.replace(s, otherRecipient)
	return o.clean
}

// Reply is Text for an answer, which is not changed itself.
func (o *Others) Reply(r *mail.Reply) *mail.Reply {
	if r == nil {
		return nil
	}
	text := o.Text(r.Text)
	if text == r.Text {
		return r
	}
	c := *r
	c.Text = text
	return &c
}

func (o *Others) list() *names {
	seen := make(map[int]bool, len(o.seen.Recipients))
	var hidden, shown []string
	for i := range o.seen.Recipients {
		r := &o.seen.Recipients[i]
		seen[r.N] = true
		shown = append(shown, spellings(r)...)
	}
	for i := range o.whole.Recipients {
		if r := &o.whole.Recipients[i]; !seen[r.N] {
			hidden = append(hidden, spellings(r)...)
		}
	}
	return newNames(hidden, shown)
}

// longest is as long as an address can be (RFC 5321 §4.5.3.1.3: a path has 256
// octets, its angle brackets included).
const longest = 254

// spellings are all the ways in which a dialogue names a recipient: also by what it
// was called before operators sent it another way, and the
// original recipient of RFC 3461, which goes out as xtext. That one is whatever the
// client wrote: only what may be an address is taken for one.
func spellings(r *store.Recipient) []string {
	out := []string{r.Address.String(), r.Original.String()}
	for _, f := range r.Former {
		out = append(out, f.Address.String())
	}
	_, original, _ := strings.Cut(r.DSN.ORcpt, ";")
	if at := strings.LastIndexByte(original, '@'); at > 0 && at < len(original)-1 && len(original) <= longest {
		out = append(out, original)
	}
	for _, s := range out {
		if x := mail.EncodeXtext(s); x != s {
			out = append(out, x)
		}
	}
	return out
}
