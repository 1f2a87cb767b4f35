// Package tlsrpt counts how TLS to the mail servers of recipients' domains
// went, by day and domain, and makes of it the report that those domains ask
// for (RFC 8460).
//
// It does not decide anything about a connection, and does not send reports:
// it hands them out.
package tlsrpt
