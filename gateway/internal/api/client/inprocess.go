package client

import (
	"io"
	"net/http"
	"strings"
)

// inProcess has a handler of this process answer requests. The answer is given
// while it is written, so that a download does not stand in memory.
type inProcess struct{ h http.Handler }

// RoundTrip implements http.RoundTripper.
func (p inProcess) RoundTrip(r *http.Request) (*http.Response, error) {
	in := r.Clone(r.Context())
	if in.Body == nil {
		in.Body = http.NoBody
	}
	in.RequestURI, in.RemoteAddr = in.URL.RequestURI(), "in-process"
	pr, pw := io.Pipe()
	w := &answer{header: http.Header{}, body: pw, begun: make(chan struct{})}
	go func() {
		defer func() {
			if x := recover(); x != nil { // http.ErrAbortHandler: the answer broke off
				_ = pw.CloseWithError(io.ErrUnexpectedEOF)
			}
			w.WriteHeader(http.StatusOK)
			for name := range w.trailer {
				w.trailer[name] = w.header.Values(name)
			}
			_ = pw.Close() // the reader knows
		}()
		p.h.ServeHTTP(w, in)
	}()
	select {
	case <-w.begun:
	case <-r.Context().Done():
		_ = pr.CloseWithError(r.Context().Err())
		return nil, r.Context().Err()
	}
	return &http.Response{
		Status: http.StatusText(w.status), StatusCode: w.status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.sent, Body: pr, ContentLength: -1, Trailer: w.trailer, Request: r,
	}, nil
}

// answer is a handler's answer on its way to a reader.
type answer struct {
	header, sent http.Header
	trailer      http.Header // as the header announces it; set when the body has ended
	body         *io.PipeWriter
	status       int
	begun        chan struct{} // closed with the header
}

// Header implements http.ResponseWriter.
func (w *answer) Header() http.Header { return w.header }

// WriteHeader implements http.ResponseWriter; the first call counts.
func (w *answer) WriteHeader(status int) {
	if w.status == 0 {
		w.status, w.sent, w.trailer = status, w.header.Clone(), http.Header{}
		for name := range strings.SplitSeq(w.sent.Get("Trailer"), ",") {
			if name = strings.TrimSpace(name); name != "" {
				w.trailer[http.CanonicalHeaderKey(name)] = nil
			}
		}
		close(w.begun)
	}
}

// Write implements http.ResponseWriter.
func (w *answer) Write(p []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	return w.body.Write(p)
}
