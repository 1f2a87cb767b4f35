package mimetree

import "bytes"

// headBytes is how much of a part's beginning is looked at, encoded.
const headBytes = 1536

// magics are told by their first octets. The list is of what mail carries and
// filters ask for; a format that is not in it is "" and not "harmless".
var magics = []struct {
	at    int
	bytes string
	media string
}{
	{0, "PK\x03\x04", "application/zip"},
	{0, "PK\x05\x06", "application/zip"},
	{0, "PK\x07\x08PK\x03\x04", "application/zip"},
	{0, "PK00PK\x03\x04", "application/zip"},
	{0, "7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"},
	{0, "Rar!\x1a\x07", "application/vnd.rar"},
	{0, "\x1f\x8b", "application/gzip"},
	{0, "BZh", "application/x-bzip2"},
	{0, "\xfd7zXZ\x00", "application/x-xz"},
	{0, "\x28\xb5\x2f\xfd", "application/zstd"},
	{0, "MSCF", "application/vnd.ms-cab-compressed"},
	{0, "\x60\xea", "application/x-arj"},
	{2, "-lh", "application/x-lzh-compressed"},
	{257, "ustar", "application/x-tar"},
	{0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"},
	{0, "{\\rt", "application/rtf"},
	{0, "\x7fELF", "application/x-elf"},
	{0, "\xfe\xed\xfa\xce", "application/x-mach-binary"},
	{0, "\xfe\xed\xfa\xcf", "application/x-mach-binary"},
	{0, "\xce\xfa\xed\xfe", "application/x-mach-binary"},
	{0, "\xcf\xfa\xed\xfe", "application/x-mach-binary"},
	{0, "\xca\xfe\xba\xbe", "application/java-vm"},
	{0, "\x00asm", "application/wasm"},
	{0, "L\x00\x00\x00\x01\x14\x02\x00", "application/x-ms-shortcut"},
	{0, "\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", "application/onenote"},
	{0, "ITSF", "application/vnd.ms-htmlhelp"},
	{0, "\x78\x9f\x3e\x22", "application/vnd.ms-tnef"},
	{0, "\x89PNG\r\n\x1a\n", "image/png"},
	{0, "\xff\xd8\xff", "image/jpeg"},
	{0, "GIF87a", "image/gif"},
	{0, "GIF89a", "image/gif"},
	{8, "WEBP", "image/webp"},
	{0, "II*\x00", "image/tiff"},
	{0, "MM\x00*", "image/tiff"},
	{4, "ftyp", "video/mp4"},
}

// magic tells a media type from the first octets of the decoded content.
func magic(b []byte) string {
	for i := range magics {
		m := &magics[i]
		if len(b) >= m.at+len(m.bytes) && string(b[m.at:m.at+len(m.bytes)]) == m.bytes {
			return m.media
		}
	}
	// A program begins with MZ, and so may a text: programs have zeroes in their header.
	if len(b) >= 64 && b[0] == 'M' && b[1] == 'Z' && bytes.IndexByte(b[:64], 0) >= 0 {
		return "application/vnd.microsoft.portable-executable"
	}
	if i := bytes.Index(b[:min(len(b), 1024)], []byte("%PDF-")); i >= 0 { // readers look that far
		return "application/pdf"
	}
	return ""
}
