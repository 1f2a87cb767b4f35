package tasks

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// kindDoc is the kind of document a task is. All stand under no tenant, so
// that they are found without the policy; the tenant is in them.
const kindDoc = "plugin-task"

// The stages a task calls.
const (
	Schedule = "schedule"
	Action   = "action"
)

// Task is one call that is to be made.
type Task struct {
	ID     string `json:"-"` // key of its document
	Stage  string `json:"stage"`
	Plugin string `json:"plugin"`
	Tenant string `json:"tenant,omitempty"`
	Name   string `json:"name"`          // of the action, or as the plugin named it
	Key    string `json:"key,omitempty"` // schedule: with the name, what a later one replaces
	Actor  string `json:"actor,omitempty"`

	Message mail.ID `json:"message,omitzero"`
	N       int     `json:"n,omitempty"`       // the recipient it is about; 0 all of the tenant
	Info    []byte  `json:"info,omitempty"`    // abi.MessageInfo, should the message not be recorded
	Payload []byte  `json:"payload,omitempty"` // schedule: as given; action: an abi.Value

	ConfigID uint64    `json:"config_id,omitempty"` // of the filter that planned it; 0: the plugin's own
	Created  time.Time `json:"created"`
	Next     time.Time `json:"next"` // when it is due
	Tries    int       `json:"tries,omitempty"`
	Error    string    `json:"error,omitempty"`  // of the last try
	Failed   time.Time `json:"failed,omitzero"`  // when it was given up
	Missing  time.Time `json:"missing,omitzero"` // since when its plugin or tenant is not in the policy
}

// State is where a task stands.
type State string

// The states.
const (
	StateWaiting State = "waiting"
	StateRunning State = "running"
	StateMissing State = "missing" // its plugin or tenant is not in the policy
	StateFailed  State = "failed"  // given up; kept for a while to be seen
)

// encode is the task's document.
func (t *Task) encode() ([]byte, error) {
	b, err := json.Marshal(t)
	if err != nil {
		return nil, fmt.Errorf("writing task %s: %w", t.ID, err)
	}
	return b, nil
}

func decode(id string, doc []byte) (*Task, error) {
	t := &Task{ID: id}
	if err := json.Unmarshal(doc, t); err != nil {
		return nil, fmt.Errorf("task %s is damaged: %w", id, err)
	}
	return t, nil
}

// taskID names a task by what makes it one, so that it is made once.
func taskID(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// Bounds of trying.
const (
	maxTries    = 12
	firstPause  = 30 * time.Second
	longestWait = time.Hour
	keepFailed  = 7 * 24 * time.Hour
	keepMissing = 7 * 24 * time.Hour
	lookAgain   = 10 * time.Minute // for a plugin or tenant that is not there
)

// pause is how long to wait after the n-th try failed, from 1: 30 s, doubling
// to an hour. false: that was the last.
func pause(n int) (time.Duration, bool) {
	if n >= maxTries {
		return 0, false
	}
	if n > 7 {
		return longestWait, true
	}
	return min(firstPause<<(n-1), longestWait), true
}
