// Package filetype tells what content is by its octets, from few short reads.
// Names and declared types play no part. It finds what the first-party plugins
// inspect, and what mail programs and archivers open; it is no complete
// register of formats, and says nothing of whether content is sound.
//
// It runs in guests, so it links neither fmt nor encoding/json.
package filetype

import (
	"bytes"
	"io"
)

// Type is a short stable word for a kind of content; "" is unknown.
type Type string

// Archives and containers.
const (
	Unknown  Type = ""
	ZIP      Type = "zip" // none of the ZIP-based documents below
	SevenZip Type = "7z"
	RAR4     Type = "rar4" // RAR 1.5 to 4
	RAR5     Type = "rar5"
	OldRAR   Type = "rar1" // RAR before 1.5
	ARJ      Type = "arj"
	Tar      Type = "tar"
	Gzip     Type = "gzip"
	Bzip2    Type = "bzip2"
	XZ       Type = "xz"
	LZMA     Type = "lzma" // LZMA alone (.lzma)
	Lzip     Type = "lzip"
	Lzop     Type = "lzop"
	Zstd     Type = "zstd"
	LZ4      Type = "lz4"
	Compress Type = "compress" // .Z
	CAB      Type = "cab"
	LZH      Type = "lzh"
	ACE      Type = "ace"
	ARC      Type = "arc"
	ZOO      Type = "zoo"
	ALZ      Type = "alz"
	EGG      Type = "egg"
	ZPAQ     Type = "zpaq"
	StuffIt  Type = "stuffit"
	XAR      Type = "xar"
	Cpio     Type = "cpio"
	Ar       Type = "ar" // also .deb
	ISO      Type = "iso"
	UDF      Type = "udf"
	VHD      Type = "vhd"
	VHDX     Type = "vhdx"
	VMDK     Type = "vmdk"
	QCOW     Type = "qcow"
	VDI      Type = "vdi"
	DMG      Type = "dmg"
	WIM      Type = "wim"
	SquashFS Type = "squashfs"
	CHM      Type = "chm"
	TNEF     Type = "tnef" // winmail.dat
	UUEncode Type = "uuencode"
	YEnc     Type = "yenc"
	BinHex   Type = "binhex"
)

// Documents.
const (
	OLE            Type = "ole" // compound file: legacy Office, .msg, .msi, encrypted OOXML
	OOXMLWord      Type = "ooxml-word"
	OOXMLExcel     Type = "ooxml-excel" // also .xlsb
	OOXMLSlides    Type = "ooxml-powerpoint"
	OOXML          Type = "ooxml" // others: Visio, XPS
	ODFText        Type = "odf-text"
	ODFSpreadsheet Type = "odf-spreadsheet"
	ODF            Type = "odf" // others
	EPUB           Type = "epub"
	JAR            Type = "jar"
	APK            Type = "apk"
	PDF            Type = "pdf"
	PostScript     Type = "ps"
	RTF            Type = "rtf"
	OneNote        Type = "onenote"
	HTML           Type = "html"
	SVG            Type = "svg"
	XML            Type = "xml"
	MHTML          Type = "mhtml"
	EML            Type = "eml" // a message (RFC 5322)
	PGP            Type = "pgp" // armoured
	PGPBinary      Type = "pgp-binary"
	CMS            Type = "cms" // PKCS #7, S/MIME: DER
	CMSArmoured    Type = "cms-pem"
	Text           Type = "text"
)

// Programs and what runs.
const (
	PE       Type = "pe"  // Windows program
	DOS      Type = "mz"  // DOS program
	ELF      Type = "elf" //
	MachO    Type = "macho"
	Class    Type = "class"
	DEX      Type = "dex"
	Wasm     Type = "wasm"
	Script   Type = "script"
	Shortcut Type = "lnk" // Windows shortcut
	Registry Type = "reg"
)

// Media: nothing is looked for in them but what is hidden behind them.
const (
	JPEG  Type = "jpeg"
	PNG   Type = "png"
	GIF   Type = "gif"
	TIFF  Type = "tiff"
	BMP   Type = "bmp"
	RIFF  Type = "riff" // WebP, WAV, AVI
	MP4   Type = "mp4"
	MP3   Type = "mp3"
	Ogg   Type = "ogg"
	FLAC  Type = "flac"
	EBML  Type = "ebml" // Matroska
	Font  Type = "font"
	Flash Type = "swf"
)

// headLen is how much of the beginning is looked at.
const headLen = 1024

// Of tells what content is: what a reader that goes by the first octets takes
// it for. Content that cannot be read is Unknown. It reads the first KiB; of a
// ZIP also its directory (at most 64 KiB of it); of content without a mark also
// octets 32–44 KiB and, if it begins as one does, the end, where disk images have theirs.
func Of(r io.ReaderAt, size int64) Type {
	head := read(r, 0, min(headLen, size))
	t := Head(head)
	switch t {
	case ZIP:
		return zipped(r, size, head)
	case Unknown, Text, DOS, ELF, Script:
		// An image that boots has a program, or nothing, where others have their mark.
		if d := image(r, size, head); d != Unknown {
			return d
		}
	}
	return t
}

// read gives up to n octets at off, fewer at the end or where reading fails.
func read(r io.ReaderAt, off, n int64) []byte {
	if n <= 0 || off < 0 {
		return nil
	}
	b := make([]byte, n)
	m, _ := r.ReadAt(b, off)
	return b[:max(0, m)]
}

// Head tells what the first octets alone say: "zip" for every ZIP-based
// document, and nothing of disk images.
func Head(b []byte) Type {
	for i := range marks {
		m := &marks[i]
		if len(b) >= m.off+len(m.text) && string(b[m.off:m.off+len(m.text)]) == m.text && (m.also == nil || m.also(b)) {
			return m.is
		}
	}
	return textual(b)
}

func le16(b []byte) int { return int(b[0]) | int(b[1])<<8 }
func le32(b []byte) int64 {
	return int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 | int64(b[3])<<24
}

// image looks for the marks of disk images, which stand far from the beginning.
func image(r io.ReaderAt, size int64, head []byte) Type {
	const at, n = 32768, 6 * 2048
	if size >= at+2048 {
		b := read(r, at, min(n, size-at))
		iso, udf := false, false
		for off := 0; off+6 <= len(b); off += 2048 {
			switch string(b[off+1 : off+6]) {
			case "CD001":
				iso = true
			case "NSR02", "NSR03":
				udf = true
			}
		}
		switch {
		case iso:
			return ISO // a bridge of both is read by its ISO side
		case udf:
			return UDF
		}
	}
	// A fixed VHD begins with a boot sector, a DMG with a zlib stream or nothing.
	if size >= 512 && len(head) >= 512 && (string(head[510:512]) == "\x55\xaa" || head[0] == 0x78 || string(head[:8]) == "\x00\x00\x00\x00\x00\x00\x00\x00") {
		b := read(r, size-512, 512)
		switch {
		case bytes.HasPrefix(b, []byte("conectix")):
			return VHD
		case bytes.HasPrefix(b, []byte("koly")):
			return DMG
		}
	}
	return Unknown
}

// Container reports whether a type is an archive, a disk image or an encoded
// file: something that recipients' tools take other files from.
func (t Type) Container() bool {
	switch t {
	case ZIP, SevenZip, RAR4, RAR5, OldRAR, ARJ, Tar, Gzip, Bzip2, XZ, LZMA, Lzip, Lzop, Zstd, LZ4, Compress, CAB, LZH, ACE, ARC, ZOO,
		ALZ, EGG, ZPAQ, StuffIt, XAR, Cpio, Ar, ISO, UDF, VHD, VHDX, VMDK, QCOW, VDI, DMG, WIM, SquashFS, CHM, TNEF, UUEncode, YEnc, BinHex:
		return true
	}
	return false
}

// Zipped reports whether a type is a ZIP, or a document that is one.
func (t Type) Zipped() bool {
	switch t {
	case ZIP, OOXML, OOXMLWord, OOXMLExcel, OOXMLSlides, ODF, ODFText, ODFSpreadsheet, EPUB, JAR, APK:
		return true
	}
	return false
}

// Program reports whether a type may carry an archive that unpacks itself.
func (t Type) Program() bool {
	switch t {
	case PE, DOS, ELF, MachO, Script:
		return true
	}
	return false
}

// Media reports whether a type is an image, sound, film or font.
func (t Type) Media() bool {
	switch t {
	case JPEG, PNG, GIF, TIFF, BMP, RIFF, MP4, MP3, Ogg, FLAC, EBML, Font, Flash:
		return true
	}
	return false
}
