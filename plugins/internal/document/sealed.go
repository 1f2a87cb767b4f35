package document

import "bytes"

// sealedMarks are how files begin that programs of their own encrypt; the second
// column says what they are.
var sealedMarks = [...]struct{ mark, sub string }{
	{"Salted__", "file"},                           // openssl enc
	{"age-encryption.org/v", "file"},               // age
	{"-----BEGIN AGE ENCRYPTED FILE-----", "file"}, // the same, armoured
	{"AES\x02\x00", "file"},                        // AES Crypt
	{".pfile", "rights"},                           // [MS-RMSI], generic protection
}

// sealed reports a file that is encrypted as a whole; false if it is none.
func (x *inspection) sealed(head []byte, path string) bool {
	for _, m := range sealedMarks {
		if bytes.HasPrefix(head, []byte(m.mark)) {
			x.find(CauseEncryptedDocument, m.sub, path, "it needs a password or key to be read")
			return true
		}
	}
	return false
}
