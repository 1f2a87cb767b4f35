package filter

import (
	"context"
	"time"

	"github.com/mailweir/weir/sdk/abi"
)

// Trial is what an author's test does to the calls of one context: it sets the
// guest's clock and makes host calls fail. The gateway itself only does
// where it tries a plugin out (conform.go).
type Trial struct {
	// Now is the guest's wall clock; nil: the real one.
	Now func() time.Time
	// Fault is asked before each host call of module weir1 that a hook makes, by
	// its name; nil: none fails. Calls of weir_init are left alone: when an
	// instance is started is the pool's matter.
	Fault func(call string) Fault
}

// Fault is what becomes of one host call.
type Fault struct {
	Code  int32 // a negative result of the ABI in place of the call; 0 lets it pass
	Short bool  // body_read and conn_read get half the room they asked for, at least one octet
}

type trialKey struct{}

// WithTrial makes calls under the context part of a test.
func WithTrial(ctx context.Context, t *Trial) context.Context {
	return context.WithValue(ctx, trialKey{}, t)
}

func trialOf(ctx context.Context) *Trial {
	t, _ := ctx.Value(trialKey{}).(*Trial)
	return t
}

// fault applies the trial to a host call; true: its result is set.
func (c *call) fault(name string, st []uint64) bool {
	if c.trial == nil || c.trial.Fault == nil || c.ev == nil || hostFuncs[name] == nil {
		return false
	}
	f := c.trial.Fault(name)
	if f.Short {
		room := 3 // body_read: part offset ptr cap
		if name == "conn_read" {
			room = 2 // conn ptr cap
		}
		if n := uint32(st[room]); n > 1 {
			st[room] = uint64(n / 2)
		}
	}
	if f.Code >= 0 {
		return false
	}
	st[0] = uint64(int64(c.fail(f.Code, "this call fails for a test")))
	if name != "conn_send" {
		st[0] = uint64(uint32(f.Code))
	}
	return true
}

// now is the wall clock as guests see it.
func (c *call) now() time.Time {
	if c != nil && c.trial != nil && c.trial.Now != nil {
		return c.trial.Now()
	}
	return time.Now()
}

// Faulty are the ways in which a host call may fail, so that a guest has to
// cope with them; none for those that give nothing a verdict could rest on.
// "Not found" is left out where it is an answer like any other.
func Faulty(h abi.HostCall) []Fault {
	codes := []int32{abi.ErrUnavailable, abi.ErrTimeout}
	var out []Fault
	switch h.Name {
	case "log", "log_level", "error_read", "metric_add", "conn_close":
		return nil
	case "body_read", "conn_read":
		out = append(out, Fault{Short: true})
	case "config_read", "match_define", "list_lookup", "message_get", "message_release", "message_reject", "message_delete":
		codes = append(codes, abi.ErrNotFound)
	}
	if h.Grant != "" {
		codes = append(codes, abi.ErrDenied)
	}
	for _, c := range codes {
		out = append(out, Fault{Code: c})
	}
	return out
}
