// Command crash proves that nothing acknowledged is lost: it loads a gateway,
// kills it at random moments (or cuts its power, by snapshots of its disk),
// starts it again, and at the end compares the ledger of 250s with what
// arrived or is still queued.
//
// It is a test harness, run by `make crash` and `make powercut`; no part of
// the gateway uses it.
package main
