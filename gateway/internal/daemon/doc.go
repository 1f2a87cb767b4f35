// Package daemon puts the rooms together into a running gateway: it opens the
// store, loads the policy and its plugins, binds the listeners, and ends all
// of it in the right order.
//
// It is not for logic of its own: what it holds is wiring, reload, and the
// adapters between rooms that may not know each other.
package daemon
