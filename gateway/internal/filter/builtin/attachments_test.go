package builtin_test

import (
	"context"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/sdk/abi"
)

// single is a host with one first-party plugin and one configuration, of ID 1.
func single(t testing.TB, plugin string, grants []string, cfg abi.Value, o filter.Options) *gate {
	t.Helper()
	if len(builtin.Names()) == 0 {
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal("CI builds the plugins before it tests them")
		}
		t.Skip(`no plugins in this binary: "make plugins" builds them`)
	}
	b, err := builtin.Module(plugin)
	if err != nil {
		t.Fatal(err)
	}
	o.Logger, o.CacheDir = slog.New(slog.DiscardHandler), t.TempDir()
	h := filter.NewHost(o)
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	s := filter.Spec{Name: plugin, Source: "builtin:" + plugin, Module: b, Trusted: true, Grants: map[string][]string{}}
	for _, g := range grants {
		s.Grants[g] = nil
	}
	if err := h.Swap(context.Background(), []filter.Spec{s}, []filter.Config{{ID: 1, Plugin: plugin, Value: cfg}}); err != nil {
		t.Fatal(err)
	}
	return &gate{h, t}
}

// call gives the verdict on a message.
func (g *gate) call(plugin, msg string) (*abi.Verdict, error) {
	g.t.Helper()
	tree := g.parse(msg)
	ev := &abi.Event{
		Stage: abi.StageMessage, ID: "01m", Tenant: "t", ConfigID: 1, Sender: "a@sender.test", Recipients: []string{"b@here.test"},
		Size: uint64(len(msg)), PartCount: uint32(len(tree.Parts().Parts)), Malformed: tree.Malformed(),
	}
	return g.Call(context.Background(), plugin, ev, tree)
}

// exe begins as a Windows program does.
func exe() []byte {
	b := make([]byte, 512)
	copy(b, "MZ\x90\x00\x03\x00\x00\x00\x04\x00")
	b[60] = 0x80
	copy(b[0x80:], "PE\x00\x00")
	return b
}

// The attachments plugin in Wasm, over messages as the gateway parses them.
func TestAttachments(t *testing.T) {
	g := single(t, "attachments", nil, abi.Object(), filter.Options{})
	doc := file{name: "letter.txt", content: []byte("Dear Bob")}
	for _, c := range []struct{ name, msg, want string }{
		{"text", letter + "\r\nhello\r\n", ""},
		{"picture", attached("a.png", append([]byte("\x89PNG\r\n\x1a\n"), noise(4000)...)), ""},
		{"zip", attached("a.zip", zipOf(t, doc)), ""},
		{"program", attached("a.bin", exe()), "attachment/executable reject"},
		{"program in a zip", attached("a.zip", zipOf(t, doc, file{name: "b/setup.bin", content: exe()})), "attachment/executable reject b/setup.bin"},
		{"name", attached("setup.exe", noise(10)), "attachment/executable reject"},
		{"two readings of a name", strings.Replace(attached("a.pdf", noise(10)), "filename=a.pdf", `filename=a.pdf; filename*=utf-8''a%2Eexe`, 1), "attachment/executable reject"},
		{"two extensions", attached(`"invoice.pdf      .exe"`, exe()), "attachment/double-extension reject"},
		{"encoded name", attached("=?utf-8?q?invoice=2Epdf=2Eexe?=", exe()), "attachment/double-extension reject"},
		{"turned name", attached("=?utf-8?b?"+"aW52b2ljZeKArmZkcC5leGU="+"?=", exe()), "attachment/executable reject"}, // the host drops what cannot be seen
		{"disguise", attached("a.jpg", exe()), "attachment/disguised quarantine"},
		{"whole message", letter + "Content-Type: application/octet-stream; name=a.scr\r\n\r\nx\r\n", "attachment/executable reject"},
		{"uuencoded", letter + "\r\nlook\r\nbegin 644 a.exe\r\n#86)C\r\n`\r\nend\r\n", "attachment/executable reject a.exe"},
		{"message inside", letter + "Content-Type: message/rfc822\r\n\r\n" + attached("a.js", noise(10)), "attachment/executable reject"},
	} {
		v, err := g.call("attachments", c.msg)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got []string
		for _, f := range v.Findings {
			got = append(got, strings.TrimSpace(f.Main+"/"+f.Sub+" "+f.Action.String()+" "+f.Path))
		}
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}

// A strip is accepted by the host as an edit of the part.
func TestAttachmentsStrip(t *testing.T) {
	cfg := abi.Object()
	cfg.Set("executables", abi.String("strip"))
	g := single(t, "attachments", nil, cfg, filter.Options{})
	for name, msg := range map[string]string{
		"part":  attached("a.zip", zipOf(t, file{name: "setup.exe", content: exe()})),
		"whole": letter + "Content-Type: application/octet-stream; name=a.scr\r\n\r\nx\r\n",
	} {
		v, err := g.call("attachments", msg)
		if err != nil {
			t.Fatal(name, err)
		}
		if len(v.PartEdits) != 1 || !v.KeepOriginal || v.PartEdits[0].Op != abi.PartOpReplace || !strings.Contains(string(v.PartEdits[0].Text), "01m") {
			t.Errorf("%s: %+v", name, v)
		}
	}
	if v, err := g.call("attachments", attached("a.zip", zipOf(t, file{name: "a.txt", content: []byte("x")}))); err != nil || len(v.PartEdits) > 0 || v.KeepOriginal {
		t.Errorf("%+v %v", v, err)
	}
}

// BenchmarkAttachments is what the plugin costs a message that is parsed already.
func BenchmarkAttachments(b *testing.B) {
	g := single(b, "attachments", nil, abi.Object(), filter.Options{})
	for _, c := range []struct{ name, msg string }{
		{"4KiB_text", letter + "Content-Type: text/plain\r\n\r\n" + strings.Repeat("All work and no play makes Jack a dull boy.\r\n", 88)},
		{"png", attached("a.png", append([]byte("\x89PNG\r\n\x1a\n"), noise(40<<10)...))},
		{"1MiB_zip", attached("a.zip", zipOf(b, file{name: "a.bin", content: noise(700 << 10)}, file{name: "b.txt", content: []byte("b")}))},
	} {
		tree := g.parse(c.msg)
		ev := &abi.Event{Stage: abi.StageMessage, ID: "m", Tenant: "t", ConfigID: 1, Size: uint64(len(c.msg)), PartCount: uint32(len(tree.Parts().Parts))}
		b.Run(c.name, func(b *testing.B) {
			for b.Loop() {
				v, err := g.Call(context.Background(), "attachments", ev, tree)
				if err != nil || len(v.Findings) > 0 {
					b.Fatal(v, err)
				}
			}
		})
	}
}
