package archive

import (
	"strings"
)

// Key is a password that somebody gave to look into the archives of one
// message (Budget.Unlock). It is held in memory only, and no error, Problem or
// Opening has it. It is not safe for use in parallel.
type Key struct {
	password string
	octets   []string          // as writers of ZIPs may have encoded it
	derived  map[string][]byte // keys of 7z, by salt and cost
	hashed   int64             // octets that were hashed to derive keys
	openings []*Opening
}

// Opening is what became of one archive that needs a password.
type Opening struct {
	Path        string // of the archive within the part; "" the part itself
	Opened      int    // entries that the password opened
	Wrong       int    // entries, or the archive's list of them, that it does not open
	Unsupported int    // those whose encryption is not decoded here
}

// NewKey makes a key of a password in UTF-8.
func NewKey(password string) *Key {
	k := &Key{password: password, octets: []string{password}, derived: map[string][]byte{}}
	for _, enc := range []func(rune) int{latin1, cp437} {
		if s, ok := recode(password, enc); ok && s != password {
			k.octets = append(k.octets, s)
		}
	}
	return k
}

// Openings are those since the last call of it: of the part that was walked.
func (k *Key) Openings() []*Opening {
	o := k.openings
	k.openings = nil
	return o
}

// opening is the account of one archive.
func (k *Key) opening(path string) *Opening {
	for _, o := range k.openings {
		if o.Path == path {
			return o
		}
	}
	k.openings = append(k.openings, &Opening{Path: path})
	return k.openings[len(k.openings)-1]
}

// Unlock has the walks under this budget try a password where one is needed.
// What it opens is walked as if it were not encrypted, once all of it was
// decoded and its checksum was right; what it does not open is as before.
func (b *Budget) Unlock(k *Key) { b.key = k }

// maxHashed is how much is hashed for the keys of one message: 7z takes 13 MiB
// for a key of its usual cost and a password of ten characters.
const maxHashed = 512 << 20

// hash takes octets that are to be hashed from the key's budget.
func (b *Budget) hash(n int64) error {
	if b.key.hashed += n; b.key.hashed > maxHashed {
		return exceeded("deriving its key from the password takes too long")
	}
	return b.late()
}

// recode gives text in an encoding of one octet a character.
func recode(s string, enc func(rune) int) (string, bool) {
	var b strings.Builder
	for _, r := range s {
		c := enc(r)
		if c < 0 {
			return "", false
		}
		b.WriteByte(byte(c))
	}
	return b.String(), true
}

func latin1(r rune) int {
	if r > 0xff {
		return -1
	}
	return int(r)
}

// cp437 is the encoding of names and passwords that ZIP has by default
// (APPNOTE.TXT appendix D).
func cp437(r rune) int {
	if r < 0x80 {
		return int(r)
	}
	i := 0x80
	for _, c := range upper437 {
		if c == r {
			return i
		}
		i++
	}
	return -1
}

const upper437 = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜ¢£¥₧ƒáíóúñÑªº¿⌐¬½¼¡«»░▒▓│┤╡╢╖╕╣║╗╝╜╛┐└┴┬├─┼╞╟╚╔╩╦╠═╬╧╨╤╥╙╘╒╓╫╪┘┌█▄▌▐▀αßΓπΣσµτΦΘΩδ∞φε∩≡±≥≤⌠⌡÷≈°∙·√ⁿ²■\u00a0"

// Seen are the openings so far of the part that is walked.
func (k *Key) Seen() []*Opening { return k.openings }
