// Package document inspects documents and protected messages by content: what
// needs a password or key to be read, what carries programs (macros), what
// calls home when it is opened (tracking), and what cannot be read at all
// (B144). It reads by ranges, never trusts a name or a declared type, and never
// panics. A document that it cannot read is never clean.
//
// It looks into no archives (package archive does) and judges no code: a macro
// is a macro. It opens nothing with a password that a person would be asked for.
package document

import (
	"io"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// Causes of findings; the sub classes of main class unscannable.
const (
	CauseEncryptedDocument = "encrypted-document" // needs a password or key: OOXML, legacy Office, ODF, PDF
	CauseEncryptedMessage  = "encrypted-message"  // OpenPGP, S/MIME
	CauseMacro             = "macro"              // VBA, XLM, Basic, DDE, scripts that run by themselves
	CauseTracking          = "tracking"           // fetches something from elsewhere when it is opened
	CauseUnreadable        = "unreadable"         // damaged, ambiguous, or beyond a limit
)

// Finding is one thing that is wrong with a document.
type Finding struct {
	Cause  string // one of the constants above
	Sub    string // what it is: "ooxml", "ole", "odf", "pdf", "pgp", "smime", "vba", "xlm", "dde", "basic", "script", "activemime", "pdf-javascript", "pdf-launch", "ole-object", "remote-template", "external-image", "linked-ole", "web-beacon"
	Path   string // within what was inspected: "word/vbaProject.bin", "" the document itself
	Detail string // one clause in words, without names from the document
}

// Budget is what the inspection of one message may cost in all; archive.Budget
// has these methods. Each takes from the budget and is false once it is used up,
// or the time for the message is; Unpack(0) asks for that.
type Budget interface {
	Entry() bool         // one more entry, stream or object
	Unpack(n int64) bool // n more octets unpacked into memory
}

// Embedded is an object within a document that is no document: an attachment of
// a PDF, what was packaged into an OLE object, an attachment of a .msg.
type Embedded struct {
	Path  string // within the document that was given to Inspect
	Name  string // file name, "" unknown
	R     io.ReaderAt
	Size  int64
	Depth int // Limits.Depth to go on with
}

// Limits bounds one inspection.
type Limits struct {
	Depth  int    // levels of documents within documents; 0 stands for none: an object inside is then unreadable
	Budget Budget // nil: a budget of its own (DefaultBytes, DefaultEntries)

	// NoArmor says that none of ArmorMarks is in the file, so that a file of text
	// is not searched for them. It says nothing of what the file contains.
	NoArmor bool

	// Embedded is called for each object within the document that is no document
	// itself (archives, programs, mail), one at a time; R is good until it
	// returns. Documents within documents Inspect looks into itself. nil: other
	// objects are passed over. Its error ends the inspection.
	Embedded func(Embedded) error
}

// What a message may cost where the caller has no budget.
const (
	DefaultBytes   = 24 << 20
	DefaultEntries = 10_000
	DefaultDepth   = 5
)

// NewBudget is a budget of octets and entries.
func NewBudget(bytes int64, entries int) Budget { return &purse{bytes, entries} }

type purse struct {
	bytes   int64
	entries int
}

func (p *purse) Entry() bool         { p.entries--; return p.entries >= 0 }
func (p *purse) Unpack(n int64) bool { p.bytes -= n; return p.bytes >= 0 }

// Inspect looks into one file. name and declared (a short type as of package
// filetype) are hints only: what the content is, is found out anew, and where
// nothing tells, the hint does. What is no document has no findings. The error is that of r or of Limits.Embedded,
// never one of the content.
func Inspect(r io.ReaderAt, size int64, name, declared string, lim Limits) ([]Finding, error) {
	if lim.Budget == nil {
		lim.Budget = NewBudget(DefaultBytes, DefaultEntries)
	}
	pages := octets.NewPages(r, size)
	x := &inspection{lim: lim, name: name, declared: declared, whole: size, work: maxWork + workSize*max(size, 0)}
	x.file(octets.Source{R: pages, Size: size}, "")
	if err := pages.Err(); err != nil {
		return nil, err
	}
	if x.work < 0 {
		x.fault("", "", errWork)
	}
	return x.findings, x.err
}
