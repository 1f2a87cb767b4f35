package sink

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
)

// event is one line for whoever watches the sink.
type event struct {
	At      time.Time `json:"at"`
	What    string    `json:"event"` // accepted, deferred, refused, failed, trouble
	From    string    `json:"from"`
	To      []string  `json:"to,omitempty"`
	Size    int64     `json:"size,omitempty"`
	Subject string    `json:"subject,omitempty"`
	File    string    `json:"file,omitempty"`
	Error   string    `json:"error,omitempty"`
}

// text is the event for people, on one line.
func (e event) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", e.At.Format(time.RFC3339), e.What)
	if len(e.To) > 0 {
		fmt.Fprintf(&b, " from=<%s> to=<%s>", oneLine(e.From), oneLine(strings.Join(e.To, ">,<")))
	}
	if e.Size > 0 {
		fmt.Fprintf(&b, " size=%d subject=%q", e.Size, e.Subject)
	}
	if e.File != "" {
		b.WriteString(" file=" + e.File)
	}
	if e.Error != "" {
		b.WriteString(": " + oneLine(e.Error))
	}
	return b.String()
}

// tell writes an event.
func (s *Sink) tell(e event) {
	e.At = time.Now().UTC()
	line := e.text()
	if s.opt.JSON {
		b, err := json.Marshal(e)
		if err != nil {
			return // strings, numbers and a time always marshal
		}
		line = string(b)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	fmt.Fprintln(s.opt.Out, line)
}
