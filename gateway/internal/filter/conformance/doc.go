// Package conformance holds what the four SDKs promise alike: one table of
// scenarios, run on the guests of sdk/conformance in the real host, each SDK's
// codec against the golden vectors, and what both need of npm. It is no code of
// the gateway.
package conformance
