package api

import (
	"net/http"
	"strings"
)

// governed is what stands between a caller who is known and the operations:
// how often, and whether this was done already.
func (s *server) governed(who Authenticator, next http.Handler) http.Handler {
	return s.limited(s.remembering(who, s.idempotent(next)))
}

// TakesKey reports whether a request may carry an Idempotency-Key that has an
// effect. path is the URL's.
func TakesKey(method, path string) bool {
	return method == http.MethodPost && strings.HasPrefix(path, "/v1/") && !secretive(path)
}

// secretive reports paths whose requests or answers hold passwords and tokens:
// nothing of them is kept, so that keys have no effect on them.
func secretive(path string) bool {
	for _, p := range []string{"/v1/sign-in", "/v1/sign-out", "/v1/users", "/v1/tokens", "/v1/sessions", "/v1/session", "/v1/me", "/v1/account"} {
		if path == p || strings.HasPrefix(path, p+"/") {
			return true
		}
	}
	return false
}
