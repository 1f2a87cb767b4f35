package mail

// Direction tells which way mail goes through the gateway.
type Direction string

// The two directions. A listener has one, and so has every message.
const (
	Inbound  Direction = "inbound"
	Outbound Direction = "outbound"
)

// Status is what has become of one recipient of one message. The spelling is
// the same in HCL, API, CLI, log and code (B14–B30 and the decided additions).
type Status string

// The statuses. See package lifecycle for who may move what where.
const (
	StatusAccepted          Status = "accepted"           // B23a: ours, no outcome yet
	StatusDelivered         Status = "delivered"          // B17
	StatusSecureDelivered   Status = "secure-delivered"   // B30
	StatusReleased          Status = "released"           // B29: an operator released it and it was delivered
	StatusAutoReleased      Status = "auto-released"      // B14
	StatusQueued            Status = "queued"             // B23
	StatusQueueFrozen       Status = "queue-frozen"       // B24
	StatusQueueBounced      Status = "queue-bounced"      // B25
	StatusQueueRemoved      Status = "queue-removed"      // B26
	StatusQueueExpired      Status = "queue-expired"      // B27
	StatusQuarantined       Status = "quarantined"        // B20
	StatusStalled           Status = "stalled"            // B20a
	StatusQuarantineExpired Status = "quarantine-expired" // B21
	StatusQuarantineRemoved Status = "quarantine-removed" // B22
	StatusRejected          Status = "rejected"           // B28
	StatusNotAccepted       Status = "not-accepted"       // B19
	StatusBlackholed        Status = "blackholed"         // B15
	StatusBounced           Status = "bounced"            // B16
	StatusDeliveryFailed    Status = "delivery-failed"    // B18
)

// Statuses lists every status in the order operators see them.
func Statuses() []Status {
	return []Status{
		StatusAccepted, StatusQueued, StatusQueueFrozen, StatusStalled, StatusQuarantined,
		StatusDelivered, StatusSecureDelivered, StatusReleased, StatusAutoReleased,
		StatusDeliveryFailed, StatusBounced, StatusQueueBounced, StatusQueueExpired,
		StatusQueueRemoved, StatusBlackholed, StatusQuarantineRemoved, StatusQuarantineExpired,
		StatusRejected, StatusNotAccepted,
	}
}

// Live reports whether the gateway still has to do something about a
// recipient in this status: it is in process, queued, frozen or held.
func (s Status) Live() bool {
	switch s {
	case StatusAccepted, StatusQueued, StatusQueueFrozen, StatusStalled, StatusQuarantined:
		return true
	}
	return false
}

// Due reports whether the queue works on a recipient in this status by itself.
func (s Status) Due() bool { return s == StatusAccepted || s == StatusQueued }

// Held reports whether a recipient in this status waits for an operator.
func (s Status) Held() bool { return s == StatusStalled || s == StatusQuarantined }
