package audit

import (
	"context"
	"time"
)

// Entry is one thing that somebody did.
type Entry struct {
	Seq     uint64            `json:"seq"` // from 1, without gaps; assigned
	At      time.Time         `json:"at"`
	Actor   string            `json:"actor"`            // "anna@acme.test", "cli:root", "token:backup#qpkgyzrt"
	Source  string            `json:"source,omitempty"` // where the request came from: an IP address, "socket"
	Tenant  string            `json:"tenant,omitempty"` // whose; "" the gateway's own
	Action  string            `json:"action"`           // a verb of package lifecycle, or "sign-in", "user-create", …
	Target  string            `json:"target,omitempty"` // message "ID" or "ID.n", user, token, list …
	Details map[string]string `json:"details,omitempty"`
	Refused string            `json:"refused,omitempty"` // why nothing was done; "" it was
	Prev    string            `json:"prev"`              // Hash of the entry before, hexadecimal
	Hash    string            `json:"hash"`              // SHA-256 over this entry without Hash
}

// Recorder takes entries. Seq, Prev and Hash are assigned. It returns once the
// entry is durable; an error means that it is not, and then what was to be done
// is not done: an action that cannot be recorded is refused.
type Recorder interface {
	Record(ctx context.Context, e Entry) error
}
