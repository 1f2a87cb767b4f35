package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
)

// The parameters of argon2id that the OWASP Password Storage Cheat Sheet
// recommends first: 19 MiB, two passes, one lane.
const (
	hashMemory = 19 << 10 // KiB
	hashTime   = 2
	hashLanes  = 1
	hashSalt   = 16 // octets
	hashLength = 32 // octets
)

// A hash that was written with more than this is not calculated.
const (
	mostMemory = 256 << 10 // KiB
	mostTime   = 16
)

// A password's bounds, in characters. NIST SP 800-63B-4 §3.1.1.2 has 15 where
// a password is all there is; whoever wants more adds a second factor.
const (
	minPassword = 10
	maxPassword = 256
)

// ErrBusy: more people sign in at this moment than the gateway has memory for.
var ErrBusy = errors.New("too many people are signing in; try again in a moment")

// hasher calculates a few hashes at one time: each takes hashMemory.
type hasher struct {
	turns chan struct{}
	wait  time.Duration // for a turn
	dummy string
}

func newHasher(parallel int, wait time.Duration) *hasher {
	h := &hasher{turns: make(chan struct{}, parallel), wait: wait}
	h.dummy = encode(derive("nobody's password", make([]byte, hashSalt)), make([]byte, hashSalt))
	return h
}

// turn waits for one; the caller calls done.
func (h *hasher) turn(ctx context.Context) (done func(), err error) {
	t := time.NewTimer(h.wait)
	defer t.Stop()
	select {
	case h.turns <- struct{}{}:
		return func() { <-h.turns }, nil
	case <-t.C:
		return nil, ErrBusy
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func derive(password string, salt []byte) []byte {
	return argon2.IDKey([]byte(password), salt, hashTime, hashMemory, hashLanes, hashLength)
}

func encode(key, salt []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, hashMemory, hashTime, hashLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// hash gives a password's hash as a PHC string.
func (h *hasher) hash(ctx context.Context, password string) (string, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return "", err
	}
	defer done()
	salt := make([]byte, hashSalt)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	return encode(derive(password, salt), salt), nil
}

// matches compares a password with a PHC string. With "" it takes as long and
// gives false.
func (h *hasher) matches(ctx context.Context, phc, password string) (bool, error) {
	done, err := h.turn(ctx)
	if err != nil {
		return false, err
	}
	defer done()
	real := phc != ""
	if !real {
		phc = h.dummy
	}
	if len(password) > 4*maxPassword {
		password = password[:4*maxPassword]
		real = false
	}
	var version int
	var memory, passes uint32
	var lanes uint8
	f := strings.Split(phc, "$")
	if len(f) != 6 || f[1] != "argon2id" {
		return false, errors.New("a stored password is not one of argon2id; set it anew with: weir user passwd")
	}
	if _, err := fmt.Sscanf(f[2]+" "+f[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &lanes); err != nil ||
		version != argon2.Version || memory > mostMemory || passes > mostTime || passes == 0 || lanes == 0 {
		return false, errors.New("a stored password has unusual parameters; set it anew with: weir user passwd")
	}
	salt, err1 := base64.RawStdEncoding.DecodeString(f[4])
	want, err2 := base64.RawStdEncoding.DecodeString(f[5])
	if err := errors.Join(err1, err2); err != nil || len(want) < 16 {
		return false, errors.New("a stored password does not read; set it anew with: weir user passwd")
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, uint32(len(want)))
	return subtle.ConstantTimeCompare(got, want) == 1 && real, nil
}

// checkPassword says what is wrong with a new password.
func checkPassword(name, password string) error {
	n := utf8.RuneCountInString(password)
	local, _, _ := strings.Cut(name, "@")
	lower := strings.ToLower(password)
	switch {
	case n < minPassword:
		return invalid("a password has at least %d characters", minPassword)
	case n > maxPassword || !utf8.ValidString(password):
		return invalid("a password has at most %d characters, in UTF-8", maxPassword)
	case lower == strings.ToLower(name), len(local) > 3 && strings.Contains(lower, strings.ToLower(local)):
		return invalid("a password does not contain the name it goes with")
	case strings.Trim(password, password[:1]) == "", strings.Contains("01234567890123456789 abcdefghijklmnopqrstuvwxyz qwertyuiopasdfghjklzxcvbnm passwordpassword password123456789", lower):
		return invalid("that password is among the first that are tried")
	}
	return nil
}
