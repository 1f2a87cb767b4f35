package archive

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/klauspost/compress/zstd"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// A copy is a file of its own:
//
//	head | meta | chunk … | trailer | foot
//
// The head names the tenant's key and carries a salt; from both, the tenant and
// the message's ID comes a key for this file alone (HKDF-SHA256, RFC 5869), so
// that no copy passes for another's. What follows are frames, each compressed
// and sealed by AES-256-GCM under a nonce that counts them and marks the last
// (the STREAM construction, Hoang, Reyhanitabar, Rogaway and Vizár 2015): one that
// is changed, moved, repeated or missing does not open. The meta frame says what
// it is a copy of, the trailer how long the frames are and what the body's digest
// is. The foot tells where the trailer begins; a file without it was cut short.
const (
	headMagic = "weirarc1"
	footMagic = "weirarcE"
	saltLen   = 32
	headLen   = len(headMagic) + keyIDLen + saltLen
	footLen   = 4 + 4 + len(footMagic) // the trailer's sealed length, its number, the mark
	chunkLen  = 128 << 10              // octets of the body in one frame
	maxFrame  = 80 << 20               // what a meta frame may take: recipients in thousands, part edits
)

// sealer seals and opens the frames of one file.
type sealer struct {
	aead    cipher.AEAD
	head    []byte
	scratch []byte // of seal
}

func newSealer(key []byte, head []byte, tenant string, id mail.ID) (*sealer, error) {
	salt := head[len(headMagic)+keyIDLen:]
	own, err := hkdf.Key(sha256.New, key, salt, "weir archive copy 1\x00"+tenant+"\x00"+id.String(), 32)
	if err != nil {
		return nil, fmt.Errorf("a copy's key: %w", err)
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, fmt.Errorf("a copy's key: %w", err)
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, fmt.Errorf("a copy's key: %w", err)
	}
	return &sealer{aead: aead, head: head}, nil
}

func nonce(n uint32, last bool) []byte {
	var b [12]byte
	binary.BigEndian.PutUint32(b[7:], n)
	if last {
		b[11] = 1
	}
	return b[:]
}

// How the content of a frame is written, its first octet.
const (
	asItIs     = 0
	compressed = 1
)

// seal appends frame n to dst.
func (s *sealer) seal(dst, plain []byte, n uint32, last bool) []byte {
	b := encoder().EncodeAll(plain, append(s.scratch[:0], compressed))
	if len(b) > len(plain) {
		b = append(append(b[:0], asItIs), plain...)
	}
	s.scratch = b
	return s.aead.Seal(dst, nonce(n, last), b, s.head)
}

// errFrame: it does not open.
var errFrame = errors.New("a part of it does not match its key and place")

// open gives the content of frame n, in dst where it fits. sealed is overwritten.
func (s *sealer) open(dst, sealed []byte, n uint32, last bool) ([]byte, error) {
	b, err := s.aead.Open(sealed[:0], nonce(n, last), sealed, s.head)
	if err != nil || len(b) == 0 {
		return nil, errFrame
	}
	switch b[0] {
	case asItIs:
		return append(dst[:0], b[1:]...), nil
	case compressed:
		out, err := decoder().DecodeAll(b[1:], dst[:0])
		if err != nil {
			return nil, fmt.Errorf("decompressing a part of it: %w", err)
		}
		return out, nil
	}
	return nil, fmt.Errorf("form %d of a part of it is unknown to this program", b[0])
}

// Chunks are compressed one by one, so that a copy can be read from anywhere.
// Both are safe in parallel; the options hold their memory down and cannot fail.
var (
	encoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithAllLitEntropyCompression(true), zstd.WithEncoderConcurrency(2), zstd.WithWindowSize(chunkLen), zstd.WithLowerEncoderMem(true), zstd.WithEncoderCRC(false))
		if err != nil {
			panic("archive: " + err.Error())
		}
		return e
	})
	decoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(2), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxMemory(maxFrame))
		if err != nil {
			panic("archive: " + err.Error())
		}
		return d
	})
)
