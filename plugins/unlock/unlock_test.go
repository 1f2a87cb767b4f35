package unlock

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

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

// held is a message that stall held for an encrypted archive.
func held() *abi.MessageInfo {
	return &abi.MessageInfo{ID: "01m", Recipients: []abi.RecipientInfo{{
		N: 1, Address: "b@here.test", Status: "stalled", Class: "unscannable/encrypted-archive",
		Findings: []abi.Finding{{Main: "unscannable", Sub: "encrypted-archive", Action: abi.ActionStall}},
	}}}
}

type try struct {
	*sdktest.Host
	m *abi.MessageInfo
}

// message makes a host with one message whose attachments are given.
func message(t testing.TB, cfg abi.Value, attachments ...any) *try {
	t.Helper()
	h := sdktest.New(t)
	h.SetConfig(cfg)
	h.AddPart(abi.Part{Type: "multipart/mixed"}, nil)
	h.AddPart(abi.Part{Type: "text/plain", Number: "1"}, []byte("see attachment"))
	for i := 0; i < len(attachments); i += 2 {
		h.AddPart(abi.Part{Type: "application/octet-stream", Number: "2", Filename: attachments[i].(string), Attachment: true}, attachments[i+1].([]byte))
	}
	m := held()
	h.Messages[m.ID] = m
	return &try{h, m}
}

func (h *try) call(t testing.TB, action, password string, params ...any) *abi.Verdict {
	t.Helper()
	p := abi.Object()
	p.Set("password", abi.String(password))
	for i := 0; i < len(params); i += 2 {
		p.Set(params[i].(string), params[i+1].(abi.Value))
	}
	v := h.Run(&abi.Event{Stage: abi.StageAction, Name: action, ID: h.m.ID, Payload: p.Append(nil), Message: []abi.MessageInfo{*h.m}, Actor: "anna"})
	// The password is nowhere.
	if password != "" {
		for _, s := range append([]string{v.Text}, pairs(v)...) {
			if strings.Contains(s, password) {
				t.Errorf("the password is in %q", s)
			}
		}
		for _, l := range h.Lines {
			if strings.Contains(l.Text, password) {
				t.Errorf("the password is logged: %q", l.Text)
			}
		}
		for k, b := range h.KV {
			if strings.Contains(k+string(b), password) {
				t.Errorf("the password is stored: %q", k)
			}
		}
		for _, o := range h.Orders {
			if strings.Contains(o.Reason, password) {
				t.Errorf("the password is in the reason %q", o.Reason)
			}
		}
	}
	return v
}

func pairs(v *abi.Verdict) []string {
	var out []string
	for _, r := range v.Results {
		out = append(out, r.Key+": "+r.Value)
	}
	return out
}

const pass = "secret!" // no word of any answer

func open(t *testing.T, name, password string) (*try, *abi.Verdict) {
	t.Helper()
	h := message(t, abi.Object(), "a.bin", fixture(t, name))
	return h, h.call(t, "open", password)
}

func TestRightPassword(t *testing.T) {
	for _, name := range []string{
		"zipcrypto.zip", "zipcrypto-streamed.zip", "aes128.zip", "aes192.zip", "aes256.zip", "aes-lzma.zip", "aes-stored.zip", "mixed.zip",
		"solid.7z", "names.7z", "stored.7z", "lzma.7z", "nested.7z",
		"rar5.rar", "rar5-names.rar",
	} {
		t.Run(name, func(t *testing.T) {
			h, v := open(t, name, pass)
			if !strings.HasPrefix(v.Text, "released") || len(h.Orders) != 1 || h.Orders[0].Verb != "release" || h.Orders[0].Recipient != 1 {
				t.Fatalf("%q %q %+v", v.Text, pairs(v), h.Orders)
			}
			if !strings.Contains(h.Orders[0].Reason, "that anna gave") || !strings.HasPrefix(v.Results[0].Value, "opened, ") {
				t.Errorf("%q %q", h.Orders[0].Reason, pairs(v))
			}
		})
	}
}

func TestPasswordBeyondASCII(t *testing.T) {
	for _, name := range []string{"latin1.zip", "cp437.zip", "utf8.zip", "umlaut.7z"} {
		if h, v := open(t, name, "grün"); len(h.Orders) != 1 {
			t.Errorf("%s: %q %q", name, v.Text, pairs(v))
		}
	}
}

// A wrong password never releases, whatever the archive.
func TestWrongPassword(t *testing.T) {
	all, err := filepath.Glob("testdata/*.*")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range all {
		if ext := filepath.Ext(name); ext != ".zip" && ext != ".7z" && ext != ".rar" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			for _, p := range []string{"wrong-1", "wrong-2", "Secret!", "secret", "secret! "} {
				h, v := open(t, filepath.Base(name), p)
				if v.Text != "kept: the password is wrong" || len(h.Orders) > 0 {
					t.Errorf("%q: %q %q %+v", p, v.Text, pairs(v), h.Orders)
				}
			}
		})
	}
}

// One octet of check in traditional ZIP encryption is right for one wrong
// password in 256; the checksum is not.
func TestManyWrongPasswords(t *testing.T) {
	cfg := abi.Object()
	cfg.Set("tries", abi.Number(10_000))
	h := message(t, cfg, "a.zip", fixture(t, "zipcrypto.zip"))
	for i := range 1500 {
		p := "try-" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('a'+i/26%26)) + string(rune('a'+i/676))
		if v := h.call(t, "open", p); v.Text != "kept: the password is wrong" {
			t.Fatalf("%q: %q", p, v.Text)
		}
	}
	if len(h.Orders) > 0 {
		t.Error(h.Orders)
	}
}

func TestKept(t *testing.T) {
	for _, c := range []struct{ name, text, result string }{
		{"program.zip", "kept: there is something forbidden in it", "forbidden: setup.exe in a.bin is a program or has others run, by its name (.exe)"},
		{"program.7z", "kept: there is something forbidden in it", "forbidden: setup.exe in a.bin is a program"},
		{"macro.zip", "kept: there is something forbidden in it", "forbidden: package-macro.docx"},
		{"document.zip", "kept: not all of it can be inspected", "passwords of documents are not supported here"},
		{"two-passwords.zip", "kept: the password is wrong", "a.bin: opened, 1 entry; wrong password"},
		{"nested-other.zip", "kept: the password is wrong", "different.zip in a.bin: wrong password"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, v := open(t, c.name, pass)
			if v.Text != c.text || len(h.Orders) > 0 || !strings.Contains(strings.Join(pairs(v), "\n"), c.result) {
				t.Errorf("%q %q %+v", v.Text, pairs(v), h.Orders)
			}
		})
	}
}

// Damaged data is not released, wherever the damage is.
func TestDamaged(t *testing.T) {
	for _, name := range []string{"aes256.zip", "aes-stored.zip", "zipcrypto.zip", "stored.7z", "solid.7z", "names.7z", "lzma.7z"} {
		b := fixture(t, name)
		for at := range b {
			if at > 100 && at%397 != 0 && at < len(b)-22 || at%3 != 0 && strings.HasSuffix(name, ".7z") {
				continue
			}
			bad := slices.Clone(b)
			bad[at] ^= 0x10
			h := message(t, abi.Object(), "a.bin", bad)
			v := h.call(t, "open", pass)
			if len(h.Orders) > 0 && !harmlessChange(name, b, at) {
				t.Errorf("%s, octet %d: %q %q", name, at, v.Text, pairs(v))
			}
		}
	}
}

// A local header that says nothing of encryption would have some readers take
// the encrypted octets for the content.
func TestEncryptedInDirectoryOnly(t *testing.T) {
	for _, name := range []string{"zipcrypto-streamed.zip", "aes-stored.zip"} {
		b := fixture(t, name)
		b[6] &^= 1
		if strings.HasPrefix(name, "aes") {
			b[8] = 0 // stored
		}
		h := message(t, abi.Object(), "a.zip", b)
		if v := h.call(t, "open", pass); len(h.Orders) > 0 || !strings.HasPrefix(v.Text, "kept") {
			t.Errorf("%s: %q %q", name, v.Text, pairs(v))
		}
	}
}

// harmlessChange: times, versions, attributes and the like, which no checksum
// covers in ZIP.
func harmlessChange(name string, b []byte, at int) bool {
	if strings.HasSuffix(name, ".7z") { // the version, and padding behind a packed header
		return at == 6 || at > len(b)-45
	}
	for off := 0; off+4 <= len(b) && off <= at; off++ {
		switch in := at - off; string(b[off : off+4]) {
		case "PK\x03\x04": // version, flags, time, extra fields, the checksum that AE-2 does without
			if in >= 4 && in < 8 || in >= 10 && in < 14 || in >= 14 && in < 18 && name[:3] == "aes" || in >= 18 && in < 26 && b[off+6]&8 != 0 || in >= 30 && in < 80 {
				return true
			}
		case "PK\x07\x08": // sizes for those who stream, again
			if in >= 4 && in < 16 {
				return true
			}
		case "PK\x01\x02": // also attributes, comment length, extra fields
			if in >= 4 && in < 10 || in >= 12 && in < 16 || in >= 30 && in < 42 || in >= 46 && in < 110 {
				return true
			}
		case "PK\x05\x06":
			return true
		}
	}
	return false
}

func TestInspectReleasesNothing(t *testing.T) {
	h := message(t, abi.Object(), "a.zip", fixture(t, "aes256.zip"))
	if v := h.call(t, "inspect", pass); v.Text != "opened: nothing forbidden is in it" || len(h.Orders) > 0 {
		t.Errorf("%q %+v", v.Text, h.Orders)
	}
	if v := h.call(t, "open", pass, "release", abi.Bool(false)); v.Text != "opened: nothing forbidden is in it" || len(h.Orders) > 0 {
		t.Errorf("%q %+v", v.Text, h.Orders)
	}
	if v := h.call(t, "inspect", pass, "release", abi.Bool(true)); len(h.Orders) > 0 {
		t.Errorf("%q %+v", v.Text, h.Orders)
	}
}

// Every archive must open, and other attachments are held to the rules too.
func TestSeveralAttachments(t *testing.T) {
	h := message(t, abi.Object(), "a.zip", fixture(t, "aes256.zip"), "b.7z", fixture(t, "names.7z"))
	if v := h.call(t, "open", pass); len(h.Orders) != 1 || len(v.Results) != 3 {
		t.Errorf("%q %q", v.Text, pairs(v))
	}
	h = message(t, abi.Object(), "a.zip", fixture(t, "aes256.zip"), "b.zip", fixture(t, "utf8.zip"))
	if v := h.call(t, "open", pass); v.Text != "kept: the password is wrong" || len(h.Orders) > 0 {
		t.Errorf("%q %q", v.Text, pairs(v))
	}
	h = message(t, abi.Object(), "a.zip", fixture(t, "aes256.zip"), "b.scr", []byte("x"))
	if v := h.call(t, "open", pass); v.Text != "kept: there is something forbidden in it" || len(h.Orders) > 0 {
		t.Errorf("%q %q", v.Text, pairs(v))
	}
	h = message(t, abi.Object(), "a.txt", []byte("no archive"))
	if v := h.call(t, "open", pass); v.Text != "there is no archive that needs a password" || len(h.Orders) > 0 {
		t.Errorf("%q %q", v.Text, pairs(v))
	}
}

// What is held for something else too stays.
func TestHeldForMore(t *testing.T) {
	for name, change := range map[string]func(r *abi.RecipientInfo){
		"another class": func(r *abi.RecipientInfo) { r.Class = "spam/bulk" },
		"a macro": func(r *abi.RecipientInfo) {
			r.Findings = append(r.Findings, abi.Finding{Main: "unscannable", Sub: "macro", Action: abi.ActionStall})
		},
		"malware": func(r *abi.RecipientInfo) {
			r.Findings = append(r.Findings, abi.Finding{Main: "malware", Action: abi.ActionReject})
		},
		"very much": func(r *abi.RecipientInfo) {
			for len(r.Findings) < allTold {
				r.Findings = append(r.Findings, r.Findings[0])
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			h := message(t, abi.Object(), "a.zip", fixture(t, "aes256.zip"))
			change(&h.m.Recipients[0])
			if v := h.call(t, "open", pass); !strings.HasPrefix(v.Text, "kept: nothing forbidden is in it, but") || len(h.Orders) > 0 {
				t.Errorf("%q %+v", v.Text, h.Orders)
			}
		})
	}
	// A finding that was waived holds nothing.
	h := message(t, abi.Object(), "a.zip", fixture(t, "aes256.zip"))
	h.m.Recipients[0].Findings = append(h.m.Recipients[0].Findings, abi.Finding{Main: "unscannable", Sub: "tracking"})
	if v := h.call(t, "open", pass); len(h.Orders) != 1 {
		t.Errorf("%q", v.Text)
	}
	// Of several recipients, those that may go do.
	h = message(t, abi.Object(), "a.zip", fixture(t, "aes256.zip"))
	other := held().Recipients[0]
	other.N, other.Class = 2, "spam"
	gone := held().Recipients[0]
	gone.N, gone.Status = 3, "delivered"
	h.m.Recipients = append(h.m.Recipients, other, gone)
	if v := h.call(t, "open", pass); len(h.Orders) != 1 || h.Orders[0].Recipient != 1 || !strings.HasPrefix(v.Text, "released") {
		t.Errorf("%q %+v", v.Text, h.Orders)
	}
}

func TestTries(t *testing.T) {
	cfg := abi.Object()
	cfg.Set("tries", abi.Number(3))
	cfg.Set("window", abi.Number(float64(time.Hour.Milliseconds())))
	h := message(t, cfg, "a.zip", fixture(t, "zipcrypto.zip"))
	at := time.Unix(1_700_000_000, 0)
	h.Clock = func() time.Time { return at }
	for range 3 {
		if v := h.call(t, "open", "nonsense"); v.Text != "kept: the password is wrong" {
			t.Error(v.Text)
		}
	}
	for range 2 {
		if v := h.call(t, "inspect", pass); !strings.HasPrefix(v.Text, "there were too many tries") {
			t.Error(v.Text)
		}
	}
	at = at.Add(61 * time.Minute)
	if v := h.call(t, "open", pass); len(h.Orders) != 1 {
		t.Error(v.Text)
	}
	// An empty password is no try.
	if v := h.call(t, "open", ""); v.Text != "the password is empty" {
		t.Error(v.Text)
	}
}

func TestConfiguration(t *testing.T) {
	cfg := abi.Object()
	cfg.Set("executables", abi.String("off"))
	h := message(t, cfg, "a.zip", fixture(t, "program.zip"))
	if v := h.call(t, "open", pass); len(h.Orders) != 1 {
		t.Error(v.Text, pairs(v))
	}
	cfg = abi.Object()
	cfg.Set("forbid", abi.Strings("unreadable"))
	h = message(t, cfg, "a.zip", fixture(t, "macro.zip"))
	if v := h.call(t, "open", pass); len(h.Orders) != 1 {
		t.Error(v.Text, pairs(v))
	}
	cfg = abi.Object()
	cfg.Set("forbid", abi.Strings("nonsense"))
	h = message(t, cfg, "a.zip", fixture(t, "macro.zip"))
	if _, err := h.Try(&abi.Event{Stage: abi.StageAction, Name: "open", Message: []abi.MessageInfo{*h.m}}); err == nil {
		t.Error("a cause that there is none of was taken")
	}
	// What is beyond the limits is not released.
	lim := abi.Object()
	lim.Set("bytes", abi.Number(1000))
	cfg = abi.Object()
	cfg.Set("limits", abi.List(lim))
	for _, name := range []string{"aes256.zip", "zipcrypto.zip", "solid.7z"} {
		h = message(t, cfg, "a.bin", fixture(t, name))
		if v := h.call(t, "open", pass); v.Text != "kept: not all of it can be inspected" || len(h.Orders) > 0 {
			t.Errorf("%s: %q %q", name, v.Text, pairs(v))
		}
	}
	if _, err := h.Try(&abi.Event{Stage: abi.StageAction, Name: "other", Message: []abi.MessageInfo{*h.m}}); err == nil {
		t.Error("an action that is not offered")
	}
	if _, err := h.Try(&abi.Event{Stage: abi.StageAction, Name: "open"}); err == nil || errors.Is(err, sdk.ErrNotFound) {
		t.Error(err)
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
	if len(sdk.Stages()) != 1 || !slices.Equal(m.Hooks, []string{abi.StageAction.String()}) {
		t.Errorf("hooks %v and %v", sdk.Stages(), m.Hooks)
	}
	for _, a := range m.Actions {
		if a.Level != "email" || !a.Body || !a.Params[0].Secret || !a.Params[0].Required {
			t.Errorf("%+v", a)
		}
	}
}
