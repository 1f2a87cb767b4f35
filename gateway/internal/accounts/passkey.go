package accounts

import "time"

// Passkey is a passkey as it is shown.
type Passkey struct {
	ID       string    `json:"id"`
	Name     string    `json:"name"`
	Created  time.Time `json:"created"`
	LastUsed time.Time `json:"last_used,omitzero"`
}

// passkey is one as it is stored.
type passkey struct {
	Passkey
}

func (p passkey) shown() Passkey { return p.Passkey }
