package client_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
	"github.com/mailweir/weir/gateway/internal/api/client"
)

// forBrowsers are pages that a browser is sent to; nothing else can follow them.
// There are no other exceptions: streams have methods, too.
var forBrowsers = map[string]string{
	"begin-oidc":  "sends the browser to the provider",
	"finish-oidc": "the provider sends the browser back here",
}

// TestClientHasAMethodForEveryOperation calls every method that the client has,
// and compares what a gateway was asked with what its document says it can be.
func TestClientHasAMethodForEveryOperation(t *testing.T) {
	b, err := api.OpenAPI()
	if err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Paths map[string]map[string]struct {
			OperationID string
		}
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}

	var mu sync.Mutex
	asked := map[string]int{}
	calls := http.NewServeMux()
	for path, methods := range doc.Paths {
		for method, op := range methods {
			calls.HandleFunc(strings.ToUpper(method)+" "+path, func(w http.ResponseWriter, r *http.Request) {
				mu.Lock()
				defer mu.Unlock()
				asked[op.OperationID]++
			})
		}
	}
	beside := 0
	gateway := api.New(apitest.Sample().Services())
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, pattern := calls.Handler(r); pattern == "" && strings.HasPrefix(r.URL.Path, "/v1/") {
			t.Errorf("the client asks %s %s, which the document does not have", r.Method, r.URL.Path)
		} else if pattern == "" {
			beside++
		}
		calls.ServeHTTP(httptest.NewRecorder(), r)
		gateway.ServeHTTP(w, r)
	}))
	defer srv.Close()

	c := client.New(client.Options{URL: srv.URL})
	defer c.Close()
	v := reflect.ValueOf(c)
	for i := range v.NumMethod() {
		callWithAnything(t, v.Type().Method(i).Name, v.Method(i))
	}
	for path, methods := range doc.Paths {
		for method, op := range methods {
			switch why, page := forBrowsers[op.OperationID]; {
			case page && asked[op.OperationID] > 0:
				t.Errorf("%s has a method though it %s", op.OperationID, why)
			case !page && asked[op.OperationID] == 0:
				t.Errorf("no method of the client asks %s %s (%s)", strings.ToUpper(method), path, op.OperationID)
			}
			delete(forBrowsers, op.OperationID)
		}
	}
	for id := range forBrowsers {
		t.Errorf("there is no operation %s any more", id)
	}
	if beside == 0 {
		t.Error("nothing asked whether the gateway is ready")
	}
}

// callWithAnything calls a method with made-up arguments, and takes a little of
// what it gives. Whether the gateway likes it does not matter.
func callWithAnything(t *testing.T, name string, m reflect.Value) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
	defer cancel()
	var in []reflect.Value
	for k := range m.Type().NumIn() {
		at := m.Type().In(k)
		switch {
		case m.Type().IsVariadic() && k == m.Type().NumIn()-1:
			if at.Elem().Kind() == reflect.String { // fields of something
				in = append(in, reflect.ValueOf("status"))
			}
		case at == reflect.TypeFor[context.Context]():
			in = append(in, reflect.ValueOf(ctx))
		case at.Kind() == reflect.Interface:
			in = append(in, reflect.ValueOf(new(strings.Builder))) // where an export goes
		default:
			in = append(in, anything(t, name, at))
		}
	}
	for _, out := range m.Call(in) {
		switch x := out.Interface().(type) {
		case interface{ Close() error }:
			if !out.IsNil() {
				x.Close()
			}
		default:
			if out.Kind() == reflect.Func && out.Type().CanSeq2() {
				for range out.Seq2() {
					break
				}
			}
		}
	}
}

// anything is a value of a type: what is text has some, as paths need it.
func anything(t *testing.T, name string, at reflect.Type) reflect.Value {
	v := reflect.New(at).Elem()
	switch at.Kind() {
	case reflect.String:
		v.SetString("zz")
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64, reflect.Pointer, reflect.Map, reflect.Slice, reflect.Func:
	case reflect.Struct:
		if at.PkgPath() == "time" {
			break
		}
		for i := range at.NumField() {
			if f := at.Field(i); f.IsExported() && f.Type.Kind() == reflect.String {
				v.Field(i).SetString("zz")
			}
		}
	default:
		t.Fatalf("%s takes a %s, which this test cannot make", name, at)
	}
	return v
}
