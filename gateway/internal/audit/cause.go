package audit

import (
	"context"
	"maps"
)

// Cause is what the entries of one undertaking have in common: a request writes
// some before it is carried out, and a job that it began writes more later.
type Cause struct {
	Source  string            // where it came from; see Entry
	Details map[string]string // "request", "job"; joined into every entry's
}

// ActorName is the detail that says what an actor is called, where that is
// somebody's own to choose: a subject of a provider of OpenID Connect.
const ActorName = "actor_name"

type causeKey struct{}

// Because has entries that are written within ctx, by whoever asks CauseOf, say
// more: c's details are added to those that ctx has, and its source, if it has
// one, takes the place of ctx's.
func Because(ctx context.Context, c Cause) context.Context {
	was := CauseOf(ctx)
	if c.Source == "" {
		c.Source = was.Source
	}
	details := maps.Clone(was.Details)
	if details == nil {
		details = map[string]string{}
	}
	maps.Copy(details, c.Details)
	return context.WithValue(ctx, causeKey{}, Cause{c.Source, details})
}

// CauseOf is what was said with Because. Its details are not to be changed.
func CauseOf(ctx context.Context) Cause {
	c, _ := ctx.Value(causeKey{}).(Cause)
	return c
}
