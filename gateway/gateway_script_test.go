package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/textproto"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mailweir/weir/gateway/internal/peers"

	"github.com/mailweir/weir/gateway/internal/filter/builtin"
)

// patience is how long a script waits for what must come. It is long because
// machines that run tests are busy, and costs nothing where all is well.
const patience = 30*time.Second + slowness

// scriptState is what a script has running: processes of this very binary,
// each ended with the script by its own process ID.
type scriptState struct {
	hook    *hook
	clamd   *peers.Process
	gateway *process
	sinks   map[string]*process
	t       *testing.T // for what is found when a script has ended
	vars    []string   // the policy's variables, as the environment has them
	smtp    *textproto.Conn
}

// stateKey finds a script's state in its environment.
type stateKey struct{}

func stateOf(ts *testscript.TestScript) *scriptState { return ts.Value(stateKey{}).(*scriptState) }

// gatewayCommands are the commands of scripts that start real gateways.
func gatewayCommands(t *testing.T) map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"gateway": func(ts *testscript.TestScript, neg bool, args []string) {
			stateOf(ts).t = t
			cmdGateway(ts, neg, args)
		},
		"sink":       cmdSink,
		"eventually": cmdEventually,
		"until":      cmdUntil,
		"arrived":    cmdArrived,
		"first":      cmdFirst,
		"smtp":       cmdSMTP,
		"localise":   cmdLocalise,
		"pack":       cmdPack,
		"clamd":      cmdClamd,
		"rspamd":     cmdRspamd,
		"hook":       cmdHook,
		"message":    cmdMessage,
	}
}

// prepare gives a script its state and the variables its commands need.
func prepare(e *testscript.Env) error {
	for _, name := range []string{"WEIR_CONFIG", "WEIR_SOCKET", "WEIR_URL", "WEIR_TOKEN_FILE", "COLUMNS"} {
		e.Setenv(name, "")
	}
	e.Setenv("TZ", "UTC")
	root, err := filepath.Abs("..")
	if err != nil {
		return err
	}
	e.Setenv("MESSAGES", filepath.Join(root, "examples", "messages"))
	e.Setenv("EXAMPLES", filepath.Join(root, "examples"))
	e.Setenv("ROOT", root)
	buildEnvironment(e)
	e.Values[stateKey{}] = &scriptState{sinks: map[string]*process{}}
	return nil
}

// modules holds the compiled plugins of the gateways that scripts start, so
// that they are compiled once.
var modules = sync.OnceValues(func() (string, error) { return os.MkdirTemp("", "weir-scripts-*") })

// compiling is held by whoever starts a gateway while none has compiled yet.
var compiling sync.Mutex

// linkFiles gives every file below from a second name below to.
func linkFiles(from, to string) error {
	return filepath.WalkDir(from, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		name := filepath.Join(to, rel)
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			return err
		}
		if err := os.Link(path, name); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
		return nil
	})
}

// cmdGateway:
//
//	gateway start [CONFIG]   run weir serve; without a config, config.hcl, which
//	                         is testdata/gateway.hcl unless the script brings one
//	gateway stop | kill      SIGTERM and a clean end, or SIGKILL
//	gateway hup              SIGHUP
//	gateway log REGEXP       wait for a line in what it says
//
// Start sets $MX, $SUBMISSION, $ADMIN and $SOCKET.
func cmdGateway(ts *testscript.TestScript, _ bool, args []string) {
	st := stateOf(ts)
	if len(args) == 0 {
		ts.Fatalf("usage: gateway start|stop|kill|hup|log")
	}
	if args[0] != "start" && st.gateway == nil {
		ts.Fatalf("no gateway runs")
	}
	switch args[0] {
	case "start":
		config := "config.hcl"
		if len(args) > 1 {
			config = args[1]
		}
		st.startGateway(ts, config)
	case "stop":
		st.gateway.end(ts, syscall.SIGTERM)
		st.gateway = nil
	case "kill":
		st.gateway.end(ts, syscall.SIGKILL)
		st.gateway = nil
	case "hup":
		ts.Check(st.gateway.cmd.Process.Signal(syscall.SIGHUP))
	case "log":
		re := regexp.MustCompile("(?m)" + args[1])
		until(ts, "a log line that matches "+args[1], func() bool { return re.MatchString(st.gateway.out.String()) })
	default:
		ts.Fatalf("gateway %s: no such command", args[0])
	}
}

func (st *scriptState) startGateway(ts *testscript.TestScript, config string) {
	if st.gateway != nil {
		ts.Fatalf("a gateway runs already")
	}
	path := ts.MkAbs(config)
	if _, err := os.Stat(path); errors.Is(err, os.ErrNotExist) && config == "config.hcl" {
		b, err := os.ReadFile(filepath.Join("testdata", "gateway.hcl"))
		ts.Check(err)
		ts.Check(os.WriteFile(path, b, 0o644))
	}
	dir := path
	if info, err := os.Stat(path); err == nil && !info.IsDir() {
		dir = filepath.Dir(path)
	}
	data := filepath.Join(dir, "var")
	cache := filepath.Join(data, "cache")
	shared, err := modules()
	ts.Check(errors.Join(err, os.MkdirAll(cache, 0o700)))
	compiling.Lock()
	if have, err := os.ReadDir(shared); err != nil || len(have) > 0 {
		compiling.Unlock()
		ts.Check(errors.Join(err, linkFiles(shared, cache)))
	} else {
		defer compiling.Unlock()
	}
	runFile := filepath.Join(data, "run.json")
	_ = os.Remove(runFile) // one that was killed left it
	st.gateway = start(ts, "serve", "--config", config)
	var at struct {
		Listeners     map[string]string
		Admin, Socket string
	}
	until(ts, "the gateway is ready", func() bool {
		select {
		case <-st.gateway.exited:
			ts.Fatalf("the gateway did not start:\n%s", st.gateway.out.String())
		default:
		}
		b, err := os.ReadFile(runFile)
		return err == nil && json.Unmarshal(b, &at) == nil
	})
	ts.Check(linkFiles(cache, shared))
	ts.Setenv("MX", at.Listeners["mx"])
	ts.Setenv("SUBMISSION", at.Listeners["submission"])
	ts.Setenv("ADMIN", at.Admin)
	ts.Setenv("SOCKET", filepath.Join(data, "weir.sock"))
}

// sinks counts them, so that each has an address of its own.
var sinks atomic.Int32

// cmdSink:
//
//	sink start [NAME [FLAG…]]   run weir sink on the maildir ./NAME (sink)
//	sink stop [NAME]
//
// Start sets $SINK, or for another NAME $NAME in capitals, and the policy's
// variable of that name.
func cmdSink(ts *testscript.TestScript, _ bool, args []string) {
	st := stateOf(ts)
	if len(args) == 0 {
		ts.Fatalf("usage: sink start|stop [NAME]")
	}
	name := "sink"
	if len(args) > 1 {
		name = args[1]
	}
	switch args[0] {
	case "start":
		flags := []string{"sink", "--listen", sinkAddress(), "--maildir", name}
		if len(args) > 2 {
			flags = append(flags, args[2:]...)
		}
		p := start(ts, flags...)
		st.sinks[name] = p
		listening := regexp.MustCompile(`listening on (\S+)\n`)
		var addr string
		until(ts, "the sink listens", func() bool {
			if m := listening.FindStringSubmatch(p.out.String()); m != nil {
				addr = m[1]
			}
			return addr != ""
		})
		ts.Setenv(strings.ToUpper(name), addr)
		ts.Setenv("WEIR_VAR_"+name, addr)
		st.vars = append(st.vars, "WEIR_VAR_"+name+"="+addr)
	case "stop":
		p := st.sinks[name]
		if p == nil {
			ts.Fatalf("no sink %s runs", name)
		}
		p.end(ts, syscall.SIGTERM)
		delete(st.sinks, name)
	default:
		ts.Fatalf("sink %s: no such command", args[0])
	}
}

// sinkAddress is one that nobody else takes while the sink is down. On Linux
// the whole of 127.0.0.0/8 is there.
func sinkAddress() string {
	if runtime.GOOS != "linux" {
		return "127.0.0.1:0"
	}
	n := int(sinks.Add(1))
	return fmt.Sprintf("127.%d.%d.%d:0", 1+os.Getpid()%250, 1+os.Getpid()/250%250, 1+n%250)
}

// cmdEventually: eventually COMMAND… runs a program until it ends well.
func cmdEventually(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) == 0 {
		ts.Fatalf("usage: eventually COMMAND…")
	}
	until(ts, strings.Join(args, " "), func() bool {
		c := exec.Command(args[0], args[1:]...)
		c.Dir, c.Env = ts.MkAbs("."), environment(ts)
		out, err := c.Output()
		if (err != nil) != neg {
			return false
		}
		_, _ = ts.Stdout().Write(out)
		return true
	})
}

// cmdUntil: until REGEXP COMMAND… runs a program until it prints that.
func cmdUntil(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: until REGEXP COMMAND…")
	}
	re := regexp.MustCompile("(?m)" + args[0])
	until(ts, strings.Join(args[1:], " ")+" to print "+args[0], func() bool {
		c := exec.Command(args[1], args[2:]...)
		c.Dir, c.Env = ts.MkAbs("."), environment(ts)
		out, _ := c.Output()
		return re.Match(out)
	})
}

// cmdArrived: arrived NAME N waits until the sink NAME has N messages, and
// prints them, oldest first.
func cmdArrived(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: arrived NAME N")
	}
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	dir := ts.MkAbs(filepath.Join(args[0], "new"))
	var files []os.DirEntry
	until(ts, args[1]+" messages in "+args[0], func() bool {
		files, err = os.ReadDir(dir)
		return err == nil && len(files) >= want
	})
	if len(files) != want {
		ts.Fatalf("%d messages in %s, want %d", len(files), args[0], want)
	}
	for _, f := range files { // names begin with the time
		b, err := os.ReadFile(filepath.Join(dir, f.Name()))
		ts.Check(err)
		_, _ = io.WriteString(ts.Stdout(), strings.ReplaceAll(string(b), "\r\n", "\n")+"\n")
	}
}

// cmdFirst: first VAR COMMAND… sets VAR to the ID of the message in the first
// JSON line that the command prints.
func cmdFirst(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) < 2 {
		ts.Fatalf("usage: first VAR COMMAND…")
	}
	var row struct{ ID string }
	until(ts, strings.Join(args[1:], " ")+" finds a message", func() bool {
		c := exec.Command(args[1], args[2:]...)
		c.Dir, c.Env = ts.MkAbs("."), environment(ts)
		out, err := c.Output()
		line, _, _ := bytes.Cut(out, []byte("\n"))
		return err == nil && json.Unmarshal(line, &row) == nil && row.ID != ""
	})
	id, _, _ := strings.Cut(row.ID, ".")
	ts.Setenv(args[0], id)
}

// cmdLocalise: localise PATH… gives policies written for the usual ports the
// kernel's, and $SINK for their destination.
func cmdLocalise(ts *testscript.TestScript, _ bool, args []string) {
	for _, name := range args {
		s := strings.NewReplacer("127.0.0.1:2526", ts.Getenv("SINK"), "127.0.0.1:2525", "127.0.0.1:0",
			"127.0.0.1:2587", "127.0.0.1:0", "127.0.0.1:8080", "127.0.0.1:0").Replace(ts.ReadFile(name))
		ts.Check(os.WriteFile(ts.MkAbs(name), []byte(s), 0o644))
	}
}

// cmdPack: pack EXAMPLE MODULE builds a plugin of the examples folder and adds
// its manifest. The go command runs in the repository, with the environment
// that the tests were started in.
func cmdPack(ts *testscript.TestScript, _ bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: pack FOLDER MODULE")
	}
	c := exec.Command("go", "run", "./sdk/cmd/weirpack", "-out", ts.MkAbs(args[1]), "./"+args[0])
	c.Dir = ts.Getenv("ROOT")
	out, err := c.CombinedOutput()
	if err != nil {
		ts.Fatalf("%v\n%s", err, out)
	}
}

// cmdSMTP keeps one session open across other commands:
//
//	smtp open ADDR
//	smtp CODE LINE      say LINE and expect the code
//	smtp CODE data FILE send a file after DATA
func cmdSMTP(ts *testscript.TestScript, _ bool, args []string) {
	st := stateOf(ts)
	if len(args) < 2 {
		ts.Fatalf("usage: smtp open ADDR | smtp CODE LINE | smtp CODE data FILE")
	}
	if args[0] == "open" {
		c, err := textproto.Dial("tcp", args[1])
		ts.Check(err)
		ts.Defer(func() { c.Close() })
		_, _, err = c.ReadResponse(220)
		ts.Check(err)
		st.smtp = c
		return
	}
	code, err := strconv.Atoi(args[0])
	ts.Check(err)
	if args[1] == "data" {
		w := st.smtp.DotWriter()
		_, err = io.WriteString(w, ts.ReadFile(args[2]))
		ts.Check(errors.Join(err, w.Close()))
	} else {
		ts.Check(st.smtp.PrintfLine("%s", strings.Join(args[1:], " ")))
	}
	_, text, err := st.smtp.ReadResponse(code)
	ts.Check(err)
	_, _ = io.WriteString(ts.Stdout(), text+"\n")
}

// cleanly removes, behind all tests, what they shared.
type cleanly struct{ m *testing.M }

func (c cleanly) Run() int {
	defer func() {
		if dir, err := modules(); err == nil {
			os.RemoveAll(dir)
		}
	}()
	return c.m.Run()
}

// havePlugins: false on a fresh clone before "make plugins".
func havePlugins() bool {
	_, err := builtin.Module("stall")
	return err == nil
}
