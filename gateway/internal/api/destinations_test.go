package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

func TestB89_destinations_are_listed_suspended_and_resumed(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	w, v := ask(t, h, "GET", "/v1/destinations", "")
	items, _ := v["items"].([]any)
	if w.Code != http.StatusOK || len(items) != 4 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	google := items[0].(map[string]any)
	if google["state"] != "back-off" || google["destination"] != "google" || google["rate_left"] != 4.0 || google["until"] != apitest.Now.Add(4*time.Minute).Format(time.RFC3339) {
		t.Errorf("%v", google)
	}
	if _, there := items[1].(map[string]any)["rate_left"]; there {
		t.Error("a rate where there is none")
	}
	if w, v := ask(t, h, "POST", "/v1/destinations/suspend", `{"name":"mail.acme.test:25","until":"2026-11-21T16:00:00Z","why":"moving"}`); w.Code != http.StatusOK || v["known"] != true {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	_, v = ask(t, h, "GET", "/v1/destinations", "")
	if d := v["items"].([]any)[1].(map[string]any); d["state"] != "suspended" || d["until"] != "2026-11-21T16:00:00Z" || d["why"] != "moving" {
		t.Errorf("%v", d)
	}
	for _, want := range []bool{true, false} {
		if w, v := ask(t, h, "POST", "/v1/destinations/resume", `{"name":"mail.acme.test:25"}`); w.Code != http.StatusOK || v["resumed"] != want {
			t.Errorf("%d %s", w.Code, w.Body)
		}
	}
	for _, body := range []string{`{}`, `{"name":""}`, `{"nam":"x"}`} {
		w, v := ask(t, h, "POST", "/v1/destinations/suspend", body)
		wantProblem(t, w, v, http.StatusUnprocessableEntity, "")
	}
}
