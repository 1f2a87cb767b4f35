package archive

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"io"
	"unicode/utf16"
)

const method7AES = "\x06\xf1\x07\x01"

// openable7: its encryption is 7zAES alone.
func (f *folder7) openable() bool {
	for i := range f.coders {
		if m := f.coders[i].method; len(m) > 1 && m[:2] == "\x06\xf1" && m != method7AES {
			return false
		}
	}
	return true
}

// unlock7 tells whether the budget's key opens a folder: whether its first file
// is decoded to its checksum. 7z has no other check of a password. Where all
// of a folder has one checksum, that is looked at.
func (w *walker) unlock7(s source, st *streams7, f *folder7, p place) (bool, error) {
	o := w.b.key.opening(p.path)
	size, sum, has := f.unpacked(), f.sum, f.hasSum
	if len(f.files) > 0 && f.hasSums[0] {
		size, sum, has = f.files[0], f.sums[0], true
	}
	if !has || !f.openable() {
		o.Unsupported += max(1, len(f.files))
		return false, nil
	}
	dec, err := w.folder7(s, st, f)
	if err == nil {
		defer dec.close()
		h := crc32.NewIEEE()
		err = w.pass(h, dec, size)
		if err == nil && h.Sum32() != sum {
			err = damaged("its checksum is wrong")
		}
	}
	switch err.(type) {
	case nil:
		o.Opened += len(f.files)
		return true, nil
	case unsupported:
		o.Unsupported += max(1, len(f.files))
		return false, nil
	case exceeded:
		return false, err
	}
	o.Wrong += max(1, len(f.files))
	return false, nil
}

// unlockHeader7 is unlock7 for the folder of a packed header.
func (w *walker) unlockHeader7(s source, st *streams7, f *folder7, p place) error {
	ok, err := w.unlock7(s, st, f, p)
	if err == nil && !ok {
		err = sealed{}
	}
	if err == nil {
		w.b.key.opening(p.path).Opened -= len(f.files) // the header is no entry
	}
	return err
}

// pass decodes n octets into h.
func (w *walker) pass(h io.Writer, r io.Reader, n int64) error {
	buf := make([]byte, min(chunkSize, max(n, 1)))
	for n > 0 {
		k, err := r.Read(buf[:min(int64(len(buf)), n)])
		_, _ = h.Write(buf[:k])
		n -= int64(k)
		if lim := w.b.decoded(int64(k)); lim != nil {
			return lim
		}
		if err != nil && n > 0 {
			return plainError(err)
		}
	}
	return nil
}

// aes7 decrypts by the coder 7zAES: AES-256 in CBC mode (7zAes.cpp of 7-Zip,
// 7zFormat.txt).
func (g *graph7) aes7(c *coder7, r io.Reader) (io.Reader, error) {
	const broken = damaged("its header is broken")
	if len(c.props) < 1 {
		return nil, broken
	}
	power := int(c.props[0] & 0x3f)
	var salt, iv []byte
	if c.props[0]&0xc0 != 0 {
		if len(c.props) < 2 {
			return nil, broken
		}
		n := int(c.props[0]>>7) + int(c.props[1]>>4)
		m := int(c.props[0]>>6&1) + int(c.props[1]&15)
		if len(c.props) < 2+n+m || m > 16 {
			return nil, broken
		}
		salt, iv = c.props[2:2+n], c.props[2+n:2+n+m]
	}
	key, err := g.d.b.key7(salt, power)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	var full [16]byte
	copy(full[:], iv)
	return &cbcReader{r: r, mode: cipher.NewCBCDecrypter(block, full[:])}, nil
}

// key7 derives the key of a salt: SHA-256 over 2^power times salt, password in
// UTF-16 and a counter of eight octets. A power of 63 takes them as they are.
func (b *Budget) key7(salt []byte, power int) ([]byte, error) {
	id := string(append([]byte{byte(power)}, salt...))
	if k := b.key.derived[id]; k != nil {
		return k, nil
	}
	unit := append([]byte(nil), salt...)
	for _, u := range utf16.Encode([]rune(b.key.password)) {
		unit = append(unit, byte(u), byte(u>>8))
	}
	if power == 0x3f {
		k := make([]byte, 32)
		copy(k, unit)
		b.key.derived[id] = k
		return k, nil
	}
	if power > 24 { // as 7-Zip has it
		return nil, unsupported("deriving its key takes 2^" + string('0'+rune(power/10)) + string('0'+rune(power%10)) + " rounds")
	}
	// Rounds are hashed a lap at a time: one call for each would cost more than the hashing.
	at := len(unit)
	unit = append(unit, make([]byte, 8)...)
	rounds, lap := uint64(1)<<power, uint64(256)
	lap = min(lap, rounds)
	buf := make([]byte, 0, int(lap)*len(unit))
	for range lap {
		buf = append(buf, unit...)
	}
	h := sha256.New()
	for i := uint64(0); i < rounds; i += lap {
		for j := range lap {
			binary.LittleEndian.PutUint64(buf[int(j)*len(unit)+at:], i+j)
		}
		if err := b.hash(int64(len(buf))); err != nil {
			return nil, err
		}
		_, _ = h.Write(buf)
	}
	k := h.Sum(nil)
	b.key.derived[id] = k
	return k, nil
}

// cbcReader decrypts whole blocks; what is left at the end is dropped.
type cbcReader struct {
	r    io.Reader
	mode cipher.BlockMode
	buf  [4096]byte
	out  []byte // decrypted, not read yet
	err  error
}

func (c *cbcReader) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		n, err := io.ReadFull(c.r, c.buf[:])
		if err == io.ErrUnexpectedEOF {
			err = io.EOF
		}
		c.err = err
		n &^= 15
		c.mode.CryptBlocks(c.buf[:n], c.buf[:n])
		c.out = c.buf[:n]
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}
