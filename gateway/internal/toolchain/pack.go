package toolchain

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
	"github.com/mailweir/weir/sdk/abi/compact"
	"github.com/mailweir/weir/sdk/abi/manifest"
)

// Pack builds the project and adds its manifest.
func (p *Project) Pack(ctx context.Context) ([]byte, error) {
	code, err := p.Build(ctx)
	if err != nil {
		return nil, err
	}
	return p.Seal(code)
}

// Seal adds the project's manifest to a module that was built otherwise.
func (p *Project) Seal(code []byte) ([]byte, error) {
	packed, err := manifest.Append(compact.Data(code), p.Manifest)
	if err != nil {
		return nil, fmt.Errorf("packing %s: %w", p.Dir, err)
	}
	return packed, nil
}

// WriteModule puts a module at path whole or not at all.
func WriteModule(path string, module []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	if err := atomicfile.Write(path, module, atomicfile.Options{Mode: 0o644}); err != nil {
		return fmt.Errorf("writing %s: %w", path, err)
	}
	return nil
}
