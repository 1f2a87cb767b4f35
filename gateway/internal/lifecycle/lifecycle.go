// Package lifecycle says what may become of a recipient: which status may
// follow which, and which of an operator's verbs is offered for a status, a
// direction, a level and a condition. It is one table of data that API, CLI
// and UI all read (B11–B13).
//
// It is pure: it does not do what a verb says (package actions does), knows
// no store, and does not know who is asking beyond level and role (package
// scope does).
package lifecycle

import (
	"slices"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// followers lists what may follow each live or revivable status. A status
// that is missing is the end. A live status may always be written anew.
var followers = map[mail.Status][]mail.Status{
	"": { // how a recipient may begin
		mail.StatusAccepted, mail.StatusQueued, mail.StatusQueueFrozen, mail.StatusStalled, mail.StatusQuarantined,
		mail.StatusDelivered, mail.StatusSecureDelivered, mail.StatusDeliveryFailed, mail.StatusBounced,
		mail.StatusBlackholed, mail.StatusRejected, mail.StatusNotAccepted,
	},
	mail.StatusAccepted: {
		mail.StatusQueued, mail.StatusQueueFrozen, mail.StatusStalled, mail.StatusQuarantined,
		mail.StatusDelivered, mail.StatusSecureDelivered, mail.StatusReleased, mail.StatusAutoReleased,
		mail.StatusDeliveryFailed, mail.StatusBounced, mail.StatusBlackholed,
		mail.StatusQueueRemoved, mail.StatusQueueBounced, mail.StatusQueueExpired,
	},
	mail.StatusQueued: {
		mail.StatusQueueFrozen,
		mail.StatusDelivered, mail.StatusSecureDelivered, mail.StatusReleased, mail.StatusAutoReleased,
		mail.StatusDeliveryFailed, mail.StatusBounced,
		mail.StatusQueueRemoved, mail.StatusQueueBounced, mail.StatusQueueExpired,
	},
	mail.StatusQueueFrozen: {
		mail.StatusQueued, mail.StatusQueueRemoved, mail.StatusQueueBounced, mail.StatusQueueExpired,
	},
	mail.StatusQuarantined: {
		mail.StatusQueued, mail.StatusAccepted, mail.StatusQuarantineRemoved, mail.StatusQuarantineExpired,
	},
	mail.StatusStalled: {
		mail.StatusQueued, mail.StatusAccepted, mail.StatusQuarantineRemoved, mail.StatusQuarantineExpired,
	},
	// B132: may be queued again while the body is retained.
	mail.StatusDeliveryFailed: {mail.StatusQueued},
	mail.StatusBounced:        {mail.StatusQueued},
	mail.StatusQueueBounced:   {mail.StatusQueued},
	mail.StatusQueueExpired:   {mail.StatusQueued},
}

// Can reports whether a recipient in status from may move to status to. From
// "" asks whether a recipient may begin there.
func Can(from, to mail.Status) bool {
	return from == to && from.Live() || slices.Contains(followers[from], to)
}

// Ends reports whether a verb ends what it is applied to, for good.
func Ends(v Verb) bool {
	r, ok := rowOf[v]
	if !ok {
		return false
	}
	switch r.becomes {
	case mail.StatusQueueRemoved, mail.StatusQueueBounced, mail.StatusQuarantineRemoved:
		return true
	}
	return v == DeleteArchived
}

// Becomes is the status a verb moves a recipient to, and false for verbs
// that leave it where it is, or do not apply to it.
func Becomes(v Verb, from mail.Status) (mail.Status, bool) {
	r, ok := rowOf[v]
	if !ok || r.becomes == "" || !r.in(from) {
		return "", false
	}
	return r.becomes, true
}
