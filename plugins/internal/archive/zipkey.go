package archive

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/sha1"
	"hash"
	"hash/crc32"
	"io"
)

// openable: encryption that zipKey undoes. PKWARE's strong encryption and
// masked headers (APPNOTE.TXT §7) are not.
func (e *zipEntry) openable() bool {
	return e.flags&(flagStrong|flagMaskedHead) == 0 && e.end > e.data
}

// unlock visits an encrypted entry by the budget's key.
func (z *zipWalk) unlock(e *zipEntry, en *Entry) error {
	o := z.b.key.opening(z.p.path)
	shut := func(n *int) error {
		first := o.Wrong+o.Unsupported == 0
		*n++
		en.Encrypted = true
		if first {
			if err := z.sealedEntry(en); err != nil {
				return err
			}
		}
		return z.opaque(en)
	}
	if !e.openable() {
		return shut(&o.Unsupported)
	}
	at := place{en.Path, en.Name, en.Depth}
	sp, err := z.opened(e)
	switch err.(type) {
	case nil:
	case sealed:
		return shut(&o.Wrong)
	case unsupported:
		return shut(&o.Unsupported)
	default:
		if err := z.opaque(en); err != nil {
			return err
		}
		return z.fault(at, err)
	}
	defer sp.close()
	o.Opened++
	if e.size == 0 {
		return z.opaque(en)
	}
	return z.visit(en, source{sp, e.size}, sp, e.end-e.data, false)
}

// opened decodes all of an entry; sealed is a wrong password.
func (z *zipWalk) opened(e *zipEntry) (*spool, error) {
	l, extra, time, err := z.localOf(e)
	if err != nil {
		return nil, err
	}
	if !l.encrypted() { // who goes by the local header takes the data as it stands
		return nil, damaged("its two headers disagree about its encryption")
	}
	plain, bare := *e, l
	plain.flags &^= flagEncrypted
	bare.flags &^= flagEncrypted
	raw := z.s.section(e.data, e.end-e.data)
	plain.method, bare.method = min(e.method, methodAES-1), min(l.method, methodAES-1) // not encrypted, for the comparison
	if why := differ(&plain, &bare); why != "" {
		return nil, damaged("its two headers disagree about " + why)
	}
	if e.method != methodAES {
		return z.openedOld(&plain, raw, time)
	}
	a, ok := aesExtra(extra)
	if !ok {
		return nil, damaged("it does not say how it is encrypted")
	}
	plain.method = a.method
	return z.openedAES(&plain, raw, a)
}

// localOf reads an entry's local header with its extra fields and time.
func (z *zipWalk) localOf(e *zipEntry) (l zipEntry, extra []byte, time int64, err error) {
	h, err := z.s.at(e.off, localLen)
	if err != nil {
		return l, nil, 0, err
	}
	l, ok, err := local(z.s, e.off)
	if err == nil && !ok {
		err = damaged("the directory leads to no entry")
	}
	if err != nil {
		return l, nil, 0, err
	}
	extra, err = z.s.at(e.off+localLen+u16(h[26:]), u16(h[28:]))
	return l, extra, u16(h[10:]), err
}

// decode undoes the compression of decrypted data and reads all of it. More is
// called at its end.
func (z *zipWalk) decode(e *zipEntry, r io.Reader, size int64, check bool, more func() error) (*spool, error) {
	src := source{&forward{r: r}, size}
	d := src.stream(0, size)
	if e.method != methodStored {
		var err error
		if d, err = z.decoder(e, src); err != nil {
			return nil, err
		}
		defer z.b.release(d)
	}
	sp := newSpool(z.b, d, e.size)
	sp.check, sp.expect = check, e.sum
	_, err := sp.finish()
	if err == nil && more != nil {
		err = more()
	}
	if err != nil {
		sp.close()
		return nil, err
	}
	return sp, nil
}

// forward is a stream as a source whose reader goes forward only.
type forward struct {
	r   io.Reader
	off int64
}

func (f *forward) ReadAt(p []byte, off int64) (int, error) {
	if off != f.off {
		return 0, damaged("its data is not read in order")
	}
	n, err := f.r.Read(p)
	f.off += int64(n)
	return n, err
}

// openedOld undoes the traditional encryption (APPNOTE.TXT §6.1). Its one
// octet of check is right for one wrong password in 256, so the checksum has
// the last word; data that fails it is taken for a wrong password's.
func (z *zipWalk) openedOld(e *zipEntry, raw source, time int64) (*spool, error) {
	const head = 12
	if raw.size < head {
		return nil, tooShort
	}
	check := byte(e.sum >> 24)
	if e.flags&flagStreamed != 0 {
		check = byte(time >> 8)
	}
	h, err := raw.at(0, head)
	if err != nil {
		return nil, err
	}
	for _, pass := range z.b.key.octets {
		c := newOldCipher(pass)
		var last byte
		for _, b := range h {
			last = c.octet(b)
		}
		if last != check && (e.flags&flagStreamed == 0 || last != byte(e.sum>>24)) {
			continue
		}
		sp, err := z.decode(e, &oldReader{raw.stream(head, raw.size-head), c}, raw.size-head, true, nil)
		switch err.(type) {
		case damaged: // of this password's making
			continue
		}
		return sp, err
	}
	return nil, sealed{}
}

// oldCipher is the traditional cipher's state.
type oldCipher struct{ a, b, c uint32 }

func newOldCipher(pass string) *oldCipher {
	c := &oldCipher{0x12345678, 0x23456789, 0x34567890}
	for i := range len(pass) {
		c.update(pass[i])
	}
	return c
}

func (c *oldCipher) update(b byte) {
	c.a = crc32.IEEETable[byte(c.a)^b] ^ c.a>>8
	c.b = (c.b+c.a&0xff)*134775813 + 1
	c.c = crc32.IEEETable[byte(c.c)^byte(c.b>>24)] ^ c.c>>8
}

func (c *oldCipher) octet(b byte) byte {
	t := uint16(c.c) | 2
	b ^= byte(t * (t ^ 1) >> 8)
	c.update(b)
	return b
}

type oldReader struct {
	r io.Reader
	c *oldCipher
}

func (o *oldReader) Read(p []byte) (int, error) {
	n, err := o.r.Read(p)
	for i, b := range p[:n] {
		p[i] = o.c.octet(b)
	}
	return n, err
}

// zipAES is what the extra field 0x9901 says (WinZip, "AES Encryption
// Information", §III).
type zipAES struct {
	version int64 // 1: AE-1, with a checksum; 2: AE-2, without
	keyLen  int
	method  int64
}

func aesExtra(b []byte) (zipAES, bool) {
	for len(b) >= 4 {
		id, n := u16(b), u16(b[2:])
		b = b[4:]
		if n > int64(len(b)) {
			break
		}
		if id == 0x9901 && n >= 7 && string(b[2:4]) == "AE" && b[4] >= 1 && b[4] <= 3 {
			return zipAES{version: u16(b), keyLen: 8 * (int(b[4]) + 1), method: u16(b[5:])}, true
		}
		b = b[n:]
	}
	return zipAES{}, false
}

// openedAES undoes WinZip's encryption: a salt, two octets of check, the data,
// and ten octets of HMAC-SHA1 over it.
func (z *zipWalk) openedAES(e *zipEntry, raw source, a zipAES) (*spool, error) {
	const verify, mac, rounds = 2, 10, 1000
	salt := int64(a.keyLen / 2)
	n := raw.size - salt - verify - mac
	if n < 0 {
		return nil, tooShort
	}
	h, err := raw.at(0, salt+verify)
	if err != nil {
		return nil, err
	}
	tail, err := raw.at(raw.size-mac, mac)
	if err != nil {
		return nil, err
	}
	for _, pass := range z.b.key.octets {
		if err := z.b.hash(rounds * 4 * 128); err != nil {
			return nil, err
		}
		k, err := pbkdf2.Key(sha1.New, pass, h[:salt], rounds, 2*a.keyLen+verify)
		if err != nil {
			return nil, err
		}
		if string(k[2*a.keyLen:]) != string(h[salt:]) {
			continue
		}
		block, err := aes.NewCipher(k[:a.keyLen])
		if err != nil {
			return nil, err
		}
		c := &ctrReader{r: raw.stream(salt+verify, n), block: block, mac: hmac.New(sha1.New, k[a.keyLen:2*a.keyLen])}
		return z.decode(e, c, n, a.version == 1, func() error {
			if _, err := io.Copy(io.Discard, c); err != nil {
				return err
			}
			if !hmac.Equal(c.mac.Sum(nil)[:mac], tail) {
				return damaged("its authentication code is wrong")
			}
			return nil
		})
	}
	return nil, sealed{}
}

// ctrReader decrypts AES in counter mode whose counter is little-endian and
// begins at 1, and authenticates what it reads.
type ctrReader struct {
	r       io.Reader
	block   cipher.Block
	mac     hash.Hash
	counter [16]byte
	pad     [16]byte
	left    int // octets of pad that are not used yet
}

func (c *ctrReader) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.mac.Write(p[:n])
	for i := range p[:n] {
		if c.left == 0 {
			for j := range c.counter {
				if c.counter[j]++; c.counter[j] != 0 {
					break
				}
			}
			c.block.Encrypt(c.pad[:], c.counter[:])
			c.left = 16
		}
		p[i] ^= c.pad[16-c.left]
		c.left--
	}
	return n, err
}
