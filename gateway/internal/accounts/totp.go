package accounts

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/signed"
)

// Codes of RFC 6238: SHA-1, six digits, 30 seconds, as every app has them.
const (
	totpStep   = 30 // seconds
	totpDigits = 6
	totpSkew   = 1  // steps before and after
	totpSecret = 20 // octets (RFC 4226 §4)
	recoveries = 10
)

// hotp is RFC 4226 §5.3.
func hotp(secret []byte, counter uint64, digits int) string {
	m := hmac.New(sha1.New, secret)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], counter)
	m.Write(b[:])
	sum := m.Sum(nil)
	at := sum[len(sum)-1] & 0xf
	n := binary.BigEndian.Uint32(sum[at:at+4]) & 0x7fffffff
	mod := uint32(1)
	for range digits {
		mod *= 10
	}
	return fmt.Sprintf("%0*d", digits, n%mod)
}

// totpCounter finds the step of a code: one that is current and later than the
// last that was taken (RFC 6238 §5.2).
func totpCounter(secret []byte, code string, now time.Time, last uint64) (uint64, bool) {
	at := uint64(now.Unix()) / totpStep
	found, ok := uint64(0), false
	for c := at - totpSkew; c <= at+totpSkew; c++ {
		if subtle.ConstantTimeCompare([]byte(hotp(secret, c, totpDigits)), []byte(code)) == 1 && c > last && !ok {
			found, ok = c, true
		}
	}
	return found, ok
}

const purposeSecond = "second step"

// secondFor is how long a password is good for its second step.
const secondFor = 5 * time.Minute

type halfway struct {
	User  string `json:"u"`
	Epoch uint64 `json:"e"`
}

func (s *Service) signer() (*signed.Signer, error) { return signed.New(s.o.Key, s.o.Clock) }

func (s *Service) second(r *record) (Entry, error) {
	sg, err := s.signer()
	if err != nil {
		return Entry{}, err
	}
	token, err := sg.Token(purposeSecond, halfway{r.Name, r.Epoch}, s.now().Add(secondFor))
	return Entry{Who: r.Name, Pending: token}, err
}

// SecondStep takes the code of an app, or a recovery code, after SignIn gave
// Pending. ErrCredentials, *Wait.
func (s *Service) SecondStep(ctx context.Context, pending, code string, from From) (Entry, error) {
	sg, err := s.signer()
	if err != nil {
		return Entry{}, err
	}
	var h halfway
	if sg.Open(purposeSecond, pending, &h) != nil {
		if err := s.slow.begin("\x00code", from.Source); err != nil {
			return Entry{}, err
		}
		return Entry{}, ErrCredentials
	}
	if err := s.slow.begin(h.User, from.Source); err != nil {
		return Entry{}, err
	}
	var taken record
	_, err = s.change(ctx, h.User, func(r *record) error {
		if r.Disabled || r.Epoch != h.Epoch || len(r.Secret) == 0 {
			return ErrCredentials
		}
		if err := s.takeCode(r, code); err != nil {
			return err
		}
		taken = *r
		return nil
	})
	if errors.Is(err, ErrNotFound) {
		err = ErrCredentials
	}
	if err != nil {
		return Entry{}, err
	}
	s.slow.right(h.User, from.Source)
	return s.enter(ctx, &taken, HowPassword+" and code", from)
}

// takeCode uses up a code, so that it holds once.
func (s *Service) takeCode(r *record, code string) error {
	code = strings.ToUpper(strings.NewReplacer(" ", "", "-", "").Replace(code))
	if len(code) != totpDigits {
		h := digest(code)
		if i := slices.Index(r.Recovery, h); i >= 0 {
			r.Recovery = slices.Delete(r.Recovery, i, i+1)
			return nil
		}
		return ErrCredentials
	}
	secret, err := s.seal.open(r.Secret, r.Name)
	if err != nil {
		return err
	}
	c, ok := totpCounter(secret, code, s.now(), r.Counter)
	if !ok {
		return ErrCredentials
	}
	r.Counter = c
	return nil
}

// Enrolment is a secret for an app that is not in force yet.
type Enrolment struct {
	Secret string `json:"secret" doc:"In base32, for an app without a camera"`
	URI    string `json:"uri" doc:"For a QR code: otpauth://totp/…"`
}

// BeginTOTP makes a secret for one's own account; ConfirmTOTP puts it in force.
func (s *Service) BeginTOTP(ctx context.Context, who Identity) (Enrolment, error) {
	if who.User == "" || who.Session == "" {
		return Enrolment{}, ErrForbidden
	}
	secret := make([]byte, totpSecret)
	_, _ = rand.Read(secret) // never fails (crypto/rand)
	if _, err := s.change(ctx, who.User, func(r *record) error {
		if len(r.Secret) > 0 {
			return invalid("codes are asked for already; switch them off first")
		}
		r.Pending = s.seal.seal(secret, r.Name)
		return nil
	}); err != nil {
		return Enrolment{}, err
	}
	text := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
	return Enrolment{text, "otpauth://totp/" + url.PathEscape("Weir:"+who.User) + "?" + url.Values{"secret": {text}, "issuer": {"Weir"}}.Encode()}, nil
}

// ConfirmTOTP asks for codes from now on, once one proves that the app has the
// secret, and gives recovery codes: each is good for one sign-in without it.
func (s *Service) ConfirmTOTP(ctx context.Context, who Identity, code string, from From) ([]string, error) {
	if who.User == "" || who.Session == "" {
		return nil, ErrForbidden
	}
	if err := s.slow.begin(who.User, from.Source); err != nil {
		return nil, err
	}
	var codes []string
	_, err := s.change(ctx, who.User, func(r *record) error {
		if len(r.Pending) == 0 {
			return invalid("ask for a secret first")
		}
		secret, err := s.seal.open(r.Pending, r.Name)
		if err != nil {
			return err
		}
		c, ok := totpCounter(secret, strings.ReplaceAll(code, " ", ""), s.now(), 0)
		if !ok {
			return ErrCredentials
		}
		r.Secret, r.Pending, r.Counter = r.Pending, nil, c
		codes, r.Recovery = nil, nil
		for range recoveries {
			text := rand.Text()[:16] // 80 bits
			codes = append(codes, text[:4]+"-"+text[4:8]+"-"+text[8:12]+"-"+text[12:])
			r.Recovery = append(r.Recovery, digest(text))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	s.slow.right(who.User, from.Source)
	return codes, nil
}

// EndTOTP asks for no codes any more; it takes one last code to be sure.
func (s *Service) EndTOTP(ctx context.Context, who Identity, code string, from From) error {
	if who.User == "" || who.Session == "" {
		return ErrForbidden
	}
	if err := s.slow.begin(who.User, from.Source); err != nil {
		return err
	}
	_, err := s.change(ctx, who.User, func(r *record) error {
		if len(r.Secret) == 0 {
			return invalid("codes are not asked for")
		}
		if err := s.takeCode(r, code); err != nil {
			return err
		}
		r.Secret, r.Pending, r.Recovery, r.Counter = nil, nil, nil, 0
		return nil
	})
	if err == nil {
		s.slow.right(who.User, from.Source)
	}
	return err
}
