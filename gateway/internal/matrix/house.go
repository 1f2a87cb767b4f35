package matrix

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/daemon/daemontest"
	"github.com/mailweir/weir/gateway/internal/smtpc"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

// House is a whole gateway with its destinations, on a clock of its own.
type House struct {
	tb    testing.TB
	Dir   string
	URL   string         // of the admin listener
	Admin *client.Client // by the socket

	mx, submission string
	refuse         atomic.Bool // destinations refuse for good what they deferred
	clock          clock
	n              atomic.Int64

	mu     sync.Mutex
	tokens map[string]string
}

// clock is the machine's, moved forward.
type clock struct {
	mu      sync.Mutex
	offset  time.Duration
	waiting []waiter
}

type waiter struct {
	at time.Time
	ch chan time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return time.Now().Add(c.offset)
}

func (c *clock) After(d time.Duration) <-chan time.Time {
	w := waiter{c.Now().Add(d), make(chan time.Time, 1)}
	time.AfterFunc(d, func() { w.fire(c.Now()) })
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waiting = append(c.waiting, w)
	return w.ch
}

func (w waiter) fire(now time.Time) {
	select {
	case w.ch <- now:
	default:
	}
}

// jump moves the clock, and wakes who waited for less.
func (c *clock) jump(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset += d
	now := time.Now().Add(c.offset)
	for _, w := range c.waiting {
		if !w.at.After(now) {
			w.fire(now)
		}
	}
	c.waiting = nil
}

const policyText = daemontest.Listeners + `
gateway {
  hostname        = "mx.weir.test"
  data_dir        = "./var"
  direct_inbound  = "10s"
  direct_outbound = "10s"
}
admin {
  address = "127.0.0.1:0"
  limits {
    requests = 1000000
    burst    = 100000
  }
}
plugin "bayes" {
  source = "builtin:bayes"
  offer  = "all"
  grant { kv = true }
}
plugin "editor" {
  source = "./editor.wasm"
  grant {
    kv    = true
    queue = true
  }
}
list "passed" { entries = ["nobody@nowhere.test"] }
ruleset "held" {
  filter "deep" {
    plugin = plugin.editor
    when   = matches("sandbox", message.subject)
    config { mode = "sandbox" }
  }
  action "accepted" {
    when = matches("^accepted", recipient.local) && matches("^m", message.subject)
    do   = tempfail(451, "4.7.1", "later")
  }
  action "quarantine" {
    when = matches("quarantine", message.subject)
    do   = quarantine("held to be looked at")
  }
  action "rescan" {
    when = matches("rescan", message.subject) && !listed(list.passed, "all@passed.test")
    do   = stall("held until the list is there")
  }
  action "stall" {
    when = matches("stall", message.subject)
    do   = stall("cannot be inspected")
  }
  action "blackhole" {
    when = matches("blackhole", message.subject)
    do   = discard("dropped")
  }
  action "reject" {
    when = matches("reject", message.subject)
    do   = reject(550, "5.7.1", "not wanted")
  }
  action "later" {
    when = matches("defer", message.subject)
    do   = tempfail(451, "4.7.1", "come back")
  }
}
tenant "acme" {
  domains  = ["acme.test"]
  rulesets = [ruleset.held]
  force    = "domain"
  route { hosts = ["IN"] }
  recipients {
    verify = "none"
    local  = ["*@acme.test"]
  }
  retain { archive = "30d" }
  outbound {
    route { hosts = ["OUT"] }
    secure "tagged" {
      when = matches("secure", message.subject)
      tls  = "verified"
    }
  }
  group "unarchived" {
    members = ["*.p@acme.test"]
    inbound { archive = false }
    outbound { archive = false }
  }
}
tenant "beta" {
  domains  = ["beta.test"]
  rulesets = [ruleset.held]
  route { hosts = ["IN"] }
  recipients {
    verify = "none"
    local  = ["*@beta.test"]
  }
}
`

// Open starts a gateway to the end of the test.
func Open(tb testing.TB) *House {
	tb.Helper()
	h := &House{tb: tb, tokens: map[string]string{}}
	ca := smtptest.NewCA(tb, "matrix")
	conf, _ := ca.Issue(tb, smtptest.Leaf{Names: []string{"127.0.0.1"}, For: 90 * 24 * time.Hour})
	script := smtptest.Script{Ext: []string{"STARTTLS", "DSN", "8BITMIME"}, TLS: conf, Rcpt: h.answer}
	in, out := smtptest.Start(tb, script), smtptest.Start(tb, script)
	h.Dir = daemontest.Folder(tb)
	guest(tb, filepath.Join(h.Dir, "editor.wasm"))
	text := strings.NewReplacer(`"IN"`, `"`+in.Addr+`"`, `"OUT"`, `"`+out.Addr+`"`).Replace(policyText)
	g := daemontest.Start(tb, h.Dir, map[string]string{"config.hcl": text}, daemon.Options{
		NoSync: true, Now: h.clock.Now, After: h.clock.After, Jitter: func() float64 { return 0.5 },
		Lab: &daemon.Lab{Roots: ca.Pool(), Timeouts: smtpc.Timeouts{Connect: 10 * time.Second}},
	})
	h.mx, h.submission, h.URL = g.At.Listeners["mx"], g.At.Listeners["submission"], "http://"+g.At.Admin
	h.Admin = client.New(client.Options{Socket: g.At.Socket})
	tb.Cleanup(h.Admin.Close)
	return h
}

// guest builds the plugin that holds messages for a later look (B113).
func guest(tb testing.TB, out string) {
	tb.Helper()
	mod, err := exec.Command("go", "env", "GOMOD").Output()
	if err != nil {
		tb.Fatal(err)
	}
	c := exec.Command("go", "run", "./sdk/cmd/weirpack", "-out", out, "./gateway/testdata/guests/editor")
	c.Dir = filepath.Dir(strings.TrimSpace(string(mod)))
	if said, err := c.CombinedOutput(); err != nil {
		tb.Fatalf("%v\n%s", err, said)
	}
}

// answer is how the destinations take RCPT: by the status that the message is to
// come to.
func (h *House) answer(addr string) string {
	local, _, _ := strings.Cut(addr, "@")
	local = strings.TrimRight(strings.TrimSuffix(local, ".p"), "-0123456789")
	switch {
	case local == "bounced" || local == "delivery-failed":
		if h.refuse.Load() {
			return "550 5.1.1 no such user"
		}
		return "451 4.2.1 not now"
	case strings.HasPrefix(local, "queue"):
		return "451 4.2.1 not now"
	}
	return ""
}

// smtp hands one message in and returns the last reply.
func (h *House) smtp(addr, from string, rcpts []string, body string) (string, error) {
	conn, err := net.DialTimeout("tcp", addr, 10*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	r := bufio.NewReader(conn)
	read := func() (string, error) {
		for {
			line, err := r.ReadString('\n')
			if err != nil || len(line) < 4 || line[3] != '-' {
				return strings.TrimSpace(line), err
			}
		}
	}
	last, err := read()
	commands := []string{"EHLO client.test", "MAIL FROM:<" + from + ">"}
	for _, to := range rcpts {
		commands = append(commands, "RCPT TO:"+to)
	}
	for _, c := range append(commands, "DATA") {
		if err != nil {
			return last, err
		}
		if _, err = io.WriteString(conn, c+"\r\n"); err == nil {
			last, err = read()
		}
		if err == nil && last[0] != '2' && last[0] != '3' {
			return last, nil
		}
	}
	if err != nil {
		return last, err
	}
	if _, err := io.WriteString(conn, body+".\r\n"); err != nil {
		return "", err
	}
	return read()
}

// Token is a bearer token of a level and role, "" the administrator's operator.
func (h *House) Token(level, role, mailbox string) string {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := level + "/" + role + "/" + mailbox
	if t := h.tokens[key]; t != "" {
		return t
	}
	req := map[string]any{"name": strings.ReplaceAll(key, "/", " "), "level": level}
	if role != "" {
		req["role"] = role
	}
	if level != "admin" {
		req["tenant"] = "acme"
		if _, domain, ok := strings.Cut(mailbox, "@"); ok && domain == "beta.test" {
			req["tenant"] = "beta"
		}
	}
	switch level {
	case "mailbox":
		req["mailbox"] = mailbox
	case "domain":
		req["domains"] = []string{req["tenant"].(string) + ".test"}
	}
	admin, err := os.ReadFile(filepath.Join(h.Dir, "var", "admin.token"))
	if err != nil {
		h.tb.Fatal(err)
	}
	code, b := h.Call(strings.TrimSpace(string(admin)), http.MethodPost, "/v1/tokens", req)
	var out struct {
		Secret string `json:"secret"`
	}
	if err := json.Unmarshal(b, &out); err != nil || out.Secret == "" {
		h.tb.Fatalf("token %s: %d %s", key, code, b)
	}
	h.tokens[key] = out.Secret
	return out.Secret
}

var web = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 32}, Timeout: time.Minute}

// Call makes one request of the API.
func (h *House) Call(token, method, path string, in any) (int, []byte) {
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			h.tb.Error(err)
			return 0, nil
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, h.URL+path, body)
	if err != nil {
		h.tb.Error(err)
		return 0, nil
	}
	req.Header.Set("Authorization", "Bearer "+token)
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := web.Do(req)
	if err != nil {
		h.tb.Error(err)
		return 0, nil
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.tb.Error(fmt.Errorf("%s: %w", path, err))
	}
	return resp.StatusCode, b
}
