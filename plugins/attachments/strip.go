package attachments

import (
	"strings"

	"github.com/mailweir/weir/plugins/internal/inspection"
	"github.com/mailweir/weir/sdk/abi"
)

// maxStripped is how many parts are taken away; a message with more is
// quarantined instead.
const maxStripped = 64

// note stands in place of what was taken away, unless the configuration has
// another.
const note = `An attachment was removed from this message.

{reason}.

Message: {id}
Quote this number to your administrator if you need the attachment.
`

// take notes that the part at hand is to be taken away.
func (m *message) take(why string) {
	for i := range m.gone {
		if m.gone[i].part == m.part.Index {
			return
		}
	}
	m.gone = append(m.gone, removal{m.part.Index, m.name(), why})
}

// strip puts notes in place of parts, and has the original kept.
func (m *message) strip() {
	if len(m.gone) == 0 {
		return
	}
	if len(m.gone) > maxStripped {
		f := m.verdict.Find("attachment", "many")
		f.Action, f.Explanation = abi.ActionQuarantine, "There are too many attachments to remove."
		return
	}
	text := m.s.note
	if text == "" {
		text = note
	}
	for _, g := range m.gone {
		r := strings.NewReplacer("{file}", g.name, "{reason}", g.why, "{id}", inspection.Clean(m.call.ID))
		m.verdict.ReplacePart(g.part, "text/plain; charset=utf-8", "removed-attachment.txt", []byte(r.Replace(text)))
	}
	m.verdict.KeepOriginal = m.s.keep
}
