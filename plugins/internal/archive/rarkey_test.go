package archive

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"strings"
	"testing"
)

// There is no free program that writes RAR, so these write what the
// specification says (RAR 5.0 archive format): stored files, encrypted.

func vintOf(n int) []byte { return binary.AppendUvarint(nil, uint64(n)) }

func block5(fields ...[]byte) []byte {
	b := bytes.Join(fields, nil)
	b = append(vintOf(len(b)), b...)
	return append(binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(b)), b...)
}

// keys5 derives the key and the check value of RAR 5: PBKDF2-HMAC-SHA256 whose
// sum goes on for 16 and 32 rounds more.
func keys5(pass string, salt []byte, rounds int) (key, check []byte) {
	mac := hmac.New(sha256.New, []byte(pass))
	mac.Write(append(bytes.Clone(salt), 0, 0, 0, 1))
	u := mac.Sum(nil)
	t := bytes.Clone(u)
	more := func(n int) []byte {
		for range n {
			mac.Reset()
			mac.Write(u)
			u = mac.Sum(nil)
			for i := range t {
				t[i] ^= u[i]
			}
		}
		return bytes.Clone(t)
	}
	key = more(rounds - 1)
	more(16)
	long := more(16)
	check = make([]byte, 8)
	for i, c := range long {
		check[i%8] ^= c
	}
	sum := sha256.Sum256(check)
	return key, append(check, sum[:4]...)
}

func sealed5(key, iv, b []byte) []byte {
	b = append(bytes.Clone(b), make([]byte, (16-len(b)%16)%16)...)
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	cipher.NewCBCEncrypter(c, iv).CryptBlocks(b, b)
	return b
}

// rar5Of is an archive of one stored file, its content or all of it encrypted.
func rar5Of(pass, name string, data []byte, headers, check bool, cost byte) []byte {
	salt, iv := []byte("0123456789abcdef"), []byte("fedcba9876543210")
	key, sum := keys5(pass, salt, 1<<min(cost, 15))
	flag := []byte{0}
	if check {
		flag = []byte{1}
	} else {
		sum = nil
	}
	mainBlock := block5(vintOf(1), vintOf(0), vintOf(0))
	crypt := bytes.Join([][]byte{vintOf(1), vintOf(0), flag, {cost}, salt, iv, sum}, nil)
	crypt = append(vintOf(len(crypt)), crypt...)
	packed := sealed5(key, iv, data)
	file := block5(vintOf(2), vintOf(3), vintOf(len(crypt)), vintOf(len(packed)), vintOf(4), vintOf(len(data)), vintOf(0),
		binary.LittleEndian.AppendUint32(nil, crc32.ChecksumIEEE(data)), vintOf(0), vintOf(1), vintOf(len(name)), []byte(name), crypt)
	end := block5(vintOf(5), vintOf(0), vintOf(0))
	out := []byte("Rar!\x1a\x07\x01\x00")
	if !headers {
		return bytes.Join([][]byte{out, mainBlock, file, packed, end}, nil)
	}
	seal := func(b []byte) []byte { return append(bytes.Clone(iv), sealed5(key, iv, b)...) }
	return bytes.Join([][]byte{out, block5(vintOf(4), vintOf(0), vintOf(0), flag, []byte{cost}, salt, sum), seal(mainBlock), seal(file), packed, seal(end)}, nil)
}

func TestKeyOpensRAR(t *testing.T) {
	text := []byte(strings.Repeat("some text, ", 20))
	for name, b := range map[string][]byte{
		"content":          rar5Of("secret", "a.txt", text, false, true, 15),
		"content, unsaid":  rar5Of("secret", "a.txt", text, false, false, 15),
		"headers":          rar5Of("secret", "a.txt", text, true, true, 15),
		"headers, unsaid":  rar5Of("secret", "a.txt", text, true, false, 15),
		"zip in it":        rar5Of("secret", "a.zip", fixtureOf(t, "aes256.zip"), false, true, 15),
		"content, few KDF": rar5Of("secret", "a.txt", text, false, true, 3),
	} {
		lines, opened, wrong, unsup := unlocked(t, b, "secret")
		if opened == 0 || wrong+unsup > 0 || len(lines) == 0 || strings.Contains(strings.Join(lines, "\n"), "!") {
			t.Errorf("%s: opened %d, wrong %d, unsupported %d: %q", name, opened, wrong, unsup, lines)
		}
		lines, opened, wrong, _ = unlocked(t, b, "Secret")
		if opened > 0 || wrong == 0 || !strings.Contains(strings.Join(lines, "\n"), "encrypted-archive") {
			t.Errorf("%s, wrong password: opened %d, wrong %d: %q", name, opened, wrong, lines)
		}
	}
}

// Keys that take too long to derive are not.
func TestKeyCost(t *testing.T) {
	for _, headers := range []bool{false, true} {
		lines, opened, _, unsup := unlocked(t, rar5Of("secret", "a.txt", []byte("text"), headers, true, 24), "secret")
		if opened > 0 || unsup == 0 || len(lines) == 0 {
			t.Errorf("opened %d, unsupported %d: %q", opened, unsup, lines)
		}
	}
	b := NewBudget(Limits{})
	b.begin(1)
	b.Unlock(NewKey(strings.Repeat("x", 200)))
	if _, err := b.key7(nil, 25); err == nil {
		t.Error("2^25 rounds")
	}
	if _, err := b.key7([]byte("s"), 23); err == nil { // 3 GiB to hash
		t.Error("2^23 rounds of a long password")
	}
	if k, err := b.key7([]byte("s"), 63); err != nil || string(k[:3]) != "sx\x00" {
		t.Error(k, err)
	}
}
