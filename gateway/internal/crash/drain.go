package main

import (
	"context"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// drain waits until the gateway holds nothing: first its queue goes, frozen
// DSNs (B79) thawed; then an operator lets pass what filters held, at the
// time returned. What is left when limit is over is an error.
func drain(ctx context.Context, g *gateway, limit time.Duration) (released time.Time, err error) {
	c := g.client()
	defer c.Close()
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := empty(ctx, g, c, false); err != nil {
		return released, err
	}
	released = time.Now()
	return released, empty(ctx, g, c, true)
}

// empty waits for the queue, and with all also for what is held.
func empty(ctx context.Context, g *gateway, c *client.Client, all bool) error {
	for {
		sum, err := c.Summary(ctx)
		if err != nil {
			return fmt.Errorf("asking for the queue: %w; see %s", err, g.log.Name())
		}
		n := map[mail.Status]int{}
		left := 0
		for s, count := range sum.Counts {
			n[mail.Status(s)] = count
			if all || s != string(mail.StatusQuarantined) && s != string(mail.StatusStalled) {
				left += count
			}
		}
		if left == 0 {
			return nil
		}
		for _, step := range []struct {
			s mail.Status
			v lifecycle.Verb
			d bool
		}{
			{mail.StatusQueueFrozen, lifecycle.Thaw, true},
			{mail.StatusQuarantined, lifecycle.Release, all},
			{mail.StatusStalled, lifecycle.Force, all},
		} {
			if step.d && n[step.s] > 0 {
				f := query.Where("status", query.Is, string(step.s))
				if _, err := c.Act(ctx, api.ActionRequest{Verb: string(step.v), Filter: &f, Args: map[string]string{"confirmed": "yes"}}); err != nil {
					return fmt.Errorf("%s: %w", step.v, err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the gateway did not drain in time, still live: %v; see %s", sum.Counts, g.log.Name())
		case <-time.After(100 * time.Millisecond):
		}
	}
}
