package daemon_test

import (
	"encoding/base64"
	"encoding/json"
	"testing"

	"github.com/descope/virtualwebauthn"

	"github.com/mailweir/weir/gateway/internal/api"
)

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
