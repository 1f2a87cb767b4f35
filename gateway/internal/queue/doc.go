// Package queue works the queue: it leases due recipients, has them judged or
// delivered, and writes what became of them, until nothing is due.
//
// book.go is the pure part: what an attempt's result makes of a recipient.
// work.go is the loop. It is not for the store's indexes, and it holds no
// state of its own that a restart would miss: leases live in the store.
package queue
