package api

import (
	"encoding/json"
	"net/http"
	"strings"
)

// capture keeps the status and the beginning of an answer.
type capture struct {
	http.ResponseWriter
	status int
	start  []byte
}

// maxCaptured bounds what is kept of an answer: the items of 1,000 recipients.
const maxCaptured = 256 << 10

func (c *capture) WriteHeader(code int) {
	if c.status == 0 {
		c.status = code
	}
	c.ResponseWriter.WriteHeader(code)
}

func (c *capture) Write(p []byte) (int, error) {
	if c.status == 0 {
		c.status = http.StatusOK
	}
	if len(c.start) < maxCaptured && strings.Contains(c.Header().Get("Content-Type"), "json") {
		c.start = append(c.start, p[:min(len(p), maxCaptured-len(c.start))]...)
	}
	return c.ResponseWriter.Write(p)
}

// Unwrap lets http.ResponseController through.
func (c *capture) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Flush implements http.Flusher, where what is below does.
func (c *capture) Flush() { _ = http.NewResponseController(c.ResponseWriter).Flush() }

// problem is what a refusal says.
func (c *capture) problem() string {
	var p Problem
	if json.Unmarshal(c.start, &p) == nil && p.Detail != "" {
		return p.Detail
	}
	return http.StatusText(c.status)
}
