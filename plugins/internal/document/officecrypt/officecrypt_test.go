package officecrypt

import (
	"bytes"
	"testing"
)

// filePass makes a FILEPASS record of 40-bit RC4 for a key.
func filePass(t *testing.T, damage bool) []byte {
	t.Helper()
	b := append([]byte{1, 0, 1, 0, 1, 0}, make([]byte, 48)...)
	// LibreOffice's, of a workbook whose structure is protected.
	copy(b[6:], "\xd2\x7a\x23\xc2\xaa\x38\xda\x41\xa5\xfa\xc5\x07\x3b\x3a\x63\x0a\xa6\xe1\x7c\x11\x3b\xa8\xea\x88\xb6\x01\x1f\x7c\x64\x40\xb0\x3d\xb4\x49\xd4\xc7\x96\x6a\xd8\xdc\xce\xf1\x36\xcd\x49\x56\xed\x6c")
	if damage {
		b[30] ^= 1
	}
	return b
}

func TestDefaultPassword(t *testing.T) {
	key := DefaultWorkbookKey(filePass(t, false))
	if key == nil {
		t.Fatal("the built-in password does not fit")
	}
	// Decrypting in pieces gives what decrypting at once does, over blocks too.
	whole := make([]byte, 3000)
	key(whole, 100)
	for _, cut := range []int{1, 500, 924, 925, 2000} {
		pieces := make([]byte, 3000)
		key(pieces[:cut], 100)
		key(pieces[cut:], 100+int64(cut))
		if !bytes.Equal(whole, pieces) {
			t.Errorf("differs when cut at %d", cut)
		}
	}
	if DefaultWorkbookKey(filePass(t, true)) != nil {
		t.Error("another password fits")
	}
	for _, b := range [][]byte{nil, {0, 0, 1, 2, 3, 4}, {1, 0, 1, 0, 1, 0}, {1, 0, 4, 0, 2, 0, 0, 0, 0, 0, 255, 255, 255, 255}} {
		if DefaultWorkbookKey(b) != nil {
			t.Errorf("%x has a key", b)
		}
	}
}
