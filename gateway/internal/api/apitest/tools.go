package apitest

import (
	"context"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/nettools"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// tools answer as a gateway would whose destination is mx.partner.test.
type tools struct{ g *Gateway }

var _ api.Tools = tools{}

func (t tools) call(s scope.Scope) error {
	t.g.mu.Lock()
	defer t.g.mu.Unlock()
	return t.g.call(s)
}

const dialogue = "* connecting to mx.partner.test at 192.0.2.25:25\n< 220 mx.partner.test ESMTP\n> EHLO mx.weir.test\n< 250 mx.partner.test\n> MAIL FROM:<>\n< 250 2.1.0 Ok\n"

func (t tools) Callout(_ context.Context, s scope.Scope, o nettools.CalloutOrder) ([]nettools.CalloutAnswer, error) {
	if o.Address == "busy@acme.test" {
		return nil, &nettools.Busy{What: "recipient callouts", Wait: 3 * time.Second}
	}
	return []nettools.CalloutAnswer{{
		Address: o.Address, Tenant: "acme", Answer: "known", Source: "callout", Queued: true, Route: "tenant:acme:in", NextHop: "10.0.0.5:25",
		Reply: &nettools.Said{Code: 250, Enhanced: "2.1.5", Text: "Ok"}, Stranger: &nettools.Said{Code: 550, Enhanced: "5.1.1", Text: "no such user"},
		Learnt: Now, Until: Now.Add(96 * time.Hour), Visits: []nettools.Visit{{Host: "10.0.0.5", Addr: "10.0.0.5:25", TLS: "TLS1.3", Took: 12, Dialogue: dialogue}},
	}}, t.call(s)
}

func (t tools) SenderCallout(_ context.Context, s scope.Scope, o nettools.CalloutOrder) (*nettools.CalloutAnswer, error) {
	return &nettools.CalloutAnswer{
		Address: o.Address, Answer: "invalid", Source: "callout", Route: "mx", NextHop: "partner.test", Visits: []nettools.Visit{},
		Reply: &nettools.Said{Code: 550, Enhanced: "5.1.1", Text: "no such user"},
	}, t.call(s)
}

func (t tools) SMTP(_ context.Context, s scope.Scope, o nettools.SMTPOrder) ([]nettools.SMTPTest, error) {
	answer := &nettools.Said{Code: 250, Enhanced: "2.1.5", Text: "Ok"}
	return []nettools.SMTPTest{{
		From: o.From, Recipients: o.To, Route: "mx", NextHop: "partner.test", Answers: []*nettools.Said{answer}, Sent: o.Send,
		Visits: []nettools.Visit{{Host: "mx.partner.test", Addr: "192.0.2.25:25", Took: 40, Replies: []*nettools.Said{answer}, Dialogue: dialogue}},
	}}, t.call(s)
}

func (t tools) TLS(_ context.Context, s scope.Scope, o nettools.TLSOrder) ([]nettools.TLSReport, error) {
	return []nettools.TLSReport{{
		Host: "mx.partner.test", Addr: "192.0.2.25:25", Offered: true, Version: "TLS1.3", Cipher: "TLS_AES_128_GCM_SHA256", Usable: true,
		Wrong: []string{"the host's certificate expired on 2026-11-01T00:00:00Z"}, Channel: &nettools.Channel{Demand: "opportunistic", By: "route", DANE: "absent"},
		Certificates: []nettools.Certificate{{
			Subject: "CN=mx.partner.test", Issuer: "CN=Example CA", Names: []string{"mx.partner.test"}, NotBefore: Now.Add(-90 * 24 * time.Hour), NotAfter: Now.Add(-20 * 24 * time.Hour),
			Days: -20, Key: "ECDSA P-256", SHA256: "00", SPKI: "01",
		}},
	}}, t.call(s)
}

func (t tools) Route(_ context.Context, s scope.Scope, o nettools.RouteOrder) (*nettools.RouteReport, error) {
	return &nettools.RouteReport{
		Sender: o.Sender, Recipient: o.Recipient, Direction: "outbound", Tenant: "acme", Route: "mx", MX: "partner.test", NextHop: "partner.test", Schedule: "standard", Lifetime: "96h",
		Hosts:       []nettools.RouteHost{{Host: "mx.partner.test", Port: 25, Addrs: []string{"192.0.2.25:25"}, Channel: &nettools.Channel{Demand: "dane", By: "dane", DANE: "present"}}},
		Destination: &nettools.Destination{Connections: 20, PerConnection: 100, Rate: "600 in 1m"},
	}, t.call(s)
}

func (t tools) Look(_ context.Context, s scope.Scope, o nettools.DNSOrder) ([]nettools.DNSAnswer, error) {
	return []nettools.DNSAnswer{
		{Name: o.Name, Type: "MX", Values: []string{"10 mx.partner.test"}, TTL: 300, Secure: true},
		{Name: o.Name, Type: "A", Values: []string{}, TTL: 60, Failed: "dns A " + o.Name + ": no such record"},
	}, t.call(s)
}

func (t tools) Self(_ context.Context, s scope.Scope, _ bool) (*nettools.SelfReport, error) {
	const wrong = "192.0.2.1 (address of mx.weir.test) has no reverse DNS: have whoever gave you the address add a PTR record for it, to mx.weir.test"
	return &nettools.SelfReport{
		Hostname: "mx.weir.test", Checked: Now, Names: []nettools.SelfName{{Name: "mx.weir.test", Use: "gateway.hostname", Addrs: []string{"192.0.2.1"}}},
		Addresses: []nettools.SelfAddress{{Addr: "192.0.2.1", Use: "address of mx.weir.test", Failed: "no reverse DNS"}}, Warnings: []string{wrong},
	}, t.call(s)
}

func (t tools) Remembered(s scope.Scope, q nettools.RecipientsQuery) ([]nettools.KnownRecipient, string, error) {
	return []nettools.KnownRecipient{
		{Tenant: q.Tenant, Address: "bob@acme.test", Kind: "valid", Learnt: Now.Add(-time.Hour), Until: Now.Add(95 * time.Hour)},
		{Tenant: q.Tenant, Address: "nobody@acme.test", Kind: "invalid", Learnt: Now, Until: Now.Add(2 * time.Hour), Reply: &nettools.Said{Code: 550, Enhanced: "5.1.1", Text: "no such user"}},
		{Tenant: q.Tenant, Domain: "acme.test", Kind: "selective", Learnt: Now, Until: Now.Add(time.Hour)},
	}, "", t.call(s)
}

func (t tools) Forget(s scope.Scope, q nettools.RecipientsQuery) (int, error) { return 2, t.call(s) }
