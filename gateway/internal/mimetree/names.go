package mimetree

import (
	"encoding/base64"
	"slices"
	"strings"
)

// maxReadings is how many names one part has at most.
const maxReadings = 8

// readings gives the names under which readers may show or save a file that
// was sent with these, the likeliest first. Names end at a NUL for some, lose
// the dots and blanks at their end on some systems, and the name of a stream
// behind a colon on one; characters that cannot be seen hide an extension.
func readings(names []string) []string {
	var out []string
	add := func(s string) {
		s = strings.TrimRight(strings.Map(visible, plainText(s)), " .")
		if s != "" && !slices.Contains(out, s) && len(out) < maxReadings {
			out = append(out, s)
		}
	}
	for _, n := range names {
		add(n)
	}
	for _, n := range names {
		if i := strings.IndexByte(n, 0); i >= 0 {
			add(n[:i])
		}
		if i := strings.IndexByte(n, ':'); i > 1 { // further right than in C:
			add(n[:i])
		}
	}
	return out
}

// visible drops what takes no room on a screen.
func visible(r rune) rune {
	switch {
	case r == 0xad, r == 0x34f, r == 0x61c, r == 0x180e, r >= 0x200b && r <= 0x200f, r >= 0x2060 && r <= 0x2064, r == 0xfeff:
		return -1
	}
	return r
}

// decodeName decodes the encoded words of a name. Where that cannot be done as
// the standards have it, it is done as tolerant readers do, and ok is false.
func decodeName(s string) (name string, ok bool) {
	name = decodeWords(s)
	if !strings.Contains(name, "=?") || !strings.Contains(name, "?=") {
		return name, true
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(s, "=?")
		if b.Len() == 0 || strings.TrimSpace(before) != "" {
			b.WriteString(before)
		}
		f := strings.SplitN(rest, "?", 3)
		if !found || len(f) < 3 {
			b.WriteString(rest)
			return b.String(), false
		}
		text, after, _ := strings.Cut(f[2], "?=")
		b.WriteString(toUTF8(f[0], decodeWord(f[1], text)))
		s = after
	}
}

// decodeWord decodes the text of one encoded word, whatever is wrong with it.
func decodeWord(enc, text string) string {
	switch enc {
	case "b", "B":
		text = strings.TrimRight(text, "= ")
		d, _ := base64.RawStdEncoding.DecodeString(text) // as far as it goes
		return string(d)
	case "q", "Q":
		var b strings.Builder
		for i := 0; i < len(text); i++ {
			if text[i] == '=' && i+2 < len(text) {
				hi, ok1 := unhex(text[i+1])
				lo, ok2 := unhex(text[i+2])
				if ok1 && ok2 {
					b.WriteByte(hi<<4 | lo)
					i += 2
					continue
				}
			}
			b.WriteByte(text[i])
		}
		return strings.ReplaceAll(b.String(), "_", " ")
	}
	return text
}
