package main

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/apitest"
)

// TestMain lets scripts call this very binary as "weir".
func TestMain(m *testing.M) {
	testscript.Main(cleanly{m}, map[string]func(){
		"weir": main,
	})
}

// underRace are the scripts that the race detector watches: those in which the
// most goes on at once.
var underRace = []string{
	"b64_deliver_directly.txt", "local_to_local.txt", "b46_b50_b80_queue_verbs.txt", "reload_policy.txt", "restart.txt", "b87_retry_by_itself.txt", "b142_b146_b148_b150_stall_and_force.txt",
}

// TestScripts runs testdata/script. Besides "weir" and the commands of
// gatewayCommands a script has
//
//	in-memory [broken]   serve a gateway in memory at ./var/weir.sock
//	code N COMMAND…      run a command and expect the exit code N
//
// and the conditions [plugins], false while they are not built, and
// [builds:LANGUAGE], false where its compiler is missing.
func TestScripts(t *testing.T) {
	commands := gatewayCommands(t)
	commands["in-memory"] = serveForScript
	commands["code"] = expectCode
	maps.Copy(commands, pluginCommands())
	maps.Copy(commands, dnsCommands(t))
	files, err := filepath.Glob(filepath.Join("testdata", "script", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	if raceDetector {
		files = slices.DeleteFunc(files, func(f string) bool { return !slices.Contains(underRace, filepath.Base(f)) })
	}
	testscript.Run(t, testscript.Params{
		Files: files,
		Setup: prepare,
		Cmds:  commands,
		Condition: func(cond string) (bool, error) {
			if cond == "plugins" {
				return havePlugins(), nil
			}
			if program, ok := strings.CutPrefix(cond, "program:"); ok {
				return haveProgram(program)
			}
			if language, ok := strings.CutPrefix(cond, "builds:"); ok {
				return buildsIn(language), nil
			}
			return false, fmt.Errorf("unknown condition %q", cond)
		},
		RequireExplicitExec: true,
	})
}

// TestEveryExampleIsRun: an example that no script runs will rot.
func TestEveryExampleIsRun(t *testing.T) {
	scripts, err := filepath.Glob(filepath.Join("testdata", "script", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	var all strings.Builder
	for _, name := range scripts {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(b)
	}
	examples, err := filepath.Glob(filepath.Join("..", "examples", "*"))
	if err != nil || len(examples) == 0 {
		t.Fatalf("%d examples, %v", len(examples), err)
	}
	messages, err := filepath.Glob(filepath.Join("..", "examples", "messages", "*.eml"))
	if err != nil || len(messages) == 0 {
		t.Fatalf("%d messages, %v", len(messages), err)
	}
	for _, e := range append(examples, messages...) {
		if filepath.Base(e) == "messages" {
			continue // each by itself
		}
		rel, err := filepath.Rel(filepath.Join("..", "examples"), e)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(all.String(), "$EXAMPLES/"+filepath.ToSlash(rel)) && !strings.Contains(all.String(), "$MESSAGES/"+filepath.Base(rel)) {
			t.Errorf("no script in testdata/script runs examples/%s", rel)
		}
	}
}

func serveForScript(ts *testscript.TestScript, _ bool, args []string) {
	g := apitest.Sample()
	if len(args) > 0 && args[0] == "broken" {
		g.Broken = []api.Diagnostic{{
			Severity: "error", Summary: "Unsupported argument", Detail: `An argument named "hostnam" is not expected here. Did you mean "hostname"?`,
			File: "config.hcl", Line: 2, Column: 3, Source: `  hostnam = "mx.weir.test"`,
		}}
	}
	path := ts.MkAbs("var/" + api.SocketName)
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o755))
	l, err := api.ListenSocket(path)
	ts.Check(err)
	srv := api.NewServer(api.New(g.Services()), nil)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = srv.Serve(l) // ends with ErrServerClosed
	}()
	ts.Defer(func() {
		_ = srv.Shutdown(context.Background())
		<-done
	})
}

// expectCode runs a command whose exit code is part of its contract.
func expectCode(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: code N COMMAND…")
	}
	// The shell turns the code into a line on standard output.
	err := ts.Exec("sh", append([]string{"-c", `"$@"; code=$?; test $code = "$0" || { echo "exit code $code, want $0" >&2; exit 1; }`}, args...)...)
	if err != nil {
		ts.Fatalf("%v", err)
	}
}
