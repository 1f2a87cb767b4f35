package mail

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Reply is one SMTP reply (RFC 5321 §4.2), ours or a peer's. It is also the
// one error type that carries a reply: whether a failure is temporary is
// derived from Code and from nothing else.
type Reply struct {
	Code     int      `json:"code"`               // 200–599; 0 means "no reply was given"
	Enhanced Enhanced `json:"enhanced,omitempty"` // RFC 3463; zero when the peer gave none
	Text     string   `json:"text,omitempty"`     // lines joined by "\n", without codes
}

// Enhanced is an enhanced status code, class.subject.detail (RFC 3463).
type Enhanced [3]int

// String is the dotted form, or "" for none.
func (e Enhanced) String() string {
	if e == (Enhanced{}) {
		return ""
	}
	return fmt.Sprintf("%d.%d.%d", e[0], e[1], e[2])
}

// ParseEnhanced reads "5.7.1". The class must be 2, 4 or 5.
func ParseEnhanced(s string) (Enhanced, bool) {
	var e Enhanced
	parts := strings.Split(s, ".")
	if len(parts) != 3 {
		return e, false
	}
	for i, p := range parts {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil || n > 999 || p != strconv.FormatUint(n, 10) {
			return Enhanced{}, false
		}
		e[i] = int(n)
	}
	if e[0] != 2 && e[0] != 4 && e[0] != 5 {
		return Enhanced{}, false
	}
	return e, true
}

// MarshalText writes the dotted form.
func (e Enhanced) MarshalText() ([]byte, error) { return []byte(e.String()), nil }

// UnmarshalText reads the dotted form; empty is none.
func (e *Enhanced) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*e = Enhanced{}
		return nil
	}
	v, ok := ParseEnhanced(string(b))
	if !ok {
		return fmt.Errorf("not an enhanced status code: %q", b)
	}
	*e = v
	return nil
}

// NewReply makes a reply of ours. enhanced is dotted, or "".
func NewReply(code int, enhanced, text string) *Reply {
	r := &Reply{Code: code, Text: text}
	if enhanced != "" {
		e, ok := ParseEnhanced(enhanced)
		if !ok {
			panic("mail: bad enhanced status code " + enhanced)
		}
		r.Enhanced = e
	}
	return r
}

// IsZero reports whether there was no reply at all.
func (r Reply) IsZero() bool { return r.Code == 0 }

// Success reports a 2yz reply.
func (r Reply) Success() bool { return r.Code/100 == 2 }

// Temporary reports a 4yz reply.
func (r Reply) Temporary() bool { return r.Code/100 == 4 }

// Permanent reports a 5yz reply.
func (r Reply) Permanent() bool { return r.Code/100 == 5 }

// Error is the reply on one line.
func (r *Reply) Error() string { return r.String() }

// String is the reply on one line, as a log shows it.
func (r Reply) String() string {
	if r.Code == 0 {
		return r.Text
	}
	var b strings.Builder
	b.WriteString(strconv.Itoa(r.Code))
	if e := r.Enhanced.String(); e != "" {
		b.WriteByte(' ')
		b.WriteString(e)
	}
	if r.Text != "" {
		b.WriteByte(' ')
		b.WriteString(strings.ReplaceAll(r.Text, "\n", " / "))
	}
	return b.String()
}

// AsReply finds the Reply in an error's chain.
func AsReply(err error) (*Reply, bool) {
	var r *Reply
	ok := errors.As(err, &r)
	return r, ok
}
