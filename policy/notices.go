package policy

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"text/template"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
)

// parseNoticeKind takes the label of a template block.
func parseNoticeKind(s string) (string, error) {
	if !slices.Contains(noticeKinds, s) {
		return "", errors.New("there is no such notice. " + suggest(s, noticeKinds, "kinds of notice"))
	}
	return s, nil
}

func (l *loader) notify(t *Tenant, n *node, ctx *hcl.EvalContext) Notify {
	v := l.eval(n, notifySpec, ctx)
	out := Notify{Language: get[string](v, "language"), From: get[string](v, "from")}
	if v.set["stalled"] {
		out.Stalled = get[[]string](v, "stalled")
	} else if len(t.Domains) > 0 {
		out.Stalled = []string{"postmaster@" + t.Domains[0]}
	}
	out.Expired = out.Stalled
	if v.set["expired"] {
		out.Expired = get[[]string](v, "expired")
	}
	if n != nil {
		out.Templates = l.templates(n, ctx)
	}
	return out
}

// templates evaluates the template blocks of a notify block.
func (l *loader) templates(n *node, ctx *hcl.EvalContext) map[string]string {
	var out map[string]string
	for _, tn := range n.blocks["template"] {
		v := l.eval(tn, tn.spec, ctx)
		text, at := get[string](v, "text"), "text"
		switch {
		case len(v.bad) > 0:
			continue
		case v.set["file"] && v.set["text"]:
			l.fail("Contradicting attributes", v.at("text"), &tn.head, "text: file is there too. Keep one of them.")
			continue
		case v.set["file"]:
			b, err := l.readFile(get[string](v, "file"))
			if err != nil {
				l.fail("File cannot be read", v.at("file"), &tn.head, "file: %v. Correct the path or the file's permissions.", err)
				continue
			}
			text, at = string(b), "file"
		case !v.set["text"]:
			l.fail("Missing attribute", tn.head, &n.head, "%s has neither file nor text. Add one of them.", place(tn.spec, tn.label))
			continue
		}
		if !utf8.ValidString(text) || len(text) > maxTemplate {
			l.fail("Invalid template", v.at(at), &tn.head, "%s: it is no text of at most 64 KiB in UTF-8. Correct it.", at)
			continue
		}
		if err := parseTemplate(tn.label, text); err != nil {
			l.fail("Invalid template", v.at(at), &tn.head, "%s: %s. Write it as Go's text/template wants it.", at, templateProblem(err))
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[tn.label] = text
	}
	return out
}

// templateProblem is an error of text/template in fewer words: the line, and
// what is wrong there.
func templateProblem(err error) string {
	return goTypes.Replace(strings.TrimPrefix(err.Error(), "template: "))
}

var goTypes = strings.NewReplacer("in type policy.noticeWords", "in a notice", "in type policy.noticeSaid", "in a recipient of a notice",
	" in type []policy.noticeSaid", ", which is a list: use range")

// maxTemplate is the longest template, in octets.
const maxTemplate = 64 << 10

// noticeWords are what a template of a notice may use, with an example of
// each. The gateway's notices give the same.
type noticeWords struct {
	Kind       string       `doc:"Kind of the notice."`
	Hostname   string       `doc:"The gateway's name."`
	ID         string       `doc:"ID of the message it is about; empty where it is about several."`
	Subject    string       `doc:"The message's subject."`
	Sender     string       `doc:"The message's sender."`
	Received   string       `doc:"When it came."`
	Direction  string       `doc:"inbound or outbound."`
	Messages   int          `doc:"How many messages it is about."`
	Text       string       `doc:"The built-in words, in the tenant's language."`
	Recipients []noticeSaid `doc:"The recipients it is about."`
}

// noticeSaid is one of Recipients.
type noticeSaid struct {
	Address string `doc:"The recipient's address."`
	Text    string `doc:"What has become of it, in the tenant's language."`
	Host    string `doc:"The destination's name; empty where it is not known or not to be told."`
	Reply   string `doc:"The destination's literal answer, or empty."`
	Status  string `doc:"Enhanced status code."`
	Until   string `doc:"Delayed: how long it is tried. Stalled: when it ends."`
	ID      string `doc:"ID of its message."`
}

func sampleNotice(kind string) noticeWords {
	return noticeWords{Kind: kind, Hostname: "mx.acme.test", ID: "01J", Subject: "s", Sender: "ann@far.test", Received: "now", Direction: Inbound, Messages: 1, Text: "t",
		Recipients: []noticeSaid{{Address: "bob@acme.test", Text: "t", Host: "mail.acme.test", Reply: "550 no", Status: "5.1.1", Until: "then", ID: "01J"}}}
}

// parseTemplate checks the syntax of a template, and by a trial the fields
// that it uses.
func parseTemplate(kind, text string) error {
	t, err := template.New(kind).Option("missingkey=error").Parse(text)
	if err != nil {
		return err
	}
	for _, name := range []string{kind, "subject"} {
		out := &trial{}
		x := t.Lookup(name)
		if x == nil {
			continue
		}
		if err := x.Execute(out, sampleNotice(kind)); err != nil {
			return err
		}
		if out.n == 0 {
			return fmt.Errorf("%s: it writes nothing", name)
		}
	}
	return nil
}

// trial takes what a template writes, and bounds it.
type trial struct{ n int }

func (w *trial) Write(p []byte) (int, error) {
	if w.n += len(p); w.n > maxTemplate {
		return 0, errors.New("it writes more than 64 KiB")
	}
	return len(p), nil
}
