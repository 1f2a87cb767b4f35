package client_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/query"
)

func serve(t *testing.T, l net.Listener, h http.Handler) {
	t.Helper()
	srv := api.NewServer(h, nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with ErrServerClosed
	}()
	t.Cleanup(func() {
		srv.Close()
		<-done
	})
}

func overSocket(t *testing.T, g *apitest.Gateway) *client.Client {
	t.Helper()
	path := filepath.Join(t.TempDir(), api.SocketName)
	l, err := api.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, api.New(g.Services()))
	c := client.New(client.Options{Socket: path})
	t.Cleanup(c.Close)
	return c
}

func TestEveryCallOverTheSocket(t *testing.T) {
	ctx := t.Context()
	g := apitest.Sample()
	c := overSocket(t, g)

	page, err := c.Search(ctx, client.Search{Q: "status:queued", Fields: []string{"sender"}})
	if err != nil || len(page.Items) != 1 || page.Items[0].Sender == "" || page.Items[0].Status != "" {
		t.Fatalf("search: %+v, %v", page, err)
	}
	id := page.Items[0].ID
	page, err = c.Search(ctx, client.Search{Filter: query.Where("status", query.Is, "stalled")})
	if err != nil || len(page.Items) != 1 {
		t.Errorf("search by tree: %+v, %v", page, err)
	}
	m, err := c.Message(ctx, id[:14])
	if err != nil || m.ID != id[:26] || len(m.Recipients) != 2 {
		t.Errorf("message: %+v, %v", m, err)
	}
	x, err := c.Explain(ctx, id)
	if err != nil || len(x.Attempts) != 2 || len(x.Words) != 1 || len(x.Events) == 0 {
		t.Errorf("explain: %+v, %v", x, err)
	}
	if x.Words[0].Last == nil || x.Words[0].Last.Actor != "recipient" || x.Attempts[0].Outcome[0].Meaning == nil || len(x.Attempts[1].KeyLines) == 0 {
		t.Errorf("explain lacks the meaning of answers: %+v", x)
	}
	if x, err := c.ExplainReply(ctx, "550-5.1.1 no such\n550 5.1.1 user", "mx1.mail.icloud.com"); err != nil || x.Meaning == nil || x.Meaning.Key != "no-such-user" || x.Meaning.Provider != "Apple iCloud" || x.Reply.Code != 550 {
		t.Errorf("explain a reply: %+v, %v", x, err)
	}
	if _, err := c.ExplainReply(ctx, "good morning", ""); err == nil || !strings.Contains(err.Error(), "no answer of a mail server") {
		t.Errorf("explain no reply: %v", err)
	}
	if as, err := c.Attempts(ctx, id); err != nil || len(as) != 2 {
		t.Errorf("attempts: %v, %v", as, err)
	}
	if es, err := c.Events(ctx, id); err != nil || len(es) != 3 {
		t.Errorf("events: %v, %v", es, err)
	}
	if d, err := c.Deliveries(ctx, client.Search{}); err != nil || len(d.Items) != 3 {
		t.Errorf("deliveries: %+v, %v", d, err)
	}
	body, err := c.Body(ctx, id)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(body)
	body.Close()
	if err != nil || string(b) != "Subject: Invoice for October\r\n\r\nHello\r\n" {
		t.Errorf("body %q, %v", b, err)
	}
	if r, err := c.Act(ctx, api.ActionRequest{Verb: "freeze", IDs: []string{id}}); err != nil || r.Changed != 1 {
		t.Errorf("act: %+v, %v", r, err)
	}
	if s, err := c.Summary(ctx); err != nil || s.Counts["queue-frozen"] != 2 {
		t.Errorf("summary: %+v, %v", s, err)
	}
	if ps, err := c.Plugins(ctx); err != nil || len(ps) != 2 {
		t.Errorf("plugins: %+v, %v", ps, err)
	}
	if p, err := c.Policy(ctx); err != nil || p.Hostname != "mx.weir.test" {
		t.Errorf("policy: %+v, %v", p, err)
	}
	if r, err := c.Reload(ctx, true); err != nil || r.Reloaded {
		t.Errorf("check: %+v, %v", r, err)
	}
	if r, err := c.Reload(ctx, false); err != nil || !r.Reloaded {
		t.Errorf("reload: %+v, %v", r, err)
	}
	if v, err := c.Version(ctx); err != nil || v.Version != "v1.2.3" {
		t.Errorf("version: %+v, %v", v, err)
	}
	if err := c.Ready(ctx); err != nil {
		t.Errorf("ready: %v", err)
	}
	for _, s := range g.Scopes {
		if !strings.HasSuffix(s.Actor, "socket)") && s.Actor != "socket" {
			t.Errorf("actor %q, want one that came over the socket", s.Actor)
		}
	}
}

func TestPagesAreJoined(t *testing.T) {
	c := overSocket(t, apitest.New(apitest.Many(1203)...))
	seen := map[string]bool{}
	for r, err := range c.All(t.Context(), client.Search{Fields: []string{"status"}}, 0) {
		if err != nil {
			t.Fatal(err)
		}
		seen[r.ID] = true
	}
	if len(seen) != 1203 {
		t.Errorf("%d rows, want 1203", len(seen))
	}
	n := 0
	for range c.All(t.Context(), client.Search{}, 7) {
		n++
	}
	if n != 7 {
		t.Errorf("%d rows with a limit of 7", n)
	}
	for range c.All(t.Context(), client.Search{}, 0) {
		break // stops asking
	}
}

func TestErrorsCarryDetailAndRemedy(t *testing.T) {
	c := overSocket(t, apitest.Sample())
	_, err := c.Message(t.Context(), "zzzz")
	var e *client.Error
	if !errors.As(err, &e) || !e.NotFound() || !strings.Contains(err.Error(), "no such message") || e.Remedy() == "" {
		t.Errorf("unknown message: %v", err)
	}
	_, err = c.Search(t.Context(), client.Search{Q: "feld:x"})
	if !errors.As(err, &e) || e.NotFound() || e.Remedy() != "see: weir help search" {
		t.Errorf("bad filter: %v, remedy %q", err, e.Remedy())
	}
}

func TestUnreachable(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead.sock")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: dead, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	l.SetUnlinkOnClose(false)
	l.Close()
	other := httptest.NewServer(http.NotFoundHandler())
	defer other.Close()
	for _, c := range []struct {
		name   string
		o      client.Options
		detail string
		remedy string
	}{
		{"no_socket", client.Options{Socket: filepath.Join(dir, "weir.sock")}, "is the gateway running? no socket at " + dir, "weir serve"},
		{"dead_socket", client.Options{Socket: dead}, "nobody answers at " + dead, "weir serve"},
		{"not_a_gateway", client.Options{URL: other.URL}, "404 Not Found, not as a gateway does", "admin listener"},
		{"not_an_url", client.Options{URL: "::"}, "no address of a gateway", "http://"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := client.New(c.o).Version(t.Context())
			var e *client.Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.detail) || !strings.Contains(e.Remedy(), c.remedy) {
				t.Errorf("got %v (remedy %q)", err, e.Remedy())
			}
		})
	}
}

func TestCancelledCallSaysSo(t *testing.T) {
	c := overSocket(t, apitest.Sample())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Version(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

func TestTokenGoesToTheListenerAndNowhereElse(t *testing.T) {
	const token = "correct-horse-battery-staple"
	srv := httptest.NewServer(api.NewListener(apitest.Sample().Services(), api.AdminToken(token)))
	defer srv.Close()
	if _, err := client.New(client.Options{URL: srv.URL, Token: token}).Version(t.Context()); err != nil {
		t.Errorf("with the token: %v", err)
	}
	_, err := client.New(client.Options{URL: srv.URL}).Version(t.Context())
	var e *client.Error
	if !errors.As(err, &e) || e.Problem == nil || e.Problem.Status != 401 {
		t.Errorf("without the token: %v", err)
	}
	got := make(chan string, 1)
	thief := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got <- r.Header.Get("Authorization") }))
	defer thief.Close()
	trap := httptest.NewServer(http.RedirectHandler(thief.URL, http.StatusFound))
	defer trap.Close()
	if _, err := client.New(client.Options{URL: trap.URL, Token: token}).Version(t.Context()); err == nil {
		t.Error("a redirect was followed")
	}
	select {
	case h := <-got:
		t.Errorf("the other server was asked, with %q", h)
	default:
	}
}
