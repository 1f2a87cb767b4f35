// Package smtpc is the gateway's one SMTP and LMTP client (RFC 5321, RFC 2033):
// deliveries, recipient callouts and the test client all speak through it, so
// that a peer that hangs, drips, babbles or lies is met in one place.
//
// A connection is used by one goroutine at a time. Every read and write has a
// deadline, every reply has a budget, nothing leaves that could be read as a
// second command or a second message, and what was said is kept in a redacted,
// bounded transcript.
//
// It is not for deciding where mail goes, whether to try again, or what a
// failure means to a recipient: package deliver does that.
package smtpc
