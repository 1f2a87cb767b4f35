package badgerstore

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// A segment is one file that holds many small bodies, so that one fdatasync
// serves all who wait. It starts with a header whose random cookie then opens
// every frame: bytes that a sender chose can never look like a frame.
//
//	header: magic 8 | version 4 | crc 4 | cookie 16
//	frame:  cookie 16 | live 1 | zero 7 | payload length 8 | ID 16 | crc 4 | zero 4 | payload | padding to 8
//
// The payload is body and trailer, as in a message file. A body that is done
// with gets its live octet overwritten: a damaged Badger does not bring it
// back, nor does a crash before the segment's removal.
const (
	segMagic     = "weirseg\n"
	segVersion   = 1
	segHeaderLen = 32
	frameHeadLen = 56
	frameLive    = 1
	frameDead    = 0xdd
	cookieLen    = 16
)

type segment struct {
	no     uint64
	path   string
	f      *os.File
	cookie [cookieLen]byte

	// Under segLog.mu:
	end       int64 // offset behind the last frame
	live      int
	liveBytes int64
	sealed    bool
	dirty     bool // live octets changed since the last sync
	readers   int
	removed   bool
}

// segRef is where a body lies.
type segRef struct {
	seg *segment
	off int64 // of the frame
	len int64 // of the payload
}

func (r segRef) frameLen() int64 { return frameLen(r.len) }

func (r segRef) payload() io.ReaderAt { return io.NewSectionReader(r.seg.f, r.off+frameHeadLen, r.len) }

func frameLen(payload int64) int64 { return (frameHeadLen + payload + 7) &^ 7 }

func segPath(dir string, no uint64) string { return filepath.Join(dir, fmt.Sprintf("%016x.seg", no)) }

// createSegment makes an empty segment with room for size octets and makes
// its name durable.
func createSegment(dir string, no uint64, size int64, noSync bool) (_ *segment, err error) {
	s := &segment{no: no, path: segPath(dir, no), end: segHeaderLen}
	rand.Read(s.cookie[:]) // never fails on a supported system
	s.f, err = os.OpenFile(s.path, os.O_CREATE|os.O_EXCL|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	defer func() {
		if err != nil {
			s.f.Close()
			os.Remove(s.path)
		}
	}()
	// Room ahead of need: a sync then has no file size to write. Not every
	// file system can, and none has to.
	if err := unix.Fallocate(int(s.f.Fd()), 0, 0, size); err != nil &&
		!errors.Is(err, unix.EOPNOTSUPP) && !errors.Is(err, unix.ENOSYS) && !errors.Is(err, unix.EINVAL) {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	h := make([]byte, 0, segHeaderLen)
	h = append(h, segMagic...)
	h = binary.BigEndian.AppendUint32(h, segVersion)
	h = binary.BigEndian.AppendUint32(h, crc32.Checksum(s.cookie[:], crcTable))
	h = append(h, s.cookie[:]...)
	if _, err := s.f.WriteAt(h, 0); err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	if noSync {
		return s, nil
	}
	if err := s.f.Sync(); err != nil {
		return nil, fmt.Errorf("create segment: %w", err)
	}
	return s, syncDir(dir)
}

// frameHead encodes a frame's header.
func (s *segment) frameHead(dst []byte, id mail.ID, payload int64) []byte {
	dst = append(dst, s.cookie[:]...)
	dst = append(dst, frameLive, 0, 0, 0, 0, 0, 0, 0)
	at := len(dst)
	dst = binary.BigEndian.AppendUint64(dst, uint64(payload))
	dst = append(dst, id[:]...)
	dst = binary.BigEndian.AppendUint32(dst, crc32.Checksum(dst[at:], crcTable))
	return append(dst, 0, 0, 0, 0)
}

// kill marks a frame as done with.
func (s *segment) kill(off int64) error {
	_, err := s.f.WriteAt([]byte{frameDead}, off+cookieLen)
	return err
}

// frame is what a scan finds.
type frame struct {
	id   mail.ID
	off  int64
	len  int64
	live bool
}

// openSegment opens an existing segment and lists its frames. A frame that
// was being written when the machine stopped, or was damaged since, is left
// out; the scan goes on behind it.
func openSegment(path string, no uint64) (*segment, []frame, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("open segment: %w", err)
	}
	fi, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, nil, fmt.Errorf("open segment: %w", err)
	}
	s := &segment{no: no, path: path, f: f, end: segHeaderLen, sealed: true}
	var h [segHeaderLen]byte
	if _, err := f.ReadAt(h[:], 0); err != nil && err != io.EOF {
		f.Close()
		return nil, nil, fmt.Errorf("read segment %s: %w", path, err)
	}
	copy(s.cookie[:], h[16:])
	if string(h[:8]) != segMagic || crc32.Checksum(h[16:], crcTable) != binary.BigEndian.Uint32(h[12:]) {
		return s, nil, errNoTrailer // cut short while it was created: nothing was acknowledged from it
	}
	if v := binary.BigEndian.Uint32(h[8:]); v != segVersion {
		f.Close()
		return nil, nil, fmt.Errorf("segment %s has version %d, this program knows %d", path, v, segVersion)
	}
	frames, err := s.scan(fi.Size())
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return s, frames, nil
}

func (s *segment) scan(size int64) ([]frame, error) {
	var out []frame
	off := int64(segHeaderLen)
	for off+frameHeadLen <= size {
		fr, ok, err := s.frameAt(off, size)
		if err != nil {
			return nil, err
		}
		if ok {
			out = append(out, fr)
			off += frameLen(fr.len)
			s.end = off
			continue
		}
		next, err := s.resync(off+8, size)
		if err != nil {
			return nil, err
		}
		if next < 0 {
			break
		}
		off = next
	}
	return out, nil
}

func (s *segment) frameAt(off, size int64) (frame, bool, error) {
	var h [frameHeadLen]byte
	if _, err := s.f.ReadAt(h[:], off); err != nil {
		return frame{}, false, fmt.Errorf("read segment %s: %w", s.path, err)
	}
	if !bytes.Equal(h[:cookieLen], s.cookie[:]) || crc32.Checksum(h[24:48], crcTable) != binary.BigEndian.Uint32(h[48:]) {
		return frame{}, false, nil
	}
	fr := frame{off: off, len: int64(binary.BigEndian.Uint64(h[24:])), live: h[cookieLen] == frameLive}
	copy(fr.id[:], h[32:])
	if fr.len < footerLen || fr.len > size-off-frameHeadLen {
		return frame{}, false, nil
	}
	return fr, true, nil
}

// resync finds the next place, from off on, at which the cookie stands; -1 none.
func (s *segment) resync(off, size int64) (int64, error) {
	buf := make([]byte, 64<<10)
	for off < size {
		n, err := s.f.ReadAt(buf, off)
		if err != nil && err != io.EOF {
			return -1, fmt.Errorf("read segment %s: %w", s.path, err)
		}
		if i := bytes.Index(buf[:n], s.cookie[:]); i >= 0 {
			return off + int64(i), nil
		}
		if n < len(buf) {
			return -1, nil
		}
		off += int64(n - cookieLen + 1)
	}
	return -1, nil
}
