package lifecycle

import (
	"slices"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Condition names what an action may depend on beyond direction, status, level
// and role.
type Condition string

// The conditions.
const (
	NeedsArchived Condition = "archived"     // an archived copy that the caller may read
	NeedsSender   Condition = "sender"       // a sender that is not <>
	NeedsBody     Condition = "body"         // the content is still kept
	NeedsClasses  Condition = "classes"      // the class columns are shown, as in the API they are
	NeedsAttempts Condition = "attempts"     // an attempt was made
	NeedsIdentity Condition = "identity"     // an identity was resolved
	NeedsHold     Condition = "hold"         // a filter wants to look again later
	DomainForces  Condition = "domain-force" // the tenant lets its own operators force stalled mail
	IsOriginal    Condition = "original"     // the original of what was delivered without something that a filter took out
	IsSealed      Condition = "sealed"       // made by the gateway for its recipient alone
)

var letters = map[rune]Condition{
	'a': NeedsArchived, 'n': NeedsSender, 'k': NeedsBody, 'c': NeedsClasses, 't': NeedsAttempts, 'i': NeedsIdentity, 'h': NeedsHold,
}

// Entry is a verb's part of the table, as somebody of a level and role sees it:
// Check offers the verb for mail of one of Directions and in the status of one
// of Cells, where that cell's conditions, and Needs, and none of Except hold.
type Entry struct {
	Verb       Verb
	Doc        string // what it does, one line
	Directions []mail.Direction
	Cells      []Cell
	Needs      []Condition // all of them
	Except     []Condition // none of them
	Becomes    mail.Status // "" stays as it is
	Changes    bool        // false: it only reads, or asks a destination
}

// Cell is a status that a verb is for.
type Cell struct {
	Status mail.Status
	AnyOf  []Condition // one of them is enough; none: always
}

// Entries is the table, without the verbs that the level and role are never
// offered.
func Entries(l Level, role Role) []Entry {
	out := []Entry{}
	for i := range table {
		r := &table[i]
		e := Entry{Verb: r.verb, Doc: docs[r.verb], Becomes: r.becomes, Changes: r.kind == changes || r.kind == retries}
		for _, d := range []mail.Direction{mail.Inbound, mail.Outbound} {
			if Permitted(r.verb, d, l, role, true) == nil {
				e.Directions = append(e.Directions, d)
			}
		}
		if e.Directions == nil {
			continue
		}
		if Permitted(r.verb, e.Directions[0], l, role, false) != nil {
			e.Needs = append(e.Needs, DomainForces)
		}
		q := Query{Direction: e.Directions[0], Level: l, Role: role, Conditions: Conditions{Original: true, DomainForce: true}}
		if r.permitted(q) != nil {
			e.Except = append(e.Except, IsOriginal)
		}
		if r.unseals() {
			e.Except = append(e.Except, IsSealed)
		}
		for _, s := range r.statuses() {
			c := Cell{Status: s}
			for _, letter := range strings.Trim(r.cell(s), "*") {
				c.AnyOf = append(c.AnyOf, letters[letter])
			}
			e.Cells = append(e.Cells, c)
		}
		out = append(out, e)
	}
	return slices.Clip(out)
}

// docs say what each verb does.
var docs = map[Verb]string{
	AddAllowRule: "add a rule that lets mail like this pass", AddBlockRule: "add a rule that blocks mail like this",
	AllowSender: "let future mail of the sender pass", BlockSender: "treat future mail of the sender as spam", BlockRecipient: "treat future mail to the recipient as spam",
	BlockAndRemove: "block the sender and remove the mail from quarantine", ChangeAction: "choose what becomes of mail of this class",
	AuditLog: "show what operators did with it", IssueLog: "show its delivery attempts with their dialogue", ExportCSV: "export rows as CSV",
	RecipientCallout: "ask the destination whether the recipient exists", SMTPTest: "try the envelope against its destination, without a message", SenderCallout: "ask the sender's server whether the sender exists",
	Retry: "try again now; thaws frozen mail, and queues failed mail again", Remove: "remove from the queue", Bounce: "remove from the queue and notify the sender",
	Freeze: "make no automatic attempts until it is thawed", Thaw: "make automatic attempts again", Flush: "try all that is queued again within 15 minutes",
	Reroute: "change return path, recipient or route, and queue it again", ClearRoutes: "forget the route, and ask the policy for one again", Copy: "deliver a copy to another address",
	DownloadQueued: "download what waits in the queue", Reply: "write to the sender, with subject and recipient filled in", View: "read the message", DownloadHeld: "download what is held",
	Deliver: "let mail that a filter holds for a later look go on at once", Release: "release from quarantine: deliver it", RemoveQuarantined: "remove from quarantine",
	ReleaseTrain: "release, and teach filters that it is no spam", RetryStalled: "have the filters look again", Force: "pass onwards what could not be inspected", DeleteStalled: "delete what could not be inspected",
	RemoveTrain: "remove from the queue, and teach filters that it is spam", TrainSpam: "teach filters that it is spam",
	DeleteArchived: "delete the archived copy, for every viewer", ExportArchived: "export the archived copy", RedeliverArchived: "deliver the archived copy once more", DownloadArchived: "download the archived copy",
	AddIdentity: "add and configure the identity that sent it", LockIdentity: "lock the identity that sent it, until it is unlocked by hand", LockUser: "lock the user or authentication method that sent it",
}
