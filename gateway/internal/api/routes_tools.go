package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/mailweir/weir/gateway/internal/nettools"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// Tools are what operators try destinations with (*nettools.Tools). Every
// method asks the scope, and gives a *nettools.Busy to whom asks too often.
type Tools interface {
	Callout(ctx context.Context, s scope.Scope, o nettools.CalloutOrder) ([]nettools.CalloutAnswer, error)
	SenderCallout(ctx context.Context, s scope.Scope, o nettools.CalloutOrder) (*nettools.CalloutAnswer, error)
	SMTP(ctx context.Context, s scope.Scope, o nettools.SMTPOrder) ([]nettools.SMTPTest, error)
	TLS(ctx context.Context, s scope.Scope, o nettools.TLSOrder) ([]nettools.TLSReport, error)
	Route(ctx context.Context, s scope.Scope, o nettools.RouteOrder) (*nettools.RouteReport, error)
	Look(ctx context.Context, s scope.Scope, o nettools.DNSOrder) ([]nettools.DNSAnswer, error)
	Self(ctx context.Context, s scope.Scope, fresh bool) (*nettools.SelfReport, error)
	Remembered(s scope.Scope, q nettools.RecipientsQuery) ([]nettools.KnownRecipient, string, error)
	Forget(s scope.Scope, q nettools.RecipientsQuery) (int, error)
}

var _ Tools = (*nettools.Tools)(nil)

// RecipientsClear says what to forget of a tenant's recipients.
type RecipientsClear struct {
	Tenant  string `json:"tenant" minLength:"1"`
	Address string `json:"address,omitempty" doc:"This recipient alone"`
	Domain  string `json:"domain,omitempty" doc:"Those of this domain, and what is known of it"`
	Kind    string `json:"kind,omitempty" enum:"valid,invalid,catch-all,selective,unsure,refuses"`
	All     bool   `json:"all,omitempty" doc:"Must be set when nothing narrows the request"`
}

func (s *server) toolRoutes(a huma.API) {
	const test, known = "tests", "recipients"
	errs := []int{http.StatusForbidden, http.StatusNotFound, http.StatusConflict, http.StatusUnprocessableEntity, http.StatusTooManyRequests}
	const rationed = " Rationed: 429 says when to come again."
	huma.Register(a, route("test-recipient", http.MethodPost, "/v1/tests/recipient", test, "Ask whether recipients exist",
		"A callout with the null sender, of an address or of a message's recipients (B43)."+rationed, errs...), s.testRecipient)
	huma.Register(a, route("test-sender", http.MethodPost, "/v1/tests/sender", test, "Ask whether a sender could be answered",
		"A callout of the sender at its own mail servers (B44)."+rationed, errs...), s.testSender)
	huma.Register(a, route("test-smtp", http.MethodPost, "/v1/tests/smtp", test, "Hold the dialogue that a delivery begins with",
		"It stops before DATA unless send is set (B45)."+rationed, errs...), s.testSMTP)
	huma.Register(a, route("test-tls", http.MethodPost, "/v1/tests/tls", test, "Look at the certificates of hosts", "With DANE and MTA-STS."+rationed, errs...), s.testTLS)
	huma.Register(a, route("test-route", http.MethodPost, "/v1/tests/route", test, "Tell where mail would go, and how", "Only name servers are asked."+rationed, errs...), s.testRoute)
	huma.Register(a, route("test-dns", http.MethodPost, "/v1/tests/dns", test, "Ask the gateway's name servers", rationed[1:], errs...), s.testDNS)
	huma.Register(a, route("test-self", http.MethodGet, "/v1/tests/self", test, "Whether the gateway's own names and addresses lead to one another",
		"The last check's report, which is made at the start and twice a day (B88).", errs...), s.testSelf)
	huma.Register(a, route("list-recipients", http.MethodGet, "/v1/recipients", known, "What is remembered of recipients",
		"Valid ones are queued for while their destination is down (B65).", errs...), s.listRecipients)
	huma.Register(a, route("clear-recipients", http.MethodPost, "/v1/recipients/clear", known, "Forget what is remembered of recipients",
		"The destination is asked at their next message.", errs...), s.clearRecipients)
}

// toolProblem is problemOf with the words of the tools.
func (s *server) toolProblem(ctx context.Context, doing string, err error) error {
	var busy *nettools.Busy
	if errors.As(err, &busy) {
		return problem(http.StatusTooManyRequests, doing+": "+busy.Error(), busy.Remedy())
	}
	var m Mistake
	if errors.As(err, &m) && m.Mistake() {
		var re Remedied
		remedy := ""
		if errors.As(err, &re) {
			remedy = re.Remedy()
		}
		return problem(http.StatusUnprocessableEntity, doing+": "+err.Error(), remedy)
	}
	return s.problemOf(ctx, doing, err)
}

// toolTimes is how many times longer a dialogue may take than a search.
const toolTimes = 10

// tool runs one tool and makes its answer.
func tool[T any](ctx context.Context, s *server, doing string, do func(context.Context, scope.Scope) (T, error)) (*output[T], error) {
	ctx, cancel := context.WithTimeout(ctx, toolTimes*s.Timeout)
	defer cancel()
	v, err := do(ctx, scopeOf(ctx))
	if err != nil {
		return nil, s.toolProblem(ctx, doing, err)
	}
	return &output[T]{v}, nil
}

// answers are all that a tool has to say, at once: no list that is turned.
type answers[T any] struct {
	Items []T `json:"items"`
}

// listed makes what a tool says an answer.
func listed[T any](do func(context.Context, scope.Scope) ([]T, error)) func(context.Context, scope.Scope) (answers[T], error) {
	return func(ctx context.Context, sc scope.Scope) (answers[T], error) {
		items, err := do(ctx, sc)
		return answers[T]{Items: items}, err
	}
}

func (s *server) testRecipient(ctx context.Context, in *struct{ Body nettools.CalloutOrder }) (*output[answers[nettools.CalloutAnswer]], error) {
	return tool(ctx, s, "recipient callout", listed(func(ctx context.Context, sc scope.Scope) ([]nettools.CalloutAnswer, error) {
		return s.Tools.Callout(ctx, sc, in.Body)
	}))
}

func (s *server) testSender(ctx context.Context, in *struct{ Body nettools.CalloutOrder }) (*output[*nettools.CalloutAnswer], error) {
	return tool(ctx, s, "sender callout", func(ctx context.Context, sc scope.Scope) (*nettools.CalloutAnswer, error) {
		return s.Tools.SenderCallout(ctx, sc, in.Body)
	})
}

func (s *server) testSMTP(ctx context.Context, in *struct{ Body nettools.SMTPOrder }) (*output[answers[nettools.SMTPTest]], error) {
	return tool(ctx, s, "SMTP test", listed(func(ctx context.Context, sc scope.Scope) ([]nettools.SMTPTest, error) {
		return s.Tools.SMTP(ctx, sc, in.Body)
	}))
}

func (s *server) testTLS(ctx context.Context, in *struct{ Body nettools.TLSOrder }) (*output[answers[nettools.TLSReport]], error) {
	return tool(ctx, s, "TLS check", listed(func(ctx context.Context, sc scope.Scope) ([]nettools.TLSReport, error) {
		return s.Tools.TLS(ctx, sc, in.Body)
	}))
}

func (s *server) testRoute(ctx context.Context, in *struct{ Body nettools.RouteOrder }) (*output[*nettools.RouteReport], error) {
	return tool(ctx, s, "route look-up", func(ctx context.Context, sc scope.Scope) (*nettools.RouteReport, error) {
		return s.Tools.Route(ctx, sc, in.Body)
	})
}

func (s *server) testDNS(ctx context.Context, in *struct{ Body nettools.DNSOrder }) (*output[answers[nettools.DNSAnswer]], error) {
	return tool(ctx, s, "DNS look-up", listed(func(ctx context.Context, sc scope.Scope) ([]nettools.DNSAnswer, error) {
		return s.Tools.Look(ctx, sc, in.Body)
	}))
}

func (s *server) testSelf(ctx context.Context, in *struct {
	Fresh bool `query:"fresh" doc:"Check now"`
}) (*output[*nettools.SelfReport], error) {
	return tool(ctx, s, "checking own names", func(ctx context.Context, sc scope.Scope) (*nettools.SelfReport, error) {
		return s.Tools.Self(ctx, sc, in.Fresh)
	})
}

func (s *server) listRecipients(ctx context.Context, in *struct {
	TenantParam
	Domain  string `query:"domain"`
	Kind    string `query:"kind" enum:"valid,invalid,catch-all,selective,unsure,refuses"`
	Prefix  string `query:"prefix" doc:"Addresses that begin so; @ for what is known of domains"`
	Address string `query:"address" doc:"This one alone"`
	PageInput
}) (*output[listItems[nettools.KnownRecipient]], error) {
	items, next, err := s.Tools.Remembered(scopeOf(ctx), nettools.RecipientsQuery{
		Tenant: in.Tenant, Domain: in.Domain, Kind: in.Kind, Prefix: in.Prefix, Address: in.Address, After: in.Cursor, Limit: in.Limit,
	})
	if err != nil {
		return nil, s.toolProblem(ctx, "listing recipients", err)
	}
	return page(items, next), nil
}

func (s *server) clearRecipients(ctx context.Context, in *struct{ Body RecipientsClear }) (*output[Changed], error) {
	b := &in.Body
	if b.Address == "" && b.Domain == "" && b.Kind == "" && !b.All {
		return nil, problem(http.StatusUnprocessableEntity, "nothing says which recipients to forget", "name an address, a domain or a kind, or set all")
	}
	n, err := s.Tools.Forget(scopeOf(ctx), nettools.RecipientsQuery{Tenant: b.Tenant, Address: b.Address, Domain: b.Domain, Kind: b.Kind})
	if err != nil {
		return nil, s.toolProblem(ctx, "forgetting recipients", err)
	}
	return &output[Changed]{Changed{n}}, nil
}
