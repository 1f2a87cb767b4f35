package sdk

import "github.com/mailweir/weir/sdk/abi"

// Verdict is what a hook answers. Plugins classify and recommend; policy
// disposes. All edits apply together, and only when the hook ended well.
type Verdict struct{ abi.Verdict }

// Find adds a finding of a class ("spam", "malware/archive" as "malware",
// "archive") and returns it for filling in. It is valid until the next Find.
func (v *Verdict) Find(main string, sub ...string) *abi.Finding {
	f := abi.Finding{Main: main}
	if len(sub) > 0 {
		f.Sub = sub[0]
	}
	if len(sub) > 1 {
		f.Extra = sub[1]
	}
	v.Findings = append(v.Findings, f)
	return &v.Findings[len(v.Findings)-1]
}

func (v *Verdict) answer(a abi.Action, code uint32, enhanced, text string) {
	v.Action, v.Code, v.Enhanced, v.Text = a, code, enhanced, text
}

// Reject recommends a 5xx reply, without a finding.
func (v *Verdict) Reject(code uint32, enhanced, text string) {
	v.answer(abi.ActionReject, code, enhanced, text)
}

// Tempfail recommends a 4xx reply, without a finding.
func (v *Verdict) Tempfail(code uint32, enhanced, text string) {
	v.answer(abi.ActionTempfail, code, enhanced, text)
}

// Recommend recommends any action, with the policy's reply.
func (v *Verdict) Recommend(a abi.Action) { v.answer(a, 0, "", "") }

// RedirectTo recommends sending the message to other addresses.
func (v *Verdict) RedirectTo(addresses ...string) {
	v.Action, v.Redirect = abi.ActionRedirect, append(v.Redirect, addresses...)
}

// Tag marks the message.
func (v *Verdict) Tag(tags ...string) { v.Tags = append(v.Tags, tags...) }

// AddHeader puts a field on top of the header.
func (v *Verdict) AddHeader(name, value string) {
	v.Edits = append(v.Edits, abi.HeaderEdit{Op: abi.HeaderOpAdd, Name: name, Value: value})
}

// ReplaceHeader replaces the index-th field of a name, from 0; -1 all.
func (v *Verdict) ReplaceHeader(name string, index int32, value string) {
	v.Edits = append(v.Edits, abi.HeaderEdit{Op: abi.HeaderOpReplace, Name: name, Index: index, Value: value})
}

// RemoveHeader removes the index-th field of a name, from 0; -1 all.
func (v *Verdict) RemoveHeader(name string, index int32) {
	v.Edits = append(v.Edits, abi.HeaderEdit{Op: abi.HeaderOpRemove, Name: name, Index: index})
}

// ReplacePart puts text in place of a leaf's content. mediaType "" is
// text/plain in UTF-8, filename "" none. Set KeepOriginal to have the message as
// it came kept in quarantine.
func (v *Verdict) ReplacePart(part uint32, mediaType, filename string, text []byte) {
	v.PartEdits = append(v.PartEdits, abi.PartEdit{Op: abi.PartOpReplace, Part: part, Type: mediaType, Filename: filename, Text: text})
}

// RemovePart removes a part, which may be any but the root.
func (v *Verdict) RemovePart(part uint32) {
	v.PartEdits = append(v.PartEdits, abi.PartEdit{Op: abi.PartOpRemove, Part: part})
}

// PrependPart puts text before a leaf's content, AppendPart after it.
func (v *Verdict) PrependPart(part uint32, text []byte) {
	v.PartEdits = append(v.PartEdits, abi.PartEdit{Op: abi.PartOpPrepend, Part: part, Text: text})
}

// AppendPart puts text after a leaf's content.
func (v *Verdict) AppendPart(part uint32, text []byte) {
	v.PartEdits = append(v.PartEdits, abi.PartEdit{Op: abi.PartOpAppend, Part: part, Text: text})
}

// Result is shown to whoever called an action, beside Text.
func (v *Verdict) Result(key, value string) {
	v.Results = append(v.Results, abi.Pair{Key: key, Value: value})
}

// Note leaves a note for later stages of the session.
func (v *Verdict) Note(key, value string) {
	v.Notes = append(v.Notes, abi.Pair{Key: key, Value: value})
}

// Waive drops findings of these classes ("spam", "list/sender", "*") by any
// filter: an allow.
func (v *Verdict) Waive(reason string, classes ...string) {
	v.Waivers = append(v.Waivers, abi.Waiver{Classes: classes, Reason: reason})
}

// ForRecipient recommends something for one recipient only.
func (v *Verdict) ForRecipient(a abi.RecipientAction) { v.Recipients = append(v.Recipients, a) }
