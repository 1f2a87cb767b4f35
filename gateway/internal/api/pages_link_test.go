package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/digest"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
)

func TestPagesAreWordedInEveryLanguage(t *testing.T) {
	for _, w := range linkLanguages {
		for _, v := range []reflect.Value{reflect.ValueOf(*w), reflect.ValueOf(w.labels)} {
			for i := range v.NumField() {
				if f := v.Field(i); f.Kind() == reflect.String && f.String() == "" {
					t.Errorf("%s: %s is empty", w.lang, v.Type().Field(i).Name)
				}
			}
		}
	}
	for accept, want := range map[string]string{"": "en", "de-AT,de;q=0.9,en;q=0.8": "de", "fr": "fr", "nl, es;q=0.5": "es", "xx": "en", ";;,": "en"} {
		if got := linkWordsFor(accept).lang; got != want {
			t.Errorf("%q: %s, want %s", accept, got, want)
		}
	}
}

// links answers every token in one way, and counts.
type links struct {
	Mailings
	k           digest.Linked
	err         error
	looks, acts int
}

func (l *links) Look(context.Context, lifecycle.Verb, string) (digest.Linked, error) {
	l.looks++
	return l.k, l.err
}

func (l *links) Act(context.Context, lifecycle.Verb, string, string) (digest.Linked, error) {
	l.acts++
	return l.k, l.err
}

func TestLinkPages(t *testing.T) {
	evil := "<script>alert(1)</script>\u202e"
	l := &links{k: digest.Linked{Subject: evil, From: evil, Mailbox: "ann@acme.test", Reason: evil, Received: time.Unix(1_800_000_000, 0), State: digest.StateHeld}}
	h := newServer(Services{Mailings: l}).linkPages(AdminToken("x"))
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
		return w
	}
	for _, method := range []string{http.MethodGet, http.MethodHead} {
		w := ask(method, "/link/release/token.mac")
		if w.Code != http.StatusOK || l.acts != 0 || l.looks == 0 {
			t.Fatalf("%s: %d, %+v", method, w.Code, l)
		}
		if method == http.MethodGet && (strings.Contains(w.Body.String(), "<script") || strings.Contains(w.Body.String(), "\u202e") || !strings.Contains(w.Body.String(), "<form method=\"post\">")) {
			t.Errorf("%s", w.Body)
		}
	}
	if w := ask(http.MethodPut, "/link/release/token.mac"); w.Code != http.StatusMethodNotAllowed || l.acts != 0 {
		t.Errorf("PUT: %d", w.Code)
	}
	if ask(http.MethodPost, "/link/release/token.mac"); l.acts != 1 {
		t.Errorf("POST acts %d times", l.acts)
	}
	// The style of a page is the one that its policy allows.
	w := ask(http.MethodGet, "/link/remove/token.mac")
	_, rest, _ := strings.Cut(w.Body.String(), "<style>")
	style, _, _ := strings.Cut(rest, "</style>")
	if style != pageStyle {
		t.Errorf("the page's style is %q", style)
	}
	for _, c := range []struct {
		err  error
		want int
	}{{digest.ErrLink, 404}, {digest.ErrLinkOver, 410}, {context.DeadlineExceeded, 503}} {
		l.err = c.err
		if w := ask(http.MethodPost, "/link/release/token.mac"); w.Code != c.want || strings.Contains(w.Body.String(), "<form") {
			t.Errorf("%v: %d", c.err, w.Code)
		}
	}
	// Whoever asks without end is slowed down.
	busy := false
	for range linkLimits.Burst + 10 {
		if w := ask(http.MethodGet, "/link/release/guess.x"); w.Code == http.StatusTooManyRequests {
			busy = w.Header().Get("Retry-After") != ""
		}
	}
	if !busy {
		t.Error("nobody is slowed down")
	}
}
