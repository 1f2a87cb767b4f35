package api

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
)

// What the API does not carry out is no success for a page: also where the mux
// sends a path that it cleans elsewhere.
func TestPagesTakeOnlySuccessForDone(t *testing.T) {
	mux := http.NewServeMux()
	ended := ""
	mux.HandleFunc("DELETE /v1/sessions/{id}", func(w http.ResponseWriter, r *http.Request) {
		ended = r.PathValue("id")
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("DELETE /v1/silent", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("DELETE /v1/moved", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusFound) })
	mux.HandleFunc("DELETE /v1/refused", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	for _, c := range []struct {
		path, ended string
		status      int // of the error; 0: there is none
	}{
		{"/v1/sessions/abc", "abc", 0},
		{"/v1/sessions/" + url.PathEscape("a/b"), "a/b", 0},
		{"/v1/sessions/..", "", http.StatusNotFound},
		{"/v1/sessions/.", "", http.StatusNotFound},
		{"/v1/sessions/", "", http.StatusNotFound},
		{"/v1/silent", "", 0},
		{"/v1/moved", "", http.StatusNotFound},
		{"/v1/refused", "", http.StatusForbidden},
	} {
		ended = ""
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/account", nil)
		err := inner{mux}.do(httptest.NewRecorder(), r, http.MethodDelete, c.path, nil, nil)
		var p *Problem
		if errors.As(err, &p) != (c.status != 0) || p != nil && p.Status != c.status || ended != c.ended {
			t.Errorf("%s: %v, ended %q", c.path, err, ended)
		}
	}
}
