package api_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

func TestOpenAPIIsWhatIsCommitted(t *testing.T) {
	got, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	again, err := api.OpenAPI()
	if err != nil || !bytes.Equal(got, again) {
		t.Fatalf("two calls give different documents (%v)", err)
	}
	want, err := os.ReadFile("../../docs/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.json is out of date; run: go generate ./gateway")
	}
}

// TestOpenAPIHolds checks what a generator of clients relies on: references
// that lead somewhere, operations with names of their own, answers for every
// one, and paths that the server knows.
func TestOpenAPIHolds(t *testing.T) {
	b, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		OpenAPI string
		Paths   map[string]map[string]struct {
			OperationID string
			Summary     string
			Parameters  []struct{ Name, In string }
			Responses   map[string]json.RawMessage
		}
		Components struct{ Schemas map[string]json.RawMessage }
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("openapi %q", doc.OpenAPI)
	}
	for _, part := range strings.Split(string(b), `"$ref": "#/components/schemas/`)[1:] {
		name, _, _ := strings.Cut(part, `"`)
		if doc.Components.Schemas[name] == nil {
			t.Errorf("a reference to %s leads nowhere", name)
		}
	}
	guide, err := os.ReadFile("../../docs/api.md")
	if err != nil {
		t.Fatal(err)
	}
	if now, err := api.Guide(guide); err != nil || !bytes.Equal(now, guide) {
		t.Errorf("docs/api.md is out of date (%v); run: go generate ./gateway", err)
	}
	h := api.New(apitest.Sample().Services())
	ids := map[string]bool{}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			if op.OperationID == "" || ids[op.OperationID] {
				t.Errorf("%s %s: operation ID %q missing or used twice", method, path, op.OperationID)
			}
			ids[op.OperationID] = true
			if op.Summary == "" || !answers(op.Responses) || op.Responses["500"] == nil {
				t.Errorf("%s %s lacks a summary or an answer", method, path)
			}
			if strings.Contains(string(op.Responses["200"]), "text/event-stream") && !strings.Contains(path, "{id}") {
				continue // its answer has no end
			}
			w, v := ask(t, h, strings.ToUpper(method), regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "zz"), "")
			if w.Code == http.StatusMethodNotAllowed || w.Code == http.StatusNotFound && strings.HasPrefix(v["detail"].(string), "there is no /v1/") {
				t.Errorf("%s %s: the server does not know it: %d", method, path, w.Code)
			}
		}
	}
	for _, want := range []string{"search-messages", "act", "queue-summary", "search-deliveries", "list-plugins", "reload", "get-policy", "get-version"} {
		if !ids[want] {
			t.Errorf("no operation %s", want)
		}
	}
	w, _ := ask(t, h, "GET", "/openapi.json", "")
	if w.Code != 200 || !bytes.Equal(bytes.TrimSpace(b), bytes.TrimSpace(w.Body.Bytes())) {
		t.Error("/openapi.json is not the document")
	}
}

// answers reports an answer for when all goes well.
func answers(rs map[string]json.RawMessage) bool {
	for code := range rs {
		if code[0] == '2' || code[0] == '3' {
			return true
		}
	}
	return false
}
