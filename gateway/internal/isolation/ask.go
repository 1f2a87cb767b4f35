package isolation

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	service "github.com/mailweir/weir/gateway/internal/jobs"
)

// Request is one question to the API. Path has its query.
type Request struct {
	Method, Path, Body string
	Header             map[string]string
}

// Answer is what came back.
type Answer struct {
	Status int
	Header http.Header
	Body   string
}

// Caller is somebody who asks.
type Caller struct {
	Name   string
	Token  string // bearer
	Cookie string
	Nobody bool // no longer, or never, anybody
	Level  string
	Role   string
}

// Ask has somebody ask through the admin listener. A stream is read until it
// is silent.
func (w *World) Ask(t testing.TB, c *Caller, r Request) Answer {
	t.Helper()
	for range 100 {
		a := w.ask(t, w.tcp, "http://"+w.Addr, c, r)
		if a.Status != http.StatusConflict || !strings.Contains(a.Body, service.ErrBusy.Error()) {
			return a
		}
		time.Sleep(50 * time.Millisecond) // the questions before began jobs
	}
	t.Fatalf("%s %s: the jobs that run do not end", r.Method, r.Path)
	return Answer{}
}

// Admin asks as the administrator, through the socket.
func (w *World) Admin(t testing.TB, r Request) Answer {
	t.Helper()
	return w.ask(t, w.admin, "http://weir", &Caller{}, r)
}

// silence is how long a stream may say nothing before it is taken for all there is.
const silence = 200 * time.Millisecond

func (w *World) ask(t testing.TB, via *http.Client, base string, c *Caller, r Request) Answer {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var body io.Reader
	if r.Body != "" {
		body = strings.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, base+r.Path, body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.Path, err)
	}
	if r.Body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	for k, v := range r.Header {
		req.Header.Set(k, v)
	}
	if c.Token != "" {
		req.Header.Set("Authorization", "Bearer "+c.Token)
	}
	if c.Cookie != "" {
		req.Header.Set("Cookie", c.Cookie)
	}
	resp, err := via.Do(req)
	if err != nil {
		t.Fatalf("%s %s by %s: %v", r.Method, r.Path, c.Name, err)
	}
	defer resp.Body.Close()
	out := Answer{Status: resp.StatusCode, Header: resp.Header}
	if !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/event-stream") {
		b, err := io.ReadAll(resp.Body)
		out.Body = string(b)
		if err != nil {
			out.Body += fmt.Sprintf("\n(broke off: %v)", err)
		}
		for k, v := range resp.Trailer {
			out.Header["Trailer-"+k] = v
		}
		return out
	}
	var b bytes.Buffer
	quiet := time.AfterFunc(silence, cancel)
	buf := make([]byte, 32<<10)
	for {
		n, err := resp.Body.Read(buf)
		b.Write(buf[:n])
		if err != nil {
			break
		}
		quiet.Reset(silence)
	}
	quiet.Stop()
	out.Body = b.String()
	return out
}

// must asks as the administrator for what has to go well, and reads the answer.
func (w *World) must(t testing.TB, method, path string, in any) map[string]any {
	t.Helper()
	return w.mustAs(t, nil, method, path, in)
}

// mustAs is must of somebody.
func (w *World) mustAs(t testing.TB, c *Caller, method, path string, in any) map[string]any {
	t.Helper()
	r := Request{Method: method, Path: path}
	if in != nil {
		b, err := json.Marshal(in)
		check(t, err)
		r.Body = string(b)
	}
	a, who := Answer{}, "the administrator"
	if c == nil {
		a = w.Admin(t, r)
	} else {
		a, who = w.Ask(t, c, r), c.Name
	}
	if a.Status/100 != 2 {
		t.Fatalf("%s %s %s by %s: %d %s", method, path, r.Body, who, a.Status, a.Body)
	}
	out := map[string]any{}
	if a.Body != "" {
		check(t, json.Unmarshal([]byte(a.Body), &out))
	}
	return out
}
