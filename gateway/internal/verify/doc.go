// Package verify answers whether a recipient exists: from the tenant's Local
// Recipients, from what was learnt before, or by asking the destination while
// the client waits (a callout with the null sender). It knows catch-all
// destinations, which say yes to everything and therefore teach nothing (B67).
//
// It is not for deciding: whether an unknown recipient is refused, deferred or
// delivered directly is package flow's and the policy's.
package verify
