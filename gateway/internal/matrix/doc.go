// Package matrix is the fixture and the house of the test of the action matrix
// (B11–B63): what the behaviour list says is offered for which direction, status,
// level and role, transcribed by hand, and a whole gateway with messages in
// every status to try it on.
//
// It is for tests alone, and takes nothing from package lifecycle's table: that
// is what is on trial.
package matrix
