package artifact

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mailweir/weir/sdk/abi/manifest"
)

// module is a packed module of no use, with some grants.
func module(t testing.TB, version string, grants ...string) []byte {
	t.Helper()
	m := &manifest.Manifest{Name: "shout", Version: version, ABI: 1, Hooks: []string{"message"}}
	for _, g := range grants {
		m.Grants = append(m.Grants, manifest.Grant{Kind: g, Reason: "for the test"})
	}
	b, err := manifest.Append([]byte("\x00asm\x01\x00\x00\x00"), m)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func newKey(t testing.TB) PrivateKey {
	t.Helper()
	k, err := NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestSignatures(t *testing.T) {
	mod, ann, bob := module(t, "1"), newKey(t), newKey(t)
	if _, err := Verify(mod, []PublicKey{ann.Public()}); !errors.Is(err, ErrUnsigned) {
		t.Error(err)
	}
	signed, err := Sign(mod, ann)
	if err != nil {
		t.Fatal(err)
	}
	if k, err := Verify(signed, []PublicKey{bob.Public(), ann.Public()}); err != nil || k != ann.Public() {
		t.Error(k, err)
	}
	if _, err := Verify(signed, []PublicKey{bob.Public()}); !errors.Is(err, ErrUntrusted) || !strings.Contains(err.Error(), string(ann.Public())) {
		t.Error(err)
	}
	both, err := Sign(signed, bob)
	if err != nil {
		t.Fatal(err)
	}
	if ks, err := Signers(both); err != nil || !slices.Equal(ks, []PublicKey{ann.Public(), bob.Public()}) {
		t.Error(ks, err)
	}
	if again, err := Sign(both, bob); err != nil || !bytes.Equal(again, both) {
		t.Error("signing twice with one key changes something:", err)
	}
	if m, err := manifest.Read(both); err != nil || m.Name != "shout" {
		t.Error(m, err)
	}
	sec, err := manifest.Custom(signed, SignatureSection)
	if err != nil {
		t.Fatal(err)
	}
	attach := func(m, sec []byte) []byte {
		b, err := manifest.WithCustom(m, SignatureSection, sec)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	more, err := manifest.WithCustom(signed, "extra", []byte("code"))
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"of another module":   attach(module(t, "2"), sec),
		"with more in it":     more,
		"one octet of it":     attach(mod, bytes.Replace(sec, []byte(`"sig":"`), []byte(`"sig":"AAAA`), 1)),
		"one good, one bad":   attach(mod, bytes.Replace(sec, []byte(`[{`), []byte(`[{"key":"`+string(bob.Public())+`","sig":"AAAA"},{`), 1)),
		"by no key":           attach(mod, bytes.Replace(sec, []byte(`"key":"ed`), []byte(`"key":"xd`), 1)),
		"by a key cut short":  attach(mod, bytes.Replace(sec, []byte(ann.Public()), []byte("ed25519:AAAA"), 1)),
		"unreadable":          attach(mod, []byte("{")),
		"unknown member":      attach(mod, []byte(`{"signatures":[],"also":1}`)),
		"two sections":        append(bytes.Clone(signed), signed[len(mod):]...),
		"too large a section": attach(mod, bytes.Repeat([]byte(" "), maxSignatureSize+1)),
	} {
		if k, err := Verify(b, []PublicKey{ann.Public()}); err == nil {
			t.Errorf("a signature %s is taken for one by %s", name, k)
		}
		if name != "with more in it" {
			if _, err := Sign(b, ann); err == nil {
				t.Errorf("a signature %s: it may be signed on top", name)
			}
		}
	}
	if _, err := Sign([]byte("\x00asm\x01\x00\x00\x00"), ann); !errors.Is(err, manifest.ErrNone) {
		t.Error(err)
	}
}

func TestKeys(t *testing.T) {
	k := newKey(t)
	text, err := k.PEM()
	if err != nil {
		t.Fatal(err)
	}
	back, err := ParsePrivateKey(text)
	if err != nil || back.Public() != k.Public() {
		t.Error(err)
	}
	if p, err := ParseKey(" " + string(k.Public()) + "\n"); err != nil || p != k.Public() {
		t.Error(p, err)
	}
	for _, s := range []string{"", "ed25519:", "ed25519:AAAA", string(k.Public())[8:], "rsa:" + string(k.Public())[8:]} {
		if _, err := ParseKey(s); err == nil {
			t.Errorf("%q passes for a key", s)
		}
	}
	for _, s := range []string{"", "x", string(text[:40]), strings.Replace(string(text), "PRIVATE", "PUBLIC", 2)} {
		if _, err := ParsePrivateKey([]byte(s)); err == nil {
			t.Errorf("%q passes for a key", s)
		}
	}
}

func TestStore(t *testing.T) {
	s := Store{filepath.Join(t.TempDir(), "plugins")}
	mod := module(t, "1")
	if _, err := s.Get(Digest(mod)); !errors.Is(err, ErrNotStored) {
		t.Error(err)
	}
	d, err := s.Put(mod)
	if err != nil || d != Digest(mod) {
		t.Fatal(d, err)
	}
	if b, err := s.Get(d); err != nil || !bytes.Equal(b, mod) {
		t.Error(err)
	}
	path, _ := s.path(d)
	if err := os.WriteFile(path, append(mod, 0, 1, 0), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Get(d); err == nil || !strings.Contains(err.Error(), "was changed") {
		t.Error("a changed module is given out:", err)
	}
	for _, bad := range []string{"", "sha256:../../etc/passwd", "sha256:AB", "md5:00", strings.ToUpper(d)} {
		if _, err := s.Get(bad); err == nil || errors.Is(err, ErrNotStored) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(s.Dir, ".*")); left != nil {
		t.Error("left behind:", left)
	}
}

func TestLockFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), LockName)
	l, err := ReadLock(path)
	if err != nil || len(l.Plugins) != 0 {
		t.Fatal(l, err)
	}
	for _, name := range []string{"zeta", "alpha"} {
		e, err := Entry(name, "oci://registry.test/weir/${x}:1", module(t, "1.2", "kv", "dns"))
		if err != nil {
			t.Fatal(err)
		}
		l.Set(e)
	}
	if err := l.Write(path); err != nil {
		t.Fatal(err)
	}
	back, err := ReadLock(path)
	if err != nil || len(back.Plugins) != 2 || back.Plugins[0].Name != "alpha" || back.Get("zeta").Source != "oci://registry.test/weir/${x}:1" ||
		!slices.Equal(back.Get("zeta").Grants, []string{"dns", "kv"}) || back.Get("alpha").Version != "1.2" {
		t.Errorf("%+v, %v", back, err)
	}
	if gone := back.Keep([]string{"zeta"}); !slices.Equal(gone, []string{"alpha"}) || back.Get("alpha") != nil {
		t.Error(gone)
	}
	for _, text := range []string{"plugin {", `plugin "a" { source = "x" }`, `plugin "a" {
  source  = "x"
  digest  = "sha256:1"
  version = ""
}`} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadLock(path); err == nil {
			t.Errorf("%q is read as a lock file", text)
		}
	}
}

func TestSources(t *testing.T) {
	for source, want := range map[string]Kind{"builtin:rules": Builtin, "/x/y.wasm": File, "y.wasm": File, "https://a.test/b.wasm": HTTP, "oci://a.test/b:1": OCI, "ftp://a/b": HTTP} {
		if got := KindOf(source); got != want {
			t.Errorf("%s: %s, want %s", source, got, want)
		}
	}
	for source, ok := range map[string]bool{
		"https://a.test/b.wasm": true, "http://127.0.0.1:1/b.wasm": true, "http://[::1]:1/b.wasm": true, "http://localhost/b.wasm": true,
		"http://a.test/b.wasm": false, "http://127.0.0.1.a.test/b": false, "https://a.test": false, "https://u:p@a.test/b": false, "ftp://a.test/b": false,
		"oci://a.test/b/c:1.0": true, "oci://a.test/b/c": false, "oci://a.test/B:1": false, "oci://a.test/b@sha256:" + strings.Repeat("0", 64): true,
	} {
		if err := CheckSource(source); (err == nil) != ok {
			t.Errorf("%s: %v", source, err)
		}
	}
}
