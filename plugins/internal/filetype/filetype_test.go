package filetype

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"strings"
	"testing"
	"unicode/utf16"
)

func of(b []byte) Type { return Of(bytes.NewReader(b), int64(len(b))) }

func zipOf(names ...string) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, n := range names {
		name, body, _ := strings.Cut(n, "=")
		f, _ := w.CreateRaw(&zip.FileHeader{Name: name, UncompressedSize64: uint64(len(body)), CompressedSize64: uint64(len(body))})
		f.Write([]byte(body))
	}
	w.Close()
	return b.Bytes()
}

func wide(s string, big bool) []byte {
	var b []byte
	for _, u := range utf16.Encode([]rune(s)) {
		if big {
			b = append(b, byte(u>>8), byte(u))
		} else {
			b = append(b, byte(u), byte(u>>8))
		}
	}
	return b
}

func at(off int, text string, size int) []byte {
	b := make([]byte, size)
	copy(b[off:], text)
	return b
}

func TestOf(t *testing.T) {
	var oldTar bytes.Buffer
	w := tar.NewWriter(&oldTar)
	w.WriteHeader(&tar.Header{Name: "a", Size: 1})
	w.Write([]byte("a"))
	w.Close()
	for _, c := range []struct {
		name string
		b    []byte
		want Type
	}{
		{"nothing", nil, Unknown},
		{"zip", zipOf("a.txt=x"), ZIP},
		{"empty zip", zipOf(), ZIP},
		{"docx", zipOf("[Content_Types].xml=x", "word/document.xml=x"), OOXMLWord},
		{"xlsb", zipOf("[Content_Types].xml=x", "xl/workbook.bin=x"), OOXMLExcel},
		{"pptx, backslashes", zipOf("[Content_Types].xml=x", "ppt\\presentation.xml=x"), OOXMLSlides},
		{"xps", zipOf("[Content_Types].xml=x", "Documents/1=x"), OOXML},
		{"odt", zipOf("mimetype=application/vnd.oasis.opendocument.text", "content.xml=x"), ODFText},
		{"ods template", zipOf("mimetype=application/vnd.oasis.opendocument.spreadsheet-template"), ODFSpreadsheet},
		{"odg", zipOf("mimetype=application/vnd.oasis.opendocument.graphics"), ODF},
		{"odf without mimetype", zipOf("content.xml=x", "META-INF/manifest.xml=x"), ODF},
		{"epub", zipOf("mimetype=application/epub+zip"), EPUB},
		{"jar", zipOf("META-INF/MANIFEST.MF=x", "A.class=x"), JAR},
		{"apk", zipOf("META-INF/MANIFEST.MF=x", "AndroidManifest.xml=x", "classes.dex=x"), APK},
		{"tar", oldTar.Bytes(), Tar},
		{"pdf behind junk", []byte("\x00junk\r\n%PDF-1.7\n"), PDF},
		{"html", []byte("\xef\xbb\xbf \n<!-- x --><!DOCTYPE HTML PUBLIC>"), HTML},
		{"html UTF-16", append([]byte("\xff\xfe"), wide("<html><body>x</body></html>", false)...), HTML},
		{"xhtml", []byte("<?xml version='1.0'?>\n<html xmlns='x'>"), HTML},
		{"svg", []byte("<?xml version='1.0'?><!-- c --><svg onload='x'/>"), SVG},
		{"xml", []byte("<?xml version='1.0'?><data/>"), XML},
		{"script UTF-16", append([]byte("\xff\xfe"), wide("var s = new ActiveXObject('WScript.Shell');", false)...), Script},
		{"script UTF-16 without a mark", wide("Set x = CreateObject(\"WScript.Shell\")", false), Script},
		{"script UTF-16 big-endian", wide("Set x = CreateObject(\"WScript.Shell\")", true), Script},
		{"shell", []byte("#!/bin/sh\n"), Script},
		{"rtf", []byte("{\\rtf1\\ansi"), RTF},
		{"short rtf", []byte("{\\rt{x"), RTF},
		{"eml", []byte("Return-Path: <a@b>\r\nReceived: from x\r\n\tby y\r\nSubject: s\r\n\r\nhello"), EML},
		{"mhtml", []byte("From: <Saved by Blink>\r\nSnapshot-Content-Location: x\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/related;\r\n\ttype=\"text/html\"\r\n\r\n"), MHTML},
		{"text with colons", []byte("Note: this is\na text: with colons\n"), Text},
		{"text", []byte("hello, world"), Text},
		{"uuencode", []byte("begin 644 a.txt\n#0V%T\n`\nend\n"), UUEncode},
		{"begin in a text", []byte("begin 100 lines of prose\nwith this\n"), Text},
		{"pgp", []byte("-----BEGIN PGP MESSAGE-----\n\n"), PGP},
		{"iso", at(32769, "CD001", 40000), ISO},
		{"udf", at(34817, "NSR02", 40000), UDF},
		{"vhd", at(1024, "conectix", 1536), VHD},
		{"pe", append([]byte("MZ"), append(at(58, "\x40", 62), "PE\x00\x00"...)...), PE},
		{"dos", append([]byte("MZ"), make([]byte, 100)...), DOS},
		{"noise", []byte("\x00\x01\x02\x03\x80"), Unknown},
		{"cms", []byte("\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x82\x01"), CMS},
		{"certificate is no cms", []byte("\x30\x82\x03\x00\x30\x82\x02\x00\xa0\x03\x02\x01\x02\x02\x01\x01\x30"), Unknown},
		{"gzip", []byte("\x1f\x8b\x08\x00"), Gzip},
		{"ace", at(7, "**ACE**", 60), ACE},
	} {
		if got := of(c.b); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// FuzzOf: any octets have a type, and the same one again.
func FuzzOf(f *testing.F) {
	f.Add(zipOf("[Content_Types].xml=x", "word/document.xml=x"))
	f.Add([]byte("From: a\r\nTo: b\r\n\r\n"))
	f.Add(wide("CreateObject(", false))
	f.Fuzz(func(t *testing.T, b []byte) {
		if first := of(b); first != of(bytes.Clone(b)) {
			t.Error("two types")
		}
	})
}
