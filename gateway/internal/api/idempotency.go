package api

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// Requests that change something and may be sent again without changing it
// again: POST with an Idempotency-Key, as draft-ietf-httpapi-idempotency-key-header
// describes it. The answer of a request that was carried out is durable for a day
// and given to whoever sends the same request with the same key. One that was
// refused changed nothing and is tried anew; one that broke down may be half
// done, and is not. A caller who leaves stops nothing.

const (
	kindIdempotent = "idempotent"
	// idempotentFor is how long an answer is kept.
	idempotentFor = 24 * time.Hour
	// maxKept is the longest answer that is kept, in octets.
	maxKept = 256 << 10
	maxKey  = 255
)

// kept is a request that was made with a key.
type kept struct {
	Print  string    `json:"print"` // of the request: another one with the same key is a mistake
	At     time.Time `json:"at"`
	Done   bool      `json:"done,omitempty"` // else it runs, or the gateway ended while it ran
	Status int       `json:"status,omitempty"`
	Type   string    `json:"type,omitempty"` // Content-Type
	Body   []byte    `json:"body,omitempty"`
	Long   bool      `json:"long,omitempty"` // the answer was too long to be kept
}

// idempotent answers a request that was made before as it was answered then.
func (s *server) idempotent(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := r.Header.Get("Idempotency-Key")
		if key == "" || !TakesKey(r.Method, r.URL.Path) {
			next.ServeHTTP(w, r)
			return
		}
		if p := s.checkKey(key); p != nil {
			writeProblem(w, p)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			var long *http.MaxBytesError
			if errors.As(err, &long) {
				writeProblem(w, problem(http.StatusRequestEntityTooLarge, "the request is too long", fmt.Sprintf("at most %d octets", maxBody)))
				return
			}
			writeProblem(w, problem(http.StatusBadRequest, "the request could not be read: "+err.Error(), ""))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		name := digestOf(callerOf(r.Context()), key)
		mine := kept{Print: digestOf(r.Method, r.URL.RequestURI(), r.Header.Get("Content-Type"), string(body)), At: s.now()}
		rev, before, err := s.reserve(r.Context(), name, mine)
		switch {
		case err != nil:
			if p, ok := s.problemOf(r.Context(), "noting the request's key", err).(*Problem); ok {
				writeProblem(w, p)
			}
		case before != nil:
			replay(w, before, mine.Print)
		default:
			s.once(w, r, next, name, mine, rev)
		}
	})
}

func (s *server) checkKey(key string) *Problem {
	if s.Docs == nil {
		return problem(http.StatusServiceUnavailable, "idempotency keys are not kept here", "send the request without one")
	}
	if len(key) > maxKey || strings.ContainsFunc(key, func(r rune) bool { return r < ' ' || r > '~' }) {
		return problem(http.StatusBadRequest, "the Idempotency-Key does not read", fmt.Sprintf("at most %d printable ASCII characters, best a random UUID", maxKey))
	}
	return nil
}

// digestOf is a name for what may be long or secret.
func digestOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// reserve takes a key for a request, durably; before is the request that had it.
func (s *server) reserve(ctx context.Context, name string, mine kept) (rev uint64, before *kept, err error) {
	b, err := json.Marshal(mine)
	if err != nil {
		return 0, nil, err
	}
	old := uint64(0)
	for range 3 {
		rev, err = s.Docs.PutDoc(ctx, store.Doc{Kind: kindIdempotent, Key: name, JSON: b}, old)
		if !errors.Is(err, store.ErrConflict) {
			return rev, nil, err
		}
		d, gerr := s.Docs.GetDoc(ctx, "", kindIdempotent, name)
		if errors.Is(gerr, store.ErrNotFound) {
			old = 0
			continue // it failed meanwhile
		}
		if gerr != nil {
			return 0, nil, gerr
		}
		before = new(kept)
		if err := json.Unmarshal(d.JSON, before); err != nil {
			return 0, nil, fmt.Errorf("reading what a key was used for: %w", err)
		}
		if mine.At.Sub(before.At) <= idempotentFor {
			return 0, before, nil
		}
		old, before = d.Rev, nil // its day is over
	}
	return 0, nil, err
}

// replay answers for a request that was made before.
func replay(w http.ResponseWriter, k *kept, print string) {
	switch {
	case k.Print != print:
		writeProblem(w, problem(http.StatusUnprocessableEntity, "this Idempotency-Key belongs to another request", "take a new key for a new request"))
	case !k.Done:
		w.Header().Set("Retry-After", "1")
		writeProblem(w, problem(http.StatusConflict, "the request with this Idempotency-Key is not over, or the gateway ended while it ran",
			"try again in a moment; if that does not help, look what became of it, and take a new key"))
	case k.Long:
		writeProblem(w, problem(http.StatusConflict, "the request with this Idempotency-Key was carried out; its answer was too long to be kept", "look at what it changed"))
	default:
		if k.Type != "" {
			w.Header().Set("Content-Type", k.Type)
		}
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(k.Status)
		_, _ = w.Write(k.Body) // the caller may have left
	}
}

// once carries a request out and keeps its answer. The answer goes out when it
// is durable, or could not be made so.
func (s *server) once(w http.ResponseWriter, r *http.Request, next http.Handler, name string, k kept, rev uint64) {
	rec := &recorder{w: w, header: http.Header{}}
	settled := false
	late := context.WithoutCancel(r.Context())
	defer func() {
		if !settled { // it panicked: nobody knows what was done, and the key stays taken
			s.log.WarnContext(late, "a request with an idempotency key ended without an answer", slog.String("path", r.URL.Path))
		}
	}()
	next.ServeHTTP(rec, r.WithContext(late))
	settled = true
	if rec.status == 0 {
		rec.status = http.StatusOK
	}
	var err error
	if rec.status/100 != 2 && rec.status/100 != 5 {
		err = s.Docs.DeleteDoc(late, "", kindIdempotent, name, rev)
	} else {
		k.Done, k.Status, k.Type, k.Long = true, rec.status, rec.Header().Get("Content-Type"), rec.through
		if !rec.through {
			k.Body = rec.body.Bytes()
		}
		var b []byte
		if b, err = json.Marshal(k); err == nil {
			_, err = s.Docs.PutDoc(late, store.Doc{Kind: kindIdempotent, Key: name, JSON: b}, rev)
		}
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.log.WarnContext(late, "the answer to a request with an idempotency key could not be kept", slog.Any("error", err))
	}
	rec.send()
}

// recorder holds an answer back, unless it is long.
type recorder struct {
	w       http.ResponseWriter
	header  http.Header
	status  int
	body    bytes.Buffer
	through bool // it was too long and went out as it came
}

// Header implements http.ResponseWriter.
func (r *recorder) Header() http.Header { return r.header }

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(p []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	if !r.through && r.body.Len()+len(p) > maxKept {
		r.send()
		r.through = true
	}
	if r.through {
		return r.w.Write(p)
	}
	return r.body.Write(p)
}

// SetWriteDeadline lets http.ResponseController through, for what takes long.
func (r *recorder) SetWriteDeadline(t time.Time) error {
	return http.NewResponseController(r.w).SetWriteDeadline(t)
}

// send gives out what was held back.
func (r *recorder) send() {
	if r.through {
		return
	}
	h := r.w.Header()
	for k, v := range r.header {
		h[k] = v
	}
	r.w.WriteHeader(r.status)
	_, _ = r.w.Write(r.body.Bytes()) // the caller may have left
}

// ForgetAnswers drops the kept answers whose day is over. It reads a part of them at a
// time.
func ForgetAnswers(ctx context.Context, docs store.Docs, now time.Time) (n int, err error) {
	const digits = "0123456789abcdef"
	for _, a := range digits {
		for _, b := range digits {
			all, err := docs.ListDocs(ctx, "", kindIdempotent, string(a)+string(b))
			if err != nil {
				return n, fmt.Errorf("looking for old answers: %w", err)
			}
			for _, d := range all {
				var k kept
				if json.Unmarshal(d.JSON, &k) == nil && now.Sub(k.At) <= idempotentFor {
					continue
				}
				if err := docs.DeleteDoc(ctx, "", kindIdempotent, d.Key, d.Rev); err != nil {
					if errors.Is(err, store.ErrConflict) || errors.Is(err, store.ErrNotFound) {
						continue // it was used anew
					}
					return n, fmt.Errorf("dropping an old answer: %w", err)
				}
				n++
			}
		}
	}
	return n, nil
}
