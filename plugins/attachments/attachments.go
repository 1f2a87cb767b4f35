// Package attachments is the first-party plugin that judges attachments by what
// they are and what they are called, also within archives: programs, names with
// two extensions, content in disguise, and whatever rules speak of. It can take
// a part away and deliver the rest. It looks for no malware, and what cannot be
// read is the stall plugin's subject.
package attachments

import (
	"io"
	"runtime/debug"
	"strings"
	"time"

	"github.com/mailweir/weir/plugins/internal/archive"
	"github.com/mailweir/weir/plugins/internal/filetype"
	"github.com/mailweir/weir/plugins/internal/inspection"
	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.RegisterAs("attachments", sdk.Plugin{Init: onInit, Hooks: sdk.Hooks{abi.StageMessage: onMessage}})
}

// patience is how long one message may take. It leaves room below the host's
// deadline.
var patience = archive.Defaults.Time

func onInit(in abi.Init) error {
	if in.DeadlineMs > 0 {
		patience = time.Duration(in.DeadlineMs) * time.Millisecond * 6 / 10
	}
	if in.MemoryLimit > 0 {
		debug.SetMemoryLimit(int64(in.MemoryLimit) * 5 / 8)
	}
	return nil
}

// maxFindings is how many findings one message gets.
const maxFindings = 20

// settings are a config block.
type settings struct {
	rules      *inspection.Rules
	limits     archive.Limits
	unreadable bool
	keep       bool
	note       string
}

func build(v abi.Value) (*settings, error) {
	r, err := inspection.Build(v)
	if err != nil {
		return nil, err
	}
	s := &settings{rules: r, note: v.Get("note").String, keep: true, unreadable: v.Get("unreadable").String == "stall"}
	if k := v.Get("keep_original"); !k.IsNull() {
		s.keep = k.Bool
	}
	for _, b := range v.Get("limits").Items {
		s.limits = inspection.Limits(b)
	}
	if s.limits.Time == 0 || s.limits.Time > patience {
		s.limits.Time = patience
	}
	s.limits.Verify = 1 // whether archives are sound is the stall plugin's question
	return s, nil
}

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	ps, err := c.Parts()
	if err != nil {
		return err
	}
	var m *message
	for i := range ps.Parts {
		p := &ps.Parts[i]
		if p.Size == 0 && p.Filename == "" || plain(p) || hasChild(ps, p.Index) {
			continue
		}
		if m == nil {
			s, err := sdk.Config(c, build)
			if err != nil {
				return err
			}
			m = &message{s: s, call: c, verdict: v}
			m.Inspector = inspection.Inspector{Rules: s.rules, Budget: archive.NewBudget(s.limits), Found: m.found, Problem: m.problem}
		}
		if err := m.look(p); err != nil {
			return err
		}
	}
	if m != nil {
		m.strip()
	}
	return nil
}

// plain: text that is read, not opened. Of what is hidden in it the host tells
// by its magic, and of uuencoded files by calling the text malformed.
func plain(p *abi.Part) bool {
	return !p.Attachment && !p.Malformed && p.Magic == "" && strings.HasPrefix(p.Type, "text/")
}

// hasChild: the part is a multipart or message that was descended into.
func hasChild(ps *abi.PartList, i uint32) bool {
	return int(i)+1 < len(ps.Parts) && ps.Parts[i+1].Parent == i
}

// message is what was found in one message.
type message struct {
	inspection.Inspector
	s       *settings
	call    *sdk.Call
	verdict *sdk.Verdict
	part    *abi.Part
	gone    []removal
}

// removal is a part that is taken away.
type removal struct {
	part uint32
	name string
	why  string
}

func (m *message) look(p *abi.Part) error {
	m.part = p
	names := p.Names
	if len(names) == 0 && p.Filename != "" {
		names = []string{p.Filename}
	}
	in := inspection.Part{Names: names, Media: []string{p.Type, p.Magic}, R: m.call.Open(p), Size: int64(p.Size)}
	if p.Malformed && strings.HasPrefix(p.Type, "text/") && !named(names) { // a uuencoded file in the text
		in.Type = encoded(in.R, in.Size)
	}
	return m.Part(in)
}

func named(names []string) bool {
	for _, n := range names {
		if n != "" {
			return true
		}
	}
	return false
}

// name is what the part is called.
func (m *message) name() string {
	if n := inspection.Clean(m.part.Filename); n != "" {
		return n
	}
	if m.part.Number == "" {
		return "The message"
	}
	return "Part " + m.part.Number
}

// at names what a path within the part leads to.
func (m *message) at(path string) string {
	if path == "" {
		return m.name()
	}
	return inspection.Clean(path) + " in " + m.name()
}

func (m *message) found(path string, j inspection.Judgement) {
	if j.Strip {
		m.take(m.at(path) + j.Reason)
	}
	if len(m.verdict.Findings) >= maxFindings && j.Action == abi.ActionContinue {
		return
	}
	if len(m.verdict.Findings) >= 2*maxFindings {
		return
	}
	f := m.verdict.Find(j.Main, j.Sub, j.Extra)
	f.Part, f.Path, f.Action = m.part.Index+1, inspection.Clean(path), j.Action
	f.Explanation = m.at(path) + j.Reason + "."
	if j.Action == abi.ActionReject {
		f.Code, f.Enhanced, f.Text = 550, "5.7.1", "Attachments of this kind are not accepted"
		if j.Code != 0 {
			f.Code = j.Code
		}
		if j.Text != "" {
			f.Text = inspection.Clean(j.Text)
		}
	}
}

func (m *message) problem(p archive.Problem) {
	if !m.s.unreadable || len(m.verdict.Findings) >= maxFindings {
		return
	}
	f := m.verdict.Find("unscannable", p.Cause)
	f.Part, f.Path, f.Action = m.part.Index+1, inspection.Clean(p.Path), abi.ActionStall
	why := p.Detail
	if p.Cause == archive.Encrypted {
		why = "it is protected with a password"
	}
	f.Explanation = m.at(p.Path) + " cannot be inspected: " + why + "."
}

// encoded is the type of a text that holds a uuencoded file.
func encoded(r io.ReaderAt, size int64) filetype.Type {
	if t := filetype.Of(r, size); t != filetype.Text && t != filetype.Unknown && t != filetype.Script {
		return t
	}
	return filetype.UUEncode
}
