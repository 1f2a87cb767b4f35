package notify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Letter is a notice whose words are somebody else's: a plugin's.
type Letter struct {
	To      []mail.Address
	Tenant  string
	Subject string
	Text    string
	Headers [][2]string // further fields; see Compose
	Sealed  bool        // the text is for the recipients alone: see store.Message
}

// maxHeaders and maxFurther bound the further fields of a Letter.
const (
	maxHeaders = 20
	maxFurther = 900 // octets of a value
)

// Compose makes a Letter a message with queued recipients and a null sender.
// parent is what it is about, or nil; References follow from it. Further
// fields are X-… and Reply-To; all others are the gateway's own, and an error.
func Compose(l Letter, parent *store.Message, o Options) (*store.Message, []byte, error) {
	if len(l.To) == 0 {
		return nil, nil, errors.New("a notice to nobody")
	}
	if parent == nil {
		parent = &store.Message{}
	}
	if len(l.Headers) > maxHeaders {
		return nil, nil, fmt.Errorf("%d header fields; at most %d", len(l.Headers), maxHeaders)
	}
	made := letter{kind: KindNotice, parent: parent, id: mail.NewID(o.Now), to: l.To, direction: mail.Inbound, tenant: l.Tenant, subject: oneLine(l.Subject, 400), sealed: l.Sealed}
	var b bytes.Buffer
	made.header(&b, o, "auto-generated")
	for _, h := range l.Headers {
		if err := further(h[0], h[1]); err != nil {
			return nil, nil, err
		}
		field(&b, h[0], encoded(h[1]))
	}
	boundary := "=_weir_" + made.id.String()
	field(&b, "Content-Type", `multipart/mixed; boundary="`+boundary+`"`)
	b.WriteString("\r\n")
	part(&b, boundary, "text/plain", "Notice", "", []byte(strings.ToValidUTF8(l.Text, "?")))
	b.WriteString("--" + boundary + "--\r\n")
	body := b.Bytes()
	return made.message(body, o), body, nil
}

// further checks a field that is not the gateway's.
func further(name, value string) error {
	lower := strings.ToLower(name)
	if !strings.HasPrefix(lower, "x-") && lower != "reply-to" {
		return fmt.Errorf("the header field %.60q is not for notices; write X-… or Reply-To", name)
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c >= 0x7f || c == ':' {
			return fmt.Errorf("%.60q is no name of a header field", name)
		}
	}
	if len(name) > 70 || len(value) > maxFurther || strings.ContainsAny(value, "\r\n\x00") {
		return fmt.Errorf("the header field %.60q is longer than %d octets, or has line breaks", name, maxFurther)
	}
	return nil
}
