package api_test

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/scope"
)

// A refusal stands under the tenant of the message, with its whole ID, as what
// was asked for does: an administrator's beginnings of IDs are found by it, too.
func TestB40_what_became_of_it_stands_where_it_was_asked_for(t *testing.T) {
	s := apitest.Sample().Services()
	log := &notebook{}
	s.Audit = log
	h := api.NewListener(s, as{scope.Admin("anna")})
	_, v := ask(t, h, "GET", "/v1/messages?q=status:queued&fields=id,tenant", "")
	row := v["items"].([]any)[0].(map[string]any)
	id, tenant := row["id"].(string), row["tenant"].(string)
	message, _, _ := strings.Cut(id, ".")
	log.entries = nil
	if w, _ := ask(t, h, "POST", "/v1/actions", `{"verb":"no-such-verb","ids":["`+message[:16]+`"]}`); w.Code != http.StatusUnprocessableEntity {
		t.Fatalf("%d", w.Code)
	}
	if len(log.entries) < 2 {
		t.Fatalf("%+v", log.entries)
	}
	for _, e := range log.entries {
		if e.Tenant != tenant || e.Target != message {
			t.Errorf("%+v", e)
		}
	}
	if last := log.entries[len(log.entries)-1]; last.Refused == "" || last.Details["result"] != "refused" {
		t.Errorf("%+v", last)
	}
}

// watching tells what the entries of a request's own doings would say.
type watching struct {
	api.Jobs
	cause audit.Cause
}

func (w *watching) Cancel(ctx context.Context, sc scope.Scope, id string) (api.Job, error) {
	w.cause = audit.CauseOf(ctx)
	return w.Jobs.Cancel(ctx, sc, id)
}

// What a request does later is joined to it.
func TestB40_a_request_is_named_to_whoever_carries_it_out(t *testing.T) {
	s := apitest.Sample().Services()
	log := &notebook{}
	jobs := &watching{Jobs: s.Jobs}
	s.Audit, s.Jobs = log, jobs
	h := api.NewListener(s, as{scope.Admin("anna")})
	ask(t, h, "POST", "/v1/jobs/nosuch/cancel", "")
	if len(log.entries) == 0 || jobs.cause.Source != "192.0.2.9" || jobs.cause.Details["request"] == "" || jobs.cause.Details["request"] != log.entries[0].Details["request"] {
		t.Errorf("%+v %+v", jobs.cause, log.entries)
	}
}
