package api

import (
	"context"
	"net"
	"net/http"
)

type sourceKey struct{}

// withSource notes where a request came from, for the audit log.
func withSource(ctx context.Context, source string) context.Context {
	return context.WithValue(ctx, sourceKey{}, source)
}

// sourceOf is where a request came from: an IP address, or "socket".
func sourceOf(ctx context.Context) string {
	s, _ := ctx.Value(sourceKey{}).(string)
	return s
}

// sourceOfRequest is sourceOf for a request that has not passed guard.
func sourceOfRequest(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.RemoteAddr); err == nil {
		return host
	}
	return "socket"
}
