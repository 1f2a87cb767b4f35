package api

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
)

// TokenFile is the name, in data_dir, of the file with the admin token.
const TokenFile = "admin.token"

// minToken is the least length of a token that an operator wrote, in characters.
const minToken = 16

// LoadOrCreateToken reads the admin token from dir, or makes one of 256 random
// bits with mode 0600 if there is none yet.
func LoadOrCreateToken(dir string) (string, error) {
	path := filepath.Join(dir, TokenFile)
	token, err := LoadToken(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	token = base64.RawURLEncoding.EncodeToString(b[:])
	// Of two processes one wins.
	switch err := atomicfile.Write(path, []byte(token+"\n"), atomicfile.Options{New: true}); {
	case errors.Is(err, fs.ErrExist):
		return LoadToken(path)
	case err != nil:
		return "", fmt.Errorf("making the admin token: %w", err)
	}
	return token, nil
}

// LoadToken reads a token from a file. A file that others may read, or one
// with a short token, is refused.
func LoadToken(path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", fmt.Errorf("reading the admin token: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("reading the admin token: others may read %s; make it private with: chmod 600 %s", path, path)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("reading the admin token: %w", err)
	}
	token := strings.TrimSpace(string(b))
	if len(token) < minToken {
		return "", fmt.Errorf("reading the admin token: %s holds fewer than %d characters; remove it, and weir serve makes a new one", path, minToken)
	}
	return token, nil
}
