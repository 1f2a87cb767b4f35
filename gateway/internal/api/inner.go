package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
)

// inner is the API as pages ask it: with the session of the browser that asked
// for the page. What the API refuses, limits or records, it does so here, too.
type inner struct{ api http.Handler }

// innerAnswer is an answer of the API.
type innerAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *innerAnswer) Header() http.Header { return k.header }

func (k *innerAnswer) WriteHeader(status int) {
	if k.status == 0 {
		k.status = status
	}
}

func (k *innerAnswer) Write(b []byte) (int, error) {
	k.WriteHeader(http.StatusOK)
	return k.body.Write(b)
}

// do makes one request. What is set of cookies goes to the browser. The error is
// a *Problem, also where the API sends elsewhere: a path that is cleaned, such as
// one with an ID of "..", is of nothing that is there.
func (n inner) do(w http.ResponseWriter, r *http.Request, method, path string, in, out any) error {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return problem(http.StatusUnprocessableEntity, "the form does not read", "")
		}
	}
	req, err := http.NewRequestWithContext(context.WithoutCancel(r.Context()), method, path, bytes.NewReader(body))
	if err != nil {
		return problem(http.StatusUnprocessableEntity, "the form does not read", "")
	}
	req.RemoteAddr, req.TLS, req.Host = r.RemoteAddr, r.TLS, r.Host
	for _, name := range []string{"Cookie", "User-Agent", "X-Forwarded-For", "X-Forwarded-Proto"} {
		if v := r.Header.Values(name); len(v) > 0 {
			req.Header[name] = v
		}
	}
	req.Header.Set("Content-Type", "application/json")
	k := &innerAnswer{header: http.Header{}}
	n.api.ServeHTTP(k, req)
	for _, c := range k.header.Values("Set-Cookie") {
		w.Header().Add("Set-Cookie", c)
	}
	k.WriteHeader(http.StatusOK) // where nothing was written
	if k.status/100 != 2 {
		if k.status < http.StatusBadRequest {
			return problem(http.StatusNotFound, "there is none of that name", "")
		}
		if after := k.header.Get("Retry-After"); after != "" {
			w.Header().Set("Retry-After", after)
		}
		p := &Problem{}
		if json.Unmarshal(k.body.Bytes(), p) != nil || p.Detail == "" {
			p = problem(k.status, "that did not work; try again", "")
		}
		p.Status = k.status
		return p
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(k.body.Bytes(), out); err != nil {
		return problem(http.StatusInternalServerError, "the answer does not read", "")
	}
	return nil
}
