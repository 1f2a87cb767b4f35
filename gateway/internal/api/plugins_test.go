package api_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

func TestPluginActions(t *testing.T) {
	var log bytes.Buffer
	s := apitest.Sample().Services()
	s.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	h := api.New(s)
	_, v := ask(t, h, "GET", "/v1/plugin-actions", "")
	if items := v["items"].([]any); len(items) != 2 || items[0].(map[string]any)["train"] != "spam" {
		t.Errorf("%v", v)
	}
	_, v = ask(t, h, "GET", "/v1/messages?q=status:stalled", "")
	id := v["items"].([]any)[0].(map[string]any)["id"].(string)
	_, v = ask(t, h, "GET", "/v1/messages/"+id, "")
	if got := fmt.Sprint(v["recipients"].([]any)[0].(map[string]any)["actions"]); !strings.Contains(got, "plugin:bayes") || !strings.Contains(got, "action:open") {
		t.Errorf("offered for stalled mail: %s", got)
	}
	_, v = ask(t, h, "GET", "/v1/messages?q=status:queued", "")
	_, v = ask(t, h, "GET", "/v1/messages/"+v["items"].([]any)[0].(map[string]any)["id"].(string), "")
	if got := fmt.Sprint(v["recipients"].([]any)[0].(map[string]any)["actions"]); strings.Contains(got, "unlock") || !strings.Contains(got, "bayes") {
		t.Errorf("offered for queued mail: %s", got)
	}
	call := func(body string) (int, map[string]any) {
		t.Helper()
		w, v := ask(t, h, "POST", "/v1/plugin-actions", body)
		return w.Code, v
	}
	code, v := call(`{"plugin":"unlock","action":"open","ids":["` + id[:14] + `"],"params":{"password":"hunter2"}}`)
	it, _ := v["items"].([]any)
	if code != 200 || v["called"] != 1.0 || len(it) != 1 || fmt.Sprint(it[0].(map[string]any)["results"]) != "[map[key:characters value:7] map[key:files value:2]]" {
		t.Errorf("%d %v", code, v)
	}
	if code, v = call(`{"plugin":"unlock","action":"open","q":"status:stalled","params":{"password":"x"},"dry_run":true}`); code != 200 || v["matched"] != 1.0 || v["called"] != 0.0 {
		t.Errorf("a rehearsal: %d %v", code, v)
	}
	code, v = call(`{"plugin":"unlock","action":"open","ids":["` + id + `"],"params":{"pasword":"hunter2"}}`)
	if got := fmt.Sprint(v["errors"]); code != 422 || !strings.Contains(got, "params.password: it is needed") || !strings.Contains(got, "params.pasword: there is no such") || strings.Contains(got, "hunter2") {
		t.Errorf("%d %v", code, v)
	}
	for body, want := range map[string]string{
		`{"plugin":"unlock","action":"shut","ids":["` + id + `"]}`:                "there is no action",
		`{"plugin":"unlock","action":"open"}`:                                     "nothing is selected",
		`{"plugin":"unlock","action":"open","ids":["` + id + `"],"q":"status:x"}`: "ambiguous",
		`{"plugin":"unlock","action":"open","q":"sendr:x"}`:                       "does not read",
	} {
		w, v := ask(t, h, "POST", "/v1/plugin-actions", body)
		wantProblem(t, w, v, 422, want)
	}
	w, v := ask(t, h, "POST", "/v1/train", `{"as":"spam","ids":["`+id+`"]}`)
	if w.Code != 200 || v["called"] != 1.0 {
		t.Errorf("%d %v", w.Code, v)
	}
	w, v = ask(t, h, "POST", "/v1/train", `{"as":"eggs","ids":["`+id+`"]}`)
	wantProblem(t, w, v, 422, "")
	w, v = ask(t, h, "POST", "/v1/train", `{"as":"ham","ids":["`+id+`"]}`)
	wantProblem(t, w, v, 422, "there is no action")
	_, v = ask(t, h, "GET", "/v1/plugin-tasks", "")
	if items := v["items"].([]any); len(items) != 2 || items[0].(map[string]any)["state"] != "failed" {
		t.Errorf("%v", v)
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Errorf("the log: %s", log.String())
	}
}
