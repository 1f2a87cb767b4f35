// Package resolver asks the DNS on behalf of deliveries and sessions: mail
// exchangers, addresses and names of clients, with a bounded cache and
// budgets on everything that a name server could make endless.
//
// It is not for policy: which host is tried, and what a missing record means
// to a message, package deliver decides.
package resolver
