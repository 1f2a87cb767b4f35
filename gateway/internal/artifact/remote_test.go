package artifact

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
)

// startRegistry runs an OCI registry on loopback. With a password it asks for it.
func startRegistry(t *testing.T, password string) (host string, asked *atomic.Int64) {
	t.Helper()
	asked = new(atomic.Int64)
	reg := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if u, p, _ := r.BasicAuth(); password != "" && (u != "ann" || p != password) {
			w.Header().Set("WWW-Authenticate", `Basic realm="weir"`)
			http.Error(w, `{"errors":[{"code":"UNAUTHORIZED"}]}`, http.StatusUnauthorized)
			return
		}
		reg.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	return strings.TrimPrefix(srv.URL, "http://"), asked
}

// noDocker keeps the credentials of whoever runs the tests out of them.
func noDocker(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("DOCKER_CONFIG", dir)
	return dir
}

func TestRegistryKeepsModuleAndSignature(t *testing.T) {
	noDocker(t)
	host, _ := startRegistry(t, "")
	ctx, c, k := context.Background(), &Client{}, newKey(t)
	signed, err := Sign(module(t, "1.2.0", "kv"), k)
	if err != nil {
		t.Fatal(err)
	}
	source := "oci://" + host + "/weir/shout:1.2.0"
	art, err := c.Push(ctx, source, signed)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := c.Push(ctx, source, signed); err != nil || again != art {
		t.Errorf("the same module makes another artifact: %s, %s, %v", art, again, err)
	}
	for _, s := range []string{source, "oci://" + host + "/weir/shout@" + art, source + "@" + art} {
		b, got, err := c.Pull(ctx, s)
		if err != nil || got != art || !bytes.Equal(b, signed) {
			t.Fatalf("%s: %s, %v", s, got, err)
		}
		if _, err := Verify(b, []PublicKey{k.Public()}); err != nil {
			t.Error(err)
		}
	}
	res, err := http.Get("http://" + host + "/v2/weir/shout/manifests/1.2.0")
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(res.Body)
	res.Body.Close()
	for _, want := range []string{configType, `"mediaType":"` + moduleType + `"`, `"org.opencontainers.image.version":"1.2.0"`} {
		if !strings.Contains(string(text), want) {
			t.Errorf("the manifest lacks %s, %v:\n%s", want, err, text)
		}
	}
	if _, _, err := c.Pull(ctx, "oci://"+host+"/weir/shout:2"); err == nil {
		t.Error("a tag that is not there is pulled")
	}
	if _, err := c.Push(ctx, "oci://"+host+"/weir/shout@"+art, signed); err == nil {
		t.Error("pushed to a digest")
	}
	if _, err := c.Push(ctx, source, []byte("\x00asm\x01\x00\x00\x00")); err == nil {
		t.Error("pushed without a manifest")
	}
}

func TestRegistryHoldsSomethingElse(t *testing.T) {
	noDocker(t)
	layer := func(size int, media string) string {
		return fmt.Sprintf(`{"mediaType":%q,"size":%d,"digest":"sha256:%064d"}`, media, size, 0)
	}
	image := func(config string, layers ...string) string {
		return `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"` + config + `","size":2,"digest":"sha256:` +
			strings.Repeat("0", 64) + `"},"layers":[` + strings.Join(layers, ",") + `]}`
	}
	for name, c := range map[string]struct{ media, text, want string }{
		"an image":           {"application/vnd.oci.image.manifest.v1+json", image("application/vnd.oci.image.config.v1+json", layer(1, moduleType)), "no Wasm artifact"},
		"two layers":         {"application/vnd.oci.image.manifest.v1+json", image(configType, layer(1, moduleType), layer(1, moduleType)), "one layer"},
		"a layer of text":    {"application/vnd.oci.image.manifest.v1+json", image(configType, layer(1, "text/plain")), "one layer"},
		"far too large":      {"application/vnd.oci.image.manifest.v1+json", image(configType, layer(MaxModule+1, moduleType)), "at most 16 MiB"},
		"an index":           {"application/vnd.oci.image.index.v1+json", `{"schemaVersion":2,"manifests":[]}`, "no plugin"},
		"a manifest of junk": {"application/vnd.oci.image.manifest.v1+json", `{"schemaVersion":`, "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", c.media)
				w.Header().Set("Docker-Content-Digest", Digest([]byte(c.text)))
				w.Header().Set("Content-Length", fmt.Sprint(len(c.text)))
				_, _ = io.WriteString(w, c.text)
			}))
			defer srv.Close()
			_, _, err := new(Client).Pull(context.Background(), "oci://"+strings.TrimPrefix(srv.URL, "http://")+"/a:1")
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestRegistryAsksWho(t *testing.T) {
	docker := noDocker(t)
	host, _ := startRegistry(t, "s3cret")
	ctx, source := context.Background(), "oci://"+host+"/weir/shout:1"
	if _, err := new(Client).Push(ctx, source, module(t, "1")); err == nil {
		t.Error("pushed without a password")
	}
	if _, err := (&Client{Username: "ann", Password: "wrong"}).Push(ctx, source, module(t, "1")); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Error("a wrong password:", err)
	}
	if _, err := (&Client{Username: "ann", Password: "s3cret"}).Push(ctx, source, module(t, "1")); err != nil {
		t.Error(err)
	}
	text := fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, base64.StdEncoding.EncodeToString([]byte("ann:s3cret")))
	if err := os.WriteFile(filepath.Join(docker, "config.json"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if b, _, err := new(Client).Pull(ctx, source); err != nil || !bytes.Equal(b, module(t, "1")) {
		t.Error("docker's configuration is not used:", err)
	}
}

func TestDownload(t *testing.T) {
	mod := module(t, "1")
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/m.wasm":
			_, _ = w.Write(mod)
		case "/moved.wasm":
			http.Redirect(w, r, "/m.wasm", http.StatusFound)
		case "/away.wasm":
			http.Redirect(w, r, "http://elsewhere.test/m.wasm", http.StatusFound)
		case "/loop.wasm":
			http.Redirect(w, r, "/loop.wasm", http.StatusFound)
		case "/large.wasm":
			for range MaxModule/len(mod) + 2 {
				if _, err := w.Write(mod); err != nil {
					return
				}
			}
		default:
			http.NotFound(w, r)
		}
	}))
	defer srv.Close()
	for path, want := range map[string]string{"/m.wasm": "", "/moved.wasm": "", "/away.wasm": "http is for this machine", "/loop.wasm": "redirects", "/large.wasm": "at most 16 MiB", "/none.wasm": "404"} {
		b, err := new(Client).Fetch(context.Background(), srv.URL+path)
		if want == "" && (err != nil || !bytes.Equal(b, mod)) || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(fmt.Errorf("shut down"))
	if _, err := new(Client).Fetch(ctx, srv.URL+"/m.wasm"); err == nil || !strings.Contains(err.Error(), "shut down") {
		t.Error(err)
	}
}

// TestNobodyIsLedFromHTTPSToHTTP: a server elsewhere could otherwise ask this
// machine's own services in the gateway's name.
func TestNobodyIsLedFromHTTPSToHTTP(t *testing.T) {
	noDocker(t)
	var asked atomic.Int64
	inner := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer inner.Close()
	srv := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case strings.Contains(r.URL.Path, "/token/"):
			w.Header().Set("WWW-Authenticate", `Bearer realm="`+inner.URL+`/token",service="x"`)
			w.WriteHeader(http.StatusUnauthorized)
		default:
			http.Redirect(w, r, inner.URL+"/m.wasm", http.StatusTemporaryRedirect)
		}
	}))
	defer srv.Close()
	c := &Client{Transport: srv.Client().Transport}
	if _, err := c.Fetch(t.Context(), srv.URL+"/m.wasm"); !errors.Is(err, errDowngrade) {
		t.Error(err)
	}
	_, port, _ := strings.Cut(strings.TrimPrefix(srv.URL, "https://"), ":")
	// An address that is not taken for this machine's, to which http would do.
	c.Transport = rewrite{c.Transport, "127.0.0.1:" + port}
	for _, repo := range []string{"weir/moved", "weir/token"} {
		_, err := c.Fetch(t.Context(), "oci://registry.test:"+port+"/"+repo+"/x:1")
		if err == nil || !strings.Contains(err.Error(), "https") {
			t.Error(repo, err)
		}
	}
	if asked.Load() != 0 {
		t.Errorf("%d requests came through", asked.Load())
	}
}

// rewrite sends the requests for registry.test to a server of the test.
type rewrite struct {
	http.RoundTripper
	to string
}

func (t rewrite) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Hostname() != "registry.test" {
		return t.RoundTripper.RoundTrip(r)
	}
	to := r.Clone(r.Context())
	to.URL.Host = t.to
	res, err := t.RoundTripper.RoundTrip(to)
	if err == nil {
		res.Request = r
	}
	return res, err
}

// TestResolver: only what policy or lock file name is given out, from the
// store where it is there.
func TestResolver(t *testing.T) {
	noDocker(t)
	host, asked := startRegistry(t, "")
	ctx, dir, k := context.Background(), t.TempDir(), newKey(t)
	config := filepath.Join(dir, "config.hcl")
	v1, v2 := module(t, "1"), module(t, "2", "kv")
	source := "oci://" + host + "/shout:latest"
	push := func(b []byte) {
		t.Helper()
		if _, err := new(Client).Push(ctx, source, b); err != nil {
			t.Fatal(err)
		}
	}
	push(v1)
	offline := &Resolver{Config: config, Store: Store{filepath.Join(dir, "plugins")}, Builtin: func(string) ([]byte, error) { return v1, nil }}
	online := &Resolver{Config: config, Store: offline.Store, Builtin: offline.Builtin, Client: &Client{}}
	refused := func(r *Resolver, w Want, want string) {
		t.Helper()
		if _, err := r.Module(ctx, w); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %q", w, err, want)
		}
	}
	given := func(r *Resolver, w Want, want []byte) {
		t.Helper()
		if b, err := r.Module(ctx, w); err != nil || !bytes.Equal(b, want) {
			t.Errorf("%+v: %v", w, err)
		}
	}
	lock := func(source string, b []byte) {
		t.Helper()
		e, err := Entry("shout", source, b)
		if err != nil {
			t.Fatal(err)
		}
		if err := (&LockFile{Plugins: []Locked{e}}).Write(LockPath(config)); err != nil {
			t.Fatal(err)
		}
	}

	w := Want{Name: "shout", Source: source}
	refused(online, w, "weir plugin lock")
	given(online, Want{Name: "shout", Source: source, Unlocked: true}, v1)
	lock(source, v1)
	refused(offline, w, "weir plugin pull")
	given(online, w, v1)
	before := asked.Load()
	given(offline, w, v1)
	given(online, w, v1)
	if asked.Load() != before {
		t.Error("what is stored is asked for again")
	}

	push(v2) // the tag moves: nothing changes here
	given(online, w, v1)
	if err := os.RemoveAll(offline.Store.Dir); err != nil {
		t.Fatal(err)
	}
	refused(online, w, "weir.lock has "+Digest(v1))
	refused(online, Want{Name: "shout", Source: source, Digest: Digest(v1)}, "the policy pins")
	given(online, Want{Name: "shout", Source: source, Digest: Digest(v2)}, v2)
	refused(online, Want{Name: "shout", Source: source + "x"}, "weir plugin update shout")

	refused(online, Want{Name: "shout", Source: source, Digest: Digest(v2), Signers: []PublicKey{k.Public()}}, "not signed")
	given(online, Want{Name: "b", Source: "builtin:b", Signers: []PublicKey{k.Public()}}, v1)
	refused(online, Want{Name: "b", Source: "builtin:b", Digest: Digest(v2)}, "the policy pins")

	path := filepath.Join(dir, "m.wasm")
	file := Want{Name: "shout", Source: path}
	refused(offline, file, "weir plugin update shout") // the lock has another source
	lock("m.wasm", v1)
	refused(offline, file, "weir plugin pack")
	signed, err := Sign(v1, k)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, signed, 0o600); err != nil {
		t.Fatal(err)
	}
	refused(offline, file, "weir plugin update shout")
	lock("m.wasm", signed)
	given(offline, file, signed)
	given(offline, Want{Name: "shout", Source: path, Signers: []PublicKey{newKey(t).Public(), k.Public()}}, signed)
	given(offline, Want{Name: "other", Source: path}, signed)
}
