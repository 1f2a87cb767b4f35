package accounts

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
)

// sealer encrypts small secrets for the store with AES-256-GCM, bound to whose
// they are.
type sealer struct{ aead cipher.AEAD }

func newSealer(key []byte) (sealer, error) {
	if len(key) < 32 {
		return sealer{}, fmt.Errorf("the key of accounts has at least 32 octets, not %d", len(key))
	}
	k, err := hkdf.Key(sha256.New, key, nil, "weir accounts: secrets at rest", 32)
	if err != nil {
		return sealer{}, err
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return sealer{}, err
	}
	aead, err := cipher.NewGCM(block)
	return sealer{aead}, err
}

func (s sealer) seal(secret []byte, whose string) []byte {
	nonce := make([]byte, s.aead.NonceSize(), s.aead.NonceSize()+len(secret)+s.aead.Overhead())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	return s.aead.Seal(nonce, nonce, secret, []byte(whose))
}

func (s sealer) open(sealed []byte, whose string) ([]byte, error) {
	if len(sealed) < s.aead.NonceSize() {
		return nil, errors.New("a stored secret is not whole")
	}
	n := s.aead.NonceSize()
	b, err := s.aead.Open(nil, sealed[:n], sealed[n:], []byte(whose))
	if err != nil {
		return nil, errors.New("a stored secret does not open with accounts.key; was the file replaced?")
	}
	return b, nil
}
