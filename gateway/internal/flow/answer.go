package flow

// fate is what has become of one recipient when the one reply after DATA is
// due.
type fate int

const (
	fateDelivered  fate = iota // the destination took it
	fatePending                // past the final dot: nobody can take it back
	fateHeld                   // stalled, quarantined, discarded or put aside by policy
	fateQueueable              // failed temporarily and may be queued (B65, B70; outbound always)
	fateUnknown                // failed temporarily and may not be queued by itself (B69)
	fateRefused                // the destination refused it with 5xx (B66)
	fateRejected               // policy rejects it
	fateUnfiltered             // a filter failed temporarily
)

// answer is the one reply's kind.
type answer int

const (
	takeIt      answer = iota // 250: every recipient is ours
	refuseIt                  // 5xx: nothing was taken
	laterPlease               // 451: nothing was taken
)

// decide is the table of "the one reply after DATA" (architecture document).
//
// All refused by the destination or by policy: that 5xx. Nothing delivered or
// held and one that failed temporarily and may not be queued: 451 for all.
// Otherwise 250. A filter's failure alone, or beside refusals only, is a 451
// too: the client still has the message, and asking it to come back is safer
// than taking it unfiltered.
func decide(fates []fate) answer {
	var final, queueable, unknown, unfiltered int
	for _, f := range fates {
		switch f {
		case fateDelivered, fatePending, fateHeld:
			final++
		case fateQueueable:
			queueable++
		case fateUnknown:
			unknown++
		case fateUnfiltered:
			unfiltered++
		}
	}
	switch {
	case final > 0:
		return takeIt
	case unknown > 0:
		return laterPlease
	case queueable > 0:
		return takeIt
	case unfiltered > 0:
		return laterPlease
	}
	return refuseIt
}
