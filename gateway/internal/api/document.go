package api

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/accounts"
)

// The ways in, as the document names them.
const (
	byToken       = "token"
	bySession     = "session"
	byPlainCookie = "session-http"
)

// waysIn are how a caller shows who it is. The unix socket asks for nothing.
func waysIn() (map[string]*huma.SecurityScheme, []map[string][]string) {
	secure, plain := accounts.CookieNames()
	schemes := map[string]*huma.SecurityScheme{
		byToken:       {Type: "http", Scheme: "bearer", Description: "A token of weir token create, or the one in data_dir/admin.token."},
		bySession:     {Type: "apiKey", In: "cookie", Name: secure, Description: "The session of a sign-in over https."},
		byPlainCookie: {Type: "apiKey", In: "cookie", Name: plain, Description: "The session of a sign-in over http, on a listener that only the machine itself reaches."},
	}
	return schemes, []map[string][]string{{byToken: {}}, {bySession: {}}, {byPlainCookie: {}}, {}}
}

// documentKeys tells of the Idempotency-Key wherever one has an effect.
func documentKeys(doc *huma.OpenAPI) {
	most := maxKey
	for path, item := range doc.Paths {
		op := item.Post
		if op == nil || !TakesKey(http.MethodPost, path) {
			continue
		}
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header",
			Description: "Any text, best a random UUID. Sent again within a day with the same key and body, the request is not carried out again but gets the same answer",
			Schema:      &huma.Schema{Type: huma.TypeString, MaxLength: &most, Pattern: "^[ -~]+$"},
		})
		problems := &huma.MediaType{Schema: &huma.Schema{Ref: "#/components/schemas/Problem"}}
		for code, why := range map[string]string{"409": http.StatusText(http.StatusConflict), "422": http.StatusText(http.StatusUnprocessableEntity)} {
			if op.Responses[code] == nil {
				op.Responses[code] = &huma.Response{Description: why, Content: map[string]*huma.MediaType{"application/problem+json": problems}}
			}
		}
		if ok := op.Responses["200"]; ok != nil {
			if ok.Headers == nil {
				ok.Headers = map[string]*huma.Param{}
			}
			ok.Headers["Idempotency-Replayed"] = &huma.Header{Description: "true: this is the answer of the first request with this key", Schema: &huma.Schema{Type: huma.TypeString}}
		}
	}
}
