package document

import "testing"

func TestClassifyPGP(t *testing.T) {
	pk := func(body ...byte) []byte { return append(body, make([]byte, 300)...) }
	for name, c := range map[string]struct {
		b    []byte
		want int
	}{
		"PKESK v3, old format":   {pk(0x85, 1, 12, 3, 1, 2, 3, 4, 5, 6, 7, 8, 1), pgpIsEncrypted},
		"PKESK v6":               {pk(0xc1, 60, 6, 0, 25), pgpIsEncrypted},
		"SKESK v4":               {pk(0xc3, 13, 4, 9, 3, 8), pgpIsEncrypted},
		"SKESK v6":               {pk(0xc3, 50, 6, 20, 9, 2), pgpIsEncrypted},
		"SEIPD v1 alone":         {pk(0xd2, 200, 0, 1), pgpIsEncrypted},
		"SEIPD v2 alone":         {pk(0xd2, 200, 0, 2, 9, 2), pgpIsEncrypted},
		"marker, then SKESK":     {pk(0xca, 3, 'P', 'G', 'P', 0xc3, 13, 4, 9, 3, 8), pgpIsEncrypted},
		"compressed":             {pk(0xa3, 1, 0x78), pgpIsPlain},
		"one-pass signature":     {pk(0x90, 13, 3, 0, 8, 1), pgpIsPlain},
		"public key":             {pk(0x99, 1, 13, 4), pgpNothing},
		"signature":              {pk(0x89, 1, 51, 4), pgpNothing},
		"PKESK of another world": {pk(0x85, 1, 12, 9, 1, 2, 3), pgpNothing},
		"empty":                  {nil, pgpNothing},
		"JPEG":                   {pk(0xff, 0xd8, 0xff, 0xe0, 0, 16, 'J', 'F', 'I', 'F'), pgpNothing},
		"PNG":                    {pk(0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n'), pgpNothing},
	} {
		if got := classifyPGP(c.b, int64(len(c.b))); got != c.want {
			t.Errorf("%s: %d", name, got)
		}
	}
}

func TestMedia(t *testing.T) {
	if f := Media(" Multipart/Encrypted"); f == nil || f.Cause != CauseEncryptedMessage {
		t.Error("multipart/encrypted is not seen as such")
	}
	if Media("multipart/signed") != nil || Media("application/pgp-keys") != nil {
		t.Error("what is signed is no encrypted message")
	}
}
