// Package smtpd is the SMTP server: limits, TLS, line discipline and the
// order of commands (RFC 5321, 1870, 2034, 2920, 3030, 3207, 6152, 6531).
//
// It owns its loop from the first byte to the last, because where a message
// ends is a security decision: two servers that disagree on it are smuggling
// (see data.go). It is not for judging mail: every decision about a client, an
// address or a message is asked of a Gate, which package flow implements. It
// knows nothing of tenants, policy or storage.
package smtpd
