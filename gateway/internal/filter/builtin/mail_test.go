package builtin_test

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"context"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/filter/builtin"
	"github.com/mailweir/weir/gateway/internal/mimetree"
	"github.com/mailweir/weir/sdk/abi"
)

// gate is the first-party plugins as the gateway runs them: in Wasm, over the
// tree that the gateway parses, under the default limits.
type gate struct {
	*filter.Host
	t testing.TB
}

func newGate(t testing.TB, rules abi.Value) *gate {
	t.Helper()
	if len(builtin.Names()) == 0 {
		if os.Getenv("WEIR_CI") != "" {
			t.Fatal("CI builds the plugins before it tests them")
		}
		t.Skip(`no plugins in this binary: "make plugins" builds them`)
	}
	h := filter.NewHost(filter.Options{Logger: slog.New(slog.DiscardHandler), CacheDir: t.TempDir(), Lists: noLists{}})
	t.Cleanup(func() { _ = h.Close(context.Background()) })
	var specs []filter.Spec
	for _, n := range []string{"rules", "attachments", "stall"} {
		b, err := builtin.Module(n)
		if err != nil {
			t.Fatal(err)
		}
		specs = append(specs, filter.Spec{Name: n, Source: "builtin:" + n, Module: b, Trusted: true, Grants: map[string][]string{"lists": nil}})
	}
	err := h.Swap(context.Background(), specs, []filter.Config{{ID: 1, Plugin: "rules", Value: rules}, {ID: 2, Plugin: "stall", Value: abi.Object()}, {ID: 3, Plugin: "attachments", Value: abi.Object()}})
	if err != nil {
		t.Fatal(err)
	}
	return &gate{h, t}
}

// noLists has no list.
type noLists struct{}

func (noLists) Lookup(context.Context, string, string, []string) (key, value string, found bool, err error) {
	return "", "", false, filter.ErrNoList
}

// judge gives the findings of one plugin, "class path" each.
func (g *gate) judge(plugin, msg string) ([]string, error) {
	g.t.Helper()
	return g.ask(plugin, g.parse(msg), msg)
}

// judgeAll asks each plugin about one parsed message.
func (g *gate) judgeAll(t testing.TB, tree view, msg string, plugins ...string) {
	for _, p := range plugins {
		if got, err := g.ask(p, tree, msg); err != nil || len(got) > 0 {
			t.Fatal(got, err)
		}
	}
}

func (g *gate) parse(msg string) *mimetree.Tree {
	g.t.Helper()
	tree, err := mimetree.Parse(strings.NewReader(msg), int64(len(msg)), mimetree.Budget{})
	if err != nil {
		g.t.Fatal(err)
	}
	return tree
}

// view is a *mimetree.Tree, or one that is watched.
type view interface {
	filter.MessageView
	Malformed() bool
}

func (g *gate) ask(plugin string, tree view, msg string) ([]string, error) {
	id := map[string]uint64{"rules": 1, "stall": 2, "attachments": 3}[plugin]
	ev := &abi.Event{
		Stage: abi.StageMessage, ID: "m", Tenant: "t", ConfigID: id, Sender: "a@sender.test", Recipients: []string{"b@here.test"},
		Size: uint64(len(msg)), PartCount: uint32(len(tree.Parts().Parts)), Malformed: tree.Malformed(),
	}
	v, err := g.Call(context.Background(), plugin, ev, tree)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, f := range v.Findings {
		out = append(out, strings.TrimSpace(f.Main+"/"+f.Sub+" "+f.Path))
	}
	return out, nil
}

const letter = "From: a@sender.test\r\nTo: b@here.test\r\nSubject: s\r\nMIME-Version: 1.0\r\n"

// attached is a message with a text and one attachment in base64.
func attached(name string, content []byte) string {
	e := base64.StdEncoding.EncodeToString(content)
	var b strings.Builder
	b.WriteString(letter + "Content-Type: multipart/mixed; boundary=bb\r\n\r\n--bb\r\nContent-Type: text/plain\r\n\r\nhello\r\n--bb\r\n" +
		"Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=" + name + "\r\nContent-Transfer-Encoding: base64\r\n\r\n")
	for len(e) > 76 {
		b.WriteString(e[:76] + "\r\n")
		e = e[76:]
	}
	b.WriteString(e + "\r\n--bb--\r\n")
	return b.String()
}

type file struct {
	name    string
	content []byte
	store   bool
}

func zipOf(t testing.TB, files ...file) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, f := range files {
		h := &zip.FileHeader{Name: f.name, Method: zip.Deflate}
		if f.store {
			h.Method = zip.Store
		}
		e, err := w.CreateHeader(h)
		if err == nil {
			_, err = e.Write(f.content)
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

// encrypted is a ZIP of one entry that says it needs a password: in its local
// header, in its directory, or both.
func encrypted(local, central bool) []byte {
	flags := func(on bool) uint16 {
		if on {
			return 1
		}
		return 0
	}
	data := []byte("0123456789abcdef")
	le := binary.LittleEndian
	b := []byte("PK\x03\x04\x14\x00")
	b = le.AppendUint16(b, flags(local))
	b = append(b, make([]byte, 6)...)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, crc32.ChecksumIEEE(data)), uint32(len(data))), uint32(len(data)))
	b = append(le.AppendUint16(le.AppendUint16(b, 5), 0), "a.txt"...)
	b = append(b, data...)
	dir := len(b)
	b = append(b, "PK\x01\x02\x14\x00\x14\x00"...)
	b = le.AppendUint16(b, flags(central))
	b = append(b, make([]byte, 6)...)
	b = le.AppendUint32(le.AppendUint32(le.AppendUint32(b, crc32.ChecksumIEEE(data)), uint32(len(data))), uint32(len(data)))
	b = le.AppendUint16(b, 5)
	b = append(b, make([]byte, 16)...)
	b = append(b, "a.txt"...)
	size := len(b) - dir
	b = append(b, "PK\x05\x06\x00\x00\x00\x00\x01\x00\x01\x00"...)
	b = le.AppendUint32(le.AppendUint32(b, uint32(size)), uint32(dir))
	return append(b, 0, 0)
}

func noise(n int) []byte {
	b := make([]byte, n)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		b[i] = byte(x >> 24)
	}
	return b
}

func deflated(b []byte) []byte {
	var out bytes.Buffer
	w, _ := flate.NewWriter(&out, 9)
	_, _ = w.Write(b)
	_ = w.Close()
	return out.Bytes()
}

// streamed is an archive of one entry whose sizes stand behind its data, cut
// off before the directory.
func streamed(name string, content []byte) []byte {
	le := binary.LittleEndian
	b := append([]byte("PK\x03\x04\x14\x00\x08\x00\x08\x00"), make([]byte, 16)...)
	b = append(le.AppendUint16(le.AppendUint16(b, uint16(len(name))), 0), name...)
	return append(b, deflated(content)...)
}

func rar5(encrypted bool) []byte {
	out := []byte("Rar!\x1a\x07\x01\x00")
	block := func(body ...byte) {
		body = append([]byte{byte(len(body))}, body...)
		out = append(binary.LittleEndian.AppendUint32(out, crc32.ChecksumIEEE(body)), body...)
	}
	if encrypted {
		block(4, 0, 0, 0, 15)
	}
	block(1, 0, 0)
	block(5, 0, 0)
	return out
}

func TestNothingPassesUnseen(t *testing.T) {
	g := newGate(t, abi.Object())
	enc := encrypted(true, true)
	wrap := func(b []byte) string { return attached("a.bin", b) }
	cases := []struct{ name, msg, want string }{
		{"plain zip is clean", wrap(zipOf(t, file{name: "a.txt", content: []byte("hello")})), ""},
		{"encrypted", wrap(enc), "encrypted"},
		{"only in the local header", wrap(encrypted(true, false)), "encrypted"},
		{"only in the directory", wrap(encrypted(false, true)), "encrypted"},
		{"junk in front", wrap(append(noise(3000), enc...)), "encrypted"},
		{"junk behind", wrap(append(bytes.Clone(enc), noise(70_000)...)), "encrypted"},
		{"clean archive in front", wrap(append(zipOf(t, file{name: "x", content: []byte("x")}), enc...)), "encrypted"},
		{"clean archive behind", wrap(append(bytes.Clone(enc), zipOf(t, file{name: "x", content: []byte("x")})...)), "encrypted"},
		{"stored in an archive", wrap(zipOf(t, file{"i.zip", enc, true})), "encrypted"},
		{"deflated in an archive", wrap(zipOf(t, file{"i.zip", enc, false})), "encrypted"},
		{"streamed in an archive without directory", wrap(streamed("i.zip", enc)), "unscannable"},
		{"streamed without directory, junk in front", wrap(append(noise(100), streamed("i.zip", enc)...)), "encrypted"},
		{"streamed in front of a clean archive", wrap(append(streamed("i.zip", enc), zipOf(t, file{name: "x", content: []byte("x")})...)), "encrypted"},
		{"rar behind a program in an archive", wrap(zipOf(t, file{name: "setup.exe", content: append(append([]byte("MZ"), noise(5000)...), rar5(true)...)})), "encrypted"},
		{"rar", wrap(rar5(true)), "encrypted"},
		{"rar, clean", wrap(rar5(false)), ""},
		{"rar behind a program", wrap(append(append([]byte("MZ"), noise(5000)...), rar5(true)...)), "encrypted"},
		{"clean rar behind a program", wrap(append(append([]byte("MZ"), noise(5000)...), rar5(false)...)), ""},
		{"rar behind junk", wrap(append(noise(5000), rar5(true)...)), "encrypted"},
		{"rar's mark without an archive", wrap(append(noise(5000), "Rar!\x1a\x07 is how they begin, Rar!\x1a\x07\x01\x00 too"...)), ""},
		{"message in base64", letter + "Content-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n" + base64.StdEncoding.EncodeToString([]byte(wrap(enc))) + "\r\n", "unscannable"},
		{"uuencoded", letter + "\r\nhello\r\n\r\nbegin 644 a.zip\r\n#86)C\r\n`\r\nend\r\n", "unscannable"},
		{"multipart without end", strings.TrimSuffix(wrap(enc), "--bb--\r\n"), "unscannable"},
		{"name in a charset nobody knows", strings.Replace(wrap([]byte("x")), "filename=a.bin", `filename="=?utf-7?Q?evil.exe?="`, 1), "unscannable"},
		{"name in base64 that is not", strings.Replace(wrap([]byte("x")), "filename=a.bin", `filename="=?utf-8?B?ZXZpbC5leGU?="`, 1), "unscannable"},
		{"two names", strings.Replace(wrap([]byte("x")), "filename=a.bin", `filename="evil.exe"; filename*=utf-8''a.txt`, 1), "unscannable"},
		{"external body", letter + "Content-Type: message/external-body; access-type=URL; URL=\"http://x.test/a.exe\"\r\n\r\nContent-Type: application/zip\r\n\r\n", "unscannable"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := g.judge("stall", c.msg)
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(got, "; "); (c.want == "") != (all == "") || !strings.Contains(all, c.want) {
				t.Errorf("found %q, want %q", all, c.want)
			}
		})
	}
}

// TestBombsEndAsStalls: what is too much for the guest is a finding, not a
// crash: five crashes would take the plugin from everybody.
func TestBombsEndAsStalls(t *testing.T) {
	g := newGate(t, abi.Object())
	zeroes := make([]byte, 31<<20)
	many := make([]file, 9000)
	for i := range many {
		many[i] = file{name: fmt.Sprintf("%05d", i)}
	}
	copy(zeroes, "PK\x03\x04") // looked into
	deep := encrypted(true, true)
	for range 8 {
		deep = zipOf(t, file{name: "i.zip", content: deep})
	}
	big := zipOf(t, file{name: "a", content: noise(20 << 20), store: true})
	half := zipOf(t, file{name: "a", content: noise(11 << 20), store: true})
	third := zipOf(t, file{name: "a", content: noise(7 << 20), store: true})
	rarNoise := bytes.Repeat([]byte("Rar!\x1a\x07\x01\x00PK\x03\x04 "), 200_000)
	for _, c := range []struct {
		name    string
		content []byte
		clean   bool
	}{
		{"inflates to 31 MiB", zipOf(t, file{name: "b.zip", content: zeroes}), false},
		{"inflates to 93 MiB", zipOf(t, file{name: "b.zip", content: zeroes}, file{name: "c.zip", content: zeroes}, file{name: "d.zip", content: zeroes}), false},
		{"27,000 entries", zipOf(t, file{name: "a.zip", content: zipOf(t, many...)}, file{name: "b.zip", content: zipOf(t, many...)}, file{name: "c.zip", content: zipOf(t, many...)}), false},
		{"deep", deep, false},
		{"20 MiB in an archive in an archive", zipOf(t, file{name: "big.zip", content: big}), true},
		{"two of 11 MiB in an archive in an archive", zipOf(t, file{name: "1.zip", content: half}, file{name: "2.zip", content: half}), true},
		{"three of 7 MiB in an archive in an archive", zipOf(t, file{name: "1.zip", content: third}, file{name: "2.zip", content: third}, file{name: "3.zip", content: third}), true},
		{"3 MB of marks", rarNoise, false},
		{"36 MiB to search", append([]byte("PK\x03\x04"), noise(36<<20)...), false},
		{"3 MB of marks in an archive", zipOf(t, file{"x", append([]byte("MZ"), rarNoise...), false}), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			msg := attached("a.zip", c.content)
			for range 3 { // an instance that has had one takes the next
				begin := time.Now()
				got, err := g.judge("stall", msg)
				t.Logf("%d octets, %v: %v", len(c.content), time.Since(begin), got)
				if err != nil || (len(got) == 0) != c.clean {
					t.Errorf("%v, %v", got, err)
				}
			}
		})
	}
}

// TestNamesInDisguise: a rule about attachments' names meets every name that a
// mail reader may show or save.
func TestNamesInDisguise(t *testing.T) {
	rule := abi.Object()
	b := abi.Object()
	b.Set("_labels", abi.Strings("programs"))
	b.Set("attachment_name", abi.Strings("*.exe"))
	rule.Set("block", abi.List(b))
	g := newGate(t, rule)
	for name, header := range map[string]string{
		"plain":                     `filename=evil.exe`,
		"upper case":                `filename="EVIL.EXE"`,
		"extended":                  `filename*=utf-8''evil%2Eexe`,
		"in pieces":                 `filename*0=ev; filename*1=il.e; filename*2=xe`,
		"encoded word":              `filename="=?utf-8?B?ZXZpbC5leGU=?="`,
		"encoded word, padding off": `filename="=?utf-8?B?ZXZpbC5leGU?="`,
		"encoded in an unknown set": `filename="=?x-none?Q?evil=2Eexe?="`,
		"UTF-7":                     `filename="=?utf-7?Q?evil.exe?="`,
		"UTF-16":                    `filename*=utf-16be''%00e%00v%00i%00l%00.%00e%00x%00e`,
		"two names, the first":      `filename="evil.exe"; filename*=utf-8''a.txt`,
		"two names, the second":     `filename="a.txt"; filename*=utf-8''evil.exe`,
		"dot behind":                `filename="evil.exe."`,
		"blanks behind":             `filename="evil.exe  "`,
		"NUL behind":                `filename*=utf-8''evil.exe%00.txt`,
		"right to left":             `filename*=utf-8''%E2%80%AEtxt.evil.exe`,
		"zero width within":         `filename*=utf-8''evil.e%E2%80%8Bxe`,
		"a path":                    `filename="C:\\x\\evil.exe"`,
		"stream of a file":          `filename="evil.exe::$DATA"`,
	} {
		t.Run(name, func(t *testing.T) {
			got, err := g.judge("rules", strings.Replace(attached("a.bin", []byte("x")), "filename=a.bin", header, 1))
			if err != nil || len(got) != 1 {
				t.Errorf("%v, %v", got, err)
			}
		})
	}
}
