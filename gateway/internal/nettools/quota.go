package nettools

import (
	"fmt"
	"sync"
	"time"
)

// Busy refuses a tool that was used too often.
type Busy struct {
	What string
	Wait time.Duration // until there is room again
}

// Error says what was used too often.
func (b *Busy) Error() string { return b.What + " were asked for too often" }

// Remedy implements the API's Remedied.
func (b *Busy) Remedy() string {
	return fmt.Sprintf("try again in %s", max(b.Wait, time.Second).Round(time.Second))
}

// quota is a token bucket for each of many names.
type quota struct {
	what  string
	every time.Duration // one token grows in
	burst float64
	now   func() time.Time

	mu sync.Mutex
	m  map[string]*tokens
}

type tokens struct {
	n  float64
	at time.Time
}

// maxQuotas bounds the memory; what is full again is dropped beyond it.
const maxQuotas = 4096

// take takes n tokens of a name, or none and a *Busy.
func (q *quota) take(name string, n int) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	now := q.now()
	grown := func(t *tokens) float64 { return min(q.burst, t.n+float64(now.Sub(t.at))/float64(q.every)) }
	t := q.m[name]
	if t == nil {
		if len(q.m) >= maxQuotas {
			for k, x := range q.m {
				if grown(x) >= q.burst {
					delete(q.m, k)
				}
			}
			if len(q.m) >= maxQuotas {
				return &Busy{q.what, q.every}
			}
		}
		t = &tokens{n: q.burst, at: now}
		if q.m == nil {
			q.m = map[string]*tokens{}
		}
		q.m[name] = t
	}
	t.n, t.at = grown(t), now
	if missing := float64(n) - t.n; missing > 0 {
		return &Busy{q.what, time.Duration(missing * float64(q.every))}
	}
	t.n -= float64(n)
	return nil
}

// rations are the quotas of every tool.
type rations struct {
	ask     quota // by operator: look-ups in the DNS alone
	callout quota // by operator
	sender  quota // by operator: strangers' servers are asked about strangers
	domain  quota // by domain, of sender callouts, whoever orders them
	call    quota // by operator: dialogues and TLS checks
	host    quota // by host, whoever calls it
}

func newRations(now func() time.Time) *rations {
	q := func(what string, every time.Duration, burst float64) quota {
		return quota{what: what, every: every, burst: burst, now: now}
	}
	return &rations{
		ask:     q("look-ups", 200*time.Millisecond, 60),
		callout: q("recipient callouts", time.Second, 30),
		sender:  q("sender callouts", 10*time.Second, 10),
		domain:  q("sender callouts of one domain", 30*time.Second, 5),
		call:    q("calls", 3*time.Second, 20),
		host:    q("calls of one host", 5*time.Second, 10),
	}
}
