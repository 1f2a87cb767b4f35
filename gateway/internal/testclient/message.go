package testclient

import (
	"bytes"
	"errors"
	"fmt"
	"net/mail"
	"strings"
	"time"

	weirmail "github.com/mailweir/weir/gateway/internal/mail"
)

// Message is a file ready to send: lines ended by CRLF, the envelope headers
// taken off.
type Message struct {
	From weirmail.Address
	To   []weirmail.Address
	Body []byte

	// What is asked about notices, of servers that offer DSN (RFC 3461).
	Params weirmail.MailParams // Ret and EnvID
	Notify weirmail.Notify     // for every recipient

	headerUTF8, content8 bool
	hasID, hasDate       bool
}

// The headers of a file that set its envelope and are not sent.
const (
	envelopeFrom = "X-Envelope-From"
	envelopeTo   = "X-Envelope-To"
)

// Read takes a message as an .eml file has it, with either line end. Its
// envelope is that of X-Envelope-From and X-Envelope-To, or else of From, To
// and Cc; from and to, when given, win ("<>" is the null sender).
func Read(file []byte, from string, to []string) (*Message, error) {
	m := &Message{}
	header, rest := split(toCRLF(file))
	fields := map[string]string{}
	var kept []byte
	for _, f := range header {
		name, value, ok := bytes.Cut(f, []byte(":"))
		key := strings.ToLower(strings.TrimSpace(string(name)))
		if ok {
			unfolded := strings.TrimSpace(strings.ReplaceAll(string(value), "\r\n", ""))
			if fields[key] != "" {
				unfolded = fields[key] + ", " + unfolded
			}
			fields[key] = unfolded
		}
		if key != strings.ToLower(envelopeFrom) && key != strings.ToLower(envelopeTo) {
			kept = append(kept, f...)
		}
	}
	_, m.hasID = fields["message-id"]
	_, m.hasDate = fields["date"]
	m.headerUTF8, m.content8 = eightBit(kept), eightBit(rest)
	m.Body = append(kept, rest...)
	return m, m.envelope(fields, from, to)
}

func (m *Message) envelope(fields map[string]string, from string, to []string) error {
	if from == "" {
		from = fields[strings.ToLower(envelopeFrom)]
	}
	switch {
	case from == "<>":
	case from != "":
		a, err := weirmail.ParseAddress(strings.Trim(from, "<> "))
		if err != nil {
			return fmt.Errorf("the sender %q: %w", from, err)
		}
		m.From = a
	default:
		list, err := addresses(fields["from"])
		if err != nil || len(list) == 0 {
			return errors.New("the file has no From that could be the sender; give one with --from")
		}
		m.From = list[0]
	}
	if len(to) == 0 && fields[strings.ToLower(envelopeTo)] != "" {
		to = strings.FieldsFunc(fields[strings.ToLower(envelopeTo)], func(r rune) bool { return r == ',' || r == ' ' })
	}
	for _, s := range to {
		a, err := weirmail.ParseAddress(strings.Trim(s, "<> "))
		if err != nil {
			return fmt.Errorf("the recipient %q: %w", s, err)
		}
		m.To = append(m.To, a)
	}
	if len(m.To) == 0 {
		for _, name := range []string{"to", "cc"} {
			list, err := addresses(fields[name])
			if err != nil {
				return fmt.Errorf("the file's %s cannot be read, give recipients with --to: %w", name, err)
			}
			m.To = append(m.To, list...)
		}
	}
	if len(m.To) == 0 {
		return errors.New("the file has no To that could be the recipient; give one with --to")
	}
	return nil
}

func addresses(s string) ([]weirmail.Address, error) {
	if strings.TrimSpace(s) == "" {
		return nil, nil
	}
	list, err := mail.ParseAddressList(s)
	if err != nil {
		return nil, err
	}
	var out []weirmail.Address
	for _, a := range list {
		parsed, err := weirmail.ParseAddress(requote(a.Address))
		if err != nil {
			return nil, err
		}
		out = append(out, parsed)
	}
	return out, nil
}

// requote puts a local part that needs quotes back into them: net/mail took
// them off. The last @ parts it from the domain.
func requote(s string) string {
	i := strings.LastIndexByte(s, '@')
	if _, err := weirmail.ParseAddress(s); err == nil || i < 0 {
		return s
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s[:i]) + `"` + s[i:]
}

// params are what the message needs.
func (m *Message) params() weirmail.MailParams {
	p := weirmail.MailParams{SMTPUTF8: m.headerUTF8 || !m.From.IsASCII(), Ret: m.Params.Ret, EnvID: m.Params.EnvID}
	for _, a := range m.To {
		p.SMTPUTF8 = p.SMTPUTF8 || !a.IsASCII()
	}
	if m.headerUTF8 || m.content8 {
		p.Body = "8BITMIME"
	}
	return p
}

func (m *Message) rcpts() []weirmail.RcptParams {
	if m.Notify == 0 {
		return nil
	}
	out := make([]weirmail.RcptParams, len(m.To))
	for i := range out {
		out[i].Notify = m.Notify
	}
	return out
}

// copy is the message as it goes out for the n-th time, with a Date and a
// Message-ID of its own where the file has none.
func (m *Message) copy(now time.Time, helo string) []byte {
	var head strings.Builder
	if !m.hasDate {
		fmt.Fprintf(&head, "Date: %s\r\n", now.Format(time.RFC1123Z))
	}
	if !m.hasID {
		fmt.Fprintf(&head, "Message-ID: <%s@%s>\r\n", weirmail.NewID(now), helo)
	}
	return append([]byte(head.String()), m.Body...)
}

// toCRLF ends every line with CRLF. A CR elsewhere stays, and smtpc refuses it.
func toCRLF(b []byte) []byte {
	b = bytes.ReplaceAll(b, []byte("\r\n"), []byte("\n"))
	return bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
}

// split parts the header, field by field with its continuation lines, from
// the empty line and what follows it.
func split(b []byte) (header [][]byte, rest []byte) {
	for len(b) > 0 && !bytes.HasPrefix(b, []byte("\r\n")) {
		n := 0
		for {
			i := bytes.Index(b[n:], []byte("\r\n"))
			if i < 0 {
				n = len(b)
				break
			}
			n += i + 2
			if n == len(b) || (b[n] != ' ' && b[n] != '\t') {
				break
			}
		}
		header = append(header, b[:n])
		b = b[n:]
	}
	return header, b
}

func eightBit(b []byte) bool {
	for _, c := range b {
		if c >= 0x80 {
			return true
		}
	}
	return false
}
