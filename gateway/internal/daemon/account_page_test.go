package daemon_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/mailweir/weir/gateway/internal/api"
)

var (
	formTokens = regexp.MustCompile(`name="form" value="([^"]+)"`)
	scripts    = regexp.MustCompile(`(?s)<script>(.*?)</script>`)
)

// accountPage is the page as its browser has it.
type accountPage struct {
	*caller
	text string
}

func openAccount(t *testing.T, c *caller) *accountPage {
	t.Helper()
	return &accountPage{c, c.want(200, "GET", "/account", nil).text}
}

// send sends a form of the page, with its token, and gives the answer.
func (p *accountPage) send(do string, fields ...string) answer {
	p.p.t.Helper()
	token := formTokens.FindStringSubmatch(p.text)
	if token == nil {
		p.p.t.Fatalf("no form in %s", p.text)
	}
	v := url.Values{"do": {do}, "form": {html.UnescapeString(token[1])}}
	for i := 0; i < len(fields); i += 2 {
		v.Set(fields[i], fields[i+1])
	}
	return p.do("POST", "/account", v)
}

// follow sends a form that has to go well, and looks at what the page says then.
func (p *accountPage) follow(says, do string, fields ...string) {
	p.p.t.Helper()
	a := p.send(do, fields...)
	if a.status != 303 {
		p.p.t.Fatalf("%s: %d %s", do, a.status, a.text)
	}
	if p.text = p.want(200, "GET", a.header.Get("Location"), nil).text; !strings.Contains(p.text, says) {
		p.p.t.Fatalf("%s: the page says no %q: %s", do, says, p.text)
	}
}

func TestAccountPage(t *testing.T) {
	p := startPeople(t, "")
	p.user("anna@acme.test", api.GrantRequest{Level: "domain", Tenant: "acme"})
	in := func(password string) *caller {
		t.Helper()
		b := p.browser()
		if a := b.want(303, "POST", "/sign-in", url.Values{"do": {"password"}, "name": {"anna@acme.test"}, "password": {password}}); a.header.Get("Location") != "/sign-in" {
			t.Fatalf("%v", a.header)
		}
		return b
	}
	if a := p.browser().want(303, "GET", "/account", nil); a.header.Get("Location") != "/sign-in" {
		t.Errorf("%v", a.header)
	}
	p.program("weir_x_y").want(303, "POST", "/account", url.Values{"do": {"password"}})
	b, other := in(password), in(password)
	if a := b.want(200, "GET", "/sign-in", nil); !strings.Contains(a.text, `href="/account"`) {
		t.Errorf("%s", a.text)
	}
	page := openAccount(t, b)
	if strings.Contains(page.text, "<script") || strings.Count(page.text, `value="session-end"`) != 2 {
		t.Errorf("%s", page.text)
	}

	// Without the page's token nothing is done, whatever cookie comes with it.
	theirs := openAccount(t, other)
	for _, token := range []string{"", "x.y", html.UnescapeString(formTokens.FindStringSubmatch(theirs.text)[1])} {
		a := b.want(403, "POST", "/account", url.Values{"do": {"password"}, "form": {token}, "old": {password}, "password": {"another " + password}, "again": {"another " + password}})
		if !strings.Contains(a.text, "Nothing was done") {
			t.Errorf("%s", a.text)
		}
	}

	t.Run("password", func(t *testing.T) {
		for _, c := range []struct {
			status          int
			old, new, again string
		}{
			{422, password, "another " + password, "other " + password}, {401, "not " + password, "another " + password, "another " + password},
			{422, password, "aaaaaaaaaaaa", "aaaaaaaaaaaa"},
		} {
			if a := page.send("password", "old", c.old, "password", c.new, "again", c.again); a.status != c.status || !strings.Contains(a.text, `class="note"`) || strings.Contains(a.text, c.new) {
				t.Errorf("%+v: %d %s", c, a.status, a.text)
			}
		}
		page.follow("The password is changed", "password", "old", password, "password", "another "+password, "again", "another "+password)
		other.want(401, "GET", "/v1/me", nil)
		b.want(200, "GET", "/v1/me", nil)
		p.browser().want(401, "POST", "/sign-in", url.Values{"do": {"password"}, "name": {"anna@acme.test"}, "password": {password}})
	})

	t.Run("codes", func(t *testing.T) {
		a := page.send("codes-begin")
		secret := regexp.MustCompile(`<code>([A-Z2-7 ]+)</code>`).FindStringSubmatch(a.text)
		if a.status != 200 || secret == nil || !strings.Contains(a.text, "<svg") || !strings.Contains(a.text, `href="otpauth://totp/Weir:anna@acme.test?`) {
			t.Fatalf("%d %s", a.status, a.text)
		}
		key := strings.ReplaceAll(secret[1], " ", "")
		page.text = a.text
		if a = page.send("codes-confirm", "code", "000000"); a.status != 401 || !strings.Contains(a.text, `name="code"`) || strings.Contains(a.text, "<svg") {
			t.Fatalf("%d %s", a.status, a.text)
		}
		page.text = a.text
		a = page.send("codes-confirm", "code", code(t, key, p.clk.Now()))
		recovery := regexp.MustCompile(`<code>(\w{4}-\w{4}-\w{4}-\w{4})</code>`).FindAllStringSubmatch(a.text, -1)
		if a.status != 200 || len(recovery) != 10 {
			t.Fatalf("%d %s", a.status, a.text)
		}
		page = openAccount(t, b)
		if !strings.Contains(page.text, "10 recovery codes are left") {
			t.Errorf("%s", page.text)
		}
		// The sign-in page asks for one from now on.
		c := p.browser()
		asks := c.want(200, "POST", "/sign-in", url.Values{"do": {"password"}, "name": {"anna@acme.test"}, "password": {"another " + password}})
		pending := regexp.MustCompile(`name="pending" value="([^"]+)"`).FindStringSubmatch(asks.text)
		if pending == nil {
			t.Fatalf("%s", asks.text)
		}
		c.want(303, "POST", "/sign-in", url.Values{"do": {"code"}, "pending": {html.UnescapeString(pending[1])}, "code": {recovery[0][1]}})
		c.want(200, "GET", "/v1/me", nil)
		page.follow("Codes are asked for no more", "codes-end", "code", recovery[1][1])
		c.want(303, "POST", "/account", url.Values{"do": {"session-end"}, "form": {html.UnescapeString(formTokens.FindStringSubmatch(openAccount(t, c).text)[1])}, "id": {c.want(200, "GET", "/v1/me", nil).json["session"].(string)}})
		c.want(401, "GET", "/v1/me", nil)
	})

	t.Run("passkeys", func(t *testing.T) {
		rp := virtualwebauthn.RelyingParty{Name: "Weir", ID: "weir.localhost", Origin: "http://weir.localhost"}
		device := virtualwebauthn.NewAuthenticator()
		cred := virtualwebauthn.NewCredential(virtualwebauthn.KeyTypeRSA)
		state, options := ceremony(t, page.send("passkey-begin"))
		creation, err := virtualwebauthn.ParseAttestationOptions(options)
		if err != nil {
			t.Fatal(err)
		}
		made := virtualwebauthn.CreateAttestationResponse(rp, device, cred, *creation)
		if a := page.send("passkey-add", "state", state, "credential", "{", "name", "phone"); a.status != 422 {
			t.Errorf("%d %s", a.status, a.text)
		}
		page.follow("The passkey is added", "passkey-add", "state", state, "credential", made, "name", "<b>phone")
		if !strings.Contains(page.text, "&lt;b&gt;phone") {
			t.Errorf("%s", page.text)
		}
		handle, err := base64.RawURLEncoding.DecodeString(creation.UserID)
		if err != nil {
			handle = []byte(creation.UserID)
		}
		device.Options.UserHandle = handle
		device.AddCredential(cred)
		sign := func() (*caller, answer) {
			t.Helper()
			c := p.browser()
			state, options := ceremony(t, c.want(200, "POST", "/sign-in", url.Values{"do": {"passkey-begin"}}))
			request, err := virtualwebauthn.ParseAssertionOptions(options)
			if err != nil {
				t.Fatal(err)
			}
			return c, c.do("POST", "/sign-in", url.Values{"do": {"passkey"}, "state": {state}, "credential": {virtualwebauthn.CreateAssertionResponse(rp, device, cred, *request)}})
		}
		c, a := sign()
		if me := c.want(200, "GET", "/v1/me", nil); a.status != 303 || me.json["how"] != "passkey" {
			t.Errorf("%d %v", a.status, me.json)
		}
		id := regexp.MustCompile(`value="passkey-remove"><input type="hidden" name="id" value="([^"]+)"`).FindStringSubmatch(page.text)
		page.follow("The passkey is removed", "passkey-remove", "id", id[1])
		if a := page.send("passkey-remove", "id", id[1]); a.status != 404 {
			t.Errorf("%d %s", a.status, a.text)
		}
		if _, a := sign(); a.status != 401 {
			t.Errorf("%d %s", a.status, a.text)
		}
	})

	// Sessions: one's own alone, and whose they are not cannot be ended.
	p.user("ben@acme.test", api.GrantRequest{Level: "mailbox", Mailbox: "ben@acme.test"})
	ben := p.browser()
	ben.want(303, "POST", "/sign-in", url.Values{"do": {"password"}, "name": {"ben@acme.test"}, "password": {password}})
	annas := b.want(200, "GET", "/v1/me", nil).json["session"].(string)
	if page := openAccount(t, ben); strings.Contains(page.text, annas) || page.send("session-end", "id", annas).status != 404 {
		t.Errorf("%s", page.text)
	}
	if page := openAccount(t, b); strings.Contains(page.text, "ben@") { // whose account she manages
		t.Errorf("%s", page.text)
	}
	b.want(200, "GET", "/v1/me", nil)
	page = openAccount(t, b)
	if a := page.send("session-end", "id", annas); a.status != 303 || !strings.HasPrefix(a.header.Get("Location"), "/sign-in") {
		t.Errorf("%d %v", a.status, a.header)
	}
	b.want(401, "GET", "/v1/me", nil)

	// All of it is in the audit log, as what is done by the API is.
	log := p.makeToken("watch", api.GrantRequest{Level: "admin", Role: "auditor"}).want(200, "GET", "/v1/audit?limit=1000&actor=anna@acme.test", nil).text
	for _, action := range []string{"change-password", "begin-totp", "confirm-totp", "end-totp", "begin-passkey", "add-passkey", "remove-passkey", "end-session"} {
		if !strings.Contains(log, `"action":"`+action+`"`) {
			t.Errorf("%s is not in the audit log", action)
		}
	}
	if strings.Contains(log, "another "+password) {
		t.Error("a password is in the audit log")
	}
}

// ceremony reads the page that asks the browser for a passkey: its script is the
// one that the page's policy allows.
func ceremony(t *testing.T, a answer) (state, options string) {
	t.Helper()
	script := scripts.FindStringSubmatch(a.text)
	if a.status != 200 || script == nil {
		t.Fatalf("%d %s", a.status, a.text)
	}
	sum := sha256.Sum256([]byte(script[1]))
	if csp := a.header.Get("Content-Security-Policy"); !strings.Contains(csp, "script-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'") || strings.Contains(csp, "unsafe") {
		t.Errorf("%s", csp)
	}
	if regexp.MustCompile(` on\w+=`).MatchString(a.text) {
		t.Errorf("a handler within the page: %s", a.text)
	}
	state = html.UnescapeString(regexp.MustCompile(`name="state" value="([^"]+)"`).FindStringSubmatch(a.text)[1])
	options = html.UnescapeString(regexp.MustCompile(`data-options="([^"]+)"`).FindStringSubmatch(a.text)[1])
	if !json.Valid([]byte(options)) {
		t.Fatalf("%s", options)
	}
	return state, options
}
