package inspection

import "github.com/mailweir/weir/plugins/internal/filetype"

// media are the media types of types of content, for rules.
var media = map[filetype.Type]string{
	filetype.ZIP: "application/zip", filetype.SevenZip: "application/x-7z-compressed", filetype.RAR4: "application/vnd.rar",
	filetype.RAR5: "application/vnd.rar", filetype.OldRAR: "application/vnd.rar", filetype.ARJ: "application/x-arj", filetype.Tar: "application/x-tar",
	filetype.Gzip: "application/gzip", filetype.Bzip2: "application/x-bzip2", filetype.XZ: "application/x-xz", filetype.LZMA: "application/x-lzma",
	filetype.Lzip: "application/x-lzip", filetype.Lzop: "application/x-lzop", filetype.Zstd: "application/zstd", filetype.LZ4: "application/x-lz4",
	filetype.Compress: "application/x-compress", filetype.CAB: "application/vnd.ms-cab-compressed", filetype.LZH: "application/x-lzh-compressed",
	filetype.ACE: "application/x-ace-compressed", filetype.ARC: "application/x-arc", filetype.ZOO: "application/x-zoo", filetype.ALZ: "application/x-alz",
	filetype.EGG: "application/x-egg", filetype.ZPAQ: "application/x-zpaq", filetype.StuffIt: "application/x-stuffit", filetype.XAR: "application/x-xar",
	filetype.Cpio: "application/x-cpio", filetype.Ar: "application/x-archive", filetype.ISO: "application/x-iso9660-image",
	filetype.UDF: "application/x-udf-image", filetype.VHD: "application/x-vhd", filetype.VHDX: "application/x-vhdx", filetype.VMDK: "application/x-vmdk",
	filetype.QCOW: "application/x-qcow", filetype.VDI: "application/x-vdi", filetype.DMG: "application/x-apple-diskimage", filetype.WIM: "application/x-ms-wim",
	filetype.SquashFS: "application/x-squashfs", filetype.CHM: "application/vnd.ms-htmlhelp", filetype.TNEF: "application/ms-tnef",
	filetype.UUEncode: "text/x-uuencode", filetype.YEnc: "text/x-yenc", filetype.BinHex: "application/mac-binhex40",
	filetype.OLE:         "application/x-ole-storage",
	filetype.OOXMLWord:   "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	filetype.OOXMLExcel:  "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	filetype.OOXMLSlides: "application/vnd.openxmlformats-officedocument.presentationml.presentation", filetype.OOXML: "application/vnd.openxmlformats",
	filetype.ODFText: "application/vnd.oasis.opendocument.text", filetype.ODFSpreadsheet: "application/vnd.oasis.opendocument.spreadsheet",
	filetype.ODF: "application/vnd.oasis.opendocument", filetype.EPUB: "application/epub+zip", filetype.JAR: "application/java-archive",
	filetype.APK: "application/vnd.android.package-archive", filetype.PDF: "application/pdf", filetype.PostScript: "application/postscript",
	filetype.RTF: "application/rtf", filetype.OneNote: "application/onenote", filetype.HTML: "text/html", filetype.SVG: "image/svg+xml",
	filetype.XML: "application/xml", filetype.MHTML: "multipart/related", filetype.EML: "message/rfc822", filetype.PGP: "application/pgp-encrypted",
	filetype.PGPBinary: "application/pgp-encrypted", filetype.CMS: "application/pkcs7-mime", filetype.CMSArmoured: "application/pkcs7-mime",
	filetype.Text: "text/plain", filetype.PE: "application/vnd.microsoft.portable-executable", filetype.DOS: "application/x-dosexec",
	filetype.ELF: "application/x-elf", filetype.MachO: "application/x-mach-binary", filetype.Class: "application/java-vm",
	filetype.DEX: "application/x-dex", filetype.Wasm: "application/wasm", filetype.Script: "text/x-script", filetype.Shortcut: "application/x-ms-shortcut",
	filetype.Registry: "text/x-ms-regedit", filetype.JPEG: "image/jpeg", filetype.PNG: "image/png", filetype.GIF: "image/gif",
	filetype.TIFF: "image/tiff", filetype.BMP: "image/bmp", filetype.RIFF: "application/x-riff", filetype.MP4: "video/mp4", filetype.MP3: "audio/mpeg",
	filetype.Ogg: "application/ogg", filetype.FLAC: "audio/flac", filetype.EBML: "video/x-matroska", filetype.Font: "font/sfnt",
	filetype.Flash: "application/vnd.adobe.flash.movie",
}

// program: what runs, by content alone, whatever it is called.
func program(t filetype.Type) bool {
	switch t {
	case filetype.PE, filetype.ELF, filetype.MachO, filetype.Class, filetype.DEX, filetype.JAR, filetype.APK, filetype.Shortcut, filetype.CHM:
		return true
	}
	return false
}

// packed: archives and disk images whose marks are long enough to be sure.
func packed(t filetype.Type) bool {
	switch t {
	case filetype.ZIP, filetype.SevenZip, filetype.RAR4, filetype.RAR5, filetype.Gzip, filetype.Bzip2, filetype.XZ, filetype.CAB, filetype.ACE,
		filetype.ISO, filetype.UDF, filetype.VHD, filetype.VHDX, filetype.WIM, filetype.DMG:
		return true
	}
	return false
}

// zippedName: extensions of documents that are ZIPs. Such a document that
// package filetype does not know as one is no disguise.
var zippedName = set("docx dotx xlsx pptx odt ods odp doc dot xls ppt pps")

// words are what a type is called in an explanation.
var words = map[filetype.Type]string{
	filetype.PE: "a Windows program", filetype.DOS: "a DOS program", filetype.ELF: "a Linux program", filetype.MachO: "a macOS program",
	filetype.Class: "a Java program", filetype.JAR: "a Java program", filetype.DEX: "an Android program", filetype.APK: "an Android program",
	filetype.Script: "a script", filetype.Shortcut: "a Windows shortcut", filetype.CHM: "a compiled help file",
	filetype.ISO: "a disk image", filetype.UDF: "a disk image", filetype.VHD: "a disk image", filetype.VHDX: "a disk image", filetype.WIM: "a disk image",
	filetype.DMG: "a disk image",
}

func word(t filetype.Type) string {
	if w := words[t]; w != "" {
		return w
	}
	return "an archive (" + string(t) + ")"
}
