package badgerstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/mailweir/weir/gateway/internal/store"
)

// A durable body describes itself, so that mail survives a damaged Badger:
//
//	body | message metadata as JSON | footer
//
// The footer is fixed in length and last, so that its presence proves that
// all before it was written, and its SHA-256 that it was written right. The
// same form is used for a message file and inside a segment's frame.
const (
	footerLen     = 72
	footerMagic   = "weirbody"
	footerEnd     = "endofmsg"
	footerVersion = 1
	// maxMeta bounds what is read back as metadata: a message with some
	// thousand recipients and their findings stays far below.
	maxMeta = 64 << 20
)

var crcTable = crc32.MakeTable(crc32.Castagnoli)

var (
	errNoTrailer = errors.New("incomplete: no trailer")
	errDamaged   = errors.New("body does not match its SHA-256")
)

// trailer is what stands behind a body.
type trailer struct {
	bodyLen int64
	sum     [sha256.Size]byte
	meta    []byte
}

// appendTrailer encodes the trailer of a body of bodyLen octets.
func appendTrailer(dst []byte, bodyLen int64, sum [sha256.Size]byte, m *store.Message) ([]byte, error) {
	meta, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode message %s for its trailer: %w", m.ID, err)
	}
	dst = append(dst, meta...)
	start := len(dst)
	dst = append(dst, footerMagic...)
	dst = binary.BigEndian.AppendUint32(dst, footerVersion)
	dst = binary.BigEndian.AppendUint32(dst, uint32(len(meta)))
	dst = binary.BigEndian.AppendUint64(dst, uint64(bodyLen))
	dst = append(dst, sum[:]...)
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(meta, crcTable))
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[start:], crcTable))
	return append(dst, footerEnd...), nil
}

// readTrailer reads and checks the trailer of a body that takes size octets
// of r with it, without reading the body. errNoTrailer: never finished.
func readTrailer(r io.ReaderAt, size int64) (*trailer, error) {
	if size < footerLen {
		return nil, errNoTrailer
	}
	var f [footerLen]byte
	if _, err := r.ReadAt(f[:], size-footerLen); err != nil {
		return nil, fmt.Errorf("read trailer: %w", err)
	}
	if string(f[:8]) != footerMagic || string(f[64:]) != footerEnd ||
		binary.BigEndian.Uint32(f[60:]) != crc32.Checksum(f[:60], crcTable) {
		return nil, errNoTrailer
	}
	if v := binary.BigEndian.Uint32(f[8:]); v != footerVersion {
		return nil, fmt.Errorf("trailer version %d is unknown to this program", v)
	}
	t := &trailer{bodyLen: int64(binary.BigEndian.Uint64(f[16:]))}
	metaLen := int64(binary.BigEndian.Uint32(f[12:]))
	if metaLen > maxMeta || t.bodyLen < 0 || t.bodyLen+metaLen+footerLen != size {
		return nil, errNoTrailer
	}
	copy(t.sum[:], f[24:56])
	t.meta = make([]byte, metaLen)
	if _, err := r.ReadAt(t.meta, t.bodyLen); err != nil {
		return nil, fmt.Errorf("read trailer: %w", err)
	}
	if crc32.Checksum(t.meta, crcTable) != binary.BigEndian.Uint32(f[56:]) {
		return nil, errDamaged
	}
	return t, nil
}

// message decodes the metadata as it was when the message was taken over.
func (t *trailer) message() (*store.Message, error) {
	var m store.Message
	if err := json.Unmarshal(t.meta, &m); err != nil {
		return nil, fmt.Errorf("decode message in trailer: %w", err)
	}
	return &m, nil
}

// verify reads the whole body and compares its digest: errDamaged.
func (t *trailer) verify(r io.ReaderAt) error {
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(r, 0, t.bodyLen)); err != nil {
		return fmt.Errorf("read body: %w", err)
	}
	if !bytes.Equal(h.Sum(nil), t.sum[:]) {
		return errDamaged
	}
	return nil
}
