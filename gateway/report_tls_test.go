package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

// TestReportTLS shows what was counted, which a script without mail servers of
// its own cannot.
func TestReportTLS(t *testing.T) {
	path := filepath.Join(t.TempDir(), api.SocketName)
	l, err := api.ListenSocket(path)
	if err != nil {
		t.Fatal(err)
	}
	serve(t, l, api.New(apitest.Sample().Services()))
	for args, want := range map[string]string{
		"report tls":                  "DOMAIN POLICY SUCCESS FAILURE RESULTS dest.test sts 3 1 certificate-expired 1",
		"report tls --json":           `{"domain":"dest.test","policies":["sts"],"success":3,"failure":1,"results":{"certificate-expired":1}}`,
		"report tls dest.test":        `"report-id": "dest.test"`,
		"report tls --day 2026-11-20": "dest.test",
	} {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		stdout := os.Stdout
		os.Stdout = w
		code := run(t.Context(), append(strings.Fields(args), "--socket", path))
		os.Stdout = stdout
		w.Close()
		b, _ := io.ReadAll(r)
		if got := strings.Join(strings.Fields(string(b)), " "); code != 0 || !strings.Contains(got, want) {
			t.Errorf("weir %s: %d %s", args, code, got)
		}
	}
}
