package policy

import (
	"errors"
	"slices"
	"strings"
	"text/template/parse"
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
			l.fail("Invalid template", v.at(at), &tn.head, "%s: %s. Write it as Go's text/template wants it.", at, strings.TrimPrefix(err.Error(), "template: "))
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		out[tn.label] = text
	}
	return out
}

// maxTemplate is the longest template, in octets.
const maxTemplate = 64 << 10

// parseTemplate checks the syntax; what fields and functions there are is
// known to whoever makes the notice.
func parseTemplate(kind, text string) error {
	t := parse.New(kind)
	t.Mode = parse.SkipFuncCheck
	_, err := t.Parse(text, "", "", map[string]*parse.Tree{})
	return err
}
