package daemon_test

import (
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
)

// Whoever manages some of a tenant's domains learns from the audit log what was
// done to a message for their recipients, and nothing of the others'.
func TestB40_audit_log_of_a_message_for_a_part_of_the_tenant(t *testing.T) {
	p := startPeopleWith(t, strings.NewReplacer("OIDC", "", `"bob@acme.test"]`, `"bob@acme.test", "cy@acme.example"]`).Replace(peoplePolicy))
	p.mail("ann@acme.test", "cy@acme.example")
	one := func(rcpt string) string {
		t.Helper()
		found, err := p.socket.Search(t.Context(), client.Search{Q: "recipient:" + rcpt})
		if err != nil || len(found.Items) != 1 {
			t.Fatalf("%+v %v", found, err)
		}
		return found.Items[0].ID
	}
	anns, cys := one("ann@acme.test"), one("cy@acme.example")
	message, _, _ := strings.Cut(anns, ".")
	if !strings.HasPrefix(cys, message+".") || anns == cys {
		t.Fatalf("%s, %s", anns, cys)
	}
	admin := p.makeToken("root", api.GrantRequest{Level: "admin"})
	whole := p.makeToken("whole", api.GrantRequest{Level: "domain", Tenant: "acme"})
	part := p.makeToken("part", api.GrantRequest{Level: "domain", Tenant: "acme", Domains: []string{"acme.example"}})

	admin.want(200, "GET", "/v1/messages/"+anns+"/body", nil)
	admin.want(200, "GET", "/v1/messages/"+cys+"/body", nil)
	admin.want(200, "POST", "/v1/actions", obj{"verb": "copy", "ids": []string{anns, cys}, "args": obj{"to": "secret@elsewhere.test", "reason": "about ann"}})
	admin.want(200, "POST", "/v1/actions", obj{"verb": "copy", "ids": []string{anns}, "args": obj{"to": "secret@elsewhere.test"}})

	for _, path := range []string{"/v1/audit?limit=1000&message=" + message, "/v1/audit?limit=1000&message=" + cys, "/v1/audit/export?message=" + message} {
		all := whole.want(200, "GET", path, nil).text
		if !strings.Contains(all, anns) || !strings.Contains(all, cys) || !strings.Contains(all, "secret@elsewhere.test") {
			t.Errorf("%s: who manages all of the tenant sees %s", path, all)
		}
		some := part.want(200, "GET", path, nil).text
		for _, not := range []string{anns, "secret@", "about ann"} {
			if strings.Contains(some, not) {
				t.Errorf("%s: who manages one domain sees %s: %s", path, not, some)
			}
		}
		if !strings.Contains(some, `"target":"`+cys+`"`) || !strings.Contains(some, `"others":"1"`) {
			t.Errorf("%s: who manages one domain does not see what is theirs: %s", path, some)
		}
	}
}
