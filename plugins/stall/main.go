// Command stall is the first-party plugin that finds what cannot be inspected:
// archives that need a password, and containers that are damaged, ambiguous or
// too large to look through (B142, B144). It recommends to stall; what becomes
// of the message is policy's decision. It looks for no malware.
package main

import (
	"compress/flate"
	"strings"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

func init() {
	sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{abi.StageMessage: onMessage}})
}

func main() {}

// Causes, the sub classes of main class unscannable.
const (
	causeEncrypted  = "encrypted-archive"
	causeUnreadable = "unreadable"
)

// settings is a compiled config block.
type settings struct {
	causes []string
	marks  *sdk.Patterns // what a part that holds an archive somewhere has in it; the first two are ZIP's
}

func build(v abi.Value) (*settings, error) {
	s := &settings{
		causes: []string{causeEncrypted, causeUnreadable},
		marks:  sdk.NewPatterns(1, abi.Pattern{Text: localMark}, abi.Pattern{Text: endMark}, abi.Pattern{Text: mark7z}, abi.Pattern{Text: markRAR}),
	}
	if c := v.Get("causes"); !c.IsNull() {
		s.causes = c.StringList()
	}
	for _, c := range s.causes {
		if c != causeEncrypted && c != causeUnreadable {
			return nil, sdk.Error("causes: " + c + " is neither " + causeEncrypted + " nor " + causeUnreadable)
		}
	}
	return s, nil
}

func (s *settings) wants(cause string) bool {
	for _, c := range s.causes {
		if c == cause {
			return true
		}
	}
	return false
}

// inflater is used by one call at a time.
var inflater = flate.NewReader(strings.NewReader(""))

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
	x := &inspection{budget: budget{inflate: maxInflate, entries: maxEntries, scan: maxScan}, inflater: inflater}
	structure := ps.Malformed
	for i := range ps.Parts {
		p := &ps.Parts[i]
		x.part, x.name = p.Index+1, clean(p.Filename)
		switch {
		case x.name != "":
		case p.Number == "":
			x.name = "The message"
		default:
			x.name = "Part " + clean(p.Number)
		}
		if p.Malformed {
			structure = false
			x.unreadable("", x.name+" is broken or ambiguous in its MIME structure, so it may not have been inspected whole.")
		}
		if p.Size == 0 || hasChild(ps, p.Index) {
			continue // what is in it is looked at part by part
		}
		if err := x.inspectPart(c, s, p); err != nil {
			return err
		}
	}
	if structure {
		x.part = 0
		x.unreadable("", "The message's MIME structure is broken or ambiguous, so it may not have been inspected whole.")
	}
	for _, f := range x.findings {
		if s.wants(f.Sub) && len(v.Findings) < maxFindings {
			f.Main, f.Action = "unscannable", abi.ActionStall
			v.Findings = append(v.Findings, f)
		}
	}
	return nil
}

// hasChild: the part is a multipart or message that was descended into.
func hasChild(ps *abi.PartList, i uint32) bool {
	return int(i)+1 < len(ps.Parts) && ps.Parts[i+1].Parent == i
}

// inspectPart looks at one part's decoded content.
func (x *inspection) inspectPart(c *sdk.Call, s *settings, p *abi.Part) error {
	src := source{c.Open(p), int64(p.Size)}
	kind, err := x.sniff(src)
	if err != nil {
		return err
	}
	if kind == kindOther {
		// An archive may stand behind something else: readers look for it from the end, or anywhere.
		hits, err := s.marks.MatchPart(c, int32(p.Index))
		if err != nil {
			return err
		}
		for _, h := range hits {
			if h < 2 {
				kind = kindHidden
				continue
			}
			if err := x.embedded(src, ""); err != nil {
				return err
			}
			break // it looks for all of them
		}
	}
	return x.inspect(src, kind, "", 0)
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
