package events

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Post sends one POST request and follows no redirect. It must not reach
// addresses that the operator did not open.
type Post func(ctx context.Context, url string, header map[string]string, body []byte) (Answer, error)

// Answer is what a receiver says.
type Answer struct {
	Status     int
	RetryAfter string // of the header
	Text       string // beginning of the body
}

// Webhook are signed requests (Standard Webhooks).
type Webhook struct {
	URL     string
	Keys    [][]byte // each signs
	Timeout time.Duration
	Post    Post
	Clock   func() time.Time // nil: time.Now
	Agent   string           // User-Agent
}

// Open implements Sink.Open; nothing is connected yet.
func (w Webhook) Open() (Output, error) {
	if w.Clock == nil {
		w.Clock = time.Now
	}
	if w.Agent == "" {
		w.Agent = "weir"
	}
	return w, nil
}

// Close implements Output.
func (w Webhook) Close() error { return nil }

// payload is the body of a request.
type payload struct {
	Type      string      `json:"type"`
	Timestamp time.Time   `json:"timestamp"` // of its last event
	Data      payloadData `json:"data"`
}

type payloadData struct {
	Sink   string  `json:"sink"`
	Events []Event `json:"events"`
}

// payloadType is the type of every request.
const payloadType = "mail.events"

// Write sends a batch. Only an answer of 2xx means that it was taken.
func (w Webhook) Write(ctx context.Context, b Batch) error {
	last := b.Events[len(b.Events)-1]
	body, err := json.Marshal(payload{payloadType, last.At, payloadData(b)})
	if err != nil {
		return fmt.Errorf("writing a webhook: %w", err)
	}
	// The same events have the same ID, so that a receiver knows them again.
	id := fmt.Sprintf("evt_%s_%d_%d", strings.NewReplacer("/", "-", ".", "-").Replace(b.Sink), b.Events[0].Seq, last.Seq)
	now := w.Clock()
	at := strconv.FormatInt(now.Unix(), 10)
	ctx, cancel := context.WithTimeout(ctx, w.Timeout)
	defer cancel()
	a, err := w.Post(ctx, w.URL, map[string]string{
		"Content-Type": "application/json", "User-Agent": w.Agent,
		"Webhook-Id": id, "Webhook-Timestamp": at, "Webhook-Signature": Sign(id, at, body, w.Keys...),
	}, body)
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s", w.Timeout)
	}
	if err != nil {
		return err
	}
	return judge(a, now)
}

// Sign is the signature header of a request: "v1," and base64 of HMAC-SHA256
// over ID, timestamp and body, joined by dots, for each key.
func Sign(id, timestamp string, body []byte, keys ...[]byte) string {
	all := make([]string, len(keys))
	for i, k := range keys {
		h := hmac.New(sha256.New, k)
		h.Write([]byte(id + "." + timestamp + "."))
		h.Write(body)
		all[i] = "v1," + base64.StdEncoding.EncodeToString(h.Sum(nil))
	}
	return strings.Join(all, " ")
}

// judge tells whether an answer means that the batch was taken.
func judge(a Answer, now time.Time) error {
	if a.Status/100 == 2 {
		return nil
	}
	text := fmt.Sprintf("the receiver answers %d %s", a.Status, http.StatusText(a.Status))
	switch {
	case a.Status/100 == 3:
		text += "; redirects are not followed"
	case a.Text != "":
		text += ": " + printable(a.Text)
	}
	return &Refusal{
		Text: strings.TrimSpace(text), Gone: a.Status == http.StatusGone, TooLarge: a.Status == http.StatusRequestEntityTooLarge,
		After: retryAfter(a.RetryAfter, now),
	}
}

// retryAfter reads seconds or a date (RFC 9110 §10.2.3).
func retryAfter(s string, now time.Time) time.Duration {
	if n, err := strconv.Atoi(s); err == nil && n > 0 {
		return time.Duration(min(n, 86400)) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil && t.After(now) {
		return t.Sub(now)
	}
	return 0
}

// printable is the beginning of a stranger's text, for one line of a log.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
	if r := []rune(strings.TrimSpace(s)); len(r) > 120 {
		return string(r[:120]) + "…"
	}
	return strings.TrimSpace(s)
}
