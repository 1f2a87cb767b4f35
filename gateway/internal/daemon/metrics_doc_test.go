package daemon_test

import (
	"context"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

var metricName = regexp.MustCompile(`\bweir_[a-z_]+[a-z]\b`)

// notMetrics are names in documents that begin alike.
var notMetrics = regexp.MustCompile(`^weir_(abi|abi_.*|config|hook|init|alloc|free)$`)

// defined are the metrics that this package's sources name.
func defined(t *testing.T) map[string]bool {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]bool{}
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			if l, ok := n.(*ast.BasicLit); ok && l.Kind == token.STRING {
				if s, err := strconv.Unquote(l.Value); err == nil && metricName.FindString(s) == s && s != "" {
					out[s] = true
				}
			}
			return true
		})
	}
	if len(out) < 30 {
		t.Fatalf("only %d metrics", len(out))
	}
	return out
}

// Every metric that a document names exists, metrics.md names every one that there
// is, and what a gateway shows is among them.
func TestMetricsAreAsDocumented(t *testing.T) {
	have := defined(t)
	docs, err := filepath.Glob(filepath.Join("..", "..", "docs", "*.md"))
	if err != nil || len(docs) == 0 {
		t.Fatal(docs, err)
	}
	var list map[string]bool
	for _, d := range docs {
		b, err := os.ReadFile(d)
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]bool{}
		for _, m := range metricName.FindAllString(string(b), -1) {
			if named[m] = true; !have[m] && !notMetrics.MatchString(m) {
				t.Errorf("%s names %s, which is no metric", filepath.Base(d), m)
			}
		}
		if filepath.Base(d) == "metrics.md" {
			list = named
		}
	}
	for m := range have {
		if !list[m] {
			t.Errorf("metrics.md does not name %s", m)
		}
	}

	d, _, _ := gatewayAt(t, configDir(t, exportPolicy), newMoved(time.Now()))
	c := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var dial net.Dialer
		return dial.DialContext(ctx, "unix", d.Addresses().Socket)
	}}}
	defer c.CloseIdleConnections()
	var shown string
	for end := time.Now().Add(time.Minute); !strings.Contains(shown, "\nweir_keeper_last_sweep_timestamp_seconds "); time.Sleep(50 * time.Millisecond) {
		resp, err := c.Get("http://weir/metrics")
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp.Status, err)
		}
		if shown = string(b); time.Now().After(end) {
			t.Fatalf("the keeper does not look through finished mail:\n%s", shown)
		}
	}
	for _, line := range strings.Split(shown, "\n") {
		if name, ok := strings.CutPrefix(line, "# HELP "); ok {
			if name, _, _ = strings.Cut(name, " "); strings.HasPrefix(name, "weir_") && !list[name] {
				t.Errorf("metrics.md does not name %s, which is shown", name)
			}
		}
	}
	for _, want := range []string{
		"weir_index_behind ", "weir_index_lag_seconds ", "weir_index_up 1", "weir_index_bytes ", "weir_audit_entries_total ", "weir_audit_failures_total 0",
		`weir_keeper_removed_total{what="bodies"} 0`, "weir_keeper_errors_total 0", "weir_jobs_running 0", `weir_jobs_total{state="failed"} 0`,
	} {
		if !strings.Contains(shown, "\n"+want) {
			t.Errorf("%q is not shown", want)
		}
	}
}
