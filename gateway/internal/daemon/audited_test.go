package daemon_test

import (
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
)

// Every action and every view of content is in the audit log, by whom, from
// where, about what; also what was refused; and each tenant sees its own.
func TestB40_audit_log_of_actions_and_views(t *testing.T) {
	p := startPeople(t, "")
	p.mail("ann@acme.test")
	p.mail("cleo@beta.test")
	found, err := p.socket.Search(t.Context(), client.Search{Q: "recipient:ann@acme.test"})
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("%+v %v", found, err)
	}
	id := found.Items[0].ID
	admin := p.makeToken("root", api.GrantRequest{Level: "admin"})
	auditor := p.makeToken("watch", api.GrantRequest{Level: "domain", Tenant: "acme", Role: "auditor"})
	beta := p.makeToken("beta", api.GrantRequest{Level: "domain", Tenant: "beta"})
	p.user("anna@acme.test", api.GrantRequest{Level: "domain", Tenant: "acme"})
	anna := p.browser()
	anna.want(401, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": "a wrong passphrase"})
	anna.want(200, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password})

	admin.want(200, "GET", "/v1/messages/"+id+"/body", nil)
	auditor.want(403, "GET", "/v1/messages/"+id+"/body", nil)
	anna.want(200, "GET", "/v1/messages/"+id+"/explain", nil)
	beta.do("POST", "/v1/actions", obj{"verb": "release", "ids": []string{id}})
	if a := anna.want(200, "POST", "/v1/actions", obj{"verb": "release", "ids": []string{id}, "args": obj{"reason": "known"}}); a.json["changed"] != 1.0 {
		t.Fatalf("%s", a.text)
	}
	anna.want(200, "POST", "/v1/actions", obj{"verb": "release", "ids": []string{id}, "dry_run": true})
	arrivals(t, p.dest, 1)

	type row struct{ Actor, Source, Tenant, Action, Target, Refused string }
	read := func(c *caller, path string) []row {
		t.Helper()
		var out []row
		for _, v := range c.want(200, "GET", path, nil).json["items"].([]any) {
			b, _ := json.Marshal(v)
			var r row
			if err := json.Unmarshal(b, &r); err != nil {
				t.Fatal(err)
			}
			out = append(out, r)
		}
		return out
	}
	all := read(admin, "/v1/audit?limit=1000")
	has := func(rows []row, want row) bool {
		for _, r := range rows {
			if (r.Actor == want.Actor || strings.HasPrefix(r.Actor, want.Actor+"#")) && r.Action == want.Action && r.Target == want.Target && r.Tenant == want.Tenant && strings.Contains(r.Refused, want.Refused) && (want.Refused != "" || r.Refused == "") && r.Source != "" {
				return true
			}
		}
		return false
	}
	message, _, _ := strings.Cut(id, ".")
	for _, w := range []row{
		{Actor: "anna@acme.test", Action: "sign-in", Target: "anna@acme.test", Refused: "wrong"},
		{Actor: "anna@acme.test", Action: "sign-in", Target: "anna@acme.test", Tenant: "acme"},
		{Actor: "token:root", Action: "view", Target: id, Tenant: "acme"},
		{Actor: "token:watch", Action: "view", Target: id, Tenant: "acme", Refused: "role auditor"},
		{Actor: "anna@acme.test", Action: "delivery-log", Target: id, Tenant: "acme"},
		{Actor: "anna@acme.test", Action: "release", Target: id, Tenant: "acme"},
		{Actor: "token:beta", Action: "release", Target: id, Tenant: "beta"},
		{Actor: "token:beta", Action: "release", Target: id, Tenant: "beta", Refused: "no such message"},
	} {
		if !has(all, w) {
			t.Errorf("not in the log: %+v", w)
		}
	}
	releases := 0
	for _, r := range all {
		if r.Action == "release" && r.Actor == "anna@acme.test" {
			releases++
		}
		if strings.HasPrefix(r.Source, "socket") && r.Action == "create-user" && !strings.Contains(r.Actor, "(socket)") {
			t.Errorf("%+v", r)
		}
	}
	if releases != 1 {
		t.Errorf("%d entries of the release, want one: a dry run is no action", releases)
	}
	for _, r := range read(beta, "/v1/audit") {
		if r.Tenant != "beta" {
			t.Errorf("beta sees %+v", r)
		}
	}
	about := read(anna, "/v1/audit?message="+message)
	if !has(about, row{Actor: "token:root", Action: "view", Target: id, Tenant: "acme"}) || has(about, row{Actor: "token:beta", Action: "release", Target: id, Tenant: "beta"}) {
		t.Errorf("about the message: %+v", about)
	}
	report, err := p.socket.AuditVerify(t.Context(), "")
	if err != nil || len(report.Problems) != 0 || report.Entries < 10 {
		t.Errorf("%+v %v", report, err)
	}
	for _, s := range []string{password, "a wrong passphrase", admin.token} {
		if r, err := p.socket.AuditExport(t.Context(), client.AuditQuery{}); err != nil {
			t.Error(err)
		} else if b, _ := io.ReadAll(r); strings.Contains(string(b), s) {
			t.Error("a secret is in the audit log")
		}
	}
}
