package daemon_test

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/smtp"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
	"github.com/mailweir/weir/gateway/internal/daemon"
	"github.com/mailweir/weir/gateway/internal/smtpc/smtptest"
)

const peoplePolicy = `
gateway {
  hostname = "mx.weir.test"
  data_dir = "var"
}
listener "mx" {
  address   = "127.0.0.1:0"
  direction = "inbound"
}
admin {
  address = "127.0.0.1:0"
  url     = "http://weir.localhost"
  OIDC
}
ruleset "held" {
  action "suspicious" {
    when = sender.domain == "far.test"
    do   = quarantine("everything from there is suspicious")
  }
}
tenant "acme" {
  domains  = ["acme.test", "acme.example"]
  rulesets = [ruleset.held]
  route {
    hosts = ["DESTINATION"]
    tls   = "none"
  }
  recipients {
    verify = "local"
    local  = ["ann@acme.test", "bob@acme.test"]
  }
}
tenant "beta" {
  domains  = ["beta.test"]
  rulesets = [ruleset.held]
  route {
    hosts = ["DESTINATION"]
    tls   = "none"
  }
  recipients { verify = "none" }
}
`

// people is a gateway that people sign in to.
type people struct {
	t      *testing.T
	d      *daemon.Daemon
	socket *client.Client
	dest   *smtptest.Peer
	clk    *moved
	at     string // address of the listener, as a URL
	dir    string // of policy and data
}

func startPeople(t *testing.T, oidc string) *people {
	t.Helper()
	return startPeopleWith(t, strings.Replace(peoplePolicy, "OIDC", oidc, 1))
}

func startPeopleWith(t *testing.T, policy string) *people {
	t.Helper()
	dest := smtptest.Start(t, smtptest.Script{})
	dir := configDir(t, strings.ReplaceAll(policy, "DESTINATION", dest.Addr))
	clk := newMoved(time.Now())
	d, c, _ := gatewayAt(t, dir, clk)
	return &people{t, d, c, dest, clk, "http://" + d.Addresses().Admin, dir}
}

func (p *people) later(d time.Duration) { p.clk.to(p.clk.Now().Add(d)) }

func (p *people) mail(rcpts ...string) {
	p.t.Helper()
	if err := smtp.SendMail(p.d.Addresses().Listeners["mx"], nil, "eve@far.test", rcpts, []byte("Subject: hello\r\n\r\nsecret text\r\n")); err != nil {
		p.t.Fatal(err)
	}
}

// caller makes requests as one browser or program.
type caller struct {
	p     *people
	http  *http.Client
	token string
}

func (p *people) browser() *caller {
	jar, err := cookiejar.New(nil)
	if err != nil {
		p.t.Fatal(err)
	}
	return &caller{p: p, http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
}

func (p *people) program(token string) *caller {
	c := p.browser()
	c.token = token
	return c
}

type answer struct {
	status int
	header http.Header
	text   string
	json   map[string]any
}

func (c *caller) do(method, path string, body any) answer {
	c.p.t.Helper()
	var in io.Reader
	kind := "application/json"
	switch b := body.(type) {
	case nil:
	case url.Values:
		in, kind = strings.NewReader(b.Encode()), "application/x-www-form-urlencoded"
	default:
		j, err := json.Marshal(b)
		if err != nil {
			c.p.t.Fatal(err)
		}
		in = bytes.NewReader(j)
	}
	r, err := http.NewRequest(method, c.p.at+path, in)
	if err != nil {
		c.p.t.Fatal(err)
	}
	if in != nil {
		r.Header.Set("Content-Type", kind)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(r)
	if err != nil {
		c.p.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.p.t.Fatal(err)
	}
	a := answer{resp.StatusCode, resp.Header, string(b), nil}
	_ = json.Unmarshal(b, &a.json) // pages are none
	return a
}

func (c *caller) want(status int, method, path string, body any) answer {
	c.p.t.Helper()
	a := c.do(method, path, body)
	if a.status != status {
		c.p.t.Fatalf("%s %s: %d %s, want %d", method, path, a.status, a.text, status)
	}
	return a
}

type obj = map[string]any

const password = "a long enough passphrase"

func (p *people) user(name string, grant api.GrantRequest) {
	p.t.Helper()
	if _, err := p.socket.CreateUser(p.t.Context(), api.UserRequest{Name: name, GrantRequest: grant, Password: password}); err != nil {
		p.t.Fatal(err)
	}
}

func (p *people) makeToken(name string, grant api.GrantRequest) *caller {
	p.t.Helper()
	n, err := p.socket.CreateToken(p.t.Context(), api.TokenRequest{Name: name, GrantRequest: grant})
	if err != nil {
		p.t.Fatal(err)
	}
	return p.program(n.Secret)
}
