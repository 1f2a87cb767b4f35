// Package stall is the first-party plugin that finds what cannot be inspected:
// archives and documents that need a password, encrypted messages, macros,
// documents that call home, and containers that are damaged, ambiguous, of an
// unknown kind or too large to look through (B140–B145). It recommends to stall;
// what becomes of the message is policy's decision. It looks for no malware.
package stall

import (
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/plugins/internal/archive"
	"github.com/mailweir/weir/plugins/internal/filetype"
	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.RegisterAs("stall", sdk.Plugin{Init: onInit, Hooks: sdk.Hooks{abi.StageMessage: onMessage}})
}

// patience is how long one message may take; what is left then is reported as
// beyond the limits. It leaves room below the host's deadline.
var patience = archive.Defaults.Time

func onInit(in abi.Init) error {
	if in.DeadlineMs > 0 {
		patience = time.Duration(in.DeadlineMs) * time.Millisecond * 6 / 10
	}
	if in.MemoryLimit > 0 { // collect garbage sooner as the limit comes nearer
		debug.SetMemoryLimit(int64(in.MemoryLimit) * 5 / 8)
	}
	return nil
}

// maxFindings is how many findings one message gets.
const maxFindings = 20

func onMessage(c *sdk.Call, v *sdk.Verdict) error {
	s, err := sdk.Config(c, build)
	if err != nil {
		return err
	}
	ps, err := c.Parts()
	if err != nil {
		return err
	}
	x := &inspection{s: s, call: c}
	structure := ps.Malformed
	for i := range ps.Parts {
		p := &ps.Parts[i]
		if p.Malformed {
			structure = false
			x.begin(p)
			x.find(causeUnreadable, "", "", x.name+" is broken or ambiguous in its MIME structure, so it may not have been inspected whole.")
		}
		if p.Size == 0 || hasChild(ps, p.Index) {
			continue // what is in it is looked at part by part
		}
		if err := x.inspectPart(p); err != nil {
			return err
		}
	}
	if structure {
		x.part = 0
		x.find(causeUnreadable, "", "", "The message's MIME structure is broken or ambiguous, so it may not have been inspected whole.")
	}
	return x.verdict(v)
}

// verdict reports the findings that are asked for, and lets them pass where the
// other party is allowed to send or get them (B143).
func (x *inspection) verdict(v *sdk.Verdict) error {
	for _, f := range x.findings {
		if x.s.wants(x.call.Direction, f.Sub) && len(v.Findings) < maxFindings {
			f.Main, f.Action = "unscannable", abi.ActionStall
			v.Findings = append(v.Findings, f)
		}
	}
	if len(v.Findings) == 0 {
		return nil
	}
	for i := range x.s.allows {
		a := &x.s.allows[i]
		ok, err := a.covers(x.call)
		if err != nil {
			return err
		}
		if ok {
			v.Waive(`allow "`+a.name+`" of the stall plugin`, a.classes...)
		}
	}
	return nil
}

// hasChild: the part is a multipart or message that was descended into.
func hasChild(ps *abi.PartList, i uint32) bool {
	return int(i)+1 < len(ps.Parts) && ps.Parts[i+1].Parent == i
}

// begin makes p the part at hand.
func (x *inspection) begin(p *abi.Part) {
	x.part, x.name = p.Index+1, clean(p.Filename)
	switch {
	case x.name != "":
	case p.Number == "":
		x.name = "The message"
	default:
		x.name = "Part " + clean(p.Number)
	}
}

// inspectPart looks at one part's decoded content.
func (x *inspection) inspectPart(p *abi.Part) error {
	r := x.call.Open(p)
	// Inline text is read, not opened: it has no mark of anything else, by its
	// beginning (the host's Magic) or anywhere.
	text := !p.Attachment && p.Magic == "" && strings.HasPrefix(p.Type, "text/")
	if text {
		if hits, err := x.s.marks.MatchPart(x.call, int32(p.Index)); err != nil || len(hits) == 0 {
			return err
		}
	}
	size := int64(p.Size)
	c := archive.Content{R: r, Size: size, Name: p.Filename, Type: filetype.Of(r, size)}
	x.noArmor = false
	if !c.Type.Container() && !c.Type.Zipped() {
		hits, err := x.s.marks.MatchPart(x.call, int32(p.Index))
		if err != nil {
			return err
		}
		c.Plain, x.noArmor = true, !slices.Contains(hits, markArmor)
		for _, h := range hits {
			switch {
			case h < uint32(len(archive.Marks)):
				c.Plain = false
			case h == markUU && (c.Type == filetype.Text || c.Type == filetype.Unknown):
				c.Type = filetype.UUEncode
			}
		}
	}
	x.begin(p)
	return x.content(c)
}

// clean makes a name from the mail fit for a log line.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffd {
			return '_'
		}
		return r
	}, s)
	if len(s) > 200 {
		s = s[:200]
		for len(s) > 0 && s[len(s)-1] >= 0x80 {
			s = s[:len(s)-1]
		}
	}
	return s
}
