package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/scope"
)

// Server-sent events (WHATWG HTML §9.2): how a stream is written, how long it
// goes on, and how many there are.

const (
	// heartbeat is how often something is written when nothing happens, so that
	// neither side waits for one that is gone.
	heartbeat = 15 * time.Second
	// stuck is how long one write may take before the stream is given up; its
	// reader comes back, and goes on from the last event it had.
	stuck = 30 * time.Second
	// maxStreams is how many streams there are at one time, of all callers.
	maxStreams = 256
)

// errStreams: the caller has as many streams as it may.
var errStreams = errors.New("there are as many live streams as may be")

// streams counts the streams that are open.
type streams struct {
	mu   sync.Mutex
	all  int
	each map[string]int
}

// open takes a place for a caller; release gives it back.
func (t *streams) open(caller string, most int) (release func(), err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.all >= maxStreams || most > 0 && t.each[caller] >= most {
		return nil, errStreams
	}
	if t.each == nil {
		t.each = map[string]int{}
	}
	t.all++
	t.each[caller]++
	return sync.OnceFunc(func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.all--
		if t.each[caller]--; t.each[caller] == 0 {
			delete(t.each, caller)
		}
	}), nil
}

// stream is one stream of events to one caller.
type stream struct {
	ctx   context.Context
	w     http.ResponseWriter
	ctl   *http.ResponseController
	still func() bool
}

// event writes one event. id may be "": readers that come back name the last
// one they had.
func (s *stream) event(id, name string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("writing an event: %w", err)
	}
	var b bytes.Buffer
	if id != "" {
		fmt.Fprintf(&b, "id: %s\n", id)
	}
	if name != "" {
		fmt.Fprintf(&b, "event: %s\n", name)
	}
	fmt.Fprintf(&b, "data: %s\n\n", data)
	return s.write(b.Bytes())
}

// beat writes a comment, and the place from which to come back. It fails when
// the caller's session or token has ended.
func (s *stream) beat(id string) error {
	if !s.still() {
		_ = s.event("", "end", Problem{Title: http.StatusText(http.StatusUnauthorized), Status: http.StatusUnauthorized, Detail: "the session has ended"})
		return errEnded
	}
	if id != "" {
		return s.write([]byte(": beat\nid: " + id + "\n\n"))
	}
	return s.write([]byte(": beat\n\n"))
}

var errEnded = errors.New("the caller's session has ended")

func (s *stream) write(b []byte) error {
	if err := s.ctl.SetWriteDeadline(time.Now().Add(stuck)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := s.w.Write(b); err != nil {
		return err
	}
	if err := s.ctl.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	return s.ctx.Err()
}

// streamRoute describes an operation that answers with a stream of T.
func streamRoute(a huma.API, op huma.Operation, t reflect.Type, name string) huma.Operation {
	schema := a.OpenAPI().Components.Schemas.Schema(t, true, name)
	op.Responses = map[string]*huma.Response{"200": {
		Description: "Server-sent events; the data of each is JSON",
		Content: map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{
			Type: "string", Description: "Lines of the form `field: value`, an empty line behind each event (WHATWG HTML §9.2)",
			Extensions: map[string]any{"x-event-data": schema},
		}}},
	}}
	return op
}

// streaming answers with what run writes. It ends with the caller, with the
// caller's session, and with the gateway.
func (s *server) streaming(ctx context.Context, run func(*stream) error) (*huma.StreamResponse, error) {
	release, err := s.streams.open(callerOf(ctx), s.limits().Streams)
	if err != nil {
		return nil, problem(http.StatusTooManyRequests, err.Error(), "close one, or raise streams in the policy's admin block")
	}
	return &huma.StreamResponse{Body: func(hc huma.Context) {
		defer release()
		w, ok := hc.BodyWriter().(http.ResponseWriter)
		if !ok {
			s.log.ErrorContext(ctx, "a stream cannot be written here")
			return
		}
		hc.SetHeader("Content-Type", "text/event-stream; charset=utf-8")
		hc.SetHeader("X-Accel-Buffering", "no") // a proxy is to pass on each event at once
		hc.SetStatus(http.StatusOK)
		ctx, cancel := context.WithCancel(ctx)
		defer cancel()
		if s.Closing != nil {
			defer context.AfterFunc(s.Closing, cancel)()
		}
		st := &stream{ctx: ctx, w: w, ctl: http.NewResponseController(w), still: stillOf(ctx)}
		_ = st.ctl.SetReadDeadline(time.Time{}) // the server's is for a request, which this outlives
		if err := st.write([]byte("retry: 2000\n\n")); err != nil {
			return
		}
		if err := run(st); err != nil && ctx.Err() == nil {
			s.log.DebugContext(ctx, "a stream ended", slog.Any("error", err))
		}
	}}, nil
}

type stillKey struct{}

// remembering keeps for a stream how to find out whether its caller may go on.
func (s *server) remembering(who Authenticator, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		had := scopeOf(r.Context())
		still := func() bool {
			now, p := s.identify(who, r)
			return p == nil && sameScope(now.Scope, had)
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), stillKey{}, still)))
	})
}

func stillOf(ctx context.Context) func() bool {
	if f, ok := ctx.Value(stillKey{}).(func() bool); ok {
		return f
	}
	return func() bool { return true }
}

// sameScope reports that a caller may see what it might before.
func sameScope(a, b scope.Scope) bool { return reflect.DeepEqual(a, b) }
