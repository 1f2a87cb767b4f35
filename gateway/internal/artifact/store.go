package artifact

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
)

// Store is a folder of modules, each under its digest.
type Store struct{ Dir string }

// ErrNotStored: the store has no module of that digest.
var ErrNotStored = errors.New("not stored")

// ParseDigest checks how a digest is written: "sha256:" and 64 lower-case
// hexadecimal digits.
func ParseDigest(s string) (hexDigits string, err error) {
	h, ok := strings.CutPrefix(s, "sha256:")
	if b, err := hex.DecodeString(h); !ok || err != nil || len(b) != 32 || strings.ToLower(h) != h {
		return "", fmt.Errorf(`%.80q is no digest; it is "sha256:" and 64 hexadecimal digits`, s)
	}
	return h, nil
}

func (s Store) path(digest string) (string, error) {
	h, err := ParseDigest(digest)
	return filepath.Join(s.Dir, "sha256-"+h+".wasm"), err
}

// Get reads a module, and checks that it still is the one.
func (s Store) Get(digest string) ([]byte, error) {
	path, err := s.path(digest)
	if err != nil {
		return nil, err
	}
	b, err := readModule(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotStored
	}
	if err != nil {
		return nil, err
	}
	if got := Digest(b); got != digest {
		return nil, fmt.Errorf("%s was changed: it is %s. Remove it, and it is fetched again", path, got)
	}
	return b, nil
}

// Put keeps a module: whole, or not at all.
func (s Store) Put(module []byte) (digest string, err error) {
	digest = Digest(module)
	path, err := s.path(digest)
	if err != nil {
		return "", err
	}
	if err := os.MkdirAll(s.Dir, 0o700); err != nil {
		return "", fmt.Errorf("storing a module: %w", err)
	}
	if err := atomicfile.Write(path, module, atomicfile.Options{}); err != nil {
		return "", fmt.Errorf("storing a module: %w", err)
	}
	return digest, nil
}

// readModule reads a file that must be no larger than a module may be.
func readModule(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is no regular file", path)
	}
	return readBounded(f)
}

// readBounded reads a module and no more.
func readBounded(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, MaxModule+1))
	if err != nil {
		return nil, err
	}
	if len(b) > MaxModule {
		return nil, fmt.Errorf("a module has at most %d MiB", MaxModule>>20)
	}
	return b, nil
}
