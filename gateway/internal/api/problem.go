package api

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/actions"
	"github.com/mailweir/weir/gateway/internal/journal"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/query"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Problem is an error answer (RFC 9457), with what to do about it.
type Problem struct {
	Title  string   `json:"title" doc:"The HTTP status in words"`
	Status int      `json:"status" doc:"HTTP status code"`
	Detail string   `json:"detail" doc:"What went wrong this time"`
	Remedy string   `json:"remedy,omitempty" doc:"What to do about it"`
	ID     string   `json:"id,omitempty" doc:"Stands in the gateway's log beside the cause"`
	Errors []string `json:"errors,omitempty" doc:"Single faults in the request"`
}

// Error is the detail.
func (p *Problem) Error() string { return p.Detail }

// GetStatus is the HTTP status code.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType makes the answer problem+json.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

func problem(status int, detail, remedy string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Detail: detail, Remedy: remedy}
}

// huma builds the errors it finds itself (validation, negotiation) through a
// package variable; it offers no other way to give them our shape.
func init() {
	huma.DefaultArrayNullable = false // a list without elements is []
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		p := problem(status, msg, "")
		for _, err := range errs {
			var d *huma.ErrorDetail
			switch {
			case err == nil:
			case errors.As(err, &d) && d.Location != "":
				p.Errors = append(p.Errors, d.Location+": "+d.Message)
			default:
				p.Errors = append(p.Errors, err.Error())
			}
		}
		return p
	}
}

// Remedied is an error that knows what an operator should do about it.
type Remedied interface {
	error
	Remedy() string
}

// Mistake marks an error as the caller's: its text may be shown.
type Mistake interface {
	error
	Mistake() bool
}

// problemOf turns the error of a service into an answer. What it does not know
// is logged under an ID and shown as that ID only.
func (s *server) problemOf(ctx context.Context, doing string, err error) error {
	var remedy string
	var re Remedied
	if errors.As(err, &re) {
		remedy = re.Remedy()
	}
	var p *Problem
	var mistake Mistake
	switch {
	case errors.As(err, &p):
		return p
	case errors.Is(err, query.ErrInvalid):
		return problem(http.StatusUnprocessableEntity, doing+": "+err.Error(), orElse(remedy, "see: weir help search"))
	case errors.Is(err, journal.ErrCursor), errors.Is(err, actions.ErrSelection):
		return problem(http.StatusUnprocessableEntity, doing+": "+err.Error(), remedy)
	case errors.Is(err, actions.ErrUnrecorded):
		return problem(http.StatusServiceUnavailable, doing+": "+actions.ErrUnrecorded.Error(), "see the gateway's log")
	case errors.Is(err, actions.ErrConfirm):
		return problem(http.StatusUnprocessableEntity, doing+": "+err.Error(), orElse(remedy, `send "confirmed": "yes" among the args`))
	case errors.Is(err, lifecycle.ErrRefused):
		return problem(http.StatusForbidden, err.Error(), remedy)
	case errors.Is(err, store.ErrAmbiguous):
		return problem(http.StatusConflict, doing+": "+strings.TrimPrefix(tailOf(err, store.ErrAmbiguous), ": "), orElse(remedy, "give more characters of the ID"))
	case errors.Is(err, store.ErrNotFound):
		return problem(http.StatusNotFound, doing+": no such message", orElse(remedy, "look for it with: weir log search"))
	case errors.Is(err, store.ErrLeased):
		return problem(http.StatusConflict, doing+": a delivery attempt is under way", orElse(remedy, "try again in a moment"))
	case errors.Is(err, store.ErrConflict):
		return problem(http.StatusConflict, doing+": it was changed meanwhile", orElse(remedy, "look at it again"))
	case errors.Is(err, store.ErrFull):
		return problem(http.StatusInsufficientStorage, doing+": not enough free space", orElse(remedy, "free space under data_dir"))
	case errors.Is(err, store.ErrUnavailable):
		return problem(http.StatusServiceUnavailable, doing+": the store cannot commit now", remedy)
	case errors.As(err, &mistake) && mistake.Mistake():
		return problem(http.StatusConflict, doing+": "+err.Error(), remedy)
	case errors.Is(err, context.DeadlineExceeded):
		return problem(http.StatusGatewayTimeout, doing+": took too long", orElse(remedy, "narrow the search"))
	case errors.Is(err, context.Canceled):
		return problem(499, doing+": the caller left", "")
	}
	id := faultID()
	s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("fault", id), slog.String("doing", doing), slog.Any("error", err))
	p = problem(http.StatusInternalServerError, doing+": internal error "+id, orElse(remedy, "look for "+id+" in the gateway's log"))
	p.ID = id
	return p
}

// tailOf is the text of err from where it speaks of target on.
func tailOf(err, target error) string {
	text := err.Error()
	if i := strings.LastIndex(text, target.Error()); i >= 0 {
		text = text[i+len("store: "):]
	}
	return text
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func faultID() string {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand)
	return hex.EncodeToString(b[:])
}

// writeProblem answers outside of huma: authentication, unknown paths.
func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may have left
}
