package api_test

import (
	"net/http"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

// TestB96_jobs_over_the_API: begun, asked for, looked through, stopped; what is
// not there is a 404, and an empty selection is not read as everything.
func TestB96_jobs_over_the_API(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	w, v := ask(t, h, "POST", "/v1/jobs", `{"verb":"remove"}`)
	wantProblem(t, w, v, http.StatusUnprocessableEntity, "nothing is selected")
	w, v = ask(t, h, "POST", "/v1/jobs", `{"verb":"explode","q":"status:queued"}`)
	wantProblem(t, w, v, http.StatusUnprocessableEntity, "there is no verb explode")
	w, v = ask(t, h, "POST", "/v1/jobs", `{"verb":"remove","q":"colour:red"}`)
	wantProblem(t, w, v, http.StatusUnprocessableEntity, "colour")

	w, v = ask(t, h, "POST", "/v1/jobs", `{"verb":"freeze","q":"status:queued,stalled","args":{"reason":"why"}}`)
	if w.Code != 200 || v["state"] != "done" || v["over"] != true || v["total"] != 2.0 || v["changed"] != 1.0 || v["refused"] != 1.0 || v["reason"] != "why" {
		t.Fatalf("%d %v", w.Code, v)
	}
	id := v["id"].(string)
	for path, want := range map[string]int{"/results": 2, "/results?refused=true": 1} {
		if w, v := ask(t, h, "GET", "/v1/jobs/"+id+path, ""); w.Code != 200 || len(v["items"].([]any)) != want {
			t.Errorf("%s: %d %v", path, w.Code, v)
		}
	}
	if w, v := ask(t, h, "GET", "/v1/jobs", ""); w.Code != 200 || len(v["items"].([]any)) != 1 {
		t.Errorf("%d %v", w.Code, v)
	}
	if w, v := ask(t, h, "POST", "/v1/jobs/"+id+"/cancel", ""); w.Code != 200 || v["id"] != id {
		t.Errorf("%d %v", w.Code, v)
	}
	for _, path := range []string{"", "/results"} {
		w, v := ask(t, h, "GET", "/v1/jobs/nosuch"+path, "")
		wantProblem(t, w, v, http.StatusNotFound, "there is no job nosuch")
	}
	w, v = ask(t, h, "POST", "/v1/jobs/nosuch/cancel", "")
	wantProblem(t, w, v, http.StatusNotFound, "there is no job nosuch")
	// Everything has to be asked for by that name.
	if w, v := ask(t, h, "POST", "/v1/jobs", `{"verb":"remove","all":true}`); w.Code != 200 || v["total"].(float64) < 3 {
		t.Errorf("%d %v", w.Code, v)
	}
}

// TestB95_reports_over_the_API: the queue's shape and the outbound report.
func TestB95_reports_over_the_API(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	w, v := ask(t, h, "GET", "/v1/queue/shape?by=destination,tenant&top=1", "")
	if w.Code != 200 || len(v["bounds"].([]any)) != 7 || v["all"].(map[string]any)["total"].(float64) < 2 {
		t.Fatalf("%d %v", w.Code, v)
	}
	if by := v["by"].(map[string]any); len(by) != 2 || len(by["destination"].([]any)) != 1 {
		t.Errorf("%v", by)
	}
	w, v = ask(t, h, "GET", "/v1/queue/shape?by=weather", "")
	wantProblem(t, w, v, http.StatusUnprocessableEntity, `not by "weather"`)
	w, v = ask(t, h, "GET", "/v1/queue/shape?q=colour:red", "")
	wantProblem(t, w, v, http.StatusUnprocessableEntity, "colour")

	w, v = ask(t, h, "GET", "/v1/reports/outbound?limit=1", "")
	if w.Code != 200 || v["messages"].(float64) < 1 || len(v["recent"].([]any)) != 1 {
		t.Errorf("%d %v", w.Code, v)
	}
	if w, _ := ask(t, h, "GET", "/v1/reports/outbound?since=yesterday", ""); w.Code != http.StatusUnprocessableEntity {
		t.Errorf("%d", w.Code)
	}
}
