package api_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
)

// ask makes one request of a handler and reads a JSON answer.
func ask(t *testing.T, h http.Handler, method, target, body string, header ...string) (*httptest.ResponseRecorder, map[string]any) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	var v map[string]any
	if strings.Contains(w.Header().Get("Content-Type"), "json") {
		if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
			t.Fatalf("%s %s: not JSON: %v: %s", method, target, err, w.Body)
		}
	}
	return w, v
}

// wantProblem checks the shape of an error answer.
func wantProblem(t *testing.T, w *httptest.ResponseRecorder, v map[string]any, status int, detail string) {
	t.Helper()
	if w.Code != status {
		t.Fatalf("status %d, want %d: %s", w.Code, status, w.Body)
	}
	if ct := w.Header().Get("Content-Type"); ct != "application/problem+json" {
		t.Errorf("Content-Type %q, want application/problem+json", ct)
	}
	if v["status"] != float64(status) || v["title"] == "" {
		t.Errorf("problem %v lacks status or title", v)
	}
	if d, _ := v["detail"].(string); !strings.Contains(d, detail) {
		t.Errorf("detail %q, want it to contain %q", d, detail)
	}
}

func TestSearch(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	for _, c := range []struct {
		name, target string
		want         int
	}{
		{"everything", "/v1/messages", 6},
		{"text_form", "/v1/messages?q=status:queued", 1},
		{"tree_form", `/v1/messages?filter={"field":"status","op":"is","value":"stalled"}`, 1},
		{"both_narrow", `/v1/messages?q=recipient:bob@acme.test&filter={"field":"status","op":"is","value":"queued"}`, 1},
		{"none", "/v1/messages?q=status:bounced", 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, v := ask(t, h, "GET", strings.ReplaceAll(c.target, `"`, "%22"), "")
			if w.Code != 200 {
				t.Fatalf("status %d: %s", w.Code, w.Body)
			}
			items, ok := v["items"].([]any)
			if !ok || len(items) != c.want {
				t.Errorf("%d items, want %d: %s", len(items), c.want, w.Body)
			}
		})
	}
}

func TestSearchPagesWithoutGapOrRepeat(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	seen := map[string]bool{}
	cursor := ""
	for page := 0; ; page++ {
		_, v := ask(t, h, "GET", "/v1/messages?limit=4&cursor="+cursor, "")
		for _, it := range v["items"].([]any) {
			id := it.(map[string]any)["id"].(string)
			if seen[id] {
				t.Errorf("%s twice", id)
			}
			seen[id] = true
		}
		next, _ := v["next"].(string)
		if next == "" {
			break
		}
		if page > 3 {
			t.Fatal("the pages do not end")
		}
		cursor = next
	}
	if len(seen) != 6 {
		t.Errorf("%d rows, want 6", len(seen))
	}
}

func TestSearchFields(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	_, v := ask(t, h, "GET", "/v1/messages?q=status:queued&fields=sender,status", "")
	row := v["items"].([]any)[0].(map[string]any)
	if len(row) != 3 || row["id"] == nil || row["status"] != "queued" || row["sender"] != "anna.longname@accounts.partner.test" {
		t.Errorf("row %v, want id, sender and status alone", row)
	}
	w, v := ask(t, h, "GET", "/v1/messages?fields=sendr", "")
	wantProblem(t, w, v, 422, `no column "sendr"`)
}

func TestRefusals(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	for _, c := range []struct {
		name, method, target, body string
		status                     int
		detail                     string
	}{
		{"bad_query", "GET", "/v1/messages?q=stat:x", "", 422, "filter"},
		{"bad_tree", "GET", "/v1/messages?filter=%7B%22feld%22:1%7D", "", 422, "filter"},
		{"bad_limit", "GET", "/v1/messages?limit=0", "", 422, "validation"},
		{"misspelt_parameter", "GET", "/v1/messages?limt=3", "", 422, "validation"},
		{"unknown_message", "GET", "/v1/messages/zzzz", "", 404, "no such message"},
		{"not_an_id", "GET", "/v1/messages/hello!", "", 422, "no message ID"},
		{"not_a_recipient", "GET", "/v1/messages/0.x", "", 422, "recipient ID"},
		{"ambiguous_id", "GET", "/v1/messages/0", "", 409, "not unique"},
		{"unknown_verb", "POST", "/v1/actions", `{"verb":"retri","ids":["0"]}`, 422, `no verb "retri"`},
		{"nothing_selected", "POST", "/v1/actions", `{"verb":"retry"}`, 422, "nothing is selected"},
		{"empty_filter_is_nothing", "POST", "/v1/actions", `{"verb":"remove","filter":{}}`, 422, "nothing is selected"},
		{"two_selections", "POST", "/v1/actions", `{"verb":"retry","ids":["0"],"q":"status:queued"}`, 422, "ambiguous"},
		{"misspelt_member", "POST", "/v1/actions", `{"verb":"retry","id":["0"]}`, 422, "validation"},
		{"not_json", "POST", "/v1/actions", `{`, 400, ""},
		{"unknown_path", "GET", "/v1/mesages", "", 404, "there is no /v1/mesages"},
		{"unknown_top_path", "GET", "/", "", 404, "there is no /"},
		{"wrong_method", "DELETE", "/v1/version", "", 405, "DELETE does not apply"},
		{"too_large", "POST", "/v1/actions", `{"verb":"retry","ids":["` + strings.Repeat("0", 2<<20) + `"]}`, 413, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, v := ask(t, h, c.method, c.target, c.body)
			wantProblem(t, w, v, c.status, c.detail)
		})
	}
}

func TestMessageByPrefixAndRecipient(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	_, v := ask(t, h, "GET", "/v1/messages?q=status:queued&fields=id", "")
	id := v["items"].([]any)[0].(map[string]any)["id"].(string)

	_, v = ask(t, h, "GET", "/v1/messages/"+id[:14], "")
	if n := len(v["recipients"].([]any)); n != 2 {
		t.Errorf("%d recipients by prefix, want 2", n)
	}
	_, v = ask(t, h, "GET", "/v1/messages/"+strings.ToUpper(id), "")
	rs := v["recipients"].([]any)
	if len(rs) != 1 || !strings.HasPrefix(rs[0].(map[string]any)["advice"].(string), "The recipient's mailbox is full.") {
		t.Errorf("recipients of %s: %v, want the first alone, with advice", id, rs)
	}
	w, v := ask(t, h, "GET", "/v1/messages/"+id[:26]+".7", "")
	wantProblem(t, w, v, 404, "no recipient 7")

	// The second attempt concerned recipient 1 only.
	for n, want := range map[string]int{".1": 2, ".2": 1, "": 2} {
		_, v = ask(t, h, "GET", "/v1/messages/"+id[:26]+n+"/explain", "")
		if got := len(v["attempts"].([]any)); got != want {
			t.Errorf("explain %q: %d attempts, want %d", n, got, want)
		}
		if v["events"] == nil || v["message"] == nil {
			t.Errorf("explain %q lacks events or message", n)
		}
	}
}

func TestDownload(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	id := apitest.ID(0, 0) // none
	w, v := ask(t, h, "GET", "/v1/messages/"+id.String()+"/body", "")
	wantProblem(t, w, v, 404, "no such message")

	_, v = ask(t, h, "GET", "/v1/messages?q=status:stalled&fields=id", "")
	row := v["items"].([]any)[0].(map[string]any)["id"].(string)
	w, _ = ask(t, h, "GET", "/v1/messages/"+row+"/body", "")
	if w.Code != 200 || w.Header().Get("Content-Type") != "message/rfc822" || w.Body.String() != "Subject: Your documents\r\n\r\nHello\r\n" {
		t.Errorf("download: %d %v %q", w.Code, w.Header(), w.Body)
	}
	if cd := w.Header().Get("Content-Disposition"); cd != `attachment; filename="`+row[:26]+`.eml"` {
		t.Errorf("Content-Disposition %q", cd)
	}
}

func TestActions(t *testing.T) {
	h := api.New(apitest.Sample().Services())
	act := func(body string) map[string]any {
		t.Helper()
		w, v := ask(t, h, "POST", "/v1/actions", body)
		if w.Code != 200 {
			t.Fatalf("%s: %d %s", body, w.Code, w.Body)
		}
		return v
	}
	v := act(`{"verb":"freeze","q":"status:queued","dry_run":true}`)
	if v["matched"] != 1.0 || v["changed"] != 0.0 || v["dry_run"] != true {
		t.Errorf("dry run: %v", v)
	}
	v = act(`{"verb":"freeze","q":"status:queued"}`)
	item := v["items"].([]any)[0].(map[string]any)
	if v["changed"] != 1.0 || item["status"] != "queue-frozen" {
		t.Errorf("freeze: %v", v)
	}
	// One that does not apply is an item's error, not the request's.
	v = act(`{"verb":"thaw","ids":["` + item["id"].(string)[:26] + `"]}`)
	if v["matched"] != 2.0 || v["changed"] != 1.0 {
		t.Errorf("thaw: %v", v)
	}
	if e := v["items"].([]any)[1].(map[string]any)["error"]; e == nil {
		t.Errorf("thawing delivered mail has to be refused in its item: %v", v)
	}
	w, v := ask(t, h, "POST", "/v1/actions", `{"verb":"retry","ids":["zzz"]}`)
	wantProblem(t, w, v, 404, "no such message")
}

func TestReloadAnswersWithDiagnostics(t *testing.T) {
	g := apitest.Sample()
	h := api.New(g.Services())
	_, v := ask(t, h, "POST", "/v1/reload", "")
	if v["reloaded"] != true || len(v["diagnostics"].([]any)) != 0 {
		t.Errorf("reload: %v", v)
	}
	g = apitest.Sample()
	g.Broken = []api.Diagnostic{{Severity: "error", Summary: "Unsupported argument", File: "config.hcl", Line: 3}}
	w, v := ask(t, api.New(g.Services()), "POST", "/v1/reload?check=true", "")
	if w.Code != 200 || v["reloaded"] != false || len(v["diagnostics"].([]any)) != 1 {
		t.Errorf("broken reload: %d %v", w.Code, v)
	}
}

func TestHealthAndMetrics(t *testing.T) {
	g := apitest.Sample()
	g.NotReady = errors.New("free space is below the watermark")
	h := api.NewListener(g.Services(), api.AdminToken("0123456789abcdef"))
	if w, _ := ask(t, h, "GET", "/healthz", ""); w.Code != 200 {
		t.Errorf("healthz: %d", w.Code)
	}
	w, v := ask(t, h, "GET", "/readyz", "")
	wantProblem(t, w, v, 503, "below the watermark")
	if w, _ := ask(t, h, "GET", "/metrics", ""); w.Code != 200 || !strings.Contains(w.Body.String(), "weir_up 1") {
		t.Errorf("metrics: %d %s", w.Code, w.Body)
	}
}

func TestFaultsKeepTheirTextToThemselves(t *testing.T) {
	var logged bytes.Buffer
	g := apitest.Sample()
	g.SearchBy = apitest.ErrSecret
	s := g.Services()
	s.Logger = slog.New(slog.NewTextHandler(&logged, nil))
	w, v := ask(t, api.New(s), "GET", "/v1/messages", "")
	wantProblem(t, w, v, 500, "internal error")
	if strings.Contains(w.Body.String(), "secret") {
		t.Errorf("the answer shows the cause: %s", w.Body)
	}
	id, _ := v["id"].(string)
	if id == "" || !strings.Contains(logged.String(), id) || !strings.Contains(logged.String(), "/secret/path") {
		t.Errorf("the log has to hold the cause under %q: %s", id, &logged)
	}
}

// panicking is a service with a mistake in it.
type panicking struct{ *apitest.Gateway }

func (panicking) Plugins() []api.PluginStatus { panic("boom") }

func TestPanicEndsOneRequestOnly(t *testing.T) {
	s := apitest.Sample().Services()
	s.Plugins = panicking{}
	h := api.New(s)
	w, v := ask(t, h, "GET", "/v1/plugins", "")
	wantProblem(t, w, v, 500, "internal error")
	if w, _ := ask(t, h, "GET", "/v1/version", ""); w.Code != 200 {
		t.Errorf("after a panic: %d", w.Code)
	}
}

func TestEveryCallHasAScope(t *testing.T) {
	g := apitest.Sample()
	h := api.New(g.Services())
	ask(t, h, "GET", "/v1/messages", "")
	ask(t, h, "POST", "/v1/actions", `{"verb":"retry","q":"status:queued"}`)
	ask(t, h, "POST", "/v1/reload", "")
	if len(g.Scopes) < 3 {
		t.Fatalf("%d calls", len(g.Scopes))
	}
	for _, s := range g.Scopes {
		if s.Level != lifecycle.LevelAdmin || s.Actor == "" {
			t.Errorf("scope %+v names no level or actor", s)
		}
	}
}
