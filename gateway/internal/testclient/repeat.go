package testclient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// Summary is what came of many messages.
type Summary struct {
	Messages int           // tried
	Accepted int           // with a 2yz for every recipient
	Took     time.Duration // from the first connection to the last reply
	// Answers counts messages by their worst answer, "250" or "451 4.3.0", or
	// by what broke; Examples has the text of the first such answer.
	Answers  map[string]int
	Examples map[string]string
	times    []time.Duration
}

// Rate is messages a second.
func (s *Summary) Rate() float64 { return float64(s.Messages) / max(s.Took.Seconds(), 1e-9) }

// Percentile is the time within which p percent of the messages were answered.
func (s *Summary) Percentile(p float64) time.Duration {
	if len(s.times) == 0 {
		return 0
	}
	return s.times[min(len(s.times)-1, int(float64(len(s.times))*p/100))]
}

// MarshalJSON is the summary for programs; times in milliseconds.
func (s *Summary) MarshalJSON() ([]byte, error) {
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return json.Marshal(map[string]any{
		"messages": s.Messages, "accepted": s.Accepted, "took_ms": ms(s.Took), "per_second": s.Rate(),
		"answers": s.Answers, "examples": s.Examples,
		"p50_ms": ms(s.Percentile(50)), "p95_ms": ms(s.Percentile(95)), "p99_ms": ms(s.Percentile(99)), "max_ms": ms(s.Percentile(100)),
	})
}

// Write prints the summary.
func (s *Summary) Write(w io.Writer) {
	fmt.Fprintf(w, "%d messages in %s, %.1f a second; %d accepted\n", s.Messages, s.Took.Round(time.Millisecond), s.Rate(), s.Accepted)
	fmt.Fprintf(w, "time to answer: p50 %s, p95 %s, p99 %s, longest %s\n", round(s.Percentile(50)), round(s.Percentile(95)), round(s.Percentile(99)), round(s.Percentile(100)))
	keys := make([]string, 0, len(s.Answers))
	for k := range s.Answers {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool {
		if a, b := s.Answers[keys[i]], s.Answers[keys[j]]; a != b {
			return a > b
		}
		return keys[i] < keys[j]
	})
	for _, k := range keys {
		fmt.Fprintf(w, "%8d  %s  %s\n", s.Answers[k], k, s.Examples[k])
	}
}

func round(d time.Duration) time.Duration { return d.Round(10 * time.Microsecond) }

// Repeat sends n copies over a number of sessions, each of which keeps its
// connection as long as the server does.
func Repeat(ctx context.Context, m *Message, o Options, n, sessions int) *Summary {
	sum := &Summary{Answers: map[string]int{}, Examples: map[string]string{}}
	work := make(chan struct{}, n)
	for range n {
		work <- struct{}{}
	}
	close(work)
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := time.Now()
	for range min(sessions, n) {
		wg.Go(func() {
			var c *smtpc.Conn
			for range work {
				if ctx.Err() != nil {
					break
				}
				began := time.Now()
				var answer, text string
				var ok bool
				c, answer, text, ok = one(ctx, c, m, o)
				took := time.Since(began)
				mu.Lock()
				sum.Messages++
				if sum.Answers[answer]++; sum.Answers[answer] == 1 {
					sum.Examples[answer] = text
				}
				sum.times = append(sum.times, took)
				if ok {
					sum.Accepted++
				}
				mu.Unlock()
			}
			if c != nil {
				c.Quit()
			}
		})
	}
	wg.Wait()
	sum.Took = time.Since(start)
	slices.Sort(sum.times)
	return sum
}

// one sends one copy, over c when that is still good.
func one(ctx context.Context, c *smtpc.Conn, m *Message, o Options) (_ *smtpc.Conn, answer, text string, ok bool) {
	if c == nil || !c.Usable() {
		var err error
		if c, err = dial(ctx, o, nil); err != nil {
			return nil, words(err), "", false
		}
	}
	replies, err := transact(ctx, c, m, o.Helo)
	if err != nil {
		return c, words(err), "", false
	}
	worst := replies[0]
	for _, r := range replies {
		if r.Code > worst.Code {
			worst = r
		}
	}
	text = strings.ReplaceAll(worst.Text, "\n", " / ")
	if worst.Success() {
		return c, fmt.Sprint(worst.Code), text, true
	}
	worst.Text = ""
	return c, strings.TrimSpace(worst.String()), text, false
}

func words(err error) string {
	var se *smtpc.Error
	if errors.As(err, &se) {
		return string(se.Stage) + ": " + se.Reply.Text
	}
	return err.Error()
}
