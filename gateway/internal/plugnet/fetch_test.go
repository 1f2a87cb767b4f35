package plugnet

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/filter"
	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/sdk/abi"
)

func fetch(t testing.TB, n *Net, r *abi.HTTPRequest) (*abi.HTTPResponse, error) {
	t.Helper()
	if r.MaxBody == 0 {
		r.MaxBody = 1 << 10
	}
	return n.Fetch(t.Context(), r, nil, 0, []string{r.URL})
}

func TestFetch(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	mux := http.NewServeMux()
	mux.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		w.Header().Set("X-Seen", fmt.Sprintf("%s %s %s %q %d", r.Method, r.Host, r.Header.Get("X-Mine"), b, r.ContentLength))
		w.WriteHeader(202)
		_, _ = w.Write([]byte("done"))
	})
	mux.HandleFunc("/move", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, other.URL, http.StatusFound) })
	mux.HandleFunc("/long", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 10_000)) })
	mux.HandleFunc("/fields", func(w http.ResponseWriter, _ *http.Request) {
		for i := range maxFields + 1 {
			w.Header().Set(fmt.Sprint("X-", i), "")
		}
	})
	mux.HandleFunc("/header", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X", strings.Repeat("x", 2*maxHeader))
	})
	mux.HandleFunc("/gzip", func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Header.Get("Accept-Encoding"))) })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	t.Setenv("HTTP_PROXY", other.URL)
	t.Setenv("http_proxy", other.URL)
	n := newNet(t, Options{})

	res, err := fetch(t, n, &abi.HTTPRequest{URL: srv.URL + "/echo", Method: "PUT", Headers: []abi.Header{{Name: "X-Mine", Value: "1"}}, Body: []byte("hello")})
	host := strings.TrimPrefix(srv.URL, "http://")
	if err != nil || res.Status != 202 || string(res.Body) != "done" || res.Truncated {
		t.Fatalf("%+v, %v", res, err)
	}
	seen := ""
	for _, h := range res.Headers {
		if h.Name == "X-Seen" {
			seen = h.Value
		}
	}
	if want := `PUT ` + host + ` 1 "hello" 5`; seen != want {
		t.Errorf("the server saw %s, want %s", seen, want)
	}
	if res, err = fetch(t, n, &abi.HTTPRequest{URL: srv.URL + "/move"}); err != nil || res.Status != 302 {
		t.Errorf("a redirect: %+v, %v", res, err)
	}
	if res, err = fetch(t, n, &abi.HTTPRequest{URL: srv.URL + "/long", MaxBody: 9999}); err != nil || len(res.Body) != 9999 || !res.Truncated {
		t.Errorf("a long body: %v", err)
	}
	if res, err = fetch(t, n, &abi.HTTPRequest{URL: srv.URL + "/long", MaxBody: 10_000}); err != nil || len(res.Body) != 10_000 || res.Truncated {
		t.Errorf("a body that just fits: %v", err)
	}
	if res, err = fetch(t, n, &abi.HTTPRequest{URL: srv.URL + "/gzip"}); err != nil || string(res.Body) != "" {
		t.Errorf("asks for compression: %q, %v", res.Body, err)
	}
	for _, path := range []string{"/fields", "/header"} {
		if _, err = fetch(t, n, &abi.HTTPRequest{URL: srv.URL + path}); err == nil {
			t.Errorf("%s: a header that is too large", path)
		}
	}
	if elsewhere.Load() != 0 {
		t.Error("followed a redirect, or the environment")
	}
}

func TestFetch_refuses_what_is_not_the_plugins_to_say(t *testing.T) {
	n := newNet(t, Options{})
	for _, r := range []abi.HTTPRequest{
		{URL: "http://127.0.0.1:1/", Method: "CONNECT"}, {URL: "http://127.0.0.1:1/", Method: "TRACE"}, {URL: "http://127.0.0.1:1/", Method: "get"}, {URL: "http://127.0.0.1:1/", Method: "GET / HTTP/1.1\r\nX:"},
		{URL: "http://user@127.0.0.1:1/"}, {URL: "file:///etc/passwd"},
		{URL: "http://127.0.0.1:1/", Headers: []abi.Header{{Name: "Host", Value: "a"}}},
		{URL: "http://127.0.0.1:1/", Headers: []abi.Header{{Name: "content-length", Value: "3"}}},
		{URL: "http://127.0.0.1:1/", Headers: []abi.Header{{Name: "Transfer-Encoding", Value: "chunked"}}},
		{URL: "http://127.0.0.1:1/", Headers: []abi.Header{{Name: "X", Value: "a\r\nB: c"}}},
		{URL: "http://127.0.0.1:1/", Headers: []abi.Header{{Name: "X:", Value: "a"}}},
		{URL: "http://127.0.0.1:1/", Headers: []abi.Header{{Name: "", Value: "a"}}},
	} {
		if _, err := fetch(t, n, &r); !errors.Is(err, filter.ErrBadRequest) {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

func TestFetch_over_TLS(t *testing.T) {
	srv := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write([]byte(r.Proto)) }))
	srv.EnableHTTP2 = true
	srv.Config.ErrorLog = log.New(io.Discard, "", 0)
	srv.StartTLS()
	defer srv.Close()
	roots := x509.NewCertPool()
	roots.AddCert(srv.Certificate())
	res, err := fetch(t, newNet(t, Options{Roots: roots}), &abi.HTTPRequest{URL: srv.URL})
	if err != nil || string(res.Body) != "HTTP/2.0" {
		t.Errorf("%+v, %v", res, err)
	}
	if _, err = fetch(t, newNet(t, Options{Roots: x509.NewCertPool()}), &abi.HTTPRequest{URL: srv.URL}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a server nobody vouches for: %v", err)
	}
	_, port, _ := net.SplitHostPort(srv.Listener.Addr().String())
	z := &zone{addrs: map[string][]string{"other.internal": {"127.0.0.1"}}}
	if _, err = fetch(t, newNet(t, Options{Roots: roots, Resolver: z}), &abi.HTTPRequest{URL: "https://other.internal:" + port + "/"}); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of another name: %v", err)
	}
}

// TestFetch_ends_in_time wherever the server hangs, and leaves nothing behind
// (TestMain looks for goroutines).
func TestFetch_ends_in_time(t *testing.T) {
	mute := listen(t, untilGone)
	for name, c := range map[string]struct {
		url string
		z   *zone
	}{
		"name":   {"http://slow.example.com/", &zone{hang: true}},
		"TLS":    {"https://" + mute + "/", nil},
		"header": {"http://" + mute + "/", nil},
		"half a header": {"http://" + listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: ")
			untilGone(c)
		}) + "/", nil},
		"body": {"http://" + listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
			untilGone(c)
		}) + "/", nil},
		"drops": {"http://" + listen(t, func(c net.Conn) {
			_, _ = c.Read(make([]byte, 4096))
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
			for _, err := c.Write([]byte("x")); err == nil; _, err = c.Write([]byte("x")) {
				time.Sleep(5 * time.Millisecond)
			}
		}) + "/", nil},
	} {
		t.Run(name, func(t *testing.T) {
			o := Options{}
			if c.z != nil {
				o.Resolver = c.z
			}
			n := newNet(t, o)
			ctx, took := soon(t)
			_, err := n.Fetch(ctx, &abi.HTTPRequest{URL: c.url, MaxBody: 1 << 20}, nil, 0, []string{c.url})
			if !isTime(err) {
				t.Errorf("%v", err)
			}
			took()
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(50*time.Millisecond, cancel)
			if _, err = n.Fetch(ctx, &abi.HTTPRequest{URL: c.url, MaxBody: 1 << 20}, nil, 0, []string{c.url}); !errors.Is(err, context.Canceled) {
				t.Errorf("cancelled: %v", err)
			}
		})
	}
	odd := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		untilGone(c)
	})
	ctx, took := soon(t)
	if _, err := newNet(t, Options{}).Fetch(ctx, &abi.HTTPRequest{URL: "http://" + odd + "/", MaxBody: 10}, nil, 0, []string{"http://" + odd + "/"}); err == nil {
		t.Error("another protocol")
	}
	took()
}

// once is a body that must not be read when the request is over.
type once struct {
	io.Reader
	over *atomic.Bool
	late atomic.Int32
}

func (o *once) Read(p []byte) (int, error) {
	if o.over.Load() {
		o.late.Add(1)
	}
	time.Sleep(time.Millisecond)
	return o.Reader.Read(p)
}

func TestFetch_sends_a_part(t *testing.T) {
	var got atomic.Int64
	var length atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/take", func(_ http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		got.Store(n)
		length.Store(r.ContentLength)
	})
	mux.HandleFunc("/refuse", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(413) })
	srv := httptest.NewServer(mux)
	defer srv.Close()
	n := newNet(t, Options{})
	const size = 3 << 20
	for _, announced := range []int64{size, -1} {
		url := srv.URL + "/take"
		res, err := n.Fetch(t.Context(), &abi.HTTPRequest{URL: url, Method: "POST", MaxBody: 10}, bytes.NewReader(make([]byte, size)), announced, []string{url})
		if err != nil || res.Status != 200 || got.Load() != size || length.Load() != announced {
			t.Errorf("%d: %v, %d octets of %d", announced, err, got.Load(), length.Load())
		}
	}
	url := srv.URL + "/take"
	if res, err := n.Fetch(t.Context(), &abi.HTTPRequest{URL: url, Method: "POST", MaxBody: 10}, bytes.NewReader(nil), 0, []string{url}); err != nil || res.Status != 200 || length.Load() != 0 {
		t.Errorf("an empty part: %v", err)
	}
	if _, err := n.Fetch(t.Context(), &abi.HTTPRequest{URL: url, Method: "POST", MaxBody: 10}, strings.NewReader("short"), 10, []string{url}); err == nil {
		t.Error("a part that is shorter than was announced")
	}
	var over atomic.Bool
	b := &once{Reader: bytes.NewReader(make([]byte, size)), over: &over}
	url = srv.URL + "/refuse"
	_, err := n.Fetch(t.Context(), &abi.HTTPRequest{URL: url, Method: "POST", MaxBody: 10}, b, size, []string{url})
	over.Store(true)
	time.Sleep(20 * time.Millisecond)
	if b.late.Load() > 0 {
		t.Errorf("the body was read after the end (%v)", err)
	}
}

func TestQuery(t *testing.T) {
	z := &zone{records: map[string]resolver.Records{
		"a.example MX":  {Values: []string{"10 mx.a.example"}, TTL: 90*time.Second + 1, Secure: true},
		"a.example TXT": {},
	}}
	n := newNet(t, Options{Resolver: z})
	qs := make([]abi.DNSQuestion, 32)
	for i := range qs {
		qs[i] = abi.DNSQuestion{Name: "none.example", Type: "A"}
	}
	qs[3], qs[30] = abi.DNSQuestion{Name: "a.example", Type: "MX"}, abi.DNSQuestion{Name: "a.example", Type: "TXT"}
	as := n.Query(t.Context(), qs)
	if a := as[3]; len(as) != 32 || a.Code != abi.DNSCodeOk || len(a.Records) != 1 || a.TTLS != 91 || !a.Secure {
		t.Errorf("%+v", a)
	}
	if as[30].Code != abi.DNSCodeNoData || as[0].Code != abi.DNSCodeNotFound {
		t.Errorf("%+v, %+v", as[30], as[0])
	}
	z.hang = true
	ctx, took := soon(t)
	for i, a := range n.Query(ctx, qs) {
		if a.Code != abi.DNSCodeFailed {
			t.Errorf("%d: %+v", i, a)
		}
	}
	took()
}
