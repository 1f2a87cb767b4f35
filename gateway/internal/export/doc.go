// Package export writes mail and rows of the log in forms that other programs
// read: CSV, JSON lines, .eml in a .zip, and mbox. Every writer streams: what
// was written is not kept.
//
// It does not choose what is written or ask who may have it: journal, actions
// and archive do. A writer that is not closed leaves something that its readers
// see is not whole (a .zip without its directory), or that the caller has to
// mark so (rows, mbox): by breaking off the connection, never by an orderly end.
package export
