package api

import (
	"context"
	"maps"
	"strings"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/audit"
)

// withName has what is recorded of a request say what its maker is called, where
// the actor does not: whom a provider vouches for acts under the subject that the
// provider has for them, since a name they may choose.
func withName(ctx context.Context, id accounts.Identity) context.Context {
	if id.User != "" || !strings.HasPrefix(id.How, accounts.HowOIDC) || id.Name == "" || id.Name == id.Scope.Actor {
		return ctx
	}
	return audit.Because(ctx, audit.Cause{Details: map[string]string{audit.ActorName: id.Name}})
}

// naming writes that name into every entry.
type naming struct{ audit.Recorder }

func (n naming) Record(ctx context.Context, e audit.Entry) error {
	return n.Recorder.Record(ctx, named(ctx, e))
}

// RecordAll writes entries down together, where the recorder can.
func (n naming) RecordAll(ctx context.Context, es []audit.Entry) error {
	out := make([]audit.Entry, len(es))
	for i := range es {
		out[i] = named(ctx, es[i])
	}
	if many, ok := n.Recorder.(interface {
		RecordAll(context.Context, []audit.Entry) error
	}); ok {
		return many.RecordAll(ctx, out)
	}
	for _, e := range out {
		if err := n.Recorder.Record(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

func named(ctx context.Context, e audit.Entry) audit.Entry {
	name := audit.CauseOf(ctx).Details[audit.ActorName]
	if name == "" || e.Details[audit.ActorName] != "" {
		return e
	}
	d := maps.Clone(e.Details)
	if d == nil {
		d = map[string]string{}
	}
	d[audit.ActorName] = name
	e.Details = d
	return e
}
