package document

import (
	"bytes"
	"strings"

	"github.com/mailweir/weir/plugins/internal/document/octets"
)

// Armour of protected messages: RFC 9580 §6.2, RFC 7468 §2.
const (
	armorBegin = "-----BEGIN "
	armorPGP   = "-----BEGIN PGP MESSAGE"
	armorPKCS7 = "-----BEGIN PKCS7-----"
	armorPKCS  = "-----BEGIN PKCS #7"
	armorCMS   = "-----BEGIN CMS-----"
)

// ArmorMarks are octets one of which stands in every text that holds an armoured
// message: text without them need not be inspected for those.
var ArmorMarks = []string{armorPGP, armorPKCS7, armorPKCS, armorCMS}

const (
	maxArmorScan = 8 << 20  // of one text
	maxArmor     = 16 << 20 // of one armoured message that is unpacked
	armorHead    = 16 << 10 // of one, to see what it is
	maxBlocks    = 500
)

// armoured looks for armoured messages anywhere in a text.
func (x *inspection) armoured(s octets.Source, path string) bool {
	if x.lim.NoArmor && path == "" && s.Size == x.whole {
		return false
	}
	const step, overlap = 64 << 10, 32
	found, blocks := false, 0
	for off := int64(0); off < min(s.Size, maxArmorScan); off += step {
		b, err := s.Range(off, step+overlap)
		if err != nil {
			return found
		}
		for i := 0; ; {
			j := bytes.Index(b[i:], []byte(armorBegin))
			if j < 0 || i+j >= step {
				break
			}
			i += j
			if mark := markAt(b[i:]); mark != "" {
				if blocks++; blocks > maxBlocks {
					x.unreadable("pgp", path, "it has more armoured blocks than can be inspected")
					return true
				}
				found = x.armouredBlock(s, off+int64(i), mark, path) || found
			}
			i += len(armorBegin)
		}
	}
	return found
}

// markAt is the mark that b begins with, "" none.
func markAt(b []byte) string {
	for _, mark := range ArmorMarks {
		if len(b) >= len(mark) && string(b[:len(mark)]) == mark {
			return mark
		}
	}
	return ""
}

// armouredBlock judges one armoured block. A mark in the middle of a line is talk about
// such blocks, or a quotation.
func (x *inspection) armouredBlock(s octets.Source, off int64, mark, path string) bool {
	from := max(0, off-80)
	before, err := s.Range(from, off-from)
	if err != nil || !beginsLine(before, from == 0) {
		return false
	}
	text, err := s.Range(off, armorHead)
	if err != nil {
		return false
	}
	data := dearmor(text)
	if mark == armorPGP {
		switch classifyPGP(data, -1) {
		case pgpIsEncrypted:
			x.find(CauseEncryptedMessage, "pgp", path, "it needs a key or passphrase to be read")
			return true
		case pgpIsPlain:
			if text, err = s.Range(off, maxArmor); err == nil && x.lim.Budget.Unpack(int64(len(text))) {
				x.pgpContent(bytes.NewReader(dearmor(text)), path, 0)
			}
			return true
		}
		return false
	}
	if !isDER(data) {
		return false
	}
	if len(text) == armorHead {
		if text, err = s.Range(off, maxArmor); err != nil || !x.lim.Budget.Unpack(int64(len(text))) {
			return false
		}
		data = dearmor(text)
	}
	return x.cms(octets.Of(data), path)
}

// beginsLine: nothing but white space or an HTML tag stands in front.
func beginsLine(b []byte, start bool) bool {
	b = bytes.TrimRight(b, " \t")
	if len(b) == 0 {
		return start
	}
	switch b[len(b)-1] {
	case '\n', '\r':
		return true
	case '>':
		line := b[bytes.LastIndexAny(b, "\r\n")+1:]
		i := bytes.LastIndexByte(line, '<')
		return i >= 0 && i < len(line)-1
	}
	return bytes.Equal(b, []byte("\xef\xbb\xbf")) && start
}

// dearmor decodes the block at the beginning of text: a line with the mark,
// lines of headers, a blank line, base64 up to the end. Where it is in HTML, tags
// are left out.
func dearmor(b []byte) []byte {
	if i := bytes.Index(b, []byte("-----END")); i >= 0 {
		b = b[:i]
	}
	i := bytes.Index(b[min(len(b), 10):], []byte("-----"))
	if i < 0 {
		return nil
	}
	text := stripTags(b[i+10+5:])
	var out []byte
	body := false
	for _, line := range bytes.Split(text, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if !body && bytes.Contains(line, []byte(": ")) || bytes.HasPrefix(line, []byte("=")) && len(line) == 5 {
			continue
		}
		if len(line) > 0 {
			body = true
			out = append(out, line...)
		}
	}
	return decode64(out)
}

// stripTags makes line ends of tags.
func stripTags(b []byte) []byte {
	if bytes.IndexByte(b, '<') < 0 {
		return b
	}
	var out []byte
	for {
		i := bytes.IndexByte(b, '<')
		if i < 0 {
			return append(out, b...)
		}
		out = append(append(out, b[:i]...), '\n')
		j := bytes.IndexByte(b[i:], '>')
		if j < 0 {
			return out
		}
		b = b[i+j+1:]
	}
}

// decode64 decodes base64 and passes over what is none.
func decode64(b []byte) []byte {
	out := make([]byte, 0, len(b)/4*3)
	var d base64Decoder
	return d.decode(out, b)
}

// base64Decoder decodes base64 in pieces, passing over other octets.
type base64Decoder struct {
	acc  uint32
	have int
}

func (d *base64Decoder) decode(out, b []byte) []byte {
	for _, c := range b {
		var v int
		switch {
		case 'A' <= c && c <= 'Z':
			v = int(c - 'A')
		case 'a' <= c && c <= 'z':
			v = int(c-'a') + 26
		case '0' <= c && c <= '9':
			v = int(c-'0') + 52
		case c == '+':
			v = 62
		case c == '/':
			v = 63
		case c == '=':
			d.have = 0
			continue
		default:
			continue
		}
		d.acc = d.acc<<6 | uint32(v)
		if d.have += 6; d.have >= 8 {
			d.have -= 8
			out = append(out, byte(d.acc>>d.have))
		}
	}
	return out
}

// Media judges a part by its media type alone: encrypted multiparts have no
// content that says so (RFC 3156 §4, RFC 1847 §2.2). nil where it says nothing.
func Media(mediaType string) *Finding {
	switch strings.ToLower(strings.TrimSpace(mediaType)) {
	case "multipart/encrypted", "application/pgp-encrypted":
		return &Finding{Cause: CauseEncryptedMessage, Sub: "pgp", Detail: "it needs a key or passphrase to be read"}
	}
	return nil
}
