package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mailweir/weir/gateway/internal/peers"
)

// system is a mail server under load.
type system struct {
	name string
	addr string
	pid  int            // 0 where there are many
	cpu  func() float64 // seconds used so far, children included
	// rss is resident memory in octets: all of it, and what is anonymous. The
	// rest is the binary and the store's tables, which the kernel takes back
	// when it needs the room.
	rss  func() (all, anon int64)
	stop func()
}

// wrote is what the process had written to disk so far, in octets; 0 unknown.
func (s *system) wrote() int64 {
	if s.pid == 0 {
		return 0
	}
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", s.pid))
	if err != nil {
		return 0
	}
	_, text, _ := strings.Cut(string(b), "\nwrite_bytes: ")
	text, _, _ = strings.Cut(text, "\n")
	n, _ := strconv.ParseInt(text, 10, 64)
	return n
}

// mxListener is that of every policy here: nothing of its limits is reached.
const mxListener = `listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
  limits {
    connections = 2000
    per_client  = 2000
    commands    = 10000000
  }
}
`

const weirConfig = `
gateway {
  hostname       = "bench.weir.test"
  data_dir       = %q
  direct_inbound = %q
  log_level      = "warn"
}
` + mxListener + `plugin "rules" { source = "builtin:rules" }
plugin "stall" { source = "builtin:stall" }
ruleset "baseline" {
  filter "lists" {
    plugin = plugin.rules
    config {
      allow "partners" { sender = ["*@partner.test"] }
      block "spammers" { sender_domain = ["spam.test", "*.spam.test"] }
      block "words" { subject = ["*lottery*", "*invoice overdue*"] }
    }
  }
  filter "unscannable" {
    plugin = plugin.stall
    config { causes = ["encrypted-archive", "unreadable"] }
  }
}
tenant "bench" {
  domains  = ["bench.test"]
  rulesets = [ruleset.baseline]
  route {
    hosts          = [%q]
    tls            = "none"
    connections    = 50
    per_connection = 1000
  }
  recipients {
    verify = "local"
    local  = ["*@bench.test"]
  }
}
`

// weir starts the gateway with both filters on. direct is its budget for
// delivery while the client waits; "0s" always queues.
func weir(bin, dir, name, direct, nextHop string) (*system, error) {
	return serve(bin, dir, name, func(data string) []byte { return fmt.Appendf(nil, weirConfig, data, direct, nextHop) })
}

// serve starts the gateway with a configuration, which is given its data_dir.
func serve(bin, dir, name string, config func(data string) []byte) (*system, error) {
	return serveAt(bin, dir, name, "mx", config)
}

// serveAt is serve, to be loaded at the listener of that name.
func serveAt(bin, dir, name, listener string, config func(data string) []byte) (*system, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	conf := filepath.Join(dir, "config.hcl")
	data := filepath.Join(dir, "data")
	if err := os.WriteFile(conf, config(data), 0o600); err != nil {
		return nil, err
	}
	var out bytes.Buffer
	args := []string{"serve", "--config", conf}
	if *profile != "" {
		args = append(args, "--profile", *profile)
	}
	cmd := exec.Command(bin, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	s := &system{name: name, stop: func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		<-ended
	}}
	pid := cmd.Process.Pid
	s.pid = pid
	s.cpu = func() float64 { return cpuOf(pid) }
	s.rss = func() (int64, int64) { return memoryOf(pid, "VmRSS:"), memoryOf(pid, "RssAnon:") }
	for deadline := time.Now().Add(60 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		var run struct {
			PID       int
			Listeners map[string]string
		}
		b, err := os.ReadFile(filepath.Join(data, "run.json"))
		if err == nil && json.Unmarshal(b, &run) == nil && run.PID == pid {
			s.addr = run.Listeners[listener]
			return s, nil
		}
		select {
		case <-ended:
			deadline = time.Now()
		default:
		}
	}
	s.stop()
	return nil, fmt.Errorf("the gateway did not start: %s", out.String())
}

// postfix starts Postfix as a plain relay.
func postfix(ctx context.Context, dir, nextHop string) (*system, error) {
	p, err := peers.Postfix(ctx, dir, nextHop, []string{"bench.test"}, "default_process_limit = 100", "smtp_destination_concurrency_limit = 50", "initial_destination_concurrency = 50")
	if err != nil {
		return nil, err
	}
	return &system{
		name: "postfix", addr: p.Addr, stop: p.Stop,
		cpu: func() float64 { return cpuOfGroup(p.PID()) },
		rss: func() (int64, int64) { return 0, 0 }, // many small processes that share their pages
	}, nil
}

// stat reads /proc/PID/stat behind the command name.
func stat(pid string) []string {
	b, err := os.ReadFile("/proc/" + pid + "/stat")
	if err != nil {
		return nil
	}
	i := bytes.LastIndexByte(b, ')')
	return strings.Fields(string(b[i+1:]))
}

const tick = 100.0 // USER_HZ

// cpuOf is the CPU time of a process and of its children that have ended.
func cpuOf(pid int) float64 {
	f := stat(strconv.Itoa(pid))
	if len(f) < 15 {
		return 0
	}
	var sum float64
	for _, i := range []int{11, 12, 13, 14} {
		n, _ := strconv.ParseFloat(f[i], 64)
		sum += n
	}
	return sum / tick
}

// cpuOfGroup is the same for every process of a tree: Postfix's daemons are
// children of its master, which also counts those that ended.
func cpuOfGroup(master int) float64 {
	sum := cpuOf(master)
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	for _, d := range dirs {
		pid := filepath.Base(d)
		if f := stat(pid); len(f) > 15 && f[1] == strconv.Itoa(master) {
			n, _ := strconv.Atoi(pid)
			sum += cpuOf(n)
		}
	}
	return sum
}

// memoryOf reads a line of /proc/PID/status, octets.
func memoryOf(pid int, line string) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for l := range strings.SplitSeq(string(b), "\n") {
		if rest, ok := strings.CutPrefix(l, line); ok {
			n, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}
