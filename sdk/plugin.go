// Package sdk is what a Weir plugin written in Go imports.
//
// A plugin registers its hooks in an init function:
//
//	func init() {
//		sdk.Register(sdk.Plugin{Hooks: sdk.Hooks{abi.StageMessage: onMessage}})
//	}
//	func main() {}
//
//	func onMessage(c *sdk.Call, v *sdk.Verdict) error {
//		if subject, ok := c.Header("Subject"); ok && subject == "" {
//			v.Find("spam", "empty-subject").Score = 1
//		}
//		return nil
//	}
//
// and is built with
//
//	GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -ldflags="-s -w" -trimpath
//
// Built natively, the same code runs against the in-memory host of sdk/sdktest,
// so that go test covers a plugin's logic. The package links neither fmt nor
// encoding/json. It is not for the gateway: that imports sdk/abi only.
package sdk

import "github.com/mailweir/weir/sdk/abi"

// Hook handles one stage. It writes what it found to v; an untouched v is
// "continue". An error means that the plugin could not judge: the host applies
// on_error. A panic costs the instance as well.
//
// Instances run one call at a time, in any order of sessions: what must last
// from one stage of a session to the next goes into notes (Verdict.Note), what
// must last longer into KV.
type Hook func(c *Call, v *Verdict) error

// Hooks are a plugin's hooks by stage. They must agree with the manifest.
type Hooks map[abi.Stage]Hook

// Plugin is what a guest registers.
type Plugin struct {
	// Init runs once per instance, before any hook; nil for none. It has no
	// configuration: that comes with each call (Config).
	Init  func(in abi.Init) error
	Hooks Hooks
	// Check tells what is wrong with a configuration, before it is put in force
	// (Config gives it); nil takes any. The manifest has to say checks_config.
	// Host calls that need a grant are unavailable.
	Check func(c *Call) error
}

// Checks is a Check that builds the configuration.
func Checks[T any](build func(abi.Value) (T, error)) func(*Call) error {
	return func(c *Call) error {
		_, err := Config(c, build)
		return err
	}
}

// Stages are the stages the registered plugin has hooks for; of several plugins,
// none.
func Stages() []abi.Stage {
	p, err := choose("")
	if err != nil {
		return nil
	}
	var out []abi.Stage
	for s := abi.StageConnect; s <= abi.StageAction; s++ {
		if p.Hooks[s] != nil {
			out = append(out, s)
		}
	}
	return out
}

// Error is an error of the SDK or of the host.
type Error string

func (e Error) Error() string { return string(e) }

// Errors that host calls give, one for each negative result of the ABI.
const (
	ErrNotFound    Error = "not found"
	ErrDenied      Error = "denied: not granted"
	ErrTooLarge    Error = "too large"
	ErrTimeout     Error = "timeout"
	ErrBadArgument Error = "bad argument"
	ErrUnavailable Error = "unavailable"
)

// run decodes the event, runs its hook and encodes the verdict into out.
func (p *Plugin) run(h host, cache *configCache, event, out []byte) ([]byte, error) {
	c := Call{h: h, cache: cache}
	if err := c.Event.Decode(event); err != nil {
		return out, err
	}
	if c.Stage == 0 && c.ConfigID != 0 {
		if p.Check != nil {
			if err := p.Check(&c); err != nil {
				return out, err
			}
		}
		return new(Verdict).Append(out), nil
	}
	hook := p.Hooks[c.Stage]
	if hook == nil {
		return out, Error("no hook for stage " + c.Stage.String())
	}
	var v Verdict
	if err := hook(&c, &v); err != nil {
		return out, err
	}
	if c.failed != nil {
		return out, c.failed
	}
	return v.Append(out), nil
}
