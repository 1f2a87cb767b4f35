package api

import (
	"context"

	"github.com/mailweir/weir/gateway/internal/digest"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/store"
)

// Mailings are the mail that the gateway sends by the clock (*digest.Service).
// Who may ask for what is the caller's to check.
type Mailings interface {
	// Look tells what a link is about and changes nothing; Act does what it is
	// for. digest.ErrLink, digest.ErrLinkOver.
	Look(ctx context.Context, verb lifecycle.Verb, token string) (digest.Linked, error)
	Act(ctx context.Context, verb lifecycle.Verb, token, source string) (digest.Linked, error)

	// Preview composes a mailbox's digest without links that work, SendNow sends
	// it. digest.ErrNoDigest; store.ErrNotFound: nothing is held.
	Preview(ctx context.Context, mailbox string) (digest.Letter, error)
	SendNow(ctx context.Context, mailbox string) (*store.Message, error)

	// Reports lists the reports of the policy, RunReport makes one now.
	// digest.ErrNoReport.
	Reports(ctx context.Context) ([]digest.Planned, error)
	RunReport(ctx context.Context, tenant, name string, to []string) (*store.Message, error)
}

var _ Mailings = (*digest.Service)(nil)
