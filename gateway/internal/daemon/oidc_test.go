package daemon_test

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/api/client"
)

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
	p.mail("ann@acme.test")
	held, err := p.socket.Search(t.Context(), client.Search{Q: "status:quarantined"})
	if err != nil || len(held.Items) != 1 {
		t.Fatalf("%+v %v", held, err)
	}
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
		if c.name == "by group" { // who reads a message by the name they chose, and by the subject that means them
			b.want(200, "GET", "/v1/messages/"+held.Items[0].ID+"/explain", nil)
		}
	}
	for _, actor := range []string{"1 (corp)", "a@corp.test (corp)", "a@corp.test"} {
		es, _, err := p.socket.Audit(t.Context(), client.AuditQuery{Actor: actor}, "", 100)
		if err != nil || len(es) != 2 {
			t.Fatalf("%s: %+v %v", actor, es, err)
		}
		for _, e := range es {
			if e.Actor != "1 (corp)" || e.Details["actor_name"] != "a@corp.test (corp)" && e.Target != "a@corp.test (corp)" {
				t.Errorf("%+v", e)
			}
		}
		if es[0].Action != "delivery-log" || es[1].Action != "sign-in" {
			t.Errorf("%+v", es)
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
