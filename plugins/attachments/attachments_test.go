package attachments

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
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

// Contents, as far as they are looked at.
var (
	pe        = program()
	elf       = append([]byte("\x7fELF\x02\x01\x01\x00"), make([]byte, 120)...)
	macho     = append([]byte("\xcf\xfa\xed\xfe\x07\x00\x00\x01"), make([]byte, 120)...)
	lnk       = append([]byte("L\x00\x00\x00\x01\x14\x02\x00\x00\x00\x00\x00\xc0\x00\x00\x00\x00\x00\x00\x46"), make([]byte, 80)...)
	pdf       = []byte("%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n")
	jpeg      = append([]byte("\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01"), make([]byte, 100)...)
	sh        = []byte("#!/bin/sh\nrm -rf \"$HOME\"\n")
	ps        = []byte("# how to use powershell\nInvoke-Expression is for those who know.\n")
	plainText = []byte("some text\n")
)

func program() []byte {
	b := make([]byte, 512)
	copy(b, "MZ\x90\x00\x03\x00\x00\x00\x04\x00")
	b[60] = 0x80
	copy(b[0x80:], "PE\x00\x00")
	return b
}

type file struct {
	name string
	data []byte
}

func zipOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		e, err := w.Create(f.name)
		if err == nil {
			_, err = e.Write(f.data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gz(name string, data []byte) []byte {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	w.Name = name
	_, _ = w.Write(data)
	_ = w.Close()
	return b.Bytes()
}

// judge runs the plugin on a text and one attachment.
func judge(t testing.TB, cfg abi.Value, name string, content []byte) *abi.Verdict {
	t.Helper()
	h := sdktest.New(t)
	h.SetConfig(cfg)
	h.AddPart(abi.Part{Type: "multipart/mixed"}, nil)
	h.AddPart(abi.Part{Type: "text/plain", Number: "1"}, []byte("see attachment"))
	h.AddPart(abi.Part{Type: "application/octet-stream", Number: "2", Filename: name, Attachment: true}, content)
	return h.Run(&abi.Event{Stage: abi.StageMessage, ID: "01m"})
}

// brief is "sub action path; ...".
func brief(v *abi.Verdict) string {
	var out []string
	for _, f := range v.Findings {
		out = append(out, strings.TrimSpace(f.Main+"/"+f.Sub+" "+f.Action.String()+" "+f.Path))
	}
	return strings.ReplaceAll(strings.Join(out, "; "), "attachment/", "")
}

func TestDefaults(t *testing.T) {
	const exe, double, disguised = "executable reject", "double-extension reject", "disguised quarantine"
	office := zipOf(t, file{"[Content_Types].xml", plainText}, file{"_rels/.rels", plainText}, file{"word/document.xml", plainText}, file{"word/media/setup.js", plainText})
	for _, c := range []struct {
		name    string
		content []byte
		want    string
	}{
		// By name.
		{"setup.exe", plainText, exe},
		{"SETUP.EXE", plainText, exe},
		{"a.scr", nil, exe},
		{"a.vbs", plainText, exe},
		{"a.js", plainText, exe},
		{"a.hta", []byte("<html>"), exe},
		{"a.lnk", plainText, exe},
		{"a.iso", plainText, exe},
		{"setup.exe.", plainText, exe},
		{"setup.exe . .", plainText, exe},
		{"setup.exe\u00a0", plainText, exe},
		{"setup.exe::$DATA", plainText, exe},
		{"note.txt:setup.exe", plainText, exe},
		{"setup.exe\x00.pdf", plainText, exe},
		{"set\u200bup.e\u200bxe", plainText, exe},
		{`C:\Temp\setup.exe`, plainText, exe},
		{`"setup.exe"`, plainText, exe},
		// By content.
		{"setup", pe, exe},
		{"setup.bin", pe, exe},
		{"a", elf, exe},
		{"a.dat", macho, exe},
		{"run", sh, exe},
		{"a.x", lnk, exe},
		{"", pe, exe},
		{"tool.zip", zipOf(t, file{"META-INF/MANIFEST.MF", plainText}, file{"A.class", plainText}), exe},
		// Two extensions.
		{"invoice.pdf.exe", pe, double},
		{"invoice.pdf          .exe", pe, double},
		{"invoice.PDF_.exe", plainText, double},
		{"photo.jpg.scr", plainText, double},
		{"invoice\u202efdp.exe", pe, double},
		{"report.docx.lnk", lnk, double},
		{"setup.v1.2.exe", pe, exe},
		{"my.company.exe", pe, exe},
		// In disguise.
		{"photo.jpg", pe, disguised},
		{"invoice.pdf", elf, disguised},
		{"letter.doc", lnk, disguised},
		{"photo.jpg", zipOf(t, file{"a.txt", plainText}), disguised},
		{"data.csv", gz("", plainText), disguised},
		// Nothing of it.
		{"invoice.pdf", pdf, ""},
		{"photo.jpg", jpeg, ""},
		{"photo.png", jpeg, ""},
		{"report.final.pdf", pdf, ""},
		{"howto.txt", ps, ""},
		{"howto", ps, ""},
		{"notes.md", sh, ""},
		{"MZ.csv", []byte("MZ;name;street;city;country\nMZ;a;b;c;d\n"), ""},
		{"members", []byte("MZ;name;street;city;country\nMZ;a;b;c;d\n"), ""},
		{"offer from example.com", pdf, ""},
		{"RE: prices at example.com", []byte("From: a@b.test\r\nTo: c@d.test\r\nSubject: x\r\n\r\nhello"), ""},
		{"a.docx", office, ""},
		{"letter.docx", zipOf(t, file{"strange.xml", plainText}), ""},
		{"data.tar.gz", gz("data.tar", plainText), ""},
		{"archive.zip", zipOf(t, file{"a.txt", plainText}, file{"b/", nil}, file{"b/c.pdf", pdf}), ""},
		{"setup.exe.txt", plainText, ""},
		{"", plainText, ""},
		// In archives.
		{"a.zip", zipOf(t, file{"a.txt", plainText}, file{"dir/setup.exe", plainText}), exe + " dir/setup.exe"},
		{"a.zip", zipOf(t, file{"inner.zip", zipOf(t, file{"x", pe})}), exe + " inner.zip/x"},
		{"a.zip", zipOf(t, file{"invoice.pdf.exe", pe}, file{"photo.jpg", pe}), double + " invoice.pdf.exe; " + disguised + " photo.jpg"},
		{"invoice.pdf.exe.gz", gz("", pe), double + " invoice.pdf.exe"},
		{"tool.gz", gz("setup.exe", plainText), exe + " setup.exe"},
		{"a.docx", zipOf(t, file{"[Content_Types].xml", plainText}, file{"word/document.xml", plainText}, file{"word/evil.bin", pe}), exe + " word/evil.bin"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := judge(t, abi.Object(), c.name, c.content)
			if got := brief(v); got != c.want {
				t.Errorf("%q of %d octets: %q, want %q", c.name, len(c.content), got, c.want)
			}
			for _, f := range v.Findings {
				if f.Part != 3 || !strings.HasSuffix(f.Explanation, ".") || f.Action == abi.ActionReject && f.Code != 550 {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// Names of entries that need a password count.
func TestEncryptedMembers(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("testdata", "encrypted.zip"))
	if err != nil {
		t.Fatal(err)
	}
	if got := brief(judge(t, abi.Object(), "a.zip", b)); got != "double-extension reject invoice.pdf.exe" {
		t.Error(got)
	}
	cfg := abi.Object()
	cfg.Set("unreadable", abi.String("stall"))
	if got := brief(judge(t, cfg, "a.zip", b)); got != "unscannable/encrypted-archive stall invoice.pdf.exe; double-extension reject invoice.pdf.exe" {
		t.Error(got)
	}
}

// Each of the names that readers may see counts.
func TestEveryReading(t *testing.T) {
	h := sdktest.New(t)
	h.SetConfig(abi.Object())
	h.AddPart(abi.Part{Type: "application/octet-stream", Filename: "a.pdf", Names: []string{"a.pdf", "a.exe"}, Attachment: true}, plainText)
	if got := brief(h.Run(&abi.Event{Stage: abi.StageMessage})); got != "executable reject" {
		t.Error(got)
	}
}

// Text that is read is not looked at, and costs no read of it.
func TestText(t *testing.T) {
	h := sdktest.New(t)
	h.AddPart(abi.Part{Type: "text/plain", Number: "1"}, sh)
	if v := h.Run(&abi.Event{Stage: abi.StageMessage}); len(v.Findings) > 0 { // no configuration: it is not even asked for
		t.Errorf("%+v", v.Findings)
	}
	// But a uuencoded file in it is.
	h.ClearMessage()
	h.SetConfig(abi.Object())
	h.AddPart(abi.Part{Type: "text/plain", Number: "1", Malformed: true}, []byte("look\nbegin 644 a.exe\n#86)C\n`\nend\n"))
	if got := brief(h.Run(&abi.Event{Stage: abi.StageMessage})); got != "executable reject a.exe" {
		t.Error(got)
	}
}

func block(label string, attrs ...any) abi.Value {
	b := abi.Object()
	b.Set("_labels", abi.Strings(label))
	for i := 0; i < len(attrs); i += 2 {
		var v abi.Value
		switch a := attrs[i+1].(type) {
		case string:
			v = abi.String(a)
		case bool:
			v = abi.Bool(a)
		case int:
			v = abi.Number(float64(a))
		case []string:
			v = abi.Strings(a...)
		}
		b.Set(attrs[i].(string), v)
	}
	return b
}

func TestRules(t *testing.T) {
	docs := zipOf(t, file{"a.pdf", pdf}, file{"b.exe", pe})
	for _, c := range []struct {
		name, what string
		content    []byte
		rules      []abi.Value
		want       string
	}{
		{"extension", "a.one", plainText, []abi.Value{block("r", "extension", []string{".ONE"})}, "rule reject"},
		{"two-part extension", "a.tar.gz", gz("", plainText), []abi.Value{block("r", "extension", []string{"tar.gz"})}, "rule reject"},
		{"name", "Invoice 12.pdf", pdf, []abi.Value{block("r", "name", []string{"*invoice*"}, "action", "quarantine")}, "rule quarantine"},
		{"not the name", "Offer 12.pdf", pdf, []abi.Value{block("r", "name", []string{"*invoice*"})}, ""},
		{"media type of the content", "x", pdf, []abi.Value{block("r", "type", []string{"application/pdf"})}, "rule reject"},
		{"declared media type", "x", plainText, []abi.Value{block("r", "type", []string{"application/octet*"})}, "rule reject"},
		{"type of content", "x", jpeg, []abi.Value{block("r", "type", []string{"jpeg"})}, "rule reject"},
		{"archive", "x", docs, []abi.Value{block("r", "type", []string{"archive"}, "action", "stall")}, "rule stall; executable reject b.exe"},
		{"all must apply", "a.pdf", pdf, []abi.Value{block("r", "extension", []string{"pdf"}, "type", []string{"jpeg"})}, ""},
		{"only inside", "x.zip", docs, []abi.Value{block("r", "type", []string{"pdf"}, "in_archive", true)}, "rule reject a.pdf; executable reject b.exe"},
		{"not inside", "x.zip", docs, []abi.Value{block("r", "type", []string{"pdf"}, "in_archive", false)}, "executable reject b.exe"},
		{"pass first", "x.zip", docs, []abi.Value{block("ok", "name", []string{"b.exe"}, "action", "pass"), block("r", "executable", true)}, ""},
		{"order", "x.zip", docs, []abi.Value{block("r", "executable", true, "action", "discard"), block("ok", "name", []string{"b.exe"}, "action", "pass")}, "rule discard b.exe"},
		{"large", "a.pdf", pdf, []abi.Value{block("r", "min_size", 10, "action", "quarantine")}, "rule quarantine"},
		{"not large", "a.pdf", pdf, []abi.Value{block("r", "min_size", 10_000)}, ""},
		{"small", "a.pdf", pdf, []abi.Value{block("r", "max_size", 1000)}, "rule reject"},
		{"not small", "a.pdf", pdf, []abi.Value{block("r", "max_size", 10)}, ""},
		{"no program", "a.pdf", pdf, []abi.Value{block("r", "executable", false, "action", "quarantine")}, "rule quarantine"},
		{"disguised", "a.pdf", pe, []abi.Value{block("r", "disguised", true)}, "rule reject"},
		{"double", "a.pdf.exe", pe, []abi.Value{block("r", "double_extension", true, "action", "discard")}, "rule discard"},
		{"class", "a.pdf", pdf, []abi.Value{block("r", "extension", []string{"pdf"}, "class", "policy/pdf/x")}, "policy/pdf reject"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := abi.Object()
			cfg.Set("rule", abi.List(c.rules...))
			if got := brief(judge(t, cfg, c.what, c.content)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestReply(t *testing.T) {
	cfg := abi.Object()
	cfg.Set("rule", abi.List(block("r", "extension", []string{"pdf"}, "reason", "send it by post", "code", 554)))
	f := judge(t, cfg, "a.pdf", pdf).Findings[0]
	if f.Code != 554 || f.Text != "send it by post" || f.Explanation != "a.pdf: send it by post." {
		t.Errorf("%+v", f)
	}
}

func TestSettings(t *testing.T) {
	for name, c := range map[string]struct {
		key  string
		v    abi.Value
		what string
		data []byte
		want string
	}{
		"off":    {"executables", abi.String("off"), "a.exe", pe, ""},
		"stall":  {"executables", abi.String("stall"), "a.exe", pe, "executable stall"},
		"double": {"double_extension", abi.String("off"), "a.pdf.exe", pe, "executable reject"},
		"hidden": {"disguised", abi.String("off"), "a.pdf", pe, "executable reject"},
		"more":   {"more_extensions", abi.Strings("*.ONE"), "a.one", plainText, "executable reject"},
		"except": {"except_extensions", abi.Strings("js"), "a.js", plainText, ""},
	} {
		t.Run(name, func(t *testing.T) {
			cfg := abi.Object()
			cfg.Set(c.key, c.v)
			if got := brief(judge(t, cfg, c.what, c.data)); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
	for name, b := range map[string]abi.Value{
		"nothing": block("r", "action", "reject"),
		"action":  block("r", "extension", []string{"a"}, "action", "explode"),
		"type":    block("r", "type", []string{"nonsense"}),
		"class":   block("r", "extension", []string{"a"}, "class", "a/b/c/d"),
		"code":    block("r", "extension", []string{"a"}, "code", 250),
	} {
		cfg := abi.Object()
		cfg.Set("rule", abi.List(b))
		h := sdktest.New(t)
		h.SetConfig(cfg)
		h.AddPart(abi.Part{Type: "application/pdf", Filename: "a.pdf", Attachment: true}, pdf)
		if _, err := h.Try(&abi.Event{Stage: abi.StageMessage}); err == nil || !strings.Contains(err.Error(), `rule "r"`) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestStrip(t *testing.T) {
	cfg := abi.Object()
	cfg.Set("executables", abi.String("strip"))
	v := judge(t, cfg, "a.zip", zipOf(t, file{"x.exe", pe}, file{"y.exe", pe}))
	if len(v.PartEdits) != 1 || !v.KeepOriginal || brief(v) != "executable continue x.exe; executable continue y.exe" {
		t.Fatalf("%+v", v)
	}
	e := v.PartEdits[0]
	for _, want := range []string{"x.exe in a.zip is a Windows program.", "Message: 01m"} {
		if !strings.Contains(string(e.Text), want) {
			t.Errorf("%q is not in %q", want, e.Text)
		}
	}
	if e.Op != abi.PartOpReplace || e.Part != 2 || e.Type != "text/plain; charset=utf-8" || e.Filename != "removed-attachment.txt" {
		t.Errorf("%+v", e)
	}
	// A note of one's own; no original.
	cfg.Set("note", abi.String("{file} is gone ({reason})."))
	cfg.Set("keep_original", abi.Bool(false))
	v = judge(t, cfg, "a.exe", pe)
	if len(v.PartEdits) != 1 || v.KeepOriginal || string(v.PartEdits[0].Text) != "a.exe is gone (a.exe is a Windows program)." {
		t.Errorf("%+v", v)
	}
	// Nothing to strip: nothing is touched.
	if v = judge(t, cfg, "a.pdf", pdf); len(v.PartEdits) > 0 || v.KeepOriginal {
		t.Errorf("%+v", v)
	}
}

func TestManyToStrip(t *testing.T) {
	h := sdktest.New(t)
	cfg := abi.Object()
	cfg.Set("executables", abi.String("strip"))
	h.SetConfig(cfg)
	h.AddPart(abi.Part{Type: "multipart/mixed"}, nil)
	for range maxStripped + 1 {
		h.AddPart(abi.Part{Type: "application/octet-stream", Filename: "a.exe", Attachment: true}, pe)
	}
	v := h.Run(&abi.Event{Stage: abi.StageMessage})
	if last := v.Findings[len(v.Findings)-1]; len(v.PartEdits) > 0 || last.Action != abi.ActionQuarantine {
		t.Errorf("%+v", last)
	}
}

// What needs a reject late in an archive is reported, whatever came before it.
func TestManyFindings(t *testing.T) {
	var fs []file
	for range 3 * maxFindings {
		fs = append(fs, file{"x.js", plainText})
	}
	cfg := abi.Object()
	cfg.Set("rule", abi.List(block("js", "extension", []string{"js"}, "action", "strip")))
	v := judge(t, cfg, "a.zip", zipOf(t, append(fs, file{"z.exe", pe})...))
	if len(v.Findings) != maxFindings+1 || v.Findings[maxFindings].Action != abi.ActionReject {
		t.Errorf("%d findings", len(v.Findings))
	}
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
	if err := m.Validate(); err != nil {
		t.Error(err)
	}
	if len(sdk.Stages()) != 1 || !slices.Equal(m.Hooks, []string{abi.StageMessage.String()}) {
		t.Errorf("hooks %v and %v", sdk.Stages(), m.Hooks)
	}
}
