// Package digest sends mail by the clock: digests of held mail to the people it
// is for, with links by which they decide on it, and the reports of searches
// that operators asked for. It keeps a durable mark of what was sent, so that
// each falls due once, restarts or not, and what was missed comes once.
//
// It does not say what a mailbox may do with its mail: lifecycle's table does,
// through package actions. It serves no pages and delivers nothing.
package digest
