package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Copy is an archived message that is open for reading: its body as it came in,
// from anywhere, decrypted as it is read. It is safe in parallel.
type Copy struct {
	Meta Meta

	f    *os.File
	s    *sealer
	size int64
	sum  string
	at   []int64 // where each frame begins, and behind the last where the trailer does

	mu     sync.Mutex
	which  int // of the chunk below; 0 none
	chunk  []byte
	sealed []byte // the last frame as it was read
}

var _ store.Body = (*Copy)(nil)

// Size is the length of the body, octets.
func (c *Copy) Size() int64 { return c.size }

// Close lets go of the file.
func (c *Copy) Close() error { return c.f.Close() }

// keyOf finds the key that a copy's head names.
type keyOf func(tenant string, id keyID) (*dataKey, error)

// openCopy opens a copy and reads what it says of itself. The errors are
// store.ErrNotFound, ErrNoKey and ErrDamaged, or about the disk.
func openCopy(path, tenant string, id mail.ID, keys keyOf) (_ *Copy, err error) {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("archived copy of %s: %w", id, store.ErrNotFound)
	}
	if err != nil {
		return nil, fmt.Errorf("archived copy of %s: %w", id, err)
	}
	c := &Copy{f: f}
	if err := c.begin(tenant, id, keys); err != nil {
		f.Close()
		return nil, fmt.Errorf("archived copy of %s: %w", id, err)
	}
	return c, nil
}

func (c *Copy) begin(tenant string, id mail.ID, keys keyOf) error {
	fi, err := c.f.Stat()
	if err != nil {
		return err
	}
	end := fi.Size() - int64(footLen)
	if end < int64(headLen) {
		return damaged("it was cut short")
	}
	head, foot := make([]byte, headLen), make([]byte, footLen)
	if _, err := c.f.ReadAt(head, 0); err != nil {
		return err
	}
	if _, err := c.f.ReadAt(foot, end); err != nil {
		return err
	}
	if string(head[:len(headMagic)]) != headMagic {
		return damaged("it does not begin as a copy does")
	}
	if string(foot[8:]) != footMagic {
		return damaged("it was cut short")
	}
	key, err := keys(tenant, keyID(head[len(headMagic):]))
	if err != nil {
		return err
	}
	if c.s, err = newSealer(key.key, head, tenant, id); err != nil {
		return err
	}
	length, number := int64(binary.BigEndian.Uint32(foot)), binary.BigEndian.Uint32(foot[4:])
	if length > maxFrame || length > end-int64(headLen) {
		return damaged("it was cut short")
	}
	text, err := c.frame(end-length, length, number, true)
	if err != nil {
		return err
	}
	var t trailer
	if err := json.Unmarshal(text, &t); err != nil || uint32(len(t.Frames)) != number || number == 0 {
		return damaged("what it says of its parts cannot be read")
	}
	c.size, c.sum = t.Size, t.SHA256
	at := int64(headLen)
	for _, n := range t.Frames {
		c.at = append(c.at, at)
		at += int64(n)
	}
	c.at = append(c.at, at)
	if at != end-length || (t.Size+chunkLen-1)/chunkLen != int64(number)-1 {
		return damaged("parts of it are missing")
	}
	if text, err = c.frame(c.at[0], c.at[1]-c.at[0], 0, false); err != nil {
		return err
	}
	if err := json.Unmarshal(text, &c.Meta); err != nil {
		return damaged("what it says of the message cannot be read: %v", err)
	}
	return nil
}

// frame reads and opens one frame. What it gives is good until the next.
func (c *Copy) frame(at, length int64, n uint32, last bool) ([]byte, error) {
	c.which = 0
	c.sealed = slices.Grow(c.sealed[:0], int(length))
	sealed := c.sealed[:length]
	if _, err := c.f.ReadAt(sealed, at); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, damaged("it was cut short")
		}
		return nil, fmt.Errorf("reading a copy: %w", err)
	}
	b, err := c.s.open(c.chunk, sealed, n, last)
	if err != nil {
		return nil, damaged("%v (part %d)", err, n)
	}
	c.chunk = b
	return b, nil
}

// ReadAt implements store.Body.
func (c *Copy) ReadAt(p []byte, off int64) (int, error) {
	switch {
	case off < 0:
		return 0, fmt.Errorf("reading a copy: offset %d is negative", off)
	case off >= c.size:
		return 0, io.EOF
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(p) && off < c.size {
		which := int(off/chunkLen) + 1
		if which != c.which {
			b, err := c.frame(c.at[which], c.at[which+1]-c.at[which], uint32(which), false)
			if err != nil {
				return n, err
			}
			if want := min(chunkLen, c.size-int64(which-1)*chunkLen); int64(len(b)) != want {
				return n, damaged("part %d has %d octets and not %d", which, len(b), want)
			}
			c.which = which
		}
		k := copy(p[n:], c.chunk[off%chunkLen:])
		n, off = n+k, off+int64(k)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// Verify reads the whole body and compares its digest. ErrDamaged.
func (c *Copy) Verify() error {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(c, 0, c.size)); err != nil {
		return err
	}
	if hex.EncodeToString(h.Sum(nil)) != c.sum {
		return damaged("the body does not match its SHA-256")
	}
	return nil
}
