package lifecycle

import (
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// columns are the groups of statuses that the table has a column for, in its
// order.
var columns = [][]mail.Status{
	/* A */ {mail.StatusQueued},
	/* B */ {mail.StatusQueueFrozen},
	/* C */ {mail.StatusQuarantined},
	/* D */ {mail.StatusDelivered, mail.StatusReleased, mail.StatusAutoReleased, mail.StatusSecureDelivered},
	/* E */ {mail.StatusDeliveryFailed, mail.StatusBounced, mail.StatusQueueBounced, mail.StatusQueueExpired},
	/* F */ {mail.StatusQueueRemoved, mail.StatusBlackholed},
	/* G */ {mail.StatusQuarantineRemoved, mail.StatusQuarantineExpired},
	/* H */ {mail.StatusRejected},
	/* I */ {mail.StatusNotAccepted},
	/* S */ {mail.StatusStalled},
	/* X */ {mail.StatusAccepted},
}

var columnOf = func() map[mail.Status]int {
	m := map[mail.Status]int{}
	for i, c := range columns {
		for _, s := range c {
			m[s] = i
		}
	}
	return m
}()

// Cells of the table: "-" never, "*" always, letters name conditions of
// which one is enough: a archived, n sender, k body, c classes, t attempts,
// i identity, h a filter's hold.

// who says at which level a verb is offered.
type who int

const (
	everyone   who = iota
	domainUp       // domain level and admin
	ownInbound     // admin; domain and mailbox level for incoming mail only
	forcing        // admin; domain level where the tenant allows it
)

type row struct {
	cells   string // one per column
	verb    Verb
	dir     mail.Direction // "" both
	who     who
	kind    kind
	becomes mail.Status // "" stays as it is
}

// table is the matrix of the behaviour list. Stalled mail (S) has what
// quarantined mail (C) has, except that it is forced and deleted instead of
// released and removed: Force asks for more than Release does, and must not
// have a way round it. Freeze, thaw, flush, re-route, clear-routes and copy are
// additions, and so is deliver: mail that a filter holds (B113) is scanned again
// or sent on. What policy holds or dropped is not copied: that would be a way
// round its release.
var table = []row{
	// A B C D E F G H I S X
	{"* * * * * * * * * * -", AddAllowRule, "", everyone, changes, ""},
	{"* * * * * * * * * * -", AddBlockRule, "", everyone, changes, ""},
	{"n n n n n n n n n n -", AllowSender, "", everyone, changes, ""},
	{"n n n n n n n n n n -", BlockSender, mail.Inbound, everyone, changes, ""},
	{"* * * * * * * * * * -", BlockRecipient, mail.Inbound, everyone, changes, ""},
	{"- - n - - - - - - n -", BlockAndRemove, mail.Inbound, domainUp, changes, mail.StatusQuarantineRemoved},
	{"c c c c c c c c - c -", ChangeAction, mail.Inbound, domainUp, changes, ""},
	{"* * * * * * * * * * *", AuditLog, mail.Outbound, domainUp, audits, ""},
	{"* * - t * t - t - - -", IssueLog, "", everyone, shows, ""},
	{"* * * * * * * * * * *", ExportCSV, "", everyone, shows, ""},
	{"* * * * * * * * * * -", RecipientCallout, "", domainUp, probes, ""},
	{"* * * * * * * * * * -", SMTPTest, "", domainUp, probes, ""},
	{"n n n n n n n n n n -", SenderCallout, "", domainUp, probes, ""},
	{"* * - - k - - - - - -", Retry, "", everyone, retries, mail.StatusQueued},
	{"* * - - - - - - - - *", Remove, "", everyone, changes, mail.StatusQueueRemoved},
	{"n n - - - - - - - - -", Bounce, "", everyone, changes, mail.StatusQueueBounced},
	{"* - - - - - - - - - -", Freeze, "", domainUp, changes, mail.StatusQueueFrozen},
	{"- * - - - - - - - - -", Thaw, "", domainUp, changes, mail.StatusQueued},
	{"* - - - - - - - - - -", Flush, "", domainUp, retries, mail.StatusQueued},
	{"* * - - - - - - - - -", Reroute, "", domainUp, changes, mail.StatusQueued},
	{"* - - - - - - - - - -", ClearRoutes, "", domainUp, changes, mail.StatusQueued},
	{"* * - k k - - - - - -", Copy, "", domainUp, changes, ""},
	{"* * - - - - - - - - -", DownloadQueued, "", everyone, content, ""},
	{"* * * a a a - - - * -", Reply, "", everyone, changes, ""},
	{"* * * a a a - - - * *", View, "", everyone, content, ""},
	{"- - * - - - - - - * -", DownloadHeld, "", everyone, content, ""},
	{"- - - - - - - - - - h", Deliver, "", ownInbound, changes, mail.StatusQueued},
	{"- - * - - - - - - - -", Release, "", ownInbound, changes, mail.StatusQueued},
	{"- - * - - - - - - - -", RemoveQuarantined, "", ownInbound, changes, mail.StatusQuarantineRemoved},
	{"- - * - - - - - - - -", ReleaseTrain, "", ownInbound, changes, mail.StatusQueued},
	{"- - - - - - - - - * h", RetryStalled, "", domainUp, retries, mail.StatusAccepted},
	{"- - - - - - - - - * -", Force, "", forcing, changes, mail.StatusQueued},
	{"- - - - - - - - - * -", DeleteStalled, "", domainUp, changes, mail.StatusQuarantineRemoved},
	{"* * - - - - - - - - -", RemoveTrain, "", everyone, changes, mail.StatusQueueRemoved},
	{"* * * ak ak ak - - - * -", TrainSpam, "", everyone, changes, ""},
	{"a a - a a a - - - - -", DeleteArchived, "", everyone, changes, ""},
	{"a a - a a a - - - - -", ExportArchived, "", everyone, content, ""},
	{"a a - a a a - - - - -", RedeliverArchived, "", everyone, changes, ""},
	{"a a - a a a - - - - -", DownloadArchived, "", everyone, content, ""},
	{"i i i i i i i i i i -", AddIdentity, mail.Outbound, domainUp, changes, ""},
	{"i i i i i i i i i i -", LockIdentity, mail.Outbound, domainUp, changes, ""},
	{"* * * * * * * * * * -", LockUser, mail.Outbound, domainUp, changes, ""},
}

var rowOf = func() map[Verb]*row {
	m := map[Verb]*row{}
	for i := range table {
		m[table[i].verb] = &table[i]
	}
	return m
}()

// cell is the verb's cell for a status; "-" for a status unknown.
func (r *row) cell(s mail.Status) string {
	c, ok := columnOf[s]
	if !ok {
		return "-"
	}
	return strings.Fields(r.cells)[c]
}

func (r *row) in(s mail.Status) bool { return r.cell(s) != "-" }

// statuses are those the verb is for.
func (r *row) statuses() []mail.Status {
	var out []mail.Status
	for _, s := range mail.Statuses() {
		if r.in(s) {
			out = append(out, s)
		}
	}
	return out
}
