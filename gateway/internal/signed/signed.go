// Package signed makes and reads tokens that say something over our signature
// for a while: a link in a mail that releases a message, or that signs somebody
// in. What a token says can be read by whoever has it; it is not secret.
//
// It knows no clock but the one it is given and keeps no record: whoever wants
// a token to hold once only notes what was used.
package signed

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

var (
	// ErrInvalid: the token is not ours, not whole, or for another purpose.
	ErrInvalid = errors.New("the link is not valid")
	// ErrExpired: its time is over.
	ErrExpired = errors.New("the link has expired")
)

// keySize is the length of a key, octets.
const keySize = 32

// Signer signs and checks with one key.
type Signer struct {
	key []byte
	now func() time.Time
}

// New makes a Signer. The key has at least 32 octets; now nil is time.Now.
func New(key []byte, now func() time.Time) (*Signer, error) {
	if len(key) < keySize {
		return nil, fmt.Errorf("a key for signing has at least %d octets, not %d", keySize, len(key))
	}
	if now == nil {
		now = time.Now
	}
	return &Signer{key: key, now: now}, nil
}

// LoadOrCreateKey reads a key from dir/name, or makes one there, mode 0600. A
// key that others may read is refused: who has it signs as we do.
func LoadOrCreateKey(dir, name string) ([]byte, error) {
	path := filepath.Join(dir, name)
	for range 2 {
		key, err := readKey(path)
		switch {
		case err == nil && len(key) < keySize:
			return nil, fmt.Errorf("%s holds %d octets and needs %d; remove it to have a new one made (links sent so far end then)", path, len(key), keySize)
		case err == nil:
			return key, nil
		case !errors.Is(err, fs.ErrNotExist):
			return nil, fmt.Errorf("reading a key: %w", err)
		}
		if err := createKey(dir, name, path); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("making a key: %w", err)
		}
	}
	return nil, fmt.Errorf("reading a key: %s comes and goes", path)
}

func readKey(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return nil, fmt.Errorf("others may read %s; make it private with: chmod 600 %s", path, path)
	}
	return io.ReadAll(f)
}

// createKey links in a finished file, so that a reader never sees half a key.
func createKey(dir, name, path string) error {
	key := make([]byte, keySize)
	_, _ = rand.Read(key)                         // never fails (crypto/rand)
	tmp, err := os.CreateTemp(dir, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.Write(key)
	if err = errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// syncDir makes a new name in dir durable: a key that is gone after a crash
// would take with it all that was signed.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

type envelope struct {
	Purpose string          `json:"p"`
	Expires int64           `json:"e"` // seconds since 1970
	Says    json.RawMessage `json:"s"`
}

// Token signs what a value says, for one purpose, until expires. It consists of
// letters, digits, "-", "_" and one ".".
func (s *Signer) Token(purpose string, value any, expires time.Time) (string, error) {
	says, err := json.Marshal(value)
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	body, err := json.Marshal(envelope{purpose, expires.Unix(), says})
	if err != nil {
		return "", fmt.Errorf("signing: %w", err)
	}
	text := base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(s.sum(text)), nil
}

// Open checks a token and reads what it says into value. ErrInvalid, ErrExpired.
func (s *Signer) Open(purpose, token string, value any) error {
	text, mac, ok := strings.Cut(token, ".")
	given, err := base64.RawURLEncoding.DecodeString(mac)
	if !ok || err != nil || !hmac.Equal(given, s.sum(text)) {
		return ErrInvalid
	}
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return ErrInvalid
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil || e.Purpose != purpose {
		return ErrInvalid
	}
	if s.now().Unix() >= e.Expires {
		return ErrExpired
	}
	if err := json.Unmarshal(e.Says, value); err != nil {
		return ErrInvalid
	}
	return nil
}

func (s *Signer) sum(text string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
