package artifact

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// SignatureSection is the custom section that holds a module's signatures. It
// is a section and no file beside the module, so that it goes wherever the
// module goes: through a registry, a download, a copy.
const SignatureSection = "weir.signature"

// Bounds of the section.
const (
	maxSignatures    = 16
	maxSignatureSize = 16 << 10 // octets
)

const keyPrefix = "ed25519:"

var (
	// ErrUnsigned: the module carries no signature.
	ErrUnsigned = errors.New("the module is not signed")
	// ErrUntrusted: it carries signatures, none of them by a key that is trusted.
	ErrUntrusted = errors.New("no trusted key has signed the module")
	// ErrBadSignature: it carries a signature that does not belong to it.
	ErrBadSignature = errors.New("the module carries a signature that is not its own: it was changed after it was signed")
)

// PublicKey is a key that may sign plugins, written "ed25519:" and base64.
type PublicKey string

// ParseKey checks a public key.
func ParseKey(s string) (PublicKey, error) {
	s = strings.TrimSpace(s)
	if PublicKey(s).key() == nil {
		return "", fmt.Errorf(`%.80q is no public key; it is "ed25519:" and 44 characters of base64, as "weir plugin keygen" writes it`, s)
	}
	return PublicKey(s), nil
}

// key is nil for what is no key, or written in another way than keygen does:
// keys are compared, and shown, as they are written.
func (k PublicKey) key() ed25519.PublicKey {
	b, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(string(k), keyPrefix))
	if err != nil || len(b) != ed25519.PublicKeySize || publicKey(b) != k {
		return nil
	}
	return b
}

func publicKey(b ed25519.PublicKey) PublicKey {
	return PublicKey(keyPrefix + base64.StdEncoding.EncodeToString(b))
}

// PrivateKey signs plugins.
type PrivateKey struct{ key ed25519.PrivateKey }

// NewKey makes a key pair.
func NewKey() (PrivateKey, error) {
	_, k, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		return PrivateKey{}, fmt.Errorf("making a key: %w", err)
	}
	return PrivateKey{k}, nil
}

// Public is the other half of the pair.
func (k PrivateKey) Public() PublicKey {
	return publicKey(k.key.Public().(ed25519.PublicKey))
}

// PEM is the key as PKCS #8 (RFC 8410), which openssl reads too.
func (k PrivateKey) PEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.key)
	if err != nil {
		return nil, fmt.Errorf("writing a key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// ParsePrivateKey reads what PEM gives. Its errors never quote the key.
func ParsePrivateKey(text []byte) (PrivateKey, error) {
	block, _ := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" {
		return PrivateKey{}, errors.New(`not a private key; "weir plugin keygen" makes one`)
	}
	k, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return PrivateKey{}, errors.New("the private key is damaged")
	}
	ed, ok := k.(ed25519.PrivateKey)
	if !ok {
		return PrivateKey{}, errors.New("the private key is not of Ed25519")
	}
	return PrivateKey{ed}, nil
}

// signature is one of a module's.
type signature struct {
	Key PublicKey `json:"key"`
	Sig []byte    `json:"sig"`
}

type signatures struct {
	Signatures []signature `json:"signatures"`
}

// statement is what is signed: the digest of the module without its
// signatures, and that of its manifest.
func statement(bare []byte) ([]byte, error) {
	m, err := manifest.Custom(bare, manifest.Section)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, manifest.ErrNone
	}
	return fmt.Appendf(nil, "weir plugin signature 1\nmodule %s\nmanifest %s\n", Digest(bare), Digest(m)), nil
}

// read gives the module without signatures, and them.
func read(module []byte) (bare []byte, sigs []signature, err error) {
	body, err := manifest.Custom(module, SignatureSection)
	if err != nil {
		return nil, nil, err
	}
	if bare, err = manifest.WithoutCustom(module, SignatureSection); err != nil || body == nil {
		return bare, nil, err
	}
	if len(body) > maxSignatureSize {
		return nil, nil, fmt.Errorf("signatures of %d octets; at most %d", len(body), maxSignatureSize)
	}
	var s signatures
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return nil, nil, fmt.Errorf("the module's signatures cannot be read: %w", err)
	}
	if len(s.Signatures) > maxSignatures {
		return nil, nil, fmt.Errorf("%d signatures; at most %d", len(s.Signatures), maxSignatures)
	}
	return bare, s.Signatures, nil
}

// Sign adds a signature, in place of one by the same key. A module with a
// signature that is not good is refused: whoever made it should look first.
func Sign(module []byte, k PrivateKey) ([]byte, error) {
	if _, err := Signers(module); err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	bare, sigs, err := read(module)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	text, err := statement(bare)
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	pub := k.Public()
	sigs = slices.DeleteFunc(sigs, func(s signature) bool { return s.Key == pub })
	sigs = append(sigs, signature{pub, ed25519.Sign(k.key, text)})
	if len(sigs) > maxSignatures {
		return nil, fmt.Errorf("signing: a module has at most %d signatures", maxSignatures)
	}
	body, err := json.Marshal(signatures{sigs})
	if err != nil {
		return nil, fmt.Errorf("signing: %w", err)
	}
	return manifest.WithCustom(module, SignatureSection, body)
}

// Signers are the keys that have signed a module; none for one that is not
// signed. ErrBadSignature where any signature does not verify.
func Signers(module []byte) ([]PublicKey, error) {
	bare, sigs, err := read(module)
	if err != nil || len(sigs) == 0 {
		return nil, err
	}
	text, err := statement(bare)
	if err != nil {
		return nil, err
	}
	var out []PublicKey
	for _, s := range sigs {
		key := s.Key.key()
		if key == nil || !ed25519.Verify(key, text, s.Sig) {
			return nil, ErrBadSignature
		}
		out = append(out, s.Key)
	}
	return out, nil
}

// Verify checks that one of the trusted keys has signed the module and says
// which.
func Verify(module []byte, trusted []PublicKey) (PublicKey, error) {
	have, err := Signers(module)
	if err != nil {
		return "", err
	}
	if len(have) == 0 {
		return "", ErrUnsigned
	}
	for _, k := range have {
		if slices.Contains(trusted, k) {
			return k, nil
		}
	}
	return "", fmt.Errorf("%w; it is signed by %s", ErrUntrusted, joinKeys(have))
}

func joinKeys(ks []PublicKey) string {
	out := make([]string, len(ks))
	for i, k := range ks {
		out[i] = string(k)
	}
	return strings.Join(out, ", ")
}
