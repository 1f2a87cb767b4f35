package main

import "strings"

// decodeWords decodes the encoded words of RFC 2047 in UTF-8, ASCII and
// Latin-1; those of other charsets give their octets as they are, so that ASCII
// in them can be matched. Adjacent words of one charset are joined first, for
// some writers cut characters in two.
func decodeWords(s string) string {
	if !strings.Contains(s, "=?") {
		return s
	}
	var b strings.Builder
	var octets []byte
	charset := ""
	flush := func() {
		switch charset {
		case "iso-8859-1", "windows-1252", "iso-8859-15", "latin1":
			for _, c := range octets {
				b.WriteRune(rune(c))
			}
		default:
			b.Write(octets)
		}
		octets = octets[:0]
	}
	after := false // right behind an encoded word
	for s != "" {
		i := strings.Index(s, "=?")
		if i < 0 {
			break
		}
		cs, data, rest, ok := cutWord(s[i:])
		gap := s[:i]
		if !ok {
			flush()
			b.WriteString(s[:i+2])
			s, after = s[i+2:], false
			continue
		}
		if !after || strings.Trim(gap, " \t") != "" {
			flush()
			b.WriteString(gap)
		}
		if cs != charset {
			flush()
			charset = cs
		}
		octets = append(octets, data...)
		s, after = rest, true
	}
	flush()
	b.WriteString(s)
	return b.String()
}

// cutWord reads one encoded word at the beginning of s.
func cutWord(s string) (charset string, data []byte, rest string, ok bool) {
	f := strings.SplitN(s[2:], "?", 4)
	if len(f) < 4 || len(f[1]) != 1 || len(f[3]) == 0 || f[3][0] != '=' {
		return "", nil, "", false
	}
	charset, _, _ = strings.Cut(strings.ToLower(f[0]), "*")
	rest = f[3][1:]
	switch f[1][0] | 0x20 {
	case 'q':
		return charset, decodeQ(f[2]), rest, true
	case 'b':
		return charset, decodeB(f[2]), rest, true
	}
	return "", nil, "", false
}

func decodeQ(s string) []byte {
	b := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '_':
			b = append(b, ' ')
		case s[i] == '=' && i+2 < len(s) && digit(s[i+1]) < 16 && digit(s[i+2]) < 16:
			b = append(b, digit(s[i+1])<<4|digit(s[i+2]))
			i += 2
		default:
			b = append(b, s[i])
		}
	}
	return b
}

func digit(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// decodeB skips what is not of the alphabet, and takes a word without padding.
func decodeB(s string) []byte {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, 0, len(s)*3/4)
	acc, bits := uint32(0), 0
	for i := 0; i < len(s); i++ {
		v := strings.IndexByte(alphabet, s[i])
		if v < 0 {
			continue
		}
		acc, bits = acc<<6|uint32(v), bits+6
		if bits >= 8 {
			bits -= 8
			b = append(b, byte(acc>>bits))
		}
	}
	return b
}
