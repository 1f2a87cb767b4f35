package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"sync"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailweir/weir/gateway/internal/peers"
)

// haveProgram is the condition program:NAME. Where everything has to be there,
// a missing one is a failure and no reason to skip.
func haveProgram(name string) (bool, error) {
	_, err := exec.LookPath(name)
	if err != nil && peers.Required() {
		return false, err
	}
	return err == nil, nil
}

// cmdMessage:
//
//	message FILE TEXT   write a message with this text
func cmdMessage(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: message FILE TEXT")
	}
	text := "From: someone@out.test\nTo: bob@demo.test\nSubject: A message\n\n" + args[1] + "\n"
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(text), 0o600))
}

// cmdClamd:
//
//	clamd start   run Debian's clamd, which knows EICAR alone; sets
//	              the policy's variable clamd, and $EICAR
//	clamd stop    end it
func cmdClamd(ts *testscript.TestScript, _ bool, args []string) {
	st := stateOf(ts)
	if len(args) == 1 && args[0] == "stop" && st.clamd != nil {
		st.clamd.Stop()
		return
	}
	dir := ts.MkAbs("clamd")
	ts.Check(os.MkdirAll(dir, 0o755))
	p, err := peers.Clamd(context.Background(), dir)
	ts.Check(err)
	ts.Defer(p.Stop)
	st.clamd = p
	st.vars = append(st.vars, "WEIR_VAR_clamd=unix:"+p.Addr)
	ts.Setenv("EICAR", peers.EICAR)
}

// cmdRspamd:
//
//	rspamd start   run Debian's rspamd; sets the policy's variables
//	               rspamd and rspamd_controller, and $GTUBE
func cmdRspamd(ts *testscript.TestScript, _ bool, _ []string) {
	dir := ts.MkAbs("rspamd")
	ts.Check(os.MkdirAll(dir, 0o755))
	p, controller, err := peers.Rspamd(context.Background(), dir)
	ts.Check(err)
	ts.Defer(p.Stop)
	st := stateOf(ts)
	st.vars = append(st.vars, "WEIR_VAR_rspamd=http://"+p.Addr, "WEIR_VAR_rspamd_controller=http://"+controller)
	ts.Setenv("GTUBE", peers.GTUBE)
}

// cmdHook:
//
//	hook start     a web server that takes every POST; sets the policy's variable hook
//	hook refuse    it answers 503 from now on; hook accept, it takes them again
//	hook wait RE   wait until it took one that matches: event and body
func cmdHook(ts *testscript.TestScript, _ bool, args []string) {
	st := stateOf(ts)
	if len(args) == 0 {
		ts.Fatalf("usage: hook start|refuse|accept|wait")
	}
	switch args[0] {
	case "start":
		st.hook = &hook{}
		st.hook.server = httptest.NewServer(st.hook)
		ts.Defer(st.hook.server.Close)
		st.vars = append(st.vars, "WEIR_VAR_hook="+st.hook.server.URL)
	case "refuse", "accept":
		st.hook.mu.Lock()
		st.hook.refuse = args[0] == "refuse"
		st.hook.mu.Unlock()
	case "wait":
		re := regexp.MustCompile(args[1])
		until(ts, "a post that matches "+args[1], func() bool {
			st.hook.mu.Lock()
			defer st.hook.mu.Unlock()
			return slices.ContainsFunc(st.hook.bodies, re.MatchString)
		})
	default:
		ts.Fatalf("hook %s: no such command", args[0])
	}
}

// hook is a web server that keeps what is posted.
type hook struct {
	server *httptest.Server
	mu     sync.Mutex
	refuse bool
	bodies []string
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	h.mu.Lock()
	defer h.mu.Unlock()
	if err != nil || h.refuse {
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	h.bodies = append(h.bodies, r.Header.Get("Weir-Event")+" "+string(b))
}
