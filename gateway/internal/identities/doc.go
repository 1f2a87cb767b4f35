// Package identities knows whose outgoing mail is whose: the identity that a
// message is sent in, by the authenticated user, the sender's address and the
// client, and which identities and users may not send until somebody unlocks
// them (B61–B63).
//
// It does not authenticate anybody, and does not say who may lock whom: the
// listeners do the one, packages lifecycle and actions the other. What was
// accepted before a lock is the queue's.
package identities
