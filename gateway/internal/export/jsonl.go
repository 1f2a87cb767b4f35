package export

import (
	"bufio"
	"encoding/json"
	"io"
)

// JSONLines writes one JSON value on each line (jsonlines.org). It buffers:
// Close writes the rest.
type JSONLines struct {
	w *bufio.Writer
	e *json.Encoder
}

// NewJSONLines makes one.
func NewJSONLines(w io.Writer) *JSONLines {
	b := bufio.NewWriterSize(w, 32<<10)
	e := json.NewEncoder(b)
	e.SetEscapeHTML(false)
	return &JSONLines{b, e}
}

// Write writes one value.
func (j *JSONLines) Write(v any) error { return j.e.Encode(v) }

// Flush passes on what is buffered.
func (j *JSONLines) Flush() error { return j.w.Flush() }

// Close ends it. The writer below stays open.
func (j *JSONLines) Close() error { return j.w.Flush() }
