package daemon_test

import (
	"bytes"
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/smtp"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/descope/virtualwebauthn"

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
	at     string
}

func startPeople(t *testing.T, oidc string) *people {
	t.Helper()
	dest := smtptest.Start(t, smtptest.Script{})
	dir := configDir(t, strings.NewReplacer("DESTINATION", dest.Addr, "OIDC", oidc).Replace(peoplePolicy))
	clk := newMoved(time.Now())
	d, c, _ := gatewayAt(t, dir, clk)
	return &people{t, d, c, dest, clk, "http://" + d.Addresses().Admin}
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

// code is RFC 6238 as an app calculates it.
func code(t *testing.T, secret string, at time.Time) string {
	t.Helper()
	k, err := base32.StdEncoding.WithPadding(base32.NoPadding).DecodeString(secret)
	if err != nil {
		t.Fatal(err)
	}
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(at.Unix())/30)
	m := hmac.New(sha1.New, k)
	m.Write(b[:])
	s := m.Sum(nil)
	o := s[19] & 15
	return fmt.Sprintf("%06d", (binary.BigEndian.Uint32(s[o:])&0x7fffffff)%1_000_000)
}

func TestSignInWithPassword(t *testing.T) {
	p := startPeople(t, "")
	p.user("anna@acme.test", api.GrantRequest{Level: "domain", Tenant: "acme"})
	b := p.browser()
	b.want(401, "GET", "/v1/me", nil)
	a := b.want(200, "POST", "/v1/sign-in", obj{"name": "Anna@ACME.test", "password": password})
	cookie := a.header.Get("Set-Cookie")
	if !strings.Contains(cookie, "HttpOnly") || !strings.Contains(cookie, "SameSite=Lax") {
		t.Errorf("cookie %q", cookie)
	}
	if strings.Contains(a.text, "weir_session") {
		t.Error("the secret is in the body")
	}
	me := b.want(200, "GET", "/v1/me", nil)
	if me.json["who"] != "anna@acme.test" || me.json["level"] != "domain" || me.json["tenant"] != "acme" {
		t.Errorf("%v", me.json)
	}
	// A page of another site changes nothing with the cookie.
	r, _ := http.NewRequest("POST", p.at+"/v1/sign-out", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	if resp, err := b.http.Do(r); err != nil || resp.StatusCode != 403 {
		t.Errorf("from another site: %v %v", resp.StatusCode, err)
	}
	// What is wrong is not told, in words.
	wrong := p.browser().do("POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": "not " + password})
	none := p.browser().do("POST", "/v1/sign-in", obj{"name": "nobody@acme.test", "password": password})
	if wrong.status != 401 || wrong.status != none.status || wrong.text != none.text {
		t.Errorf("wrong %d %s; nobody %d %s", wrong.status, wrong.text, none.status, none.text)
	}
	// Sign-out ends the session, not only the cookie.
	jar := b.http.Jar
	kept := p.browser()
	u, _ := url.Parse(p.at)
	kept.http.Jar.SetCookies(u, jar.Cookies(u))
	b.want(200, "POST", "/v1/sign-out", nil)
	b.want(401, "GET", "/v1/me", nil)
	kept.want(401, "GET", "/v1/me", nil)

	// Idle and absolute ends.
	b.want(200, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password})
	p.later(50 * time.Minute)
	b.want(200, "GET", "/v1/me", nil)
	p.later(61 * time.Minute)
	b.want(401, "GET", "/v1/me", nil)
	b.want(200, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password})
	for range 14 {
		p.later(50 * time.Minute)
		b.do("GET", "/v1/me", nil)
	}
	p.later(30 * time.Minute)
	b.want(401, "GET", "/v1/me", nil)

	// A new password ends the other sessions; so does being disabled.
	other := p.browser()
	b.want(200, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password})
	other.want(200, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password})
	b.want(422, "POST", "/v1/me/password", obj{"old": password, "password": "short"})
	b.want(200, "POST", "/v1/me/password", obj{"old": password, "password": "another " + password})
	b.want(200, "GET", "/v1/me", nil)
	other.want(401, "GET", "/v1/me", nil)
	yes := true
	if _, err := p.socket.ChangeUser(t.Context(), "anna@acme.test", api.UserPatch{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	b.want(401, "GET", "/v1/me", nil)
	b.want(401, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": "another " + password})
}

func TestLockOut(t *testing.T) {
	p := startPeople(t, "")
	p.user("anna@acme.test", api.GrantRequest{Level: "domain", Tenant: "acme"})
	b := p.browser()
	for _, name := range []string{"anna@acme.test", "nobody@acme.test"} { // names that are not there are locked alike
		var a answer
		for range 6 {
			if a = b.do("POST", "/v1/sign-in", obj{"name": name, "password": "a wrong passphrase"}); a.status != 401 {
				break
			}
		}
		if a.status != 429 || a.header.Get("Retry-After") == "" {
			t.Fatalf("%s: %d %s", name, a.status, a.text)
		}
	}
	b.want(429, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password}) // the right one, too
	p.later(5 * time.Second)
	b.want(401, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": "a wrong passphrase"})
	p.later(1 * time.Second)
	b.want(429, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password}) // it grows
	p.later(10 * time.Second)
	b.want(200, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password})
	b.want(401, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": "a wrong passphrase"}) // begins anew
}

func TestSignInWithCode(t *testing.T) {
	p := startPeople(t, "")
	p.user("anna", api.GrantRequest{Level: "admin"})
	b := p.browser()
	b.want(200, "POST", "/v1/sign-in", obj{"name": "anna", "password": password})
	secret := b.want(200, "POST", "/v1/me/totp", nil).json["secret"].(string)
	b.want(401, "POST", "/v1/me/totp/confirm", obj{"code": "000000"})
	codes := b.want(200, "POST", "/v1/me/totp/confirm", obj{"code": code(t, secret, p.clk.Now())}).json["codes"].([]any)
	if len(codes) != 10 {
		t.Fatalf("%v", codes)
	}
	in := func() (*caller, string) {
		t.Helper()
		c := p.browser()
		a := c.want(200, "POST", "/v1/sign-in", obj{"name": "anna", "password": password})
		if a.json["signed_in"] != false || a.header.Get("Set-Cookie") != "" {
			t.Fatalf("signed in without a code: %s", a.text)
		}
		return c, a.json["pending"].(string)
	}
	c, pending := in()
	c.want(401, "POST", "/v1/sign-in/code", obj{"pending": pending, "code": code(t, secret, p.clk.Now())}) // it was used to confirm
	p.later(time.Minute)
	used := code(t, secret, p.clk.Now())
	c.want(200, "POST", "/v1/sign-in/code", obj{"pending": pending, "code": used})
	c.want(200, "GET", "/v1/me", nil)
	c, pending = in()
	c.want(401, "POST", "/v1/sign-in/code", obj{"pending": pending, "code": used}) // none is taken twice
	c.want(200, "POST", "/v1/sign-in/code", obj{"pending": pending, "code": codes[3]})
	c, pending = in()
	c.want(401, "POST", "/v1/sign-in/code", obj{"pending": pending, "code": codes[3]})
	p.later(6 * time.Minute) // the first step is over
	c.want(401, "POST", "/v1/sign-in/code", obj{"pending": pending, "code": code(t, secret, p.clk.Now())})
	if u, err := p.socket.User(t.Context(), "anna"); err != nil || !u.TOTP || u.Recovery != 9 {
		t.Errorf("%+v %v", u, err)
	}
	if _, err := p.socket.ChangeUser(t.Context(), "anna", api.UserPatch{ResetTOTP: true}); err != nil {
		t.Fatal(err)
	}
	c.want(200, "POST", "/v1/sign-in", obj{"name": "anna", "password": password})
	c.want(200, "GET", "/v1/me", nil)
}

func TestPasskeys(t *testing.T) {
	p := startPeople(t, "")
	p.user("anna", api.GrantRequest{Level: "admin", Role: "auditor"})
	b := p.browser()
	b.want(200, "POST", "/v1/sign-in", obj{"name": "anna", "password": password})
	rp := virtualwebauthn.RelyingParty{Name: "Weir", ID: "weir.localhost", Origin: "http://weir.localhost"}
	device := virtualwebauthn.NewAuthenticator()
	cred := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA) // its EC2 keys lose leading zeros, one in a hundred
	cut := func(a answer) (state, options string) {
		t.Helper()
		j, err := json.Marshal(a.json["options"])
		if err != nil {
			t.Fatal(err)
		}
		return a.json["state"].(string), string(j)
	}
	state, options := cut(b.want(200, "POST", "/v1/me/passkeys/begin", nil))
	creation, err := virtualwebauthn.ParseAttestationOptions(options)
	if err != nil {
		t.Fatal(err)
	}
	var made obj
	if err := json.Unmarshal([]byte(virtualwebauthn.CreateAttestationResponse(rp, device, cred, *creation)), &made); err != nil {
		t.Fatal(err)
	}
	b.want(401, "POST", "/v1/me/passkeys", obj{"state": "AAAA" + state[4:], "credential": made, "name": "phone"})
	id := b.want(200, "POST", "/v1/me/passkeys", obj{"state": state, "credential": made, "name": "phone"}).json["id"].(string)
	handle, err := base64.RawURLEncoding.DecodeString(creation.UserID)
	if err != nil {
		handle = []byte(creation.UserID)
	}
	device.Options.UserHandle = handle
	device.AddCredential(cred)

	sign := func(site virtualwebauthn.RelyingParty) (string, obj) {
		t.Helper()
		state, options := cut(p.browser().want(200, "POST", "/v1/sign-in/passkey/begin", nil))
		request, err := virtualwebauthn.ParseAssertionOptions(options)
		if err != nil {
			t.Fatal(err)
		}
		var got obj
		if err := json.Unmarshal([]byte(virtualwebauthn.CreateAssertionResponse(site, device, cred, *request)), &got); err != nil {
			t.Fatal(err)
		}
		return state, got
	}
	c := p.browser()
	state, got := sign(rp)
	c.want(200, "POST", "/v1/sign-in/passkey", obj{"state": state, "credential": got})
	if me := c.want(200, "GET", "/v1/me", nil); me.json["who"] != "anna" || me.json["how"] != "passkey" || me.json["role"] != "auditor" {
		t.Errorf("%v", me.json)
	}
	p.browser().want(401, "POST", "/v1/sign-in/passkey", obj{"state": state, "credential": got}) // a ceremony holds once
	evil := rp
	evil.Origin = "http://evil.test"
	state, got = sign(evil)
	p.browser().want(401, "POST", "/v1/sign-in/passkey", obj{"state": state, "credential": got})
	b.want(200, "DELETE", "/v1/me/passkeys/"+id, nil)
	state, got = sign(rp)
	p.browser().want(401, "POST", "/v1/sign-in/passkey", obj{"state": state, "credential": got})
}

// provider is an OpenID Connect provider.
type provider struct {
	*httptest.Server
	key    *rsa.PrivateKey
	claims obj // of whoever comes next
	asked  map[string]url.Values
	clk    *moved // once the gateway has one
}

func startProvider(t *testing.T) *provider {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &provider{key: key, asked: map[string]url.Values{}}
	b64 := base64.RawURLEncoding.EncodeToString
	mux := http.NewServeMux()
	reply := func(w http.ResponseWriter, v any) {
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(v)
	}
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, obj{"issuer": p.URL, "authorization_endpoint": p.URL + "/auth", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys", "id_token_signing_alg_values_supported": []string{"RS256"}})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, obj{"keys": []obj{{"kty": "RSA", "kid": "1", "alg": "RS256", "use": "sig", "n": b64(key.N.Bytes()), "e": b64(big.NewInt(int64(key.E)).Bytes())}}})
	})
	mux.HandleFunc("/auth", func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		c := rand.Text()
		p.asked[c] = q
		http.Redirect(w, r, q.Get("redirect_uri")+"?"+url.Values{"code": {c}, "state": {q.Get("state")}}.Encode(), http.StatusFound)
	})
	mux.HandleFunc("/token", func(w http.ResponseWriter, r *http.Request) {
		q, ok := p.asked[r.PostFormValue("code")]
		delete(p.asked, r.PostFormValue("code"))
		sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		if !ok || q.Get("code_challenge") != b64(sum[:]) || q.Get("code_challenge_method") != "S256" {
			w.WriteHeader(400)
			reply(w, obj{"error": "invalid_grant"})
			return
		}
		claims := obj{"iss": p.URL, "aud": q.Get("client_id"), "exp": p.clk.Now().Add(time.Hour).Unix(), "iat": p.clk.Now().Unix(), "nonce": q.Get("nonce")}
		for k, v := range p.claims {
			claims[k] = v
		}
		head, _ := json.Marshal(obj{"alg": "RS256", "kid": "1"})
		body, _ := json.Marshal(claims)
		text := b64(head) + "." + b64(body)
		digest := sha256.Sum256([]byte(text))
		sig, err := rsa.SignPKCS1v15(rand.Reader, key, crypto.SHA256, digest[:])
		if err != nil {
			t.Error(err)
		}
		reply(w, obj{"access_token": "x", "token_type": "Bearer", "id_token": text + "." + b64(sig)})
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func TestOIDC(t *testing.T) {
	idp := startProvider(t)
	p := startPeople(t, fmt.Sprintf(`oidc "corp" {
    issuer        = %q
    client_id     = "weir"
    client_secret = "a secret of the client"
    accounts      = true
    grant {
      claim = "groups"
      value = "auditors"
      level = "admin"
      role  = "auditor"
    }
    grant {
      claim   = "groups"
      value   = "acme"
      level   = "domain"
      tenant  = "acme"
      domains = ["acme.test"]
    }
    grant {
      claim = "email"
      value = "@beta.test"
      level = "mailbox"
    }
  }`, idp.URL))
	idp.clk = p.clk
	p.user("boss@acme.test", api.GrantRequest{Level: "admin"})
	// come is the browser's way there and back; it gives the answer of the callback.
	come := func(b *caller, claims obj) answer {
		t.Helper()
		idp.claims = claims
		there := b.want(302, "GET", "/v1/sign-in/oidc/corp", nil).header.Get("Location")
		resp, err := (&http.Client{CheckRedirect: b.http.CheckRedirect}).Get(there)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		back, ok := strings.CutPrefix(resp.Header.Get("Location"), "http://weir.localhost")
		if !ok {
			t.Fatalf("sent back to %q", resp.Header.Get("Location"))
		}
		return b.do("GET", back, nil)
	}
	for _, c := range []struct {
		name   string
		claims obj
		who    string // "": nobody
		level  string
	}{
		{"by group", obj{"sub": "1", "groups": []string{"x", "auditors"}, "email": "a@corp.test", "email_verified": true}, "a@corp.test (corp)", "admin"},
		{"of a tenant", obj{"sub": "2", "groups": "acme"}, "2 (corp)", "domain"},
		{"of a mailbox", obj{"sub": "3", "email": "Cleo@beta.test", "email_verified": true}, "Cleo@beta.test (corp)", "mailbox"},
		{"address not verified", obj{"sub": "3", "email": "cleo@beta.test"}, "", ""},
		{"account", obj{"sub": "4", "email": "boss@acme.test", "email_verified": true}, "boss@acme.test", "admin"},
		{"account not verified", obj{"sub": "4", "email": "boss@acme.test", "email_verified": false}, "", ""},
		{"nothing granted", obj{"sub": "5", "groups": []string{"others"}}, "", ""},
		{"another audience", obj{"sub": "1", "groups": "auditors", "aud": "somebody else"}, "", ""},
		{"another nonce", obj{"sub": "1", "groups": "auditors", "nonce": "x"}, "", ""},
		{"expired", obj{"sub": "1", "groups": "auditors", "exp": time.Now().Add(-time.Hour).Unix()}, "", ""},
	} {
		b := p.browser()
		a := come(b, c.claims)
		if c.who == "" {
			if a.status < 400 {
				t.Errorf("%s: let in with %d", c.name, a.status)
			}
			b.want(401, "GET", "/v1/me", nil)
			p.later(time.Hour) // no lock-out between the cases
			continue
		}
		if a.status != 303 {
			t.Errorf("%s: %d %s", c.name, a.status, a.text)
			continue
		}
		me := b.want(200, "GET", "/v1/me", nil)
		if !strings.EqualFold(fmt.Sprint(me.json["who"]), c.who) || me.json["level"] != c.level {
			t.Errorf("%s: %v", c.name, me.json)
		}
	}
	// A callback that another browser began signs nobody in.
	idp.claims = obj{"sub": "1", "groups": "auditors"}
	there := p.browser().want(302, "GET", "/v1/sign-in/oidc/corp", nil).header.Get("Location")
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Get(there)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	back := strings.TrimPrefix(resp.Header.Get("Location"), "http://weir.localhost")
	p.browser().want(401, "GET", back, nil)
	victim := p.browser()
	victim.want(302, "GET", "/v1/sign-in/oidc/corp", nil)
	victim.want(401, "GET", back, nil)
	p.browser().want(404, "GET", "/v1/sign-in/oidc/nobody", nil)
}

func TestSignInByLink(t *testing.T) {
	p := startPeople(t, "")
	p.mail("ann@acme.test")
	b := p.browser()
	yes := b.want(200, "POST", "/v1/sign-in/link", obj{"mailbox": "ann@acme.test"})
	no := b.want(200, "POST", "/v1/sign-in/link", obj{"mailbox": "nobody@acme.test"})
	far := b.want(200, "POST", "/v1/sign-in/link", obj{"mailbox": "ann@far.test"})
	if yes.text != no.text || yes.text != far.text {
		t.Errorf("%s, %s, %s", yes.text, no.text, far.text)
	}
	got := arrivals(t, p.dest, 1)[0]
	if got.To[0] != "ann@acme.test" || got.From != "" {
		t.Fatalf("%v from <%s>", got.To, got.From)
	}
	_, byType := parts(t, got)
	link := regexp.MustCompile(`http://weir\.localhost(/sign-in/link/\S+)`).FindStringSubmatch(byType["text/plain"])
	if link == nil {
		t.Fatalf("no link in %q", byType["text/plain"])
	}
	for range 3 { // programs look first
		if a := p.browser().want(200, "GET", link[1], nil); !strings.Contains(a.text, "ann@acme.test") {
			t.Errorf("%s", a.text)
		}
	}
	p.browser().want(410, "GET", strings.Replace(link[1], "link/e", "link/f", 1), nil)
	b.want(401, "GET", "/v1/me", nil)
	b.want(303, "POST", link[1], url.Values{})
	if me := b.want(200, "GET", "/v1/me", nil); me.json["level"] != "mailbox" || me.json["mailbox"] != "ann@acme.test" || me.json["tenant"] != "acme" {
		t.Errorf("%v", me.json)
	}
	if page := b.want(200, "GET", "/sign-in", nil); !strings.Contains(page.text, "ann@acme.test") || strings.Contains(page.text, "<script") {
		t.Errorf("%s", page.text)
	}
	if rows := b.want(200, "GET", "/v1/messages?q=status:quarantined", nil).json["items"].([]any); len(rows) != 1 {
		t.Errorf("%v", rows)
	}
	p.browser().want(410, "POST", link[1], url.Values{}) // once
	p.browser().want(410, "GET", link[1], nil)
	for range 2 { // three in an hour for one mailbox; the answer stays the same
		b.want(200, "POST", "/v1/sign-in/link", obj{"mailbox": "ann@acme.test"})
	}
	got = arrivals(t, p.dest, 3)[2]
	_, byType = parts(t, got)
	link = regexp.MustCompile(`http://weir\.localhost(/sign-in/link/\S+)`).FindStringSubmatch(byType["text/plain"])
	b.want(200, "POST", "/v1/sign-in/link", obj{"mailbox": "ann@acme.test"})
	p.later(31 * time.Minute)
	p.browser().want(410, "POST", link[1], url.Values{}) // its time is over
	if n := len(p.dest.Messages()); n != 3 {
		t.Errorf("%d links were mailed", n)
	}
}

func TestTokensEnd(t *testing.T) {
	p := startPeople(t, "")
	ctx := t.Context()
	n, err := p.socket.CreateToken(ctx, api.TokenRequest{Name: "soon", GrantRequest: api.GrantRequest{Level: "admin"}, Expires: p.clk.Now().Add(time.Hour)})
	if err != nil || !strings.HasPrefix(n.Secret, "weir_") {
		t.Fatalf("%+v %v", n, err)
	}
	c := p.program(n.Secret)
	if me := c.want(200, "GET", "/v1/me", nil); !strings.HasPrefix(fmt.Sprint(me.json["who"]), "token:soon") {
		t.Errorf("%v", me.json)
	}
	p.program(n.Secret[:len(n.Secret)-1]).want(401, "GET", "/v1/me", nil)
	p.later(time.Hour)
	c.want(401, "GET", "/v1/me", nil)

	// A token may no more than whoever makes it, and ends with them.
	p.user("anna@acme.test", api.GrantRequest{Level: "domain", Tenant: "acme", Domains: []string{"acme.test"}})
	b := p.browser()
	b.want(200, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password})
	for name, grant := range map[string]obj{
		"admin":          {"name": "x", "level": "admin"},
		"another tenant": {"name": "x", "level": "domain", "tenant": "beta"},
		"another domain": {"name": "x", "level": "domain", "tenant": "acme", "domains": []string{"acme.example"}},
		"mailbox there":  {"name": "x", "level": "mailbox", "mailbox": "cleo@beta.test"},
	} {
		if a := b.do("POST", "/v1/tokens", grant); a.status != 403 && a.status != 422 {
			t.Errorf("%s: %d %s", name, a.status, a.text)
		}
	}
	there := b.do("POST", "/v1/tokens", obj{"name": "x", "level": "domain", "tenant": "beta"})
	none := b.do("POST", "/v1/tokens", obj{"name": "x", "level": "domain", "tenant": "neta"})
	if strings.ReplaceAll(there.text, "beta", "T") != strings.ReplaceAll(none.text, "neta", "T") {
		t.Errorf("%s, %s", there.text, none.text)
	}
	made := b.want(200, "POST", "/v1/tokens", obj{"name": "mine", "level": "domain"})
	mine := p.program(made.json["secret"].(string))
	if me := mine.want(200, "GET", "/v1/me", nil); fmt.Sprint(me.json["domains"]) != "[acme.test]" {
		t.Errorf("%v", me.json)
	}
	yes := true
	if _, err := p.socket.ChangeUser(ctx, "anna@acme.test", api.UserPatch{Disabled: &yes}); err != nil {
		t.Fatal(err)
	}
	mine.want(401, "GET", "/v1/me", nil)
	other := p.makeToken("other", api.GrantRequest{Level: "admin"})
	id, _, _ := strings.Cut(strings.TrimPrefix(other.token, "weir_"), "_")
	if err := p.socket.RevokeToken(ctx, id); err != nil {
		t.Fatal(err)
	}
	other.want(401, "GET", "/v1/me", nil)
}

// What each level and role may, over HTTP.
func TestLevelsAndRoles(t *testing.T) {
	p := startPeople(t, "")
	p.mail("ann@acme.test")
	p.mail("cleo@beta.test")
	rows, err := p.socket.Search(t.Context(), client.Search{Q: "recipient:ann@acme.test"})
	if err != nil || len(rows.Items) != 1 {
		t.Fatalf("%+v %v", rows, err)
	}
	theirs, err := p.socket.Search(t.Context(), client.Search{Q: "recipient:cleo@beta.test"})
	if err != nil || len(theirs.Items) != 1 {
		t.Fatalf("%+v %v", theirs, err)
	}
	own := rows.Items[0].ID
	other, _, _ := strings.Cut(theirs.Items[0].ID, ".")
	callers := map[string]*caller{
		"admin":    p.makeToken("admin", api.GrantRequest{Level: "admin"}),
		"auditor":  p.makeToken("auditor", api.GrantRequest{Level: "admin", Role: "auditor"}),
		"helpdesk": p.makeToken("helpdesk", api.GrantRequest{Level: "domain", Role: "helpdesk", Tenant: "acme"}),
		"domain":   p.makeToken("domain", api.GrantRequest{Level: "domain", Tenant: "acme"}),
		"part":     p.makeToken("part", api.GrantRequest{Level: "domain", Tenant: "acme", Domains: []string{"acme.example"}}),
		"mailbox":  p.makeToken("mailbox", api.GrantRequest{Level: "mailbox", Mailbox: "ann@acme.test"}),
	}
	order := []string{"admin", "auditor", "helpdesk", "domain", "part", "mailbox"}
	for _, c := range []struct {
		method, path string
		body         any
		want         [6]int
	}{
		{"GET", "/v1/messages/" + own, nil, [6]int{200, 200, 200, 200, 404, 200}},
		{"GET", "/v1/messages/" + own + "/body", nil, [6]int{200, 403, 403, 200, 404, 200}},
		{"GET", "/v1/messages/" + other, nil, [6]int{200, 200, 404, 404, 404, 404}},
		{"GET", "/v1/messages/" + other + "/body", nil, [6]int{200, 403, 404, 404, 404, 404}},
		{"GET", "/v1/policy", nil, [6]int{200, 200, 403, 403, 403, 403}},
		{"GET", "/v1/plugins", nil, [6]int{200, 200, 403, 403, 403, 403}},
		{"GET", "/v1/destinations", nil, [6]int{200, 200, 403, 403, 403, 403}},
		{"POST", "/v1/reload?check=true", nil, [6]int{200, 403, 403, 403, 403, 403}},
		{"GET", "/v1/lists?tenant=acme", nil, [6]int{200, 200, 200, 200, 404, 200}},
		{"GET", "/v1/lists?tenant=beta", nil, [6]int{200, 200, 404, 404, 404, 404}},
		{"POST", "/v1/lists/operator.block-sender", obj{"tenant": "acme", "keys": []string{"x@far.test"}}, [6]int{200, 403, 403, 200, 404, 200}},
		{"GET", "/v1/users", nil, [6]int{200, 200, 403, 200, 200, 403}},
		{"GET", "/v1/tokens", nil, [6]int{200, 200, 403, 200, 200, 403}},
		{"POST", "/v1/users", obj{"name": "x@acme.test", "level": "mailbox"}, [6]int{200, 403, 403, 422, 422, 403}}, // it is there by then
		{"DELETE", "/v1/users/nobody", nil, [6]int{404, 403, 403, 404, 404, 403}},
		{"GET", "/v1/audit", nil, [6]int{200, 200, 403, 200, 403, 403}},
		{"GET", "/v1/audit?tenant=beta", nil, [6]int{200, 200, 403, 404, 404, 403}},
		{"GET", "/v1/audit/verify", nil, [6]int{200, 200, 403, 403, 403, 403}},
		{"POST", "/v1/destinations/suspend", obj{"name": "nowhere.test"}, [6]int{200, 403, 403, 403, 403, 403}},
		{"POST", "/v1/jobs", obj{"verb": "retry", "all": true}, [6]int{200, 403, 200, 200, 200, 200}},
	} {
		for i, who := range order {
			if a := callers[who].do(c.method, c.path, c.body); a.status != c.want[i] {
				t.Errorf("%s: %s %s: %d, want %d: %s", who, c.method, c.path, a.status, c.want[i], a.text)
			}
		}
	}
	// Not theirs and not there look the same.
	missing := "01" + strings.Repeat("z", 24)
	for _, path := range []string{"/v1/messages/ID", "/v1/messages/ID/events", "/v1/messages/ID/attempts", "/v1/messages/ID/explain", "/v1/messages/ID/body", "/v1/audit?message=ID"} {
		a := callers["domain"].do("GET", strings.Replace(path, "ID", other, 1), nil)
		b := callers["domain"].do("GET", strings.Replace(path, "ID", missing, 1), nil)
		if a.status != b.status || strings.ReplaceAll(a.text, other, "ID") != strings.ReplaceAll(b.text, missing, "ID") {
			t.Errorf("%s: not theirs %d %s, not there %d %s", path, a.status, a.text, b.status, b.text)
		}
	}
}

// Every action and every view of content is in the audit log, by whom, from
// where, about what; also what was refused; and each tenant sees its own.
func TestB40_audit_log_of_actions_and_views(t *testing.T) {
	p := startPeople(t, "")
	p.mail("ann@acme.test")
	p.mail("cleo@beta.test")
	found, err := p.socket.Search(t.Context(), client.Search{Q: "recipient:ann@acme.test"})
	if err != nil || len(found.Items) != 1 {
		t.Fatalf("%+v %v", found, err)
	}
	id := found.Items[0].ID
	admin := p.makeToken("root", api.GrantRequest{Level: "admin"})
	auditor := p.makeToken("watch", api.GrantRequest{Level: "domain", Tenant: "acme", Role: "auditor"})
	beta := p.makeToken("beta", api.GrantRequest{Level: "domain", Tenant: "beta"})
	p.user("anna@acme.test", api.GrantRequest{Level: "domain", Tenant: "acme"})
	anna := p.browser()
	anna.want(401, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": "a wrong passphrase"})
	anna.want(200, "POST", "/v1/sign-in", obj{"name": "anna@acme.test", "password": password})

	admin.want(200, "GET", "/v1/messages/"+id+"/body", nil)
	auditor.want(403, "GET", "/v1/messages/"+id+"/body", nil)
	anna.want(200, "GET", "/v1/messages/"+id+"/explain", nil)
	beta.do("POST", "/v1/actions", obj{"verb": "release", "ids": []string{id}})
	if a := anna.want(200, "POST", "/v1/actions", obj{"verb": "release", "ids": []string{id}, "args": obj{"reason": "known"}}); a.json["changed"] != 1.0 {
		t.Fatalf("%s", a.text)
	}
	anna.want(200, "POST", "/v1/actions", obj{"verb": "release", "ids": []string{id}, "dry_run": true})
	arrivals(t, p.dest, 1)

	type row struct{ Actor, Source, Tenant, Action, Target, Refused string }
	read := func(c *caller, path string) []row {
		t.Helper()
		var out []row
		for _, v := range c.want(200, "GET", path, nil).json["items"].([]any) {
			b, _ := json.Marshal(v)
			var r row
			if err := json.Unmarshal(b, &r); err != nil {
				t.Fatal(err)
			}
			out = append(out, r)
		}
		return out
	}
	all := read(admin, "/v1/audit?limit=1000")
	has := func(rows []row, want row) bool {
		for _, r := range rows {
			if (r.Actor == want.Actor || strings.HasPrefix(r.Actor, want.Actor+"#")) && r.Action == want.Action && r.Target == want.Target && r.Tenant == want.Tenant && strings.Contains(r.Refused, want.Refused) && (want.Refused != "" || r.Refused == "") && r.Source != "" {
				return true
			}
		}
		return false
	}
	message, _, _ := strings.Cut(id, ".")
	for _, w := range []row{
		{Actor: "anna@acme.test", Action: "sign-in", Target: "anna@acme.test", Refused: "wrong"},
		{Actor: "anna@acme.test", Action: "sign-in", Target: "anna@acme.test", Tenant: "acme"},
		{Actor: "token:root", Action: "view", Target: id, Tenant: "acme"},
		{Actor: "token:watch", Action: "view", Target: id, Tenant: "acme", Refused: "role auditor"},
		{Actor: "anna@acme.test", Action: "delivery-log", Target: id, Tenant: "acme"},
		{Actor: "anna@acme.test", Action: "release", Target: id, Tenant: "acme"},
		{Actor: "token:beta", Action: "release", Target: id, Tenant: "beta"},
		{Actor: "token:beta", Action: "release", Target: id, Tenant: "beta", Refused: "no such message"},
	} {
		if !has(all, w) {
			t.Errorf("not in the log: %+v", w)
		}
	}
	releases := 0
	for _, r := range all {
		if r.Action == "release" && r.Actor == "anna@acme.test" {
			releases++
		}
		if strings.HasPrefix(r.Source, "socket") && r.Action == "create-user" && !strings.Contains(r.Actor, "(socket)") {
			t.Errorf("%+v", r)
		}
	}
	if releases != 1 {
		t.Errorf("%d entries of the release, want one: a dry run is no action", releases)
	}
	for _, r := range read(beta, "/v1/audit") {
		if r.Tenant != "beta" {
			t.Errorf("beta sees %+v", r)
		}
	}
	about := read(anna, "/v1/audit?message="+message)
	if !has(about, row{Actor: "token:root", Action: "view", Target: id, Tenant: "acme"}) || has(about, row{Actor: "token:beta", Action: "release", Target: id, Tenant: "beta"}) {
		t.Errorf("about the message: %+v", about)
	}
	report, err := p.socket.AuditVerify(t.Context(), "")
	if err != nil || len(report.Problems) != 0 || report.Entries < 10 {
		t.Errorf("%+v %v", report, err)
	}
	for _, s := range []string{password, "a wrong passphrase", admin.token} {
		if r, err := p.socket.AuditExport(t.Context(), client.AuditQuery{}); err != nil {
			t.Error(err)
		} else if b, _ := io.ReadAll(r); strings.Contains(string(b), s) {
			t.Error("a secret is in the audit log")
		}
	}
}
