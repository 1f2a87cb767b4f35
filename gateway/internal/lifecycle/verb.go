package lifecycle

import "github.com/mailweir/weir/gateway/internal/mail"

// Verb is something an operator may do with a recipient. The spelling is the
// one of API and CLI.
type Verb string

// The verbs. Those of the queue and of held mail are carried out by package
// actions; the others by the rooms that own their subject.
const (
	Retry             Verb = "retry"                // B47; thaws frozen mail, queues failed mail again (B132)
	Remove            Verb = "remove"               // B50
	Bounce            Verb = "bounce"               // B46 remove from queue and notify sender
	Flush             Verb = "flush"                // B131
	Freeze            Verb = "freeze"               // B80
	Thaw              Verb = "thaw"                 // as Retry, but due by itself
	Reroute           Verb = "reroute"              // B93
	ClearRoutes       Verb = "clear-routes"         // B91
	Copy              Verb = "copy"                 // B130: a copy to another address, beside the message
	Deliver           Verb = "deliver"              // B113: mail that a filter holds for a later look goes on at once
	Release           Verb = "release"              // B52
	RemoveQuarantined Verb = "remove-quarantined"   // B53
	RetryStalled      Verb = "retry-stalled"        // B147: scan again
	Force             Verb = "force"                // B148, B150
	DeleteStalled     Verb = "delete-stalled"       // B149
	BlockAndRemove    Verb = "block-sender-remove"  // B36
	ReleaseTrain      Verb = "release-train"        // B54
	RemoveTrain       Verb = "remove-train"         // B55
	TrainSpam         Verb = "train-spam"           // B56
	AddAllowRule      Verb = "add-allow-rule"       // B31
	AddBlockRule      Verb = "add-block-rule"       // B32
	AllowSender       Verb = "allow-sender"         // B33
	BlockRecipient    Verb = "block-recipient"      // B34
	BlockSender       Verb = "block-sender"         // B35
	ChangeAction      Verb = "change-action"        // B37, B38
	IssueLog          Verb = "delivery-log"         // B39
	AuditLog          Verb = "audit-log"            // B40
	ExportCSV         Verb = "export-csv"           // B42
	RecipientCallout  Verb = "recipient-callout"    // B43
	SenderCallout     Verb = "sender-callout"       // B44
	SMTPTest          Verb = "smtp-test"            // B45
	Reply             Verb = "compose-reply"        // B48
	DownloadQueued    Verb = "download-queued"      // B49
	DownloadHeld      Verb = "download-quarantined" // B41
	View              Verb = "view"                 // B51
	DeleteArchived    Verb = "delete-archived"      // B57
	DownloadArchived  Verb = "download-archived"    // B58
	ExportArchived    Verb = "export-archived"      // B59
	RedeliverArchived Verb = "redeliver-archived"   // B60
	AddIdentity       Verb = "add-identity"         // B61
	LockIdentity      Verb = "lock-identity"        // B62
	LockUser          Verb = "lock-user"            // B63
)

// Level is how far an operator sees (B2–B5).
type Level string

// The levels. The empty Level is offered nothing.
const (
	LevelAdmin   Level = "admin"
	LevelDomain  Level = "domain"
	LevelMailbox Level = "mailbox" // email-level users
)

// Role narrows what an operator may do on their level.
type Role string

// The roles.
const (
	RoleOperator Role = ""         // whatever the level allows
	RoleAuditor  Role = "auditor"  // sees everything but content, changes nothing
	RoleHelpdesk Role = "helpdesk" // may test and retry, reads no content
)

// kind is what a verb does, as roles see it.
type kind int

const (
	shows   kind = iota // reads the record
	audits              // reads what operators did
	content             // reads the message
	probes              // talks to a destination, changes nothing
	retries             // asks for another try
	changes             // everything else
)

func (r Role) may(k kind) bool {
	switch r {
	case RoleOperator:
		return true
	case RoleAuditor:
		return k == shows || k == audits
	case RoleHelpdesk:
		return k == shows || k == probes || k == retries
	}
	return false
}

// Conditions are what the table's conditional cells depend on.
type Conditions struct {
	Archived bool // a: an archived copy exists and the viewer may read it
	Sender   bool // n: the sender is not <>
	Body     bool // k: the body is still kept
	Classes  bool // c: the class columns are shown
	Attempts bool // t: at least one attempt is logged
	Identity bool // i: an identity was resolved
	Hold     bool // h: a filter wants to look again later (B113)

	// Original tells that this is the original of what was delivered without
	// something that a filter took out.
	Original bool

	// Sealed tells that the content is for the recipients alone: at no level does
	// a verb show it, or send it elsewhere.
	Sealed bool

	// DomainForce tells that the tenant lets its domain level force stalled mail.
	DomainForce bool
}

// Query asks what is offered for one recipient.
type Query struct {
	Direction mail.Direction
	Status    mail.Status
	Level     Level
	Role      Role
	Conditions
}
