package sdk

import "github.com/mailweir/weir/sdk/abi"

// maxConfigs is how many built configurations an instance keeps; past it the
// cache starts anew, so that years of reloads do not fill a guest's memory.
const maxConfigs = 4096

// configCache keeps what plugins built from their configuration, by ID.
type configCache struct {
	built map[uint64][]any // *built[T], one for each T asked for
}

type built[T any] struct {
	value T
	err   error
}

// Value is the configuration of the filter block at hand, an object.
func (c *Call) Value() (abi.Value, error) {
	var v abi.Value
	b, err := hostConfigRead(c.h, c.ConfigID)
	if err != nil {
		return v, err
	}
	return v, v.Decode(b)
}

// Config gives the configuration of the filter block at hand as the plugin's
// own type. build runs once per configuration and instance; its result, or its
// error, is kept by ID (a changed configuration has another ID).
func Config[T any](c *Call, build func(abi.Value) (T, error)) (T, error) {
	for _, x := range c.cache.built[c.ConfigID] {
		if b, ok := x.(*built[T]); ok {
			return b.value, b.err
		}
	}
	var b built[T]
	v, err := c.Value()
	if err != nil {
		return b.value, err // not kept: the host may know it next time
	}
	b.value, b.err = build(v)
	if c.cache.built == nil || len(c.cache.built) >= maxConfigs {
		c.cache.built = map[uint64][]any{}
	}
	c.cache.built[c.ConfigID] = append(c.cache.built[c.ConfigID], &b)
	return b.value, b.err
}
