package policy

import "github.com/mailweir/weir/sdk/abi"

// Value is a typed configuration value, as the plugin receives it.
type Value = abi.Value
