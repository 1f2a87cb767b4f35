package mail

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"strings"
	"time"
)

// ID names a message, an attempt's message or a notice. It is a UUIDv7
// (RFC 9562 §5.7): its first 48 bits are milliseconds, so IDs sort by time.
// The zero ID means "none".
type ID [16]byte

// crockford is Crockford's base 32, lower case.
const crockford = "0123456789abcdefghjkmnpqrstvwxyz"

// NewID makes a fresh ID for the instant now.
func NewID(now time.Time) ID {
	var id ID
	if _, err := rand.Read(id[6:]); err != nil {
		panic("mail: no randomness: " + err.Error()) // crypto/rand never fails on a supported system
	}
	id.stamp(now.UnixMilli())
	return id
}

// DeriveID makes the ID of something that must be made only once for a given
// cause, such as the bounce of one message to one set of recipients. It
// carries the time at and is otherwise a digest of parent and parts.
func DeriveID(parent ID, at time.Time, parts ...string) ID {
	h := sha256.New()
	h.Write(parent[:])
	for _, p := range parts {
		var n [4]byte
		binary.BigEndian.PutUint32(n[:], uint32(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	var id ID
	copy(id[:], h.Sum(nil))
	id.stamp(at.UnixMilli())
	return id
}

func (id *ID) stamp(ms int64) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(ms))
	copy(id[:6], b[2:])
	id[6] = id[6]&0x0f | 0x70
	id[8] = id[8]&0x3f | 0x80
}

// Time is the instant the ID was made for, to the millisecond.
func (id ID) Time() time.Time {
	var b [8]byte
	copy(b[2:], id[:6])
	return time.UnixMilli(int64(binary.BigEndian.Uint64(b[:]))).UTC()
}

// IsZero reports whether the ID is "none".
func (id ID) IsZero() bool { return id == ID{} }

// String is the ID as 26 lower-case Crockford characters; they sort as the ID does.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	var out [26]byte
	hi, lo := binary.BigEndian.Uint64(id[:8]), binary.BigEndian.Uint64(id[8:])
	for i := 25; i >= 0; i-- {
		out[i] = crockford[lo&31]
		lo = lo>>5 | hi<<59
		hi >>= 5
	}
	return string(out[:])
}

var errID = errors.New("not a message ID: want 26 characters such as 01kb3z6q9xe0m8v2r5s7t4w1yd")

// ParseID reads the form String writes, in either case.
func ParseID(s string) (ID, error) {
	var id ID
	if len(s) != 26 {
		return id, errID
	}
	s = strings.ToLower(s)
	if s[0] > '7' {
		return id, errID
	}
	var hi, lo uint64
	for i := 0; i < len(s); i++ {
		v := strings.IndexByte(crockford, s[i])
		if v < 0 {
			return id, errID
		}
		hi = hi<<5 | lo>>59
		lo = lo<<5 | uint64(v)
	}
	binary.BigEndian.PutUint64(id[:8], hi)
	binary.BigEndian.PutUint64(id[8:], lo)
	return id, nil
}

// MarshalText writes the String form.
func (id ID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the String form; the empty text is the zero ID.
func (id *ID) UnmarshalText(b []byte) error {
	if len(b) == 0 {
		*id = ID{}
		return nil
	}
	v, err := ParseID(string(b))
	if err == nil {
		*id = v
	}
	return err
}
