package api_test

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

func TestListenerWantsTheToken(t *testing.T) {
	const token = "correct-horse-battery-staple"
	h := api.NewListener(apitest.Sample().Services(), api.AdminToken(token))
	for _, c := range []struct {
		name, authorization string
		status              int
	}{
		{"right", "Bearer " + token, 200},
		{"scheme_in_any_case", "bearer " + token, 200},
		{"none", "", 401},
		{"wrong", "Bearer correct-horse-battery-stapl", 401},
		{"longer", "Bearer " + token + "x", 401},
		{"empty", "Bearer ", 401},
		{"basic", "Basic " + token, 401},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, path := range []string{"/v1/messages", "/v1/version", "/v1/nothing"} {
				w, v := ask(t, h, "GET", path, "", "Authorization", c.authorization)
				if c.status == 401 {
					wantProblem(t, w, v, 401, "token")
					if w.Header().Get("WWW-Authenticate") == "" {
						t.Error("401 without WWW-Authenticate")
					}
				} else if w.Code == 401 {
					t.Errorf("%s: %d", path, w.Code)
				}
			}
		})
	}
}

func TestListenerWithoutTokenLetsNobodyIn(t *testing.T) {
	h := api.NewListener(apitest.Sample().Services(), api.AdminToken(""))
	w, v := ask(t, h, "GET", "/v1/version", "", "Authorization", "Bearer ")
	wantProblem(t, w, v, 401, "token")
}

func TestOtherOriginsMayNotAct(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	w, v := ask(t, h, "POST", "/v1/reload", "", "Origin", "http://evil.test", "Sec-Fetch-Site", "cross-site")
	wantProblem(t, w, v, 403, "another origin")
}

func TestTokenIsMadeOnceAndPrivate(t *testing.T) {
	dir := t.TempDir()
	a, err := api.LoadOrCreateToken(dir)
	if err != nil || len(a) < 40 {
		t.Fatalf("token %q: %v", a, err)
	}
	b, err := api.LoadOrCreateToken(dir)
	if err != nil || a != b {
		t.Errorf("second load gives %q, %v; want the same", b, err)
	}
	path := filepath.Join(dir, api.TokenFile)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("files left over: %v", entries)
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := api.LoadOrCreateToken(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a token that others may read: %v, want a refusal with its remedy", err)
	}
	if err := os.WriteFile(path, []byte("short\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := api.LoadOrCreateToken(dir); err == nil || !strings.Contains(err.Error(), "fewer than") {
		t.Errorf("a short token: %v, want a refusal", err)
	}
}

func TestSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), api.SocketName)
	l, err := api.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v; want 0600", info.Mode(), err)
	}
	if _, err := api.ListenSocket(path); err == nil || !strings.Contains(err.Error(), "another gateway") {
		t.Errorf("a second gateway: %v, want a refusal", err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 0 {
		t.Errorf("left over after Close: %v", entries)
	}
}

func TestSocketOfADeadGatewayIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), api.SocketName)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	l, err := api.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}

func TestSocketNeverReplacesAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), api.SocketName)
	if err := os.WriteFile(path, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := api.ListenSocket(path); err == nil {
		t.Fatal("a file was taken for a socket")
	}
	if b, _ := os.ReadFile(path); string(b) != "precious" {
		t.Error("the file is gone")
	}
}

func TestServerHasItsLimits(t *testing.T) {
	s := api.NewServer(http.NotFoundHandler(), nil)
	if s.ReadHeaderTimeout == 0 || s.ReadTimeout == 0 || s.WriteTimeout == 0 || s.IdleTimeout == 0 || s.MaxHeaderBytes == 0 {
		t.Errorf("a limit is missing: %+v", s)
	}
}
