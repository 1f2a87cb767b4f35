// Command banner is the first-party plugin that adds a disclaimer to a
// message's text and a tag to its subject. Which messages get one is the
// filter's `when`. It never touches what is signed or encrypted: there, only
// the header is changed.
package main

import (
	"io"
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Check: sdk.Checks(build), Hooks: sdk.Hooks{abi.StageMessage: onMessage}})
}

func main() {}

// settings are a config block.
type settings struct {
	text, html string
	top        bool
	tag        string
	fields     []abi.Pair
	repeat     bool
}

func build(v abi.Value) (*settings, error) {
	s := &settings{
		text: lines(v.Get("text").String), html: v.Get("html").String, tag: v.Get("subject_tag").String,
		top: v.Get("position").String == "top", repeat: v.Get("repeat").Bool,
	}
	if s.html == "" && s.text != "" {
		s.html = "<div>" + strings.ReplaceAll(escape(strings.TrimSpace(s.text)), "\n", "<br>\n") + "</div>"
	}
	if strings.ContainsAny(s.tag, "\r\n") {
		return nil, sdk.Error("subject_tag: it has a line break")
	}
	h := v.Get("header")
	for i, name := range h.Keys {
		switch strings.ToLower(name) {
		case "received", "return-path", "dkim-signature", "mime-version", "content-type", "content-transfer-encoding":
			return nil, sdk.Error("header: " + name + " must not be set")
		}
		s.fields = append(s.fields, abi.Pair{Key: name, Value: h.Items[i].String})
	}
	if s.text == "" && s.html == "" && s.tag == "" && len(s.fields) == 0 {
		return nil, sdk.Error("nothing to add: give text, html, subject_tag or header")
	}
	return s, nil
}

// lines ends every line with LF, and there is one at the end.
func lines(s string) string {
	s = strings.TrimRight(strings.ReplaceAll(s, "\r\n", "\n"), "\n")
	if s == "" {
		return ""
	}
	return s + "\n"
}

func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&#34;").Replace(s)
}

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	s, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	subject, had := c.Header("Subject")
	switch {
	case s.tag == "" || strings.HasPrefix(strings.TrimSpace(subject), s.tag):
	case had:
		v.ReplaceHeader("Subject", 0, s.tag+" "+strings.TrimSpace(subject))
	default:
		v.AddHeader("Subject", s.tag)
	}
	for _, f := range s.fields {
		v.ReplaceHeader(f.Key, -1, f.Value)
	}
	if s.html == "" && s.text == "" {
		return nil
	}
	list, err := c.Parts()
	if err != nil {
		return err
	}
	if list.Malformed {
		c.Info("no banner: the structure of the message is uncertain")
		return nil
	}
	for _, i := range bodies(list.Parts) {
		if err := s.add(c, v, &list.Parts[i]); err != nil {
			return err
		}
	}
	return nil
}

// bodies are the parts that a reader shows as the message's text: the first
// text, and the other forms of it.
func bodies(parts []abi.Part) []int {
	var out []int
	var plain, html bool
	for i := range parts {
		p := &parts[i]
		if sealed(parts, p) {
			return nil
		}
		if p.Attachment || p.Malformed || within(parts, p, "message/") {
			continue
		}
		switch p.Type {
		case "text/plain":
			if !plain {
				plain = true
				out = append(out, i)
			}
		case "text/html":
			if !html {
				html = true
				out = append(out, i)
			}
		}
	}
	return out
}

// sealed reports whether a part is signed or encrypted: nothing may be added.
func sealed(parts []abi.Part, p *abi.Part) bool {
	switch p.Type {
	case "multipart/signed", "multipart/encrypted", "application/pkcs7-mime", "application/x-pkcs7-mime":
		return true
	}
	return within(parts, p, "multipart/signed")
}

// within reports whether a part stands inside one whose type begins so.
func within(parts []abi.Part, p *abi.Part, prefix string) bool {
	for n := 0; p.Depth > 0 && n < len(parts); n++ { // n: a parent's loop would be the host's fault, and no reason to hang
		if int(p.Parent) >= len(parts) {
			return false
		}
		p = &parts[p.Parent]
		if strings.HasPrefix(p.Type, prefix) {
			return true
		}
	}
	return false
}

// add puts the banner into one part.
func (s *settings) add(c *sdk.Call, v *sdk.Verdict, p *abi.Part) error {
	text := s.text
	if p.Type == "text/html" {
		text = s.html
	}
	if text == "" {
		return nil
	}
	if !s.repeat {
		there, err := has(c.Open(p), strings.TrimSpace(text))
		if err != nil || there {
			return err
		}
	}
	switch {
	case p.Type == "text/html" && s.top:
		v.PrependPart(p.Index, []byte(text+"\n"))
	case p.Type == "text/html":
		v.AppendPart(p.Index, []byte("\n"+text))
	case s.top:
		v.PrependPart(p.Index, []byte(text+"\n"))
	default:
		v.AppendPart(p.Index, []byte("\n"+text))
	}
	return nil
}

// lookIn is how far a banner of before is looked for, octets.
const lookIn = 256 << 10

// has reports whether a part's content has text, but for its line ends.
func has(r *sdk.Reader, text string) (bool, error) {
	n := min(r.Size(), lookIn)
	b := make([]byte, n)
	got, err := io.ReadFull(io.NewSectionReader(r, 0, n), b)
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return false, err
	}
	return strings.Contains(strings.ReplaceAll(string(b[:got]), "\r\n", "\n"), text), nil
}
