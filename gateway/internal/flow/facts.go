package flow

import (
	"mime"
	"strings"

	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/policy"
	"github.com/mailweir/weir/sdk/abi"
)

// facts is what is known of the session at a stage.
func (s *session) facts(stage abi.Stage) *policy.Facts {
	fx := s.f.clientFacts(&s.client)
	fx.Direction, fx.Stage, fx.Now = string(s.peer.Direction), stage.String(), s.f.o.Now()
	if tx := s.tx; tx != nil {
		fx.Sender, fx.Size = tx.from.String(), tx.params.Size
		fx.Recipients = accepted(tx.rcpts)
	}
	return fx
}

// clientFacts begins a set of facts; what operators added to lists is asked for
// the tenant that it will name.
func (f *Flow) clientFacts(c *mail.Client) *policy.Facts {
	fx := &policy.Facts{ClientName: c.Name, Helo: c.Helo, TLS: c.TLS, User: c.User}
	if f.o.Listed != nil {
		fx.Listed = func(list, key string) bool { return f.o.Listed(fx.Tenant, list, key) }
	}
	if f.o.Override != nil {
		fx.Override = func(main, sub, extra string) (policy.Override, bool) {
			if fx.Direction != string(mail.Inbound) {
				return policy.Override{}, false
			}
			return f.o.Override(fx.Tenant, main, sub, extra)
		}
	}
	if c.Addr.IsValid() {
		fx.ClientIP = c.Addr.Addr().Unmap().String()
	}
	return fx
}

// event is the same for a plugin.
func (s *session) event(stage abi.Stage) *abi.Event {
	ev := &abi.Event{Stage: stage, ID: s.peer.Session, Direction: direction(s.peer.Direction), Client: abiClient(&s.client)}
	if tx := s.tx; tx != nil {
		ev.ID = tx.id.String()
		ev.Sender, ev.Size = tx.from.String(), uint64(max(tx.params.Size, 0))
		ev.Recipients = accepted(tx.rcpts)
		ev.ReceivedUnixMs = uint64(tx.received.UnixMilli())
	}
	return ev
}

func accepted(rs []rcpt) []string {
	var out []string
	for _, r := range rs {
		if r.refused == nil {
			out = append(out, r.addr.String())
		}
	}
	return out
}

// acceptedOf are the accepted recipients of one tenant.
func acceptedOf(rs []rcpt, t *policy.Tenant) []string {
	var out []string
	for _, r := range rs {
		if r.refused == nil && r.tenant == t {
			out = append(out, r.addr.String())
		}
	}
	return out
}

func direction(d mail.Direction) abi.Direction {
	if d == mail.Outbound {
		return abi.DirectionOutbound
	}
	return abi.DirectionInbound
}

func abiClient(c *mail.Client) abi.Client {
	out := abi.Client{
		Name: c.Name, Helo: c.Helo, Esmtp: c.ESMTP, TLSVersion: c.TLS, TLSCipher: c.Cipher,
		AuthUser: c.User, Listener: c.Listener,
	}
	if c.Addr.IsValid() {
		out.IP, out.Port = c.Addr.Addr().Unmap().String(), uint32(c.Addr.Port())
	}
	return out
}

var words mime.WordDecoder

// headerFunc is the policy's header(): decoded values of a field, first on top.
func headerFunc(hs []abi.Header) func(string) []string {
	return func(name string) []string {
		var out []string
		for i := range hs {
			if !strings.EqualFold(hs[i].Name, name) {
				continue
			}
			v := strings.Join(strings.Fields(hs[i].Value), " ")
			if d, err := words.DecodeHeader(v); err == nil {
				v = d
			}
			out = append(out, v)
		}
		return out
	}
}
