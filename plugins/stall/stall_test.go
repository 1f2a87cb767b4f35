package stall

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk"
	"github.com/mailweir/weir/sdk/abi"
	"github.com/mailweir/weir/sdk/abi/manifest"
	"github.com/mailweir/weir/sdk/sdktest"
)

func fixture(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// verdict runs the plugin on one attachment that is called a.bin, and is
// declared to be nothing in particular: only its content counts.
func verdict(t testing.TB, content []byte, causes ...string) *abi.Verdict {
	t.Helper()
	return verdictOn(t, "a.bin", content, causes...)
}

func verdictOn(t testing.TB, name string, content []byte, causes ...string) *abi.Verdict {
	t.Helper()
	h := sdktest.New(t)
	cfg := abi.Object()
	if causes != nil {
		cfg.Set("causes", abi.Strings(causes...))
	}
	h.SetConfig(cfg)
	h.AddPart(abi.Part{Type: "multipart/mixed"}, nil)
	h.AddPart(abi.Part{Type: "text/plain", Number: "1", Parent: 0}, []byte("see attachment"))
	h.AddPart(abi.Part{Type: "application/octet-stream", Number: "2", Filename: name, Attachment: true}, content)
	return h.Run(&abi.Event{Stage: abi.StageMessage})
}

// brief is "cause path; cause path".
func brief(v *abi.Verdict) string {
	var out []string
	for _, f := range v.Findings {
		if f.Main != "unscannable" || f.Action != abi.ActionStall || f.Part != 3 && f.Part != 0 || !strings.HasSuffix(f.Explanation, ".") {
			out = append(out, fmt.Sprintf("BAD %+v", f))
		}
		out = append(out, strings.TrimSpace(f.Sub+" "+f.Path))
	}
	return strings.Join(out, "; ")
}

// Marks of the ZIP format.
const (
	localMark   = "PK\x03\x04"
	centralMark = "PK\x01\x02"
	endMark     = "PK\x05\x06"
)

const maxEntries = 10_000

func TestRealArchives(t *testing.T) {
	for name, want := range map[string]string{
		"plain.zip":           "",
		"zipcrypto.zip":       "encrypted-archive report.csv",
		"aes256.zip":          "encrypted-archive note.txt",
		"stream.zip":          "",
		"stream-enc.zip":      "encrypted-archive -",
		"z64.zip":             "",
		"zip64-enc.zip":       "encrypted-archive note.txt",
		"stub.zip":            "encrypted-archive report.csv",
		"trailing.zip":        "encrypted-archive report.csv",
		"nested-deflated.zip": "encrypted-archive zipcrypto.zip/report.csv",
		"nested-stored.zip":   "encrypted-archive aes256.zip/note.txt",
		"bzip2.zip":           "",
		"plain.7z":            "",
		"data.7z":             "encrypted-archive note.txt",
		"store.7z":            "encrypted-archive report.csv",
		"many.7z":             "encrypted-archive in/f1.txt",
		"header.7z":           "encrypted-archive",
	} {
		t.Run(name, func(t *testing.T) {
			if got := brief(verdict(t, fixture(t, name))); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

type file struct {
	name   string
	method uint16
	data   []byte
}

func makeZip(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: f.method, CRC32: crc32.ChecksumIEEE(f.data), UncompressedSize64: uint64(len(f.data)), CompressedSize64: uint64(len(f.data))}
		var dst interface{ Write([]byte) (int, error) }
		var err error
		if f.method == zip.Store {
			dst, err = w.CreateRaw(h)
		} else {
			dst, err = w.CreateHeader(h)
		}
		if err != nil {
			t.Fatal(err)
		}
		dst.Write(f.data)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// set changes the nth occurrence of a mark's header: octets at an offset.
func set(b []byte, mark string, nth, at int, octets ...byte) []byte {
	b = bytes.Clone(b)
	off := -1
	for range nth + 1 {
		i := bytes.Index(b[off+1:], []byte(mark))
		if i < 0 {
			panic("no such header")
		}
		off += 1 + i
	}
	copy(b[off+at:], octets)
	return b
}

func TestMadeUpArchives(t *testing.T) {
	text := []byte(strings.Repeat("some text ", 30))
	plain := makeZip(t, file{"a.txt", zip.Store, text}, file{"b.txt", zip.Deflate, text})
	enc := set(plain, centralMark, 0, 8, 1, 0)
	dir := bytes.Index(plain, []byte(centralMark))
	deep := enc
	for i := range 10 {
		deep = makeZip(t, file{fmt.Sprintf("%d.zip", i), zip.Store, deep})
	}
	bomb := makeZip(t, file{"big", zip.Deflate, append([]byte(localMark), make([]byte, 40<<20)...)})
	inner := makeZip(t, file{"x.txt", zip.Deflate, text})
	for _, c := range []struct {
		name, want string
		data       []byte
	}{
		{"plain", "", plain},
		{"empty", "", makeZip(t)},
		{"flag_in_the_directory_only", "encrypted-archive a.txt", enc},
		{"flag_in_the_local_header_only", "encrypted-archive b.txt", set(plain, localMark, 1, 6, 1|8, 0)},
		{"aes_method", "encrypted-archive b.txt", set(plain, centralMark, 1, 10, 99)},
		{"strong_encryption", "encrypted-archive a.txt", set(plain, centralMark, 0, 8, 64)},
		{"encrypted_directory", "encrypted-archive a.txt", set(plain, centralMark, 0, 8, 0, 0x20)},
		{"no_directory", "unreadable", plain[:dir]},
		{"no_directory_encrypted", "encrypted-archive a.txt; unreadable", set(plain[:dir], localMark, 0, 6, 1)},
		{"cut_in_the_directory", "unreadable", plain[:dir+20]},
		{"hidden_in_front", "encrypted-archive a.txt; unreadable", append(set(plain[:dir], localMark, 0, 6, 1), inner...)},
		{"hidden_behind", "encrypted-archive a.txt; unreadable", append(bytes.Clone(inner), set(plain, localMark, 0, 6, 1)...)},
		{"hidden_behind_without_directory", "encrypted-archive a.txt; unreadable", append(bytes.Clone(inner), set(plain[:dir], localMark, 0, 6, 1)...)},
		{"behind_other_content", "encrypted-archive a.txt", append(bytes.Repeat([]byte("picture"), 30_000), enc...)},
		{"in_front_of_much", "encrypted-archive a.txt", append(bytes.Clone(enc), make([]byte, 200_000)...)},
		{"mark_in_a_text", "", []byte("the mark is PK\x03\x04 and then some more text that is long enough to be a header")},
		{"directory_leads_nowhere", "unreadable", set(plain, localMark, 1, 0, 'X')},
		{"offset_beyond_the_end", "unreadable", set(plain, centralMark, 0, 42, 0xff, 0xff, 0xff, 0x7f)},
		{"count_too_small", "unreadable", set(plain, endMark, 0, 8, 1, 0, 1, 0)},
		{"count_too_large", "unreadable", set(plain, endMark, 0, 8, 9, 0, 9, 0)},
		{"several_volumes", "unreadable", set(plain, endMark, 0, 4, 2, 0)},
		{"two_methods", "unreadable a.txt", set(plain, localMark, 0, 8, 8)},
		{"overlapping_entries", "unreadable b.txt; unreadable", set(plain, centralMark, 1, 42, 0, 0, 0, 0)},
		{"declared_bomb", "limit", set(plain, centralMark, 1, 24, 0xf0, 0xff, 0xff, 0xff)},
		{"bomb", "limit big", bomb},
		{"nested_too_deeply", "limit 9.zip/8.zip/7.zip/6.zip/5.zip/4.zip/3.zip/2.zip/1.zip", deep},
		{"nested_stored_and_deflated", "encrypted-archive o.zip/i.zip/a.txt", makeZip(t, file{"o.zip", zip.Deflate, makeZip(t, file{"i.zip", zip.Store, enc})})},
		{"nested_under_another_name", "encrypted-archive holiday.jpg/a.txt", makeZip(t, file{"holiday.jpg", zip.Deflate, enc})},
		{"nested_program_with_archive", "encrypted-archive setup.exe/a.txt", makeZip(t, file{"setup.exe", zip.Deflate, append([]byte("MZ stub "), enc...)})},
		{"nested_7z", "encrypted-archive x.7z/note.txt", makeZip(t, file{"x.7z", zip.Deflate, fixture(t, "data.7z")})},
		{"nested_damaged", "unreadable i.zip", makeZip(t, file{"i.zip", zip.Store, plain[:dir]})},
		{"nested_data_broken", "unreadable i.zip", breakDeflate(makeZip(t, file{"i.zip", zip.Deflate, bytes.Repeat(plain, 10)}))},
		{"7z_cut", "unreadable", fixture(t, "plain.7z")[:100]},
		{"7z_broken_header", "unreadable", flip(fixture(t, "plain.7z"), -10)},
		{"rar4", "", rar4(0, 0)},
		{"rar4_file", "encrypted-archive a.txt", rar4(0, 4)},
		{"rar4_headers", "encrypted-archive", rar4(0x80, 0)},
		{"rar4_cut", "unreadable", rar4(0, 0)[:40]},
		{"rar5", "", rar5(false, false)},
		{"rar5_file", "encrypted-archive a.txt", rar5(false, true)},
		{"rar5_headers", "encrypted-archive", rar5(true, false)},
		{"rar5_cut", "unreadable", rar5(false, false)[:30]},
		{"nothing", "", nil},
		{"one_octet", "", []byte("P")},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := brief(verdict(t, c.data)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func flip(b []byte, at int) []byte {
	b = bytes.Clone(b)
	b[(at+len(b))%len(b)] ^= 0xff
	return b
}

// breakDeflate breaks the data of the first entry behind its first octets.
func breakDeflate(b []byte) []byte {
	for i := 60; i < 100; i++ {
		b = flip(b, i)
	}
	return b
}

// rar4 is a RAR 4 archive of one stored file.
func rar4(main, file uint16) []byte {
	b := []byte("Rar!\x1a\x07\x00")
	block := func(typ byte, flags uint16, body []byte, data []byte) {
		h := binary.LittleEndian.AppendUint16([]byte{typ}, flags)
		h = binary.LittleEndian.AppendUint16(h, uint16(7+len(body)))
		h = append(h, body...)
		b = binary.LittleEndian.AppendUint16(b, uint16(crc32.ChecksumIEEE(h)))
		b = append(append(b, h...), data...)
	}
	data := bytes.Repeat([]byte("x"), 50)
	block(0x73, main, make([]byte, 6), nil)
	f := make([]byte, 25)
	binary.LittleEndian.PutUint32(f, 50)     // packed size
	binary.LittleEndian.PutUint32(f[4:], 50) // unpacked size
	f[8] = 2                                 // Windows
	binary.LittleEndian.PutUint32(f[9:], crc32.ChecksumIEEE(data))
	f[17], f[18] = 29, 0x30                  // version, stored
	binary.LittleEndian.PutUint16(f[19:], 5) // name
	block(0x74, file|0x8000, append(f, "a.txt"...), data)
	block(0x7b, 0x4000, nil, nil)
	return b
}

// rar5 is a RAR 5 archive of one stored file.
func rar5(headers, file bool) []byte {
	b := []byte("Rar!\x1a\x07\x01\x00")
	data := bytes.Repeat([]byte("x"), 50)
	block := func(body, data []byte) {
		h := append([]byte{byte(len(body))}, body...)
		b = binary.LittleEndian.AppendUint32(b, crc32.ChecksumIEEE(h))
		b = append(append(b, h...), data...)
	}
	if headers {
		block([]byte{4, 0, 0, 0, 15}, nil)
	}
	block([]byte{1, 0, 0}, nil)
	f := []byte{2, 2, 50}
	if file {
		f = []byte{2, 3, 4, 50}
	}
	f = append(f, 4, 50, 32)
	f = binary.LittleEndian.AppendUint32(f, crc32.ChecksumIEEE(data))
	f = append(f, 0, 1, 5)
	f = append(f, "a.txt"...)
	if file {
		f = append(f, 3, 1, 0, 0) // an extra area with an encryption record
	}
	block(f, data)
	block([]byte{5, 0, 0}, nil)
	return b
}

func TestExplanations(t *testing.T) {
	v := verdict(t, fixture(t, "nested-deflated.zip"))
	if got := v.Findings[0].Explanation; got != "zipcrypto.zip/report.csv in a.bin is protected with a password, so it cannot be inspected." {
		t.Error(got)
	}
	v = verdict(t, fixture(t, "header.7z"))
	if got := v.Findings[0].Explanation; got != "a.bin is an archive protected with a password, so it cannot be inspected." {
		t.Error(got)
	}
}

func TestCauses(t *testing.T) {
	damagedAndEncrypted := set(fixture(t, "plain.zip")[:150], localMark, 0, 6, 1)
	for _, c := range []struct {
		causes []string
		want   string
	}{
		{nil, "encrypted-archive report.csv; unreadable"},
		{[]string{causeArchive}, "encrypted-archive report.csv"},
		{[]string{causeUnreadable}, "unreadable"},
		{[]string{}, ""},
	} {
		if got := brief(verdict(t, damagedAndEncrypted, c.causes...)); got != c.want {
			t.Errorf("%v: %q, want %q", c.causes, got, c.want)
		}
	}
	h := sdktest.New(t)
	cfg := abi.Object()
	cfg.Set("causes", abi.Strings("viruses"))
	h.SetConfig(cfg)
	if _, err := h.Try(&abi.Event{Stage: abi.StageMessage}); err == nil {
		t.Error("a cause that there is none of was taken")
	}
}

func TestMalformedStructure(t *testing.T) {
	h := sdktest.New(t)
	h.SetConfig(abi.Object())
	h.AddPart(abi.Part{Type: "text/plain", Number: "1", Malformed: true}, []byte("x"))
	h.SetMalformed(true)
	v := h.Run(&abi.Event{Stage: abi.StageMessage})
	if len(v.Findings) != 1 || v.Findings[0].Sub != causeUnreadable || v.Findings[0].Part != 1 {
		t.Errorf("%+v", v.Findings)
	}
	h.ClearMessage()
	h.SetMalformed(true)
	v = h.Run(&abi.Event{Stage: abi.StageMessage})
	if len(v.Findings) != 1 || v.Findings[0].Part != 0 {
		t.Errorf("%+v", v.Findings)
	}
}

// TestMessageInside: of a message/rfc822 the parts in it are looked at.
func TestMessageInside(t *testing.T) {
	h := sdktest.New(t)
	h.SetConfig(abi.Object())
	enc := fixture(t, "zipcrypto.zip")
	h.AddPart(abi.Part{Type: "multipart/mixed"}, nil)
	h.AddPart(abi.Part{Type: "message/rfc822", Number: "1", Filename: "m.eml"}, append([]byte("Subject: x\r\n\r\n"), enc...))
	h.AddPart(abi.Part{Type: "application/zip", Number: "1.1", Parent: 1, Filename: "z.zip"}, enc)
	v := h.Run(&abi.Event{Stage: abi.StageMessage})
	if len(v.Findings) != 1 || v.Findings[0].Part != 3 {
		t.Errorf("%+v", v.Findings)
	}
}

// TestManyEntries: the budget of entries is for the whole message.
func TestManyEntries(t *testing.T) {
	var fs []file
	for i := range maxEntries + 1 {
		fs = append(fs, file{fmt.Sprint(i), zip.Store, []byte("x")})
	}
	if got := brief(verdict(t, makeZip(t, fs...))); got != "limit" {
		t.Error(got)
	}
	if got := brief(verdict(t, makeZip(t, fs[:maxEntries]...))); got != "" {
		t.Error(got)
	}
}

// FuzzInspect: whatever an attachment is, the call ends without a panic or an
// error, and every finding is whole.
func FuzzInspect(f *testing.F) {
	names, _ := filepath.Glob("testdata/*.*")
	for _, n := range names {
		if b, err := os.ReadFile(n); err == nil {
			f.Add(b)
		}
	}
	f.Add(rar4(0, 4))
	f.Add(rar5(false, true))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s := brief(verdict(t, b)); strings.Contains(s, "BAD") {
			t.Error(s)
		}
	})
}

func TestManifest(t *testing.T) {
	text, err := os.ReadFile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	m, err := manifest.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if len(sdk.Stages()) != 1 || !slices.Equal(m.Hooks, []string{abi.StageMessage.String()}) {
		t.Errorf("hooks %v and %v", sdk.Stages(), m.Hooks)
	}
}
