// Package deliver hands one message to the hosts of one route and says what
// became of each recipient: hosts in order with immediate failover (B102),
// static hosts or MX, TLS as the route asks, connections used again, one
// transcript for each host tried.
//
// It is not for durability or patience: it stores nothing, knows no retry
// schedule and decides no status. An attempt ends as delivered, deferred or
// failed per recipient; package flow and the queue make of that what policy says.
package deliver
