package filter

import (
	"errors"
	"fmt"

	"github.com/mailweir/weir/sdk/abi"
)

// Kind is the way a call failed.
type Kind string

// The kinds of failure.
const (
	KindTrap        Kind = "trap"        // the guest crashed, exited or used a bad pointer
	KindDeadline    Kind = "deadline"    // the guest was stopped at its deadline, or the caller gave up
	KindMemory      Kind = "memory"      // the guest crashed at its memory limit
	KindUnavailable Kind = "unavailable" // no instance was free in time
	KindResult      Kind = "result"      // the guest reported an error, or its verdict is not one
	KindBreaker     Kind = "breaker"     // not called: it failed too often
	KindLoad        Kind = "load"        // not loaded
)

// Failure is the error of every call that gave no verdict.
type Failure struct {
	Plugin  string
	Stage   abi.Stage
	Kind    Kind
	OnError OnError // what the policy wants now
	Err     error   // short; the log has the rest
}

// Error implements error.
func (f *Failure) Error() string {
	return fmt.Sprintf("plugin %q failed at stage %s (%s): %v", f.Plugin, f.Stage, f.Kind, f.Err)
}

// Unwrap implements errors.Unwrap.
func (f *Failure) Unwrap() error { return f.Err }

// Reasons that end a guest from within a host function. They are panics there,
// which wazero turns into the error of the call.
var (
	errDeadline  = errors.New("stopped at its deadline")
	errCancelled = errors.New("stopped because the caller gave up")
)

// trap ends a guest for a mistake of its own.
type trap string

// errStack: tick found the guest's stack past maxStack.
const errStack = trap("stack overflow: calls nested too deep")

func (t trap) Error() string { return string(t) }

// exitError is the guest's proc_exit.
type exitError uint32

func (e exitError) Error() string { return fmt.Sprintf("exited with code %d", uint32(e)) }
