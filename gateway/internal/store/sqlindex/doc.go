// Package sqlindex is the search index of the journal: a SQLite file beside the
// store, which holds a row for each recipient with the fields that a search
// asks about. It is a projection: it can be thrown away at any time and is made
// anew from the store, and what it finds is read from the store again.
//
// It is not the record. It knows no messages, only rows; whoever feeds it
// (Apply) says how far it has come, and nothing is lost when it is behind.
package sqlindex
