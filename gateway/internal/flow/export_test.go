package flow

import (
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/smtpd"
)

// LastID is the ID of a session's transaction, for tests.
func LastID(t smtpd.Transaction) mail.ID { return t.(*session).tx.id }
