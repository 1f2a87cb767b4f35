// Package officecrypt decrypts what Office opens without asking: workbooks
// encrypted with Excel's built-in password ([MS-OFFCRYPTO] §2.3). It tries no
// other password.
package officecrypt

import (
	"bytes"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha1"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// defaultPassword is Excel's built-in one ([MS-XLS] §2.2.10).
const defaultPassword = "VelvetSweatshop"

// Stream decrypts octets in place that stand at an offset of a stream. The
// headers of records are not encrypted, but counted.
type Stream func(b []byte, off int64)

// blockSize is how many octets of a workbook stream have one key.
const blockSize = 1024

// DefaultWorkbookKey takes a FILEPASS record ([MS-XLS] §2.4.117); nil unless the
// built-in password fits.
func DefaultWorkbookKey(b []byte) Stream {
	if len(b) < 6 || octets.U16(b) != 1 {
		return nil // XOR obfuscation
	}
	major, minor := octets.U16(b[2:]), octets.U16(b[4:])
	switch b = b[6:]; {
	case major == 1 && minor == 1 && len(b) >= 48:
		return rc4Key(b)
	case major >= 2 && major <= 4 && minor == 2:
		return cryptoAPIKey(b)
	}
	return nil
}

func password() []byte {
	b := make([]byte, 0, 2*len(defaultPassword))
	for i := 0; i < len(defaultPassword); i++ {
		b = append(b, defaultPassword[i], 0)
	}
	return b
}

// rc4Key is 40-bit RC4 (§2.3.6): salt, verifier, hash of the verifier.
func rc4Key(b []byte) Stream {
	h := md5.Sum(password())
	var mix []byte
	for range 16 {
		mix = append(append(mix, h[:5]...), b[:16]...)
	}
	base := md5.Sum(mix)
	key := func(block uint32) []byte {
		k := md5.Sum(numbered(base[:5], block))
		return k[:]
	}
	check := decrypt(key(0), b[16:48])
	want := md5.Sum(check[:16])
	if !bytes.Equal(want[:], check[16:]) {
		return nil
	}
	return stream(key)
}

// cryptoAPIKey is RC4 by CryptoAPI (§2.3.5): flags, size of the header, header
// (§2.3.2), verifier (§2.3.3).
func cryptoAPIKey(b []byte) Stream {
	if len(b) < 8 {
		return nil
	}
	n := int64(octets.U32(b[4:]))
	if b = b[8:]; n < 32 || n > int64(len(b)) {
		return nil
	}
	head, v := b[:n], b[n:]
	const algRC4 = 0x6801
	bits := octets.U32(head[16:])
	if bits == 0 {
		bits = 40
	}
	if octets.U32(head[8:]) != algRC4 || bits%8 != 0 || bits < 40 || bits > 128 || len(v) < 4+16+16+4+20 || octets.U32(v) != 16 {
		return nil
	}
	salt, check := v[4:20], append(bytes.Clone(v[20:36]), v[40:60]...)
	base := sha1.Sum(append(bytes.Clone(salt), password()...))
	key := func(block uint32) []byte {
		h := sha1.Sum(numbered(base[:], block))
		k := bytes.Clone(h[:bits/8])
		if bits == 40 { // §2.3.5.2: filled up to 128 bits
			k = append(k, make([]byte, 11)...)
		}
		return k
	}
	check = decrypt(key(0), check)
	want := sha1.Sum(check[:16])
	if !bytes.Equal(want[:], check[16:]) {
		return nil
	}
	return stream(key)
}

// numbered puts the number of a block behind a key.
func numbered(b []byte, block uint32) []byte {
	return append(bytes.Clone(b), byte(block), byte(block>>8), byte(block>>16), byte(block>>24))
}

func decrypt(key, b []byte) []byte {
	out := make([]byte, len(b))
	c, err := rc4.NewCipher(key)
	if err != nil {
		return out
	}
	c.XORKeyStream(out, b)
	return out
}

// stream decrypts by blocks, each with a key of its own.
func stream(key func(uint32) []byte) Stream {
	return func(b []byte, off int64) {
		for len(b) > 0 {
			in := off % blockSize
			n := min(int64(len(b)), blockSize-in)
			c, err := rc4.NewCipher(key(uint32(off / blockSize)))
			if err != nil {
				return
			}
			skip := make([]byte, in)
			c.XORKeyStream(skip, skip)
			c.XORKeyStream(b[:n], b[:n])
			b, off = b[n:], off+n
		}
	}
}
