package plugnet

import (
	"context"
	"errors"
	"math"
	"sync"
	"time"

	"github.com/mailweir/weir/gateway/internal/resolver"
	"github.com/mailweir/weir/sdk/abi"
)

const (
	atOnce     = 8  // questions of one batch that are under way at a time
	maxRecords = 50 // of one answer
)

// Query implements filter.DNS.
func (n *Net) Query(ctx context.Context, questions []abi.DNSQuestion) []abi.DNSAnswer {
	out := make([]abi.DNSAnswer, len(questions))
	slots := make(chan struct{}, atOnce)
	var wg sync.WaitGroup
	for i, q := range questions {
		slots <- struct{}{} // held no longer than ctx: so is the wait
		wg.Go(func() {
			defer func() { <-slots }()
			out[i] = n.answer(ctx, q)
		})
	}
	wg.Wait()
	return out
}

func (n *Net) answer(ctx context.Context, q abi.DNSQuestion) abi.DNSAnswer {
	if ctx.Err() != nil {
		return abi.DNSAnswer{Code: abi.DNSCodeFailed}
	}
	r, err := n.o.Resolver.Records(ctx, q.Name, q.Type)
	a := abi.DNSAnswer{
		Code: abi.DNSCodeOk, Records: r.Values[:min(len(r.Values), maxRecords)], Secure: r.Secure,
		TTLS: uint32(min((r.TTL+time.Second-1)/time.Second, math.MaxUint32)),
	}
	var e *resolver.Error
	switch {
	case err == nil:
	case !errors.As(err, &e) || !e.NotFound:
		return abi.DNSAnswer{Code: abi.DNSCodeFailed}
	case e.NoDomain:
		a.Code, a.Records = abi.DNSCodeNotFound, nil
	default:
		a.Code, a.Records = abi.DNSCodeNoData, nil
	}
	return a
}
