package journal

import (
	"github.com/mailweir/weir/gateway/internal/explain"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Meaning is an answer of a server in plain words; package explain has the
// catalogue.
type Meaning = explain.Meaning

// Plain finds the meaning of an answer that host gave, or that we gave for
// it; false when it is good news, or says nothing.
func Plain(r mail.Reply, host string) (Meaning, bool) { return explain.Reply(r, host) }

// LastMeaning is that of a recipient's last answer. False also where the
// answer was our own policy's, which explains itself.
func LastMeaning(r *store.Recipient) (Meaning, bool) {
	if r.Last == nil || r.LastHost == "" && r.Rule != "" {
		return Meaning{}, false
	}
	return Plain(*r.Last, r.LastHost)
}

// The marks of rows that are not delivered: each is an icon (B109).
const (
	MarkQueued    = "queued"    // waits, and no attempt has failed yet (B110)
	MarkDeferring = "deferring" // waits, and an attempt has failed (B111)
	MarkFailed    = "failed"    // will not be delivered, nobody of ours wanted that (B112)
	MarkFiltering = "filtering" // held briefly for more filtering (B113)
)

// Mark says why a recipient's row stands out; "" it does not: it is
// delivered, or somebody decided what became of it.
func Mark(r *store.Recipient) string {
	switch r.Status {
	case mail.StatusAccepted:
		if r.Hold != nil {
			return MarkFiltering
		}
		return MarkQueued
	case mail.StatusQueued:
		if r.Failures > 0 {
			return MarkDeferring
		}
		return MarkQueued
	case mail.StatusQueueFrozen, mail.StatusDeliveryFailed, mail.StatusBounced, mail.StatusQueueBounced, mail.StatusQueueExpired:
		return MarkFailed
	}
	return ""
}
