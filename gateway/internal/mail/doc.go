// Package mail holds the words every room of the gateway shares: identifiers,
// addresses, envelopes, replies, findings, statuses and events.
//
// It is not for behaviour: nothing here waits, stores or decides. It imports
// the standard library and x/net/idna only, and never another package of ours.
package mail
