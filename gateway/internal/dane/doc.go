// Package dane decides what TLSA records say about a mail server (RFC 7672,
// with RFC 6698 and RFC 7671 under it): which records there are for a host,
// whether they may be believed, which of them can be used, and whether a
// certificate chain matches them.
//
// It asks the DNS through the small interface it declares, and holds no
// connection: package smtpc hands it the chain of a handshake. It is not for
// deciding what happens to mail when nothing matches; package deliver does
// that.
package dane
