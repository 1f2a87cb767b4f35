// Package isolation shows that tenants are apart: it runs a whole gateway with
// several of them, and has one tenant's people ask for everything of another's
// through every route of the API and every command (B2–B5).
//
// It is for tests alone, and judges nothing itself: the tests beside it and
// those of the command line do.
package isolation
