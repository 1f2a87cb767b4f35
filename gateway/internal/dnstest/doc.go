// Package dnstest is a name server on the loopback for tests: zones written as
// text, answers that fail in every way a real one fails, and the AD bit as a
// validating resolver sets it. It speaks UDP and TCP on one port that the
// kernel chose.
//
// It is not for serving names to anybody: it does not recurse, and says of an
// answer that it was validated because a test told it so. Zones that it signs
// (SignFor) are for a resolver of the test that validates.
package dnstest
