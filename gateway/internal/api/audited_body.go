package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// read takes the body of a request, which is small.
func (s *server) read(r *http.Request) ([]byte, *Problem) {
	if r.Body == nil || !mutates(r.Method) {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	var large *http.MaxBytesError
	twice := ""
	if err == nil {
		twice = repeated(body)
	}
	switch {
	case errors.As(err, &large):
		return nil, problem(http.StatusRequestEntityTooLarge, fmt.Sprintf("the request is larger than %d octets", large.Limit), "send less at a time")
	case err != nil:
		return nil, problem(http.StatusBadRequest, "the request broke off", "")
	case twice != "":
		// Readers differ in which of the two they take.
		return nil, problem(http.StatusUnprocessableEntity, fmt.Sprintf("the member %.60q stands twice", twice), "say it once")
	}
	return body, nil
}

// repeated names a member that an object in a JSON text has twice, without
// regard to case; "" none, or it is not JSON.
func repeated(text []byte) string {
	type level struct {
		names map[string]bool // nil in an array
		value bool            // a name was read, its value comes
	}
	var open []level
	d := json.NewDecoder(bytes.NewReader(text))
	for {
		t, err := d.Token()
		if err != nil {
			return ""
		}
		var top *level
		if len(open) > 0 {
			top = &open[len(open)-1]
		}
		if name, ok := t.(string); ok && top != nil && top.names != nil && !top.value {
			key := strings.ToLower(name)
			if top.names[key] {
				return name
			}
			top.names[key], top.value = true, true
			continue
		}
		if top != nil {
			top.value = false
		}
		switch t {
		case json.Delim('{'):
			open = append(open, level{names: map[string]bool{}})
		case json.Delim('['):
			open = append(open, level{})
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
	}
}

// said reads a request's body; nil where it is no object.
func said(body []byte) map[string]any {
	var m map[string]any
	if len(body) == 0 || json.Unmarshal(body, &m) != nil {
		return nil
	}
	return m
}
