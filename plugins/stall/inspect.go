package stall

import (
	"io"
	"strings"

	"github.com/mailweir/weir/plugins/internal/archive"
	"github.com/mailweir/weir/plugins/internal/document"
	"github.com/mailweir/weir/plugins/internal/filetype"
	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
)

// inspection gathers what was found in one message.
type inspection struct {
	s        *settings
	call     *sdk.Call
	budget   *archive.Budget // made for the first part that is looked into
	part     uint32          // index + 1 of the part at hand
	name     string          // what it is called
	noArmor  bool            // no armoured message begins in the part at hand
	document []string        // paths of documents that are ZIPs: package document has looked into what is in them
	findings []abi.Finding
}

// content looks into a part, or into what a document had in it.
func (x *inspection) content(c archive.Content) error {
	if x.budget == nil {
		lim := x.s.limits
		if lim.Time == 0 || lim.Time > patience {
			lim.Time = patience
		}
		x.budget = archive.NewBudget(lim)
	}
	outer := x.document
	x.document = nil
	if isDocument(c.Type) {
		x.document = []string{below(c.Path)}
	}
	defer func() { x.document = outer }()
	if err := archive.WalkContent(c, x.budget, visitor{x}); err != nil {
		return err
	}
	return x.inspect(c.R, c.Size, c.Name, c.Type, c.Path, c.Depth)
}

// visitor is told what an archive has in it.
type visitor struct{ *inspection }

// Entry looks for documents; nested archives are package archive's.
func (x visitor) Entry(e *archive.Entry, r io.ReaderAt, size int64) error {
	if r == nil || size == 0 || x.inDocument(e.Path) {
		return nil
	}
	if isDocument(e.Type) {
		x.document = append(x.document, below(e.Path))
	}
	return x.inspect(r, size, e.Name, e.Type, e.Path, e.Depth)
}

// Problem is a finding.
func (x visitor) Problem(p archive.Problem) error {
	at := x.at(p.Path)
	switch p.Cause {
	case causeArchive:
		if p.Whole {
			x.find(p.Cause, "", p.Path, at+" is an archive protected with a password, so it cannot be inspected.")
		} else {
			x.find(p.Cause, "", p.Path, at+" is protected with a password, so it cannot be inspected.")
		}
	case causeLimit:
		x.find(p.Cause, "", p.Path, at+" is beyond the limits of inspection: "+p.Detail+".")
	default:
		x.find(p.Cause, "", p.Path, at+" cannot be inspected: "+p.Detail+".")
	}
	return nil
}

// isDocument: a ZIP that package document reads as a whole.
func isDocument(t filetype.Type) bool {
	switch t {
	case filetype.OOXML, filetype.OOXMLWord, filetype.OOXMLExcel, filetype.OOXMLSlides, filetype.ODF, filetype.ODFText, filetype.ODFSpreadsheet:
		return true
	}
	return false
}

// below is what the paths of everything in a container begin with.
func below(path string) string {
	if path == "" {
		return ""
	}
	return path + "/"
}

func (x *inspection) inDocument(path string) bool {
	for _, d := range x.document {
		if strings.HasPrefix(path, d) {
			return true
		}
	}
	return false
}

// inspect looks at one file as a document.
func (x *inspection) inspect(r io.ReaderAt, size int64, name string, t filetype.Type, path string, depth int) error {
	if size == 0 || t.Media() || t.Container() && t != filetype.ZIP {
		return nil
	}
	var failed error // of the host or of a walk within: not the document's
	found, err := document.Inspect(r, size, name, string(t), document.Limits{
		Depth: max(0, x.budget.Depth()-depth), Budget: x.budget, NoArmor: x.noArmor && depth == 0,
		Embedded: func(e document.Embedded) error {
			failed = x.content(archive.Content{
				R: e.R, Size: e.Size, Name: e.Name, Type: filetype.Of(e.R, e.Size), Path: join(path, e.Path), Depth: max(1, x.budget.Depth()-e.Depth),
			})
			return failed
		},
	})
	switch {
	case failed != nil:
		return failed
	case err != nil && depth == 0:
		return err
	case err != nil: // unpacking failed: package archive says so
		return nil
	}
	for _, f := range found {
		x.find(f.Cause, f.Sub, join(path, f.Path), x.at(join(path, f.Path))+verbs[f.Cause]+f.Detail+".")
	}
	return nil
}

// verbs lead from a name to the detail of a document's finding.
var verbs = map[string]string{
	causeDocument:   " cannot be inspected: ",
	causeMessage:    " cannot be inspected: ",
	causeMacro:      " may run programs: ",
	causeTracking:   " contacts others when it is opened: ",
	causeUnreadable: " cannot be inspected: ",
}

// at names what a path leads to.
func (x *inspection) at(path string) string {
	if path == "" {
		return x.name
	}
	return clean(path) + " in " + x.name
}

// find adds a finding unless the same place has one of this cause.
func (x *inspection) find(cause, kind, path, why string) {
	path = clean(path)
	for i := range x.findings {
		if f := &x.findings[i]; f.Sub == cause && f.Part == x.part && f.Path == path {
			return
		}
	}
	if len(x.findings) < 4*maxFindings {
		x.findings = append(x.findings, abi.Finding{Sub: cause, Extra: kind, Part: x.part, Path: path, Explanation: why})
	}
}

func join(path, name string) string {
	switch {
	case path == "":
		return name
	case name == "":
		return path
	}
	return path + "/" + name
}
