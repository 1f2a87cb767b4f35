package daemon_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
)

func TestTokensEnd(t *testing.T) {
	p := startPeople(t, "")
	ctx := t.Context()
	n, err := p.socket.CreateToken(ctx, api.TokenRequest{Name: "soon", GrantRequest: api.GrantRequest{Level: "admin"}, Expires: p.clk.Now().Add(time.Hour)})
	if err != nil || !strings.HasPrefix(n.Secret, "weir_") {
		t.Fatalf("%+v %v", n, err)
	}
	c := p.program(n.Secret)
	if me := c.want(200, "GET", "/v1/me", nil); !strings.HasPrefix(fmt.Sprint(me.json["who"]), "token:soon") {
		t.Errorf("%v", me.json)
	}
	p.program(n.Secret[:len(n.Secret)-1]).want(401, "GET", "/v1/me", nil)
	p.later(time.Hour)
	c.want(401, "GET", "/v1/me", nil)

	// A token may no more than whoever makes it, and ends with them.
	p.user("anna@acme.test", api.GrantRequest{Level: "domain", Tenant: "acme", Domains: []string{"acme.test"}})
	b := p.browser()
	b.want(200, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password})
	for name, grant := range map[string]obj{
		"admin":          {"name": "x", "level": "admin"},
		"another tenant": {"name": "x", "level": "domain", "tenant": "beta"},
		"another domain": {"name": "x", "level": "domain", "tenant": "acme", "domains": []string{"acme.example"}},
		"mailbox there":  {"name": "x", "level": "mailbox", "mailbox": "cleo@beta.test"},
	} {
		if a := b.do("POST", "/v1/tokens", grant); a.status != 403 && a.status != 422 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	there := b.do("POST", "/v1/tokens", obj{"name": "x", "level": "domain", "tenant": "beta"})
	none := b.do("POST", "/v1/tokens", obj{"name": "x", "level": "domain", "tenant": "neta"})
	if strings.ReplaceAll(there.text, "beta", "T") != strings.ReplaceAll(none.text, "neta", "T") {
		t.Errorf("%s, %s", there.text, none.text)
	}
	made := b.want(200, "POST", "/v1/tokens", obj{"name": "mine", "level": "domain"})
	mine := p.program(made.json["secret"].(string))
	if me := mine.want(200, "GET", "/v1/me", nil); fmt.Sprint(me.json["domains"]) != "[acme.test]" {
		t.Errorf("%v", me.json)
	}
	yes := true
	if _, err := p.socket.ChangeUser(ctx, "anna@acme.test", api.UserPatch{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	mine.want(401, "GET", "/v1/me", nil)
	other := p.makeToken("other", api.GrantRequest{Level: "admin"})
	id, _, _ := strings.Cut(strings.TrimPrefix(other.token, "weir_"), "_")
	if err := p.socket.RevokeToken(ctx, id); err != nil {
		t.Fatal(err)
	}
	other.want(401, "GET", "/v1/me", nil)
}

// What each level and role may, over HTTP.
func TestLevelsAndRoles(t *testing.T) {
	p := startPeople(t, "")
	p.mail("ann@acme.test")
	p.mail("cleo@beta.test")
	rows, err := p.socket.Search(t.Context(), client.Search{Q: "recipient:ann@acme.test"})
	if err != nil || len(rows.Items) != 1 {
		t.Fatalf("%+v %v", rows, err)
	}
	theirs, err := p.socket.Search(t.Context(), client.Search{Q: "recipient:cleo@beta.test"})
	if err != nil || len(theirs.Items) != 1 {
		t.Fatalf("%+v %v", theirs, err)
	}
	own := rows.Items[0].ID
	other, _, _ := strings.Cut(theirs.Items[0].ID, ".")
	callers := map[string]*caller{
		"admin":    p.makeToken("admin", api.GrantRequest{Level: "admin"}),
		"auditor":  p.makeToken("auditor", api.GrantRequest{Level: "admin", Role: "auditor"}),
		"helpdesk": p.makeToken("helpdesk", api.GrantRequest{Level: "domain", Role: "helpdesk", Tenant: "acme"}),
		"domain":   p.makeToken("domain", api.GrantRequest{Level: "domain", Tenant: "acme"}),
		"part":     p.makeToken("part", api.GrantRequest{Level: "domain", Tenant: "acme", Domains: []string{"acme.example"}}),
		"mailbox":  p.makeToken("mailbox", api.GrantRequest{Level: "mailbox", Mailbox: "ann@acme.test"}),
	}
	order := []string{"admin", "auditor", "helpdesk", "domain", "part", "mailbox"}
	for _, c := range []struct {
		method, path string
		body         any
		want         [6]int
	}{
		{"GET", "/v1/messages/" + own, nil, [6]int{200, 200, 200, 200, 404, 200}},
		{"GET", "/v1/messages/" + own + "/body", nil, [6]int{200, 403, 403, 200, 404, 200}},
		{"GET", "/v1/messages/" + other, nil, [6]int{200, 200, 404, 404, 404, 404}},
		{"GET", "/v1/messages/" + other + "/body", nil, [6]int{200, 403, 404, 404, 404, 404}},
		{"GET", "/v1/policy", nil, [6]int{200, 200, 403, 403, 403, 403}},
		{"GET", "/v1/plugins", nil, [6]int{200, 200, 403, 403, 403, 403}},
		{"GET", "/v1/destinations", nil, [6]int{200, 200, 403, 403, 403, 403}},
		{"POST", "/v1/reload?check=true", nil, [6]int{200, 403, 403, 403, 403, 403}},
		{"GET", "/v1/lists?tenant=acme", nil, [6]int{200, 200, 200, 200, 404, 200}},
		{"GET", "/v1/lists?tenant=beta", nil, [6]int{200, 200, 404, 404, 404, 404}},
		{"POST", "/v1/lists/operator.block-sender", obj{"tenant": "acme", "keys": []string{"x@far.test"}}, [6]int{200, 403, 403, 200, 404, 200}},
		{"GET", "/v1/users", nil, [6]int{200, 200, 403, 200, 200, 403}},
		{"GET", "/v1/tokens", nil, [6]int{200, 200, 403, 200, 200, 403}},
		{"POST", "/v1/users", obj{"name": "x@acme.test", "level": "mailbox"}, [6]int{200, 403, 403, 422, 422, 403}}, // it is there by then
		{"DELETE", "/v1/users/nobody", nil, [6]int{404, 403, 403, 404, 404, 403}},
		{"GET", "/v1/audit", nil, [6]int{200, 200, 403, 200, 403, 403}},
		{"GET", "/v1/audit?tenant=beta", nil, [6]int{200, 200, 403, 404, 404, 403}},
		{"GET", "/v1/audit/verify", nil, [6]int{200, 200, 403, 403, 403, 403}},
		{"POST", "/v1/destinations/suspend", obj{"name": "nowhere.test"}, [6]int{200, 403, 403, 403, 403, 403}},
		{"POST", "/v1/jobs", obj{"verb": "retry", "all": true}, [6]int{200, 403, 200, 200, 200, 200}},
	} {
		for i, who := range order {
			if a := callers[who].do(c.method, c.path, c.body); a.status != c.want[i] {
				t.Errorf("%s: %s %s: %d, want %d: %s", who, c.method, c.path, a.status, c.want[i], a.text)
			}
		}
	}
	// Not theirs and not there look the same.
	missing := "01" + strings.Repeat("z", 24)
	for _, path := range []string{"/v1/messages/ID", "/v1/messages/ID/events", "/v1/messages/ID/attempts", "/v1/messages/ID/explain", "/v1/messages/ID/body", "/v1/audit?message=ID"} {
		a := callers["domain"].do("GET", strings.Replace(path, "ID", other, 1), nil)
		b := callers["domain"].do("GET", strings.Replace(path, "ID", missing, 1), nil)
		if a.status != b.status || strings.ReplaceAll(a.text, other, "ID") != strings.ReplaceAll(b.text, missing, "ID") {
			t.Errorf("%s: not theirs %d %s, not there %d %s", path, a.status, a.text, b.status, b.text)
		}
	}
}
