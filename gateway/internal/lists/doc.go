// Package lists keeps what operators add to allow and block lists while the
// gateway runs: entries of named lists, rules with several conditions, and the
// actions they choose for classes of findings (B31–B37). It is durable in the
// store's documents and answers from memory, in constant time.
//
// The lists that HCL declares are policy's; who may change which entry is
// decided by the caller's scope (package actions, package api). It judges no
// mail: the plugin rules reads what stands here, and policy disposes.
package lists
