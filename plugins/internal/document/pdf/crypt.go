package pdf

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/md5"
	"crypto/rc4"
	"crypto/sha256"
	"crypto/sha512"
	"io"
)

// crypt decrypts with the empty user password, which viewers try before they
// ask for one (ISO 32000-2 §7.6.4; algorithms are numbered as there).
type crypt struct {
	key      []byte
	method   Name // "V2", "AESV2", "AESV3", "None": of streams
	metadata bool
}

// padding fills passwords up (Algorithm 2, a).
const padding = "\x28\xbf\x4e\x5e\x4e\x75\x8a\x41\x64\x00\x4e\x56\xff\xfa\x01\x08\x2e\x2e\x00\xb6\xd0\x68\x3e\x80\x2f\x0c\xa9\xfe\x64\x53\x69\x7a"

// encryptDict gives the encryption dictionary, nil if there is none.
func (f *File) encryptDict() Dict {
	return f.Dict(f.Trailer["Encrypt"])
}

// decryption finds the key. ErrPassword where the empty password does not fit,
// or the file is encrypted in a way that has no password.
func (f *File) decryption() error {
	f.crypt = nil
	v, ok := f.Trailer["Encrypt"]
	if !ok || v == nil {
		return nil
	}
	d := f.encryptDict()
	if d == nil {
		if f.Resolve(v) == nil && f.rebuilt { // a reference to nothing is null
			return nil
		}
		return damage("its encryption dictionary is damaged")
	}
	if f.Name(d["Filter"]) != "Standard" {
		return ErrPassword
	}
	c := &crypt{metadata: true}
	if b, ok := f.Resolve(d["EncryptMetadata"]).(bool); ok {
		c.metadata = b
	}
	version, _ := f.Resolve(d["V"]).(int64)
	bits, ok := f.Resolve(d["Length"]).(int64)
	if !ok {
		bits = 40
	}
	switch version {
	case 1:
		c.method, bits = "V2", 40
	case 2, 3:
		c.method = "V2"
	case 4, 5:
		c.method, bits = f.method(d, bits)
	default:
		return ErrPassword
	}
	if bits < 40 { // some writers give octets
		bits *= 8
	}
	n := int(bits / 8)
	if n < 5 || n > 32 {
		return ErrPassword
	}
	if c.key = f.userKey(d, n, c.metadata); c.key == nil {
		return ErrPassword
	}
	f.crypt = c
	f.loaded, f.held = nil, 0 // what was read without the key
	return nil
}

// method of the streams' crypt filter (§7.6.6).
func (f *File) method(d Dict, bits int64) (Name, int64) {
	name := f.Name(d["StmF"])
	if name == "" || name == "Identity" {
		// Streams are plain, strings or attachments may not be: the key is checked all the same.
		name = f.Name(d["StrF"])
		if name == "" || name == "Identity" {
			name = f.Name(d["EFF"])
		}
		cfm, bits := f.filterMethod(d, name, bits)
		if cfm != "None" {
			return "None", bits
		}
		return cfm, bits
	}
	return f.filterMethod(d, name, bits)
}

func (f *File) filterMethod(d Dict, name Name, bits int64) (Name, int64) {
	cf := f.Dict(f.Dict(d["CF"])[name])
	switch cfm := f.Name(cf["CFM"]); cfm {
	case "V2":
		if n, ok := f.Resolve(cf["Length"]).(int64); ok && n >= 5 && n <= 16 {
			return cfm, max(8*n, 40)
		}
		if bits < 40 {
			bits = 128
		}
		return cfm, bits
	case "AESV2":
		return cfm, 128
	case "AESV3":
		return cfm, 256
	}
	return "None", max(bits, 128)
}

func (f *File) text(v any) []byte {
	s, _ := f.Resolve(v).(String)
	return []byte(s)
}

// userKey gives the file's key if the empty user password fits, else nil.
func (f *File) userKey(d Dict, n int, metadata bool) []byte {
	revision, _ := f.Resolve(d["R"]).(int64)
	u, o := f.text(d["U"]), f.text(d["O"])
	switch revision {
	case 2, 3, 4:
	case 5, 6:
		return newKey(revision, u, f.text(d["UE"]))
	default:
		return nil
	}
	if len(u) < 16 || len(o) < 32 {
		return nil
	}
	p, _ := number64(f.Resolve(d["P"]))
	var id []byte
	if a := f.Array(f.Trailer["ID"]); len(a) > 0 {
		id = f.text(a[0])
	}
	if revision == 2 {
		n = 5
	}
	n = min(n, 16)
	h := md5.New() // Algorithm 2
	h.Write([]byte(padding))
	h.Write(o[:32])
	h.Write([]byte{byte(p), byte(p >> 8), byte(p >> 16), byte(p >> 24)})
	h.Write(id)
	if revision >= 4 && !metadata {
		h.Write([]byte{255, 255, 255, 255})
	}
	key := h.Sum(nil)
	if revision == 2 { // Algorithm 4
		if want := arc4(key[:n], []byte(padding)); bytes.Equal(want, u[:min(len(u), 32)]) {
			return key[:n]
		}
		return nil
	}
	for range 50 {
		sum := md5.Sum(key[:n])
		key = sum[:]
	}
	key = key[:n]
	sum := md5.Sum(append([]byte(padding), id...)) // Algorithm 5
	want := sum[:]
	for i := range 20 {
		k := bytes.Clone(key)
		for j := range k {
			k[j] ^= byte(i)
		}
		want = arc4(k, want)
	}
	if bytes.Equal(want, u[:16]) {
		return key
	}
	return nil
}

func arc4(key, b []byte) []byte {
	out := make([]byte, len(b))
	c, err := rc4.NewCipher(key)
	if err != nil {
		return out
	}
	c.XORKeyStream(out, b)
	return out
}

// newKey is Algorithm 2.A for the empty user password.
func newKey(revision int64, u, ue []byte) []byte {
	if len(u) < 48 || len(ue) < 32 {
		return nil
	}
	hash := hash6
	if revision == 5 {
		hash = func(salt []byte) []byte {
			h := sha256.Sum256(salt)
			return h[:]
		}
	}
	if !bytes.Equal(hash(u[32:40]), u[:32]) {
		return nil
	}
	c, err := aes.NewCipher(hash(u[40:48]))
	if err != nil {
		return nil
	}
	key := make([]byte, 32)
	cipher.NewCBCDecrypter(c, make([]byte, 16)).CryptBlocks(key, ue[:32])
	return key
}

// hash6 is Algorithm 2.B for the empty user password.
func hash6(salt []byte) []byte {
	sum := sha256.Sum256(salt)
	k := sum[:]
	for i := 0; ; i++ {
		e := bytes.Repeat(k, 64)
		c, err := aes.NewCipher(k[:16])
		if err != nil {
			return nil
		}
		cipher.NewCBCEncrypter(c, k[16:32]).CryptBlocks(e, e)
		mod := 0
		for _, b := range e[:16] {
			mod += int(b)
		}
		switch mod % 3 {
		case 0:
			s := sha256.Sum256(e)
			k = s[:]
		case 1:
			s := sha512.Sum384(e)
			k = s[:]
		default:
			s := sha512.Sum512(e)
			k = s[:]
		}
		if i >= 63 && int(e[len(e)-1]) <= i-31 {
			return k[:32]
		}
	}
}

// stream decrypts one stream (Algorithm 1 and 1.A).
func (c *crypt) stream(r io.Reader, num, gen int) io.Reader {
	if c.method == "None" {
		return r
	}
	key := c.key
	if c.method != "AESV3" {
		k := append(bytes.Clone(key), byte(num), byte(num>>8), byte(num>>16), byte(gen), byte(gen>>8))
		if c.method == "AESV2" {
			k = append(k, "sAlT"...)
		}
		sum := md5.Sum(k)
		key = sum[:min(len(c.key)+5, 16)]
	}
	if c.method == "V2" {
		s, err := rc4.NewCipher(key)
		if err != nil {
			return r
		}
		return &cipher.StreamReader{S: s, R: r}
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return r
	}
	return &cbc{r: r, block: block}
}

// cbc decrypts AES-CBC whose first block is the vector; the padding is left in
// place, except where it is whole.
type cbc struct {
	r     io.Reader
	block cipher.Block
	mode  cipher.BlockMode
	out   []byte
	mem   [1024]byte
	err   error
}

func (c *cbc) Read(b []byte) (int, error) {
	if c.mode == nil {
		var iv [16]byte
		if _, err := io.ReadFull(c.r, iv[:]); err != nil {
			return 0, io.EOF
		}
		c.mode = cipher.NewCBCDecrypter(c.block, iv[:])
	}
	for len(c.out) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		n, err := io.ReadFull(c.r, c.mem[:])
		n -= n % 16
		c.mode.CryptBlocks(c.mem[:n], c.mem[:n])
		c.out = c.mem[:n]
		if err != nil {
			c.err = io.EOF
			if n > 0 { // padding (PKCS #7)
				if pad := int(c.mem[n-1]); pad >= 1 && pad <= 16 {
					c.out = c.mem[:n-pad]
				}
			}
			if err != io.EOF && err != io.ErrUnexpectedEOF {
				c.err = err
			}
		}
	}
	n := copy(b, c.out)
	c.out = c.out[n:]
	return n, nil
}
