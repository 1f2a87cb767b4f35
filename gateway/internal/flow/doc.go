// Package flow is one transaction: a session's commands, the filters, the
// policy's decision, and then direct delivery while the client waits or
// durable acceptance (B64, B66). The one reply after DATA is decided in
// answer.go; what each room does is theirs.
//
// It is not for the queue's work: what was accepted is the store's and
// package queue's from then on.
package flow
