package sdk

import (
	"testing"

	"github.com/mailweir/weir/sdk/abi"
)

// TestCheck: a configuration is what the plugin's Check says of it, and fine
// where it has none. What has no stage otherwise is no call of a hook.
func TestCheck(t *testing.T) {
	for _, c := range []struct {
		check  func(*Call) error
		config uint64
		want   error
	}{
		{nil, 1, nil},
		{func(c *Call) error { return Error("unusable") }, 1, Error("unusable")},
		{func(c *Call) error { return nil }, 1, nil},
		{nil, 0, Error("no hook for stage Stage(0)")},
		{func(c *Call) error { return nil }, 0, Error("no hook for stage Stage(0)")},
	} {
		registry(t)
		Register(Plugin{Check: c.check})
		in, err := NewInstance(nil, abi.Init{})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := in.Run(&abi.Event{ConfigID: c.config}); err != c.want {
			t.Errorf("config %d: %v, want %v", c.config, err, c.want)
		}
	}
}
