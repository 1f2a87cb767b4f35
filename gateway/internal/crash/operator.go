package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/query"
)

// orders are what an operator may do to a queue that loses nothing and sends
// nothing twice: whatever is under way at the moment, or being recorded, or
// lost with the process.
var orders = []struct {
	verb lifecycle.Verb
	on   mail.Status
}{
	{lifecycle.Retry, mail.StatusQueued},
	{lifecycle.Flush, mail.StatusQueued},
	{lifecycle.Freeze, mail.StatusQueued},
	{lifecycle.Thaw, mail.StatusQueueFrozen},
	{lifecycle.Thaw, mail.StatusQueueFrozen},
}

// operating has an operator give orders to the gateway of the moment until the
// function is called, which tells how many were carried out.
func operating(ctx context.Context, g *gateway) (idle func() int64) {
	ctx, cancel := context.WithCancel(ctx)
	var done atomic.Int64
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			if g.where().mx != "" {
				o := orders[rand.IntN(len(orders))]
				f := query.Where("status", query.Is, string(o.on))
				c := g.client()
				short, end := context.WithTimeout(ctx, 5*time.Second)
				if _, err := c.Act(short, api.ActionRequest{Verb: string(o.verb), Filter: &f}); err == nil {
					done.Add(1)
				} // else the gateway has just ended
				end()
				c.Close()
			}
			select {
			case <-ctx.Done():
			case <-time.After(time.Duration(100+rand.IntN(300)) * time.Millisecond):
			}
		}
	})
	return func() int64 {
		cancel()
		wg.Wait()
		return done.Load()
	}
}
