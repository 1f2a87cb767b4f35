// Package accounts knows who may use the gateway: users on their level and in
// their role, tokens, sessions, and the ways to sign in. It gives a request its
// scope.
//
// It does not say what a scope may do with a message: package lifecycle does.
package accounts
