package sdk

import "github.com/mailweir/weir/sdk/abi"

// Instance runs hooks natively. It is declared here too, so that go vet for
// wasip1 can look at a plugin together with its tests.
type Instance struct{}

// NewInstance fails: in Wasm the gateway is the host.
func NewInstance(Host, abi.Init) (*Instance, error) { return nil, ErrUnavailable }

// Run fails, as NewInstance does.
func (*Instance) Run(*abi.Event) (*abi.Verdict, error) { return nil, ErrUnavailable }
