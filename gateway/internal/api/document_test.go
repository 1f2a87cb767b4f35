package api_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

// The document tells of the ways in that there are: a token, and the cookies of
// a session under the names that they really have.
func TestDocumentNamesTheWaysIn(t *testing.T) {
	d := readDocument(t)
	secure, plain := accounts.CookieNames()
	cookies := map[string]bool{}
	bearer := false
	for _, s := range d.Components.SecuritySchemes {
		switch {
		case s.Type == "http" && s.Scheme == "bearer":
			bearer = true
		case s.Type == "apiKey" && s.In == "cookie":
			cookies[s.Name] = true
		}
	}
	if !bearer || !cookies[secure] || !cookies[plain] || len(cookies) != 2 {
		t.Errorf("the ways in are %+v", d.Components.SecuritySchemes)
	}
	for path, methods := range d.Paths {
		for method, o := range methods {
			for _, need := range o.Security {
				for name := range need {
					if _, ok := d.Components.SecuritySchemes[name]; !ok {
						t.Errorf("%s %s wants %q, which there is not", method, path, name)
					}
				}
			}
		}
	}
}

// The document tells of the Idempotency-Key where one has an effect, and nowhere
// else: judged by what a key that cannot be is answered with.
func TestDocumentTellsOfKeysWhereTheyHaveAnEffect(t *testing.T) {
	d := readDocument(t)
	h := api.New(apitest.Sample().Services())
	with, without := 0, 0
	for path, methods := range d.Paths {
		for method, o := range methods {
			told := o.takes("Idempotency-Key", "header")
			if method == "get" && strings.Contains(path, "tail") || strings.HasSuffix(path, "/events") && method == "get" {
				if told {
					t.Errorf("GET %s takes no key", path)
				}
				continue
			}
			w, v := ask(t, h, strings.ToUpper(method), strings.NewReplacer("{", "", "}", "").Replace(path), "{}", "Idempotency-Key", strings.Repeat("x", 300))
			detail, _ := v["detail"].(string)
			takes := w.Code == http.StatusBadRequest && strings.Contains(detail, "Idempotency-Key")
			if told != takes {
				t.Errorf("%s %s: told %v, takes one %v (%d %s)", method, path, told, takes, w.Code, detail)
			}
			if takes {
				with++
			} else {
				without++
			}
		}
	}
	if with < 20 || without < 50 {
		t.Errorf("%d operations with a key, %d without", with, without)
	}
}
