package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// pluginModule reads the module behind a plugin's source: "builtin:NAME" or
// the path of a file.
func pluginModule(source string) ([]byte, error) {
	if name, ok := strings.CutPrefix(source, "builtin:"); ok {
		return builtin.Module(name)
	}
	b, err := os.ReadFile(source)
	if err != nil {
		return nil, fmt.Errorf("no module to load: %w", err)
	}
	return b, nil
}

// manifestOf reads what a plugin says of itself, so that its config blocks can
// be checked by its own schema.
func manifestOf(_, source string) (*manifest.Manifest, error) {
	module, err := pluginModule(source)
	if err != nil {
		return nil, err
	}
	return filter.ReadManifest(module)
}
