package main

import (
	"context"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailweir/weir/gateway/internal/filter/conformance"
	"github.com/mailweir/weir/gateway/internal/toolchain"
)

// pluginCommands are the commands of scripts that make plugins:
//
//	node_modules DIR   lay the AssemblyScript compiler of the SDK's lock file into
//	                   a project, as "npm install" would
//	registry           run an OCI registry, and set $REGISTRY to its host:port
func pluginCommands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"node_modules": func(ts *testscript.TestScript, _ bool, args []string) {
			modules, err := conformance.NodeModules(context.Background())
			ts.Check(err)
			ts.Check(os.Symlink(modules, ts.MkAbs(filepath.Join(args[0], "node_modules"))))
		},
		"registry": func(ts *testscript.TestScript, _ bool, _ []string) {
			srv := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
			ts.Defer(srv.Close)
			ts.Setenv("REGISTRY", strings.TrimPrefix(srv.URL, "http://"))
		},
	}
}

// buildsIn is the condition [builds:LANGUAGE]: a plugin in it can be built
// here. In CI all can; where one cannot, its script fails.
func buildsIn(language string) bool {
	return os.Getenv("WEIR_CI") != "" || toolchain.Missing(context.Background(), toolchain.Language(language)) == nil
}

// buildEnvironment lets compilers work in a script: with their caches, and
// without the network, for a project builds without a registry.
func buildEnvironment(e *testscript.Env) {
	for _, name := range []string{"GOCACHE", "GOMODCACHE"} {
		if out, err := exec.Command("go", "env", name).Output(); err == nil {
			e.Setenv(name, strings.TrimSpace(string(out)))
		}
	}
	e.Setenv("GOPROXY", "off")
	e.Setenv("GOTOOLCHAIN", "local")
	e.Setenv("GOFLAGS", "")
	e.Setenv("DOCKER_CONFIG", filepath.Join(e.WorkDir, "docker"))
}
