package filetype

import (
	"bytes"
	"io"
	"strings"
)

// maxDirectory is how much of a ZIP's directory is looked at for the type.
const maxDirectory = 64 << 10

// zipped tells ZIP-based documents from plain ZIPs: ODF and EPUB by the type
// that is their first entry (OpenDocument 1.3 part 2 §3.3), the others by names
// in the directory (ECMA-376 part 2).
func zipped(r io.ReaderAt, size int64, head []byte) Type {
	if t := odf(head); t != Unknown {
		return t
	}
	var seen struct{ types, rels, word, excel, slides, manifest, dex, class, meta, content bool }
	Names(r, size, func(name string) bool {
		low := strings.ToLower(strings.ReplaceAll(name, "\\", "/"))
		switch {
		case low == "[content_types].xml":
			seen.types = true
		case low == "_rels/.rels":
			seen.rels = true
		case strings.HasPrefix(low, "word/"):
			seen.word = true
		case strings.HasPrefix(low, "xl/"):
			seen.excel = true
		case strings.HasPrefix(low, "ppt/"):
			seen.slides = true
		case low == "androidmanifest.xml":
			seen.manifest = true
		case low == "classes.dex":
			seen.dex = true
		case low == "meta-inf/manifest.mf":
			seen.meta = true
		case low == "meta-inf/manifest.xml":
			seen.content = true
		case strings.HasSuffix(low, ".class"):
			seen.class = true
		}
		return true
	})
	switch {
	case seen.types || seen.rels && (seen.word || seen.excel || seen.slides):
		switch {
		case seen.word:
			return OOXMLWord
		case seen.excel:
			return OOXMLExcel
		case seen.slides:
			return OOXMLSlides
		}
		return OOXML
	case seen.content:
		return ODF
	case seen.manifest && (seen.dex || seen.meta):
		return APK
	case seen.meta || seen.class:
		return JAR
	}
	return ZIP
}

// odf reads the entry "mimetype" that stands first and stored.
func odf(head []byte) Type {
	if len(head) < 38 || string(head[:4]) != "PK\x03\x04" || le16(head[26:]) != 8 || string(head[30:38]) != "mimetype" {
		return Unknown
	}
	at := 38 + le16(head[28:])
	if at > len(head) {
		return Unknown
	}
	m := string(head[at:])
	const open = "application/vnd.oasis.opendocument."
	switch {
	case strings.HasPrefix(m, "application/epub+zip"):
		return EPUB
	case strings.HasPrefix(m, open+"text"), strings.HasPrefix(m, "application/vnd.sun.xml.writer"):
		return ODFText
	case strings.HasPrefix(m, open+"spreadsheet"), strings.HasPrefix(m, "application/vnd.sun.xml.calc"):
		return ODFSpreadsheet
	case strings.HasPrefix(m, "application/vnd.oasis."), strings.HasPrefix(m, "application/vnd.sun.xml."):
		return ODF
	}
	return Unknown
}

// Names calls f with the names in a ZIP's directory until f says false: at
// most those in its first 64 KiB. It is no reader of ZIPs (that is package
// archive's), only a look.
func Names(r io.ReaderAt, size int64, f func(name string) bool) {
	tail := read(r, max(0, size-1024), min(size, 1024))
	i := bytes.LastIndex(tail, []byte("PK\x05\x06"))
	if i < 0 && size > 1024 {
		tail = read(r, max(0, size-66000), min(size, 66000))
		i = bytes.LastIndex(tail, []byte("PK\x05\x06"))
	}
	if i < 0 || len(tail)-i < 22 {
		return
	}
	end := size - int64(len(tail)-i)
	n := le32(tail[i+12:])
	start := end - n
	if start < 0 || n == 0xffffffff {
		start, n = le32(tail[i+16:]), min(maxDirectory, size)
	}
	b := read(r, start, min(n, maxDirectory))
	if len(b) < 4 || string(b[:4]) != "PK\x01\x02" {
		b = read(r, le32(tail[i+16:]), min(n, maxDirectory))
	}
	for len(b) >= 46 && string(b[:4]) == "PK\x01\x02" {
		k := le16(b[28:])
		next := 46 + k + le16(b[30:]) + le16(b[32:])
		if 46+k > len(b) || !f(string(b[46:46+k])) || next > len(b) {
			return
		}
		b = b[next:]
	}
}
