// Command crash proves that nothing acknowledged is lost: it loads a gateway
// over both listeners, kills and stops it at random moments while its
// destination fails in every way it can, starts it again, and at the end
// compares the ledger of 250s with what arrived. Its tests do the same with
// power cuts (snapshots of its disk under load) and with a full disk.
//
// It is a test harness, run by `make crash` and `make powercut`; no part of
// the gateway uses it.
package main
