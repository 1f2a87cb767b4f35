package api

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/query"
)

// QueueShape is the queue summed up.
type QueueShape struct {
	At     time.Time               `json:"at"`
	Counts map[string]int          `json:"counts" doc:"Recipients by status"`
	Bounds []int64                 `json:"bounds" doc:"Where one age ends and the next begins, in seconds"`
	All    QueueGroup              `json:"all"`
	By     map[string][]QueueGroup `json:"by" doc:"Groups by what they were asked for, the largest first"`
	Others map[string]int          `json:"others,omitempty" doc:"Groups that are left out"`
}

// QueueGroup is the recipients that have something in common.
type QueueGroup struct {
	Key    string    `json:"key,omitempty" example:"partner.test"`
	Total  int       `json:"total"`
	Frozen int       `json:"frozen,omitempty" doc:"Of total: queue-frozen"`
	Ages   []int     `json:"ages" doc:"Recipients by age: up to each of the bounds, and beyond the last"`
	Oldest time.Time `json:"oldest,omitzero" doc:"When the oldest message came in"`
}

// OutboundReport tells how outgoing mail stands.
type OutboundReport struct {
	Since    time.Time         `json:"since"`
	Until    time.Time         `json:"until"`
	Messages int               `json:"messages"`
	Counts   map[string]int    `json:"counts" doc:"Recipients by status"`
	Recent   []OutboundMessage `json:"recent" doc:"The newest messages, newest first"`
}

// OutboundMessage is one outgoing message with its log.
type OutboundMessage struct {
	ID         string    `json:"id"`
	Received   time.Time `json:"received"`
	Sender     string    `json:"sender" doc:"Empty for the null reverse-path"`
	Subject    string    `json:"subject,omitempty"`
	Recipients []Row     `json:"recipients"`
	Events     []Event   `json:"events" doc:"Oldest first"`
}

// JobRequest begins a job.
type JobRequest struct {
	Verb   string            `json:"verb" minLength:"1" doc:"See the verbs of a row" example:"remove"`
	Q      string            `json:"q,omitempty" maxLength:"4096" doc:"Filter in its text form"`
	Filter *query.Filter     `json:"filter,omitempty" doc:"Filter as a tree; narrows q"`
	All    bool              `json:"all,omitempty" doc:"Everything the verb is for; without it a filter is needed"`
	Args   map[string]string `json:"args,omitempty" doc:"What the verb needs beside, such as reason"`
}

// Job is a verb that is applied to all that a search finds. Counts are of
// recipients.
type Job struct {
	ID      string    `json:"id"`
	Verb    string    `json:"verb"`
	Query   string    `json:"query,omitempty" doc:"What it is applied to, as text"`
	Reason  string    `json:"reason,omitempty"`
	Actor   string    `json:"actor"`
	State   string    `json:"state" enum:"counting,running,done,cancelled,failed,stopped" doc:"stopped: the gateway ended while it ran"`
	Over    bool      `json:"over" doc:"Nothing more comes of it"`
	Started time.Time `json:"started"`
	Ended   time.Time `json:"ended,omitzero"`
	Total   int       `json:"total" doc:"Found when it began"`
	Tried   int       `json:"tried"`
	Changed int       `json:"changed"`
	Refused int       `json:"refused" doc:"Not done; their results say why"`
	Error   string    `json:"error,omitempty"`
	Cancels string    `json:"cancels,omitempty" doc:"Who cancelled it"`
}

// JobResults is one page of a job's results.
type JobResults struct {
	Items []ActionItem `json:"items"`
	Next  string       `json:"next,omitempty" doc:"Cursor of the next page; absent at the end"`
}
