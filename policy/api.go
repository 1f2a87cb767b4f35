// Package policy is the policy language: HCL in, a checked, immutable Policy
// out, and pure decisions about a message.
//
// It does not run filters, touch the network or know the store; gateway
// calls it with facts and findings.
package policy
