package api_test

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

// schema is what of a JSON schema the tests look at.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       any                `json:"type"`
	Properties map[string]*schema `json:"properties"`
}

func (s *schema) is(kind string) bool {
	if list, ok := s.Type.([]any); ok {
		for _, k := range list {
			if k == kind {
				return true
			}
		}
		return false
	}
	return s.Type == kind
}

type operation struct {
	OperationID string
	Parameters  []struct {
		Name, In string
		Schema   struct {
			Maximum float64
			Default any
		}
	}
	Security  []map[string][]string
	Responses map[string]struct {
		Content map[string]struct{ Schema *schema }
	}
}

func (o *operation) takes(name, in string) bool {
	for _, p := range o.Parameters {
		if p.Name == name && p.In == in {
			return true
		}
	}
	return false
}

type document struct {
	Paths      map[string]map[string]*operation
	Components struct {
		Schemas         map[string]*schema
		SecuritySchemes map[string]struct{ Type, Scheme, In, Name string }
	}
}

func readDocument(t *testing.T) *document {
	t.Helper()
	b, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	d := new(document)
	if err := json.Unmarshal(b, d); err != nil {
		t.Fatal(err)
	}
	return d
}

// answer is the schema of an operation's JSON answer; nil: it has none.
func (d *document) answer(o *operation) *schema {
	for code, r := range o.Responses {
		if code[0] != '2' {
			continue
		}
		c, ok := r.Content["application/json"]
		if !ok || c.Schema == nil {
			continue
		}
		if name, ok := strings.CutPrefix(c.Schema.Ref, "#/components/schemas/"); ok {
			return d.Components.Schemas[name]
		}
		return c.Schema
	}
	return nil
}

// Every list is given in pages. A list is an answer to a GET with items; a POST
// that answers with items tells what became of what it was asked to do, as much
// as that was.
func TestEveryListHasPages(t *testing.T) {
	d := readDocument(t)
	lists := 0
	for path, methods := range d.Paths {
		o := methods["get"]
		if o == nil {
			continue
		}
		s := d.answer(o)
		if s == nil {
			continue
		}
		if s.is("array") {
			t.Errorf("GET %s answers with a bare list, which cannot say where it goes on", path)
		}
		it := s.Properties["items"]
		if it == nil || !it.is("array") {
			continue
		}
		lists++
		if !o.takes("cursor", "query") || !o.takes("limit", "query") || s.Properties["next"] == nil {
			t.Errorf("GET %s (%s) gives a list without cursor, limit and next: use PageInput and paged", path, o.OperationID)
		}
		for _, p := range o.Parameters {
			if p.Name == "limit" && (p.Schema.Maximum == 0 || p.Schema.Default == nil) {
				t.Errorf("GET %s: its limit has no default or no maximum", path)
			}
		}
	}
	if lists < 20 {
		t.Errorf("only %d lists were looked at", lists)
	}
}

// Lists of the sample, one item at a time, are what they are as a whole.
func TestListsOneItemAtATime(t *testing.T) {
	d := readDocument(t)
	h := api.New(apitest.Sample().Services())
	_, v := ask(t, h, "GET", "/v1/messages?q=status:queued&limit=1", "")
	id, _, _ := strings.Cut(v["items"].([]any)[0].(map[string]any)["id"].(string), ".")
	ask(t, h, "POST", "/v1/jobs", `{"verb":"freeze","q":"status:queued"}`)
	ask(t, h, "POST", "/v1/jobs", `{"verb":"retry","q":"status:queue-frozen"}`)
	long := 0
	for path, methods := range d.Paths {
		o := methods["get"]
		if o == nil || !o.takes("cursor", "query") {
			continue
		}
		path = strings.ReplaceAll(path, "/v1/messages/{id}", "/v1/messages/"+id)
		path = strings.ReplaceAll(path, "/v1/jobs/{id}", "/v1/jobs/1")
		path = regexp.MustCompile(`\{\w+\}`).ReplaceAllString(path, "x") + "?"
		if o.takes("tenant", "query") {
			path += "tenant=acme&"
		}
		w, v := ask(t, h, "GET", path+"limit=1000", "")
		if w.Code != 200 {
			continue // the sample has none of these
		}
		whole := v["items"].([]any)
		if len(whole) > 1 {
			long++
		}
		var each []any
		for cursor := ""; ; {
			w, v := ask(t, h, "GET", path+"limit=1"+cursor, "")
			if w.Code != 200 {
				t.Fatalf("%s%s: %d %v", path, cursor, w.Code, v)
			}
			each = append(each, v["items"].([]any)...)
			next, _ := v["next"].(string)
			if next == "" || len(each) > len(whole) {
				break
			}
			cursor = "&cursor=" + next
		}
		a, _ := json.Marshal(whole)
		b, _ := json.Marshal(each)
		if string(a) != string(b) && len(whole)+len(each) > 0 {
			t.Errorf("%s as a whole: %s\none at a time: %s", path, a, b)
		}
	}
	if long < 8 {
		t.Errorf("only %d lists have more than one item", long)
	}
}
