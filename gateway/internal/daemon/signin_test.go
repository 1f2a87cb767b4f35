package daemon_test

import (
	"crypto/hmac"
	"crypto/sha1"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
)

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
	b.want(403, "GET", "/v1/me/account", nil) // they have none
	if page := b.want(200, "GET", "/account", nil); strings.Count(page.text, `value="session-end"`) != 1 || strings.Contains(page.text, "Password") {
		t.Errorf("%s", page.text)
	}
	id := b.want(200, "GET", "/v1/messages?q=status:quarantined", nil).json["items"].([]any)[0].(obj)["id"].(string)
	b.want(200, "GET", "/v1/messages/"+id+"/body", nil)
	for _, actor := range []string{"mailbox ann@acme.test by link", "ann@acme.test"} {
		es, _, err := p.socket.Audit(t.Context(), client.AuditQuery{Actor: actor}, "", 100)
		if err != nil || len(es) < 2 {
			t.Fatalf("%s: %+v %v", actor, es, err)
		}
		for i, want := range []string{"view", "sign-in"} {
			if es[i].Actor != "mailbox ann@acme.test by link" || es[i].Action != want {
				t.Errorf("%+v", es[i])
			}
		}
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
	quiet(t, p.socket)
	p.later(31 * time.Minute)
	p.browser().want(410, "POST", link[1], url.Values{}) // its time is over
	if n := len(p.dest.Messages()); n != 3 {
		t.Errorf("%d links were mailed", n)
	}
}
