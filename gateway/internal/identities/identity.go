package identities

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/mailweir/weir/gateway/internal/mail"
)

// Bounds.
const (
	MaxIdentities = 100_000 // of one tenant, locked users included
	MaxName       = 400     // octets of a name or a user
	MaxNote       = 500     // octets of a note or a reason
)

// ErrInvalid wraps what is wrong with an identity.
var ErrInvalid = errors.New("identities")

// ErrNotFound: there is no such identity, or no such locked user.
var ErrNotFound = errors.New("no such identity")

type faulty struct{ text string }

func (f *faulty) Error() string { return f.text }
func (f *faulty) Unwrap() error { return ErrInvalid }

func invalid(f string, a ...any) error { return &faulty{fmt.Sprintf(f, a...)} }

// Invalid is an error of ErrInvalid in words of one's own.
func Invalid(text string) error { return &faulty{text} }

// Lock keeps mail from being accepted until somebody takes it away.
type Lock struct {
	By     string    `json:"by"`
	Reason string    `json:"reason,omitempty"`
	At     time.Time `json:"at"`
}

// Identity is what outgoing mail is sent in. All conditions that it names have
// to hold; it names at least one.
type Identity struct {
	Tenant string    `json:"tenant"`
	Name   string    `json:"name"`             // of the tenant, one each
	User   string    `json:"user,omitempty"`   // the authenticated user
	Sender string    `json:"sender,omitempty"` // the envelope's: an address, or "@domain"
	Client string    `json:"client,omitempty"` // an IP address or a network
	Note   string    `json:"note,omitempty"`
	By     string    `json:"by"` // who added it
	At     time.Time `json:"at"`
	Lock   *Lock     `json:"lock,omitempty"`

	net netip.Prefix // Client, read
}

// LockedUser is a user, or a client that did not authenticate, that may not
// send for a tenant.
type LockedUser struct {
	Tenant string `json:"tenant"`
	User   string `json:"user"` // as authenticated, or "[192.0.2.1]" for who does not
	Lock   Lock   `json:"lock"`
}

// Facts are what is known of a message when its sender is named.
type Facts struct {
	Tenant string
	User   string       // authenticated; "" nobody
	Sender mail.Address // of the envelope
	Client netip.Addr
}

// UserOf is whom LockUser is about: the authenticated user, or the client's
// address where nobody authenticated; "" when neither is known.
func UserOf(user string, client netip.Addr) string {
	switch {
	case user != "":
		return user
	case client.IsValid():
		return "[" + client.Unmap().WithZone("").String() + "]"
	}
	return ""
}

// NameOf is what an identity is called that nobody configured: the sender, as
// its user where that is somebody else. "" where neither is known.
func NameOf(user string, sender mail.Address) string {
	switch s := strings.ToLower(sender.Key()); {
	case sender.IsNull():
		return user
	case user == "" || strings.EqualFold(user, s):
		return s
	default:
		return user + " as " + s
	}
}

// check puts an identity into the form that is kept.
func (i *Identity) check() error {
	switch {
	case i.Tenant == "":
		return invalid("an identity needs a tenant")
	case i.By == "":
		return invalid("an identity needs to say who added it")
	case len(i.Note) > MaxNote:
		return invalid("the note has %d octets; at most %d", len(i.Note), MaxNote)
	case i.User == "" && i.Sender == "" && i.Client == "":
		return invalid("an identity needs a user, a sender or a client to be known by")
	}
	for what, s := range map[string]string{"name": i.Name, "user": i.User, "note": i.Note} {
		if len(s) > max(MaxName, MaxNote) || what != "note" && len(s) > MaxName || strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return invalid("the %s is longer than %d octets, or holds a control character", what, MaxName)
		}
	}
	if err := i.checkSender(); err != nil {
		return err
	}
	if i.Client != "" {
		var err error
		if i.net, err = network(i.Client); err != nil {
			return invalid("%.60q is no IP address or network", i.Client)
		}
		i.Client = i.net.String()
		if i.net.IsSingleIP() {
			i.Client = i.net.Addr().String()
		}
	}
	if i.Name = strings.TrimSpace(i.Name); i.Name == "" {
		i.Name = strings.TrimSpace(i.User + " " + i.Sender + " " + i.Client)
	}
	return nil
}

func (i *Identity) checkSender() error {
	if i.Sender == "" {
		return nil
	}
	local, domain, at := strings.Cut(i.Sender, "@")
	if local == "" || !at {
		if !at {
			domain = i.Sender
		}
		if _, err := mail.ParseAddress("x@" + domain); err != nil {
			return invalid("%.60q is no sender: write an address, or @ and a domain", i.Sender)
		}
		i.Sender = "@" + strings.ToLower(domain)
		return nil
	}
	a, err := mail.ParseAddress(i.Sender)
	if err != nil || a.Domain() == "" {
		return invalid("%.60q is no sender: write an address, or @ and a domain", i.Sender)
	}
	i.Sender = strings.ToLower(a.Key())
	return nil
}

func network(s string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		a = a.Unmap().WithZone("")
		return a.Prefix(a.BitLen())
	}
	p, err := netip.ParsePrefix(s)
	if err != nil {
		return p, err
	}
	return netip.PrefixFrom(p.Addr().Unmap(), min(p.Bits(), p.Addr().Unmap().BitLen())).Masked(), nil
}

// holds reports whether what an identity names is so, and how particular that is.
func (i *Identity) holds(f *Facts, sender string) (particular int, ok bool) {
	if i.Sender != "" {
		domain, whole := strings.CutPrefix(i.Sender, "@")
		switch {
		case whole && strings.EqualFold(domain, f.Sender.Domain()):
			particular += 4
		case !whole && i.Sender == sender:
			particular += 8
		default:
			return 0, false
		}
	}
	if i.User != "" {
		if i.User != f.User {
			return 0, false
		}
		particular += 2
	}
	if i.Client != "" {
		if !f.Client.IsValid() || !i.net.Contains(f.Client.Unmap().WithZone("")) {
			return 0, false
		}
		particular++
	}
	return particular, true
}
