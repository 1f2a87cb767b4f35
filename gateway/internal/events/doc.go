// Package events gives what happens to mail to others as it happens: to
// operators who watch the log (a live tail within a scope), and to other
// programs, as JSON lines in a file or as signed webhooks.
//
// Every follower reads the journal's events by their sequence number at its own
// pace: nothing waits for it, neither mail nor another follower. A receiver's
// place in the sequence is durable, and moves on only when the receiver has
// taken what came before it: each event comes at least once, and in order.
//
// It is not the journal, which keeps events, and has no receivers of its own:
// the policy names them.
package events
