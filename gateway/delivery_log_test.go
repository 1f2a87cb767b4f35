package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/query"
)

// said gives what f writes to standard error; what it writes to standard output is
// dropped.
func said(t *testing.T, f func() error) (string, error) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = null, w
	defer func() { os.Stdout, os.Stderr = stdout, stderr }()
	failed := f()
	w.Close()
	var b bytes.Buffer
	if _, err := io.Copy(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String(), failed
}

// TestB138_what_a_list_leaves_out_is_said: also where it was of a page before the
// last, and where the rows are written as JSON, which has no place for it.
func TestB138_what_a_list_leaves_out_is_said(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		switch r.FormValue("cursor") {
		case "":
			fmt.Fprint(w, `{"items":[{}],"next":"2","partial":true,"searched_back_to":"2026-11-20T08:00:00Z"}`)
		case "2":
			fmt.Fprint(w, `{"items":[{}],"next":"3","partial":true,"searched_back_to":"2026-11-20T07:00:00Z"}`)
		default:
			fmt.Fprint(w, `{"items":[{}]}`)
		}
	}))
	defer srv.Close()
	t.Setenv("WEIR_TOKEN", "x")
	for _, inJSON := range []bool{false, true} {
		g := &Globals{URL: srv.URL, JSON: inJSON, UTC: true}
		got, err := said(t, func() error {
			return deliveryLog{flags: ListFlags{Limit: 0}}.list(t.Context(), g, client.New(client.Options{URL: srv.URL, Token: "x"}), query.Filter{})
		})
		if err != nil || !strings.Contains(got, "attempts before ") || !strings.Contains(got, "08:00") {
			t.Errorf("deliveries, json %v: %q, %v", inJSON, got, err)
		}
		l := &ListFlags{order: "-size"}
		got, err = said(t, func() error { return l.list(t.Context(), g, query.Filter{}, "none", queueColumns) })
		if err != nil || !strings.Contains(got, "looked back to ") || !strings.Contains(got, "08:00") {
			t.Errorf("rows, json %v: %q, %v", inJSON, got, err)
		}
	}
}
