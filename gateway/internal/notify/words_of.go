package notify

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"text/template"
)

// Words are what a template is given. All of it is one line each and free of
// control characters, but for Text.
type Words struct {
	Kind      string // "failed", "delayed", "relayed", "delivered", "expanded", "stalled", "expired"
	Hostname  string // the gateway's
	ID        string // of the message that the notice is about; "" where it is about several
	Subject   string // its subject
	Sender    string
	Received  string // date
	Direction string // "inbound" or "outbound"
	Messages  int    // it is about; 1 but for "expired"
	Text      string // the built-in words in the tenant's language
	// Recipients are those it is about; of "expired" those of all messages.
	Recipients []Said
}

// Said is one recipient in Words.
type Said struct {
	Address string
	Text    string // what has become of it, in the tenant's language
	Host    string // the destination's, "" unknown or not to be told
	Reply   string // literal answer, "" none
	Status  string // enhanced status code; of "expired" the recipient's status
	Until   string // of "delayed": how long it is tried; of "stalled": when it ends
	ID      string // of its message

	lines []string // Text, a sentence each
}

// maxWords bounds what a template may write, in octets.
const maxWords = 64 << 10

// say gives subject and text of a notice: the template's where the tenant has
// one, else the built-in ones. A template may define "subject".
func (o Options) say(w Words, subject string) (string, string) {
	source := o.Templates[w.Kind]
	if source == "" {
		return subject, w.Text
	}
	t, text, err := render(w, source)
	if err != nil {
		if o.Problem != nil {
			o.Problem(fmt.Errorf("the template %q of notices cannot be used; the built-in words are: %w", w.Kind, err))
		}
		return subject, w.Text
	}
	if t != "" {
		subject = t
	}
	return subject, text
}

func render(w Words, source string) (subject, text string, err error) {
	t, err := template.New(w.Kind).Option("missingkey=error").Parse(source)
	if err != nil {
		return "", "", err
	}
	body := &bounded{}
	if err := t.Execute(body, w); err != nil {
		return "", "", err
	}
	if s := t.Lookup("subject"); s != nil {
		title := &bounded{}
		if err := s.Execute(title, w); err != nil {
			return "", "", err
		}
		subject = oneLine(title.String(), 200)
	}
	text = strings.TrimLeft(clean(body.String()), "\n")
	if strings.TrimSpace(text) == "" {
		return "", "", errors.New("it writes nothing")
	}
	if !strings.HasSuffix(text, "\n") {
		text += "\n"
	}
	return subject, text, nil
}

// clean keeps text in lines: controls that are neither LF nor TAB go.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
}

type bounded struct{ bytes.Buffer }

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxWords {
		return 0, fmt.Errorf("it writes more than %d octets", maxWords)
	}
	return b.Buffer.Write(p)
}
