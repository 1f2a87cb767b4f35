// Package badgerstore is the store of one machine: queue state, journal and
// documents in Badger, bodies in a spool beside it.
//
// What makes it durable: a body and a trailer that describes it are synced to
// the spool first (one file for a large body, a frame of a shared segment for
// a small one), then all records of all who wait are committed to Badger as
// one transaction with one sync, and only then does anyone hear of success.
// On open the two are compared both ways, so that neither a crash between
// them nor a damaged Badger loses mail.
//
// What is due and who holds a lease is kept in memory and rebuilt on open.
//
// It is not for sharing between processes: the directory is locked to one.
package badgerstore
