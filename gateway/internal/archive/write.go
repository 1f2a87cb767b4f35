package archive

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Meta says what a copy is of. It is sealed with it, so that a copy tells what
// it is also where the journal is lost.
type Meta struct {
	Tenant string    `json:"tenant"`
	Made   time.Time `json:"made"`
	// Message is the record as it was then, with those recipients of the tenant
	// that the copy is for, and no others.
	Message store.Message `json:"message"`
}

// trailer ends a copy.
type trailer struct {
	Size   int64    `json:"size"` // octets of the body
	SHA256 string   `json:"sha256"`
	Frames []uint32 `json:"frames"` // sealed lengths, the meta frame's first
}

// writeCopy writes a whole copy. What it holds in memory does not grow with the body.
func writeCopy(w io.Writer, key *dataKey, meta *Meta, body *io.SectionReader) error {
	head := make([]byte, 0, headLen)
	head = append(head, headMagic...)
	head = append(head, key.id[:]...)
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	head = append(head, salt...)
	s, err := newSealer(key.key, head, meta.Tenant, meta.Message.ID)
	if err != nil {
		return err
	}
	if _, err := w.Write(head); err != nil {
		return fmt.Errorf("writing a copy: %w", err)
	}
	var t trailer
	var sealed []byte
	frame := func(plain []byte, last bool) error {
		sealed = s.seal(sealed[:0], plain, uint32(len(t.Frames)), last)
		if _, err := w.Write(sealed); err != nil {
			return fmt.Errorf("writing a copy: %w", err)
		}
		return nil
	}
	text, err := json.Marshal(meta)
	if err == nil && len(text) > maxFrame/2 {
		err = fmt.Errorf("the record takes %d octets", len(text))
	}
	if err != nil {
		return fmt.Errorf("describing a copy: %w", err)
	}
	if err := frame(text, false); err != nil {
		return err
	}
	t.Frames = append(t.Frames, uint32(len(sealed)))
	sum := sha256.New()
	chunk := make([]byte, max(1, min(chunkLen, body.Size())))
	for {
		n, err := io.ReadFull(body, chunk)
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return fmt.Errorf("reading the message: %w", err)
		}
		if n > 0 {
			sum.Write(chunk[:n])
			t.Size += int64(n)
			if err := frame(chunk[:n], false); err != nil {
				return err
			}
			t.Frames = append(t.Frames, uint32(len(sealed)))
		}
		if err != nil {
			break
		}
	}
	t.SHA256 = hex.EncodeToString(sum.Sum(nil))
	if text, err = json.Marshal(t); err != nil {
		return fmt.Errorf("describing a copy: %w", err)
	}
	if err := frame(text, true); err != nil {
		return err
	}
	foot := binary.BigEndian.AppendUint32(nil, uint32(len(sealed)))
	foot = binary.BigEndian.AppendUint32(foot, uint32(len(t.Frames)))
	if _, err := w.Write(append(foot, footMagic...)); err != nil {
		return fmt.Errorf("writing a copy: %w", err)
	}
	return nil
}
