package api_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// notebook keeps entries, or fails.
type notebook struct {
	mu      sync.Mutex
	entries []audit.Entry
	fails   error
}

func (n *notebook) Record(_ context.Context, e audit.Entry) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.fails == nil {
		n.entries = append(n.entries, e)
	}
	return n.fails
}

// as is an Authenticator that takes everybody for one.
type as struct{ scope.Scope }

func (a as) Identify(*http.Request) (accounts.Identity, error) {
	return accounts.Identity{Scope: a.Scope}, nil
}
func (as) Source(*http.Request) string { return "192.0.2.9" }

// What cannot be recorded is not done, and not shown.
func TestB40_what_cannot_be_recorded_is_not_done(t *testing.T) {
	g := apitest.Sample()
	s := g.Services()
	log := &notebook{fails: errors.New("the disk is full")}
	s.Audit = log
	h := api.New(s)
	_, v := ask(t, h, "GET", "/v1/messages?q=status:queued&fields=id", "")
	id := v["items"].([]any)[0].(map[string]any)["id"].(string)
	order := `{"verb":"remove","ids":["` + id + `"]}`
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/actions", order},
		{"GET", "/v1/messages/" + id + "/body", ""},
		{"GET", "/v1/messages/" + id + "/attempts", ""},
		{"GET", "/v1/messages/" + id + "/explain", ""},
		{"GET", "/v1/deliveries", ""},
		{"POST", "/v1/reload", ""},
		{"POST", "/v1/jobs", `{"verb":"retry","q":"status:queued"}`},
	} {
		w, v := ask(t, h, c.method, c.path, c.body)
		wantProblem(t, w, v, 503, "nothing was done")
		if strings.Contains(w.Body.String(), "disk is full") {
			t.Error("the cause is told")
		}
	}
	if w, v := ask(t, h, "GET", "/v1/messages/"+id, ""); w.Code != 200 || strings.Contains(w.Body.String(), "queue-removed") {
		t.Errorf("it was done all the same: %d %v", w.Code, v)
	}
	log.fails = nil
	if w, _ := ask(t, h, "POST", "/v1/actions", order); w.Code != 200 {
		t.Errorf("once it can be recorded: %d %s", w.Code, w.Body)
	}
	if len(log.entries) != 1 || log.entries[0].Action != "remove" || log.entries[0].Target != id || log.entries[0].Refused != "" {
		t.Errorf("%+v", log.entries)
	}
}

// Nothing that a caller writes into a request keeps it out of the audit log, or
// names another target there.
func TestB40_no_request_hides_what_it_does(t *testing.T) {
	g := apitest.Sample()
	s := g.Services()
	log := &notebook{}
	s.Audit = log
	h := api.New(s)
	const hiding = `{"dry_run":true,"ids":["01m7z1000000000000000000zz"]}`
	for _, c := range []struct{ method, path, target string }{
		{"DELETE", "/v1/users/bob", "bob"},
		{"DELETE", "/v1/tokens/abc", "abc"},
		{"DELETE", "/v1/archive/holds/h1", "h1"},
		{"POST", "/v1/index/rebuild", ""},
		{"POST", "/v1/reload", ""},
	} {
		log.entries = nil
		ask(t, h, c.method, c.path, hiding)
		if len(log.entries) == 0 || log.entries[0].Target != c.target {
			t.Errorf("%s %s: %+v", c.method, c.path, log.entries)
		}
	}
	_, v := ask(t, h, "GET", "/v1/messages?q=status:queued&fields=id", "")
	id := v["items"].([]any)[0].(map[string]any)["id"].(string)
	for _, body := range []string{
		`{"verb":"retry","VERB":"remove","ids":["` + id + `"]}`,
		`{"verb":"remove","ids":["` + id + `"],"dry_run":true,"DRY_RUN":false}`,
		`{"verb":"remove","ids":["` + id + `"],"args":{"reason":"x"},"args":{}}`,
		`{"verb":"remove","ids":["` + id + `"],"dry_run":true,"dry_run":false}`,
		`{"Verb":"remove","ids":["` + id + `"]}`,
	} {
		if w, _ := ask(t, h, "POST", "/v1/actions", body); w.Code != http.StatusUnprocessableEntity {
			t.Errorf("%s: %d", body, w.Code)
		}
	}
	if w, _ := ask(t, h, "GET", "/v1/messages/"+id, ""); w.Code != 200 || strings.Contains(w.Body.String(), "queue-removed") {
		t.Error("it was done")
	}
}

// Roles that change nothing are refused, and that is recorded; whatever fails
// has a second entry.
func TestB40_refusals_are_recorded(t *testing.T) {
	s := apitest.Sample().Services()
	log := &notebook{}
	s.Audit = log
	auditor := scope.Admin("watch")
	auditor.Role = lifecycle.RoleAuditor
	h := api.NewListener(s, as{auditor})
	for _, c := range []struct{ method, path, body string }{
		{"POST", "/v1/reload", ""}, {"POST", "/v1/destinations/suspend", `{"name":"x.test"}`}, {"POST", "/v1/train", `{"as":"spam","ids":["zz"]}`},
		{"POST", "/v1/jobs", `{"verb":"retry","all":true}`}, {"POST", "/v1/users", `{"name":"x","level":"admin","password":"a long enough passphrase"}`},
	} {
		log.entries = nil
		w, v := ask(t, h, c.method, c.path, c.body)
		wantProblem(t, w, v, 403, "role auditor")
		if len(log.entries) != 1 || !strings.Contains(log.entries[0].Refused, "role auditor") || log.entries[0].Actor != "watch" || log.entries[0].Source != "192.0.2.9" {
			t.Errorf("%s: %+v", c.path, log.entries)
		}
		for k, v := range log.entries[0].Details {
			if strings.Contains(v, "passphrase") {
				t.Errorf("%s: the password is in %q", c.path, k)
			}
		}
	}
	log.entries = nil
	h = api.NewListener(s, as{scope.Admin("anna")})
	if w, _ := ask(t, h, "POST", "/v1/actions", `{"verb":"no-such-verb","ids":["zz"]}`); w.Code != 422 {
		t.Errorf("%d", w.Code)
	}
	if len(log.entries) != 2 || log.entries[0].Refused != "" || !strings.Contains(log.entries[1].Refused, "no verb") || log.entries[0].Details["request"] != log.entries[1].Details["request"] {
		t.Errorf("%+v", log.entries)
	}
}
