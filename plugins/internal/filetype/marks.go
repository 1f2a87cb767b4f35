package filetype

import "strings"

// mark is octets that stand at an offset.
type mark struct {
	text string
	off  int
	is   Type
	also func(b []byte) bool // a further condition, nil none
}

// marks are looked at in this order; the first that fits decides. Those of two
// octets come last.
var marks = []mark{
	{"PK\x03\x04", 0, ZIP, nil},
	{"PK\x05\x06", 0, ZIP, nil},
	{"PK\x06\x06", 0, ZIP, nil},
	{"PK\x07\x08PK", 0, ZIP, nil},
	{"PK00PK\x03\x04", 0, ZIP, nil},
	{"PK\x01\x02", 0, ZIP, nil},
	{"7z\xbc\xaf\x27\x1c", 0, SevenZip, nil},
	{"Rar!\x1a\x07\x00", 0, RAR4, nil},
	{"Rar!\x1a\x07\x01\x00", 0, RAR5, nil},
	{"RE\x7e\x5e", 0, OldRAR, nil},
	{"\x1f\x8b\x08", 0, Gzip, nil},
	{"\x1f\x9d", 0, Compress, func(b []byte) bool { return len(b) > 2 && b[2]&0x60 == 0 && b[2]&0x1f >= 9 && b[2]&0x1f <= 16 }},
	{"BZh", 0, Bzip2, bzip2},
	{"\xfd7zXZ\x00", 0, XZ, nil},
	{"LZIP\x01", 0, Lzip, nil},
	{"\x89LZO\x00\r\n\x1a\n", 0, Lzop, nil},
	{"\x28\xb5\x2f\xfd", 0, Zstd, nil},
	{"\x2a\x4d\x18", 1, Zstd, skippable},
	{"\x04\x22\x4d\x18", 0, LZ4, nil},
	{"\x02\x21\x4c\x18", 0, LZ4, nil},
	{"MSCF\x00\x00\x00\x00", 0, CAB, nil},
	{"**ACE**", 7, ACE, nil},
	{"-lh", 2, LZH, lzh},
	{"-lz", 2, LZH, lzh},
	{"-pm", 2, LZH, lzh},
	{"\x60\xea", 0, ARJ, arj},
	{"\xdc\xa7\xc4\xfd", 20, ZOO, nil},
	{"ALZ\x01", 0, ALZ, nil},
	{"EGGA", 0, EGG, nil},
	{"7kSt", 0, ZPAQ, nil},
	{"zPQ", 0, ZPAQ, nil},
	{"StuffIt (c)1997-", 0, StuffIt, nil},
	{"StuffIt!", 0, StuffIt, nil},
	{"SIT!", 0, StuffIt, nil},
	{"xar!", 0, XAR, nil},
	{"!<arch>\n", 0, Ar, nil},
	{"070701", 0, Cpio, cpioASCII},
	{"070702", 0, Cpio, cpioASCII},
	{"070707", 0, Cpio, cpioASCII},
	{"\xc7\x71", 0, Cpio, func(b []byte) bool { return len(b) >= 26 }},
	{"\x71\xc7", 0, Cpio, func(b []byte) bool { return len(b) >= 26 }},
	{"vhdxfile", 0, VHDX, nil},
	{"conectix", 0, VHD, nil},
	{"KDMV", 0, VMDK, nil},
	{"# Disk DescriptorFile", 0, VMDK, nil},
	{"QFI\xfb", 0, QCOW, nil},
	{"\x7f\x10\xda\xbe", 64, VDI, nil},
	{"MSWIM\x00\x00\x00", 0, WIM, nil},
	{"WLPWM\x00\x00\x00", 0, WIM, nil},
	{"hsqs", 0, SquashFS, nil},
	{"ITSF\x03\x00\x00\x00", 0, CHM, nil},
	{"\x78\x9f\x3e\x22", 0, TNEF, nil},
	{"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", 0, OLE, nil},
	{"\xe4\x52\x5c\x7b\x8c\xd8\xa7\x4d\xae\xb1\x53\x78\xd0\x29\x96\xd3", 0, OneNote, nil},
	{"\xa1\x2f\xff\x43\xd9\xef\x76\x4c\x9e\xe2\x10\xea\x57\x22\x76\x5f", 0, OneNote, nil},
	{"\x7fELF", 0, ELF, nil},
	{"\xca\xfe\xba\xbe", 0, Class, func(b []byte) bool { return len(b) >= 8 && b[6] == 0 && b[7] >= 45 }},
	{"\xca\xfe\xba\xbe", 0, MachO, nil},
	{"\xce\xfa\xed\xfe", 0, MachO, nil},
	{"\xcf\xfa\xed\xfe", 0, MachO, nil},
	{"\xfe\xed\xfa\xce", 0, MachO, nil},
	{"\xfe\xed\xfa\xcf", 0, MachO, nil},
	{"dex\n03", 0, DEX, nil},
	{"\x00asm", 0, Wasm, nil},
	{"L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46", 0, Shortcut, nil},
	{"\xff\xd8\xff", 0, JPEG, nil},
	{"\x89PNG\r\n\x1a\n", 0, PNG, nil},
	{"GIF87a", 0, GIF, nil},
	{"GIF89a", 0, GIF, nil},
	{"II*\x00", 0, TIFF, nil},
	{"MM\x00*", 0, TIFF, nil},
	{"RIFF", 0, RIFF, nil},
	{"ftyp", 4, MP4, nil},
	{"OggS\x00", 0, Ogg, nil},
	{"fLaC\x00", 0, FLAC, nil},
	{"\x1a\x45\xdf\xa3", 0, EBML, nil},
	{"ID3", 0, MP3, func(b []byte) bool { return len(b) > 9 && b[3] < 5 && b[6]|b[7]|b[8]|b[9] < 0x80 }},
	{"OTTO\x00", 0, Font, nil},
	{"wOFF", 0, Font, nil},
	{"wOF2", 0, Font, nil},
	{"\x00\x01\x00\x00\x00", 0, Font, func(b []byte) bool { return len(b) > 12 && b[12] >= ' ' && b[12] < 0x7f }},
	{"FWS", 0, Flash, nil},
	{"CWS", 0, Flash, nil},
	{"ZWS", 0, Flash, nil},
	{"MZ", 0, PE, windows},
	{"MZ", 0, DOS, func(b []byte) bool { return len(b) >= 28 }},
	{"ZM", 0, DOS, func(b []byte) bool { return len(b) >= 28 && le16(b[2:]) < 512 && le16(b[8:]) > 1 }},
	{"BM", 0, BMP, func(b []byte) bool { return len(b) >= 30 && b[6]|b[7]|b[8]|b[9] == 0 && b[26] == 1 && b[27] == 0 }},
	{"ustar", 257, Tar, nil},
	{"", 0, Tar, tarSum}, // before POSIX
	{"\x5d\x00\x00", 0, LZMA, lzmaAlone},
	{"\x30", 0, CMS, cms},
	{"", 0, PGPBinary, pgpBinary},
	{"\x1a", 0, ARC, arc},
}

// bzip2: block size, then the mark of a block or of the end.
func bzip2(b []byte) bool {
	return len(b) >= 10 && b[3] >= '1' && b[3] <= '9' && (string(b[4:10]) == "1AY&SY" || string(b[4:10]) == "\x17rE8P\x90")
}

// skippable: a Zstandard frame that carries other data (RFC 8878 §3.1.2); LZ4's are alike.
func skippable(b []byte) bool {
	if b[0]&0xf0 != 0x50 || len(b) < 12 {
		return false
	}
	if n := le32(b[4:]); n+12 <= int64(len(b)) {
		return string(b[8+n:12+n]) == "\x28\xb5\x2f\xfd"
	}
	return true
}

func lzh(b []byte) bool {
	if len(b) < 22 || b[6] != '-' || b[20] > 3 {
		return false
	}
	c := b[5]
	return c >= '0' && c <= '9' || c == 'd' || c == 's' || c == 'x' || c == 'e'
}

// arj: the main header is at most 2,600 octets, of at least 30.
func arj(b []byte) bool {
	if len(b) < 11 {
		return false
	}
	n := le16(b[2:])
	return n >= 30 && n <= 2600 && b[4] >= 30 && int(b[4]) <= n && b[10] == 2
}

func cpioASCII(b []byte) bool {
	if len(b) < 76 {
		return false
	}
	for _, c := range b[6:76] {
		if !(c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F') {
			return false
		}
	}
	return true
}

// windows: a program with the newer header behind the DOS stub.
func windows(b []byte) bool {
	if len(b) < 64 {
		return false
	}
	at := le32(b[60:])
	if at+4 <= int64(len(b)) {
		switch string(b[at : at+2]) {
		case "PE", "NE", "LE", "LX":
			return true
		}
		return false
	}
	return at < 1<<20 && at >= 64
}

// tarSum: the header's checksum is right (POSIX pax, ustar header block).
func tarSum(b []byte) bool {
	if len(b) < 512 || b[0] == 0 {
		return false
	}
	want, digits := 0, 0
	for _, c := range b[148:156] {
		switch {
		case c >= '0' && c <= '7':
			want, digits = want*8+int(c-'0'), digits+1
		case c == ' ' && digits == 0:
		case c == ' ' || c == 0:
			if digits > 0 {
				goto sum
			}
		default:
			return false
		}
	}
sum:
	if digits == 0 {
		return false
	}
	unsigned, signed := 0, 0
	for i, c := range b[:512] {
		if i >= 148 && i < 156 {
			c = ' '
		}
		unsigned += int(c)
		signed += int(int8(c))
	}
	return want == unsigned || want == signed
}

// lzmaAlone: default properties, a dictionary that is a power of two (or three
// halves of one) and a size that is unknown or sensible.
func lzmaAlone(b []byte) bool {
	if len(b) < 14 || b[13] != 0 {
		return false
	}
	dict := le32(b[1:])
	if dict < 1<<12 || dict&(dict-1) != 0 && dict != 0xffffffff && dict%3 != 0 {
		return false
	}
	all, high := true, true
	for i, c := range b[5:13] {
		all = all && c == 0xff
		high = high && (i < 5 || c == 0)
	}
	return all || high
}

// cms: a DER SEQUENCE that begins with an object identifier of PKCS #7
// (1.2.840.113549.1.7.*) or of S/MIME (1.2.840.113549.1.9.16.1.*).
func cms(b []byte) bool {
	i := 2
	if len(b) > 1 && b[1] >= 0x80 {
		i += int(b[1] & 0x7f)
	}
	if i > 10 || i+13 > len(b) || b[i] != 6 {
		return false
	}
	oid := string(b[i+2 : i+13])
	return strings.HasPrefix(oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x07") || strings.HasPrefix(oid, "\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01")
}

// pgpBinary: the first packet is an encrypted session key (tags 1, 3), a
// signature or one-pass signature, or a key, of a sensible version and length
// (RFC 9580 §4.2).
func pgpBinary(b []byte) bool {
	if len(b) < 4 || b[0]&0x80 == 0 {
		return false
	}
	var tag, n int
	var rest []byte
	if b[0]&0x40 != 0 {
		tag = int(b[0] & 0x3f)
		switch l := int(b[1]); {
		case l < 192:
			n, rest = l, b[2:]
		case l < 224:
			n, rest = (l-192)<<8+int(b[2])+192, b[3:]
		default:
			return false
		}
	} else {
		tag = int(b[0] >> 2 & 0xf)
		switch b[0] & 3 {
		case 0:
			n, rest = int(b[1]), b[2:]
		case 1:
			n, rest = int(b[1])<<8+int(b[2]), b[3:]
		default:
			return false
		}
	}
	if len(rest) < 2 {
		return false
	}
	v, alg := rest[0], rest[1]
	switch tag {
	case 1: // the version, a key ID of 8 octets, the algorithm
		if len(rest) < 10 {
			return false
		}
		alg = rest[9]
		return v == 3 && (alg <= 3 && alg > 0 || alg == 16 || alg == 18 || alg == 25 || alg == 26) && n > 20 && n < 2100 || v == 6 && n > 40 && n < 2100 && rest[1] <= 33
	case 3:
		return (v >= 4 && v <= 6) && n >= 4 && n < 200 && (v > 4 || alg > 0 && alg <= 13 && len(rest) > 2 && rest[2] <= 4)
	}
	return false
}

// arc: method 1–9 and a name of DOS.
func arc(b []byte) bool {
	if len(b) < 29 || b[1] == 0 || b[1] > 9 {
		return false
	}
	for i, c := range b[2:15] {
		if c == 0 {
			return i > 0
		}
		if c < 0x21 || c > 0x7e {
			return false
		}
	}
	return false
}
