package policy

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"strings"
	"testing"
	"time"
)

// TestFactTypes keeps the types that load checks with and the values that
// messages have in step.
func TestFactTypes(t *testing.T) {
	fx := &Facts{Recipients: []string{"a@b.test"}}
	for root, ty := range factTypes {
		if got := newFactSet(nil, fx).value(root).Type(); !got.Equals(ty) {
			t.Errorf("%s is %s, checked as %s", root, got.FriendlyName(), ty.FriendlyName())
		}
		if got := newFactSet(nil, &Facts{}).value(root); got.IsNull() || !got.IsKnown() || !got.Type().Equals(ty) {
			t.Errorf("%s of an empty message: %#v", root, got)
		}
	}
	documented := ""
	for _, d := range factDocs {
		documented += " " + d.name
	}
	for root := range factTypes {
		if !strings.Contains(documented, root) {
			t.Errorf("%s is not documented", root)
		}
	}
}

// TestConditions evaluates conditions on one message.
func TestConditions(t *testing.T) {
	fx := &Facts{
		Tenant: "acme", Direction: Inbound, ClientIP: "192.0.2.7", ClientName: "host.x.test", Helo: "Host.X.test", TLS: "TLS1.3", User: "bob",
		Sender: `"odd@one"@X.Test`, Recipient: "Sales@acme.test", Recipients: []string{"sales@acme.test", "b@acme.test"}, Size: 1234,
		Subject: "Grüße \xff", Header: func(n string) []string { return map[string][]string{"Subject": {"first", "second"}}[n] },
		Malformed: true, DKIM: "pass", Score: 2.5,
	}
	for when, want := range map[string]bool{
		`stage == "message"`:                     true,
		`tenant == "acme"`:                       true,
		`direction == "inbound"`:                 true,
		`client.ip == "192.0.2.7"`:               true,
		`client.name == "host.x.test"`:           true,
		`lower(helo) == client.name`:             true,
		`tls == "TLS1.3"`:                        true,
		`auth.user == "bob"`:                     true,
		`sender.local == "\"odd@one\""`:          true,
		`sender.domain == "x.test"`:              true,
		`sender.address == "\"odd@one\"@x.test"`: true,
		`recipient.local == "Sales"`:             true,
		`contains(recipients, "b@acme.test")`:    true,
		`length(recipients) == 2`:                true,
		`message.size > 1000`:                    true,
		`message.subject == "Grüße \uFFFD"`:      true,
		`message.has_attachments`:                true, // uncertain structure counts
		`message.malformed && dkim == "pass"`:    true,
		`spf == "none"`:                          true,
		`dmarc == "none" && score < 3`:           true,
		`header("Subject") == "first"`:           true,
		`header("Missing") == ""`:                true,
		`matches("^fir", header("Subject"))`:     true,
		`matches("^x", header("Subject"))`:       false,
		`cidrmatch(client.ip, "192.0.2.0/24")`:   true,
		`!cidrmatch(helo, "0.0.0.0/0")`:          true,
		`listed(list.vip, client.ip)`:            true,
		`listed(list.vip, "nobody.test")`:        false,
		`finding.main == "spam" && finding.part == "2" && finding.filter == "a.b" && finding.plugin == "p"`: true,
		`finding.sub == "" && finding.extra == "e" && finding.score == 1 && finding.explanation == "why"`:   true,
		`true`:         true,
		`(true)`:       true,
		`var.on`:       false,
		`local.always`: true,
	} {
		dir := t.TempDir()
		write(t, dir, "a.hcl", base+"variable \"on\" {\n  type = bool\n  default = false\n}\nlocals { always = true }\nlist \"vip\" { entries = [\"192.0.2.0/28\", \"bücher.example\"] }\n"+
			"ruleset \"r\" {\n  action \"a\" {\n    when = "+when+"\n    do = discard(\"x\")\n  }\n}\ntenant \"acme\" {\n  domains = [\"acme.test\"]\n  rulesets = [ruleset.r]\n}\n")
		p := mustLoad(t, dir, Options{})
		tenant, _ := p.Tenant("acme")
		f := Finding{Filter: "a.b", Plugin: "p", Main: "spam", Extra: "e", Score: 2.5, Part: "2", Explanation: "why"}
		if strings.Contains(when, "finding.score") {
			f.Score = 1
		}
		d, err := tenant.Decide(Inbound, fx, []Finding{f}, nil)
		if err != nil || (d.Action == "discard") != want {
			t.Errorf("%s: %s, %v", when, d.Action, err)
		}
		if !p.Listed("", "vip", "a@xn--bcher-kva.example") {
			t.Error("an internationalised entry is not found")
		}
	}
}

func TestCertificate(t *testing.T) {
	dir := t.TempDir()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "mx"}, NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	pk, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "mx.pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
	write(t, dir, "mx.key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk})))
	config := base + "listener \"mx\" {\n  address = \":0\"\n  direction = \"inbound\"\n  tls {\n    cert = \"%s\"\n    key = \"%s\"\n  }\n}\n"
	write(t, dir, "a.hcl", fmt.Sprintf(config, "mx.pem", "mx.key"))
	p := mustLoad(t, dir, Options{})
	if got := p.Listeners()[0].TLS; !strings.HasSuffix(got.Cert, "mx.pem") || !strings.HasSuffix(got.Key, "mx.key") {
		t.Errorf("%+v", got)
	}
	write(t, dir, "a.hcl", fmt.Sprintf(config, "mx.key", "mx.pem"))
	if p, diags := Load(dir, Options{}); p != nil || !strings.Contains(diags.Error(), "Certificate is not usable") {
		t.Errorf("certificate and key exchanged: %v", diags)
	}
}
