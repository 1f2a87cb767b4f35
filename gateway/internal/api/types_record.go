package api

import (
	"time"

	"github.com/mailweir/weir/gateway/internal/store"
)

// FilterRun is one filter's part in a judgement.
type FilterRun struct {
	Filter  string     `json:"filter" example:"office.spam" doc:"Filter block"`
	Plugin  string     `json:"plugin" doc:"Plugin block"`
	Digest  string     `json:"digest,omitempty" doc:"Of the plugin's module, first 16 hexadecimal digits; absent: it was not there"`
	Took    float64    `json:"took_ms" doc:"Milliseconds, with the wait for the plugin"`
	Outcome string     `json:"outcome,omitempty" doc:"Most severe action that it recommended, which policy may not have followed; failed: it gave no verdict; absent: it recommended nothing"`
	Stages  []StageRun `json:"stages" doc:"Its calls, in order"`
}

// StageRun is one call of a filter.
type StageRun struct {
	Stage   string  `json:"stage" example:"message"`
	Took    float64 `json:"took_ms"`
	Outcome string  `json:"outcome,omitempty"`
}

func filtersOf(r *store.Recipient) []FilterRun {
	out := make([]FilterRun, 0, len(r.Filters))
	for i := range r.Filters {
		f := &r.Filters[i]
		run := FilterRun{Filter: f.Filter, Plugin: f.Plugin, Digest: f.Digest, Took: millis(f.Took().Microseconds()), Outcome: f.Outcome(), Stages: make([]StageRun, len(f.Stages))}
		for i, s := range f.Stages {
			run.Stages[i] = StageRun{s.Stage, millis(s.Micros), s.Outcome}
		}
		out = append(out, run)
	}
	return out
}

func millis(us int64) float64 { return float64(us) / 1000 }

// Delivery is a row of the delivery log: an attempt, with the one recipient's
// outcome.
type Delivery struct {
	Attempt
	Row *Row `json:"row,omitempty" doc:"The recipient's row, with the fields that were asked for"`
}

// DeliveryPage is one page of the delivery log, latest attempt first.
type DeliveryPage struct {
	Items          []Delivery `json:"items"`
	Next           string     `json:"next,omitempty" doc:"Cursor of the next page; absent at the end"`
	Partial        bool       `json:"partial,omitempty" doc:"Not everything was looked at: attempts that began before searched_back_to may be missing. A narrower search helps, by attempt_time for instance"`
	SearchedBackTo time.Time  `json:"searched_back_to,omitzero"`
}
