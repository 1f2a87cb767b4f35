package nettools

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/mailweir/weir/gateway/internal/dane"
	"github.com/mailweir/weir/gateway/internal/deliver"
	"github.com/mailweir/weir/gateway/internal/lifecycle"
	"github.com/mailweir/weir/gateway/internal/mail"
	"github.com/mailweir/weir/gateway/internal/scope"
	"github.com/mailweir/weir/gateway/internal/smtpc"
)

// TLSOrder asks what the certificates of hosts are worth.
type TLSOrder struct {
	Domain string `json:"domain,omitempty" doc:"The hosts that mail for this domain goes to"`
	Host   string `json:"host,omitempty" doc:"This host: name, address or host:port. For administrators"`
	Port   int    `json:"port,omitempty" minimum:"0" maximum:"65535" doc:"Of host; 0 is 25"`
}

// TLSReport is what one address of a host offers.
type TLSReport struct {
	Host         string        `json:"host"`
	Addr         string        `json:"addr,omitempty"`
	Offered      bool          `json:"offered" doc:"The host offers STARTTLS, and a session came about"`
	Version      string        `json:"version,omitempty"`
	Cipher       string        `json:"cipher,omitempty"`
	Verified     bool          `json:"verified" doc:"The certificate is good for the host's name, by the authorities that are trusted"`
	Wrong        []string      `json:"wrong,omitempty" doc:"What is wrong, the worst first"`
	Certificates []Certificate `json:"certificates,omitempty" doc:"As the host sends them, its own first"`
	Channel      *Channel      `json:"channel" doc:"What mail to the host demands"`
	Usable       bool          `json:"usable" doc:"Mail would go there: what is demanded is had"`
	DANEMatch    bool          `json:"dane_match,omitempty" doc:"A TLSA record matches the certificate"`
	Dialogue     string        `json:"dialogue"`

	reached bool // EHLO was answered
}

// Certificate is one certificate of a chain.
type Certificate struct {
	Subject   string    `json:"subject"`
	Issuer    string    `json:"issuer"`
	Names     []string  `json:"names,omitempty" doc:"DNS names and IP addresses that it is for"`
	NotBefore time.Time `json:"not_before"`
	NotAfter  time.Time `json:"not_after"`
	Days      int       `json:"days" doc:"Until it expires; negative: since"`
	Key       string    `json:"key" doc:"Kind and size"`
	SHA256    string    `json:"sha256" doc:"Of the certificate, hexadecimal: TLSA x 0 1"`
	SPKI      string    `json:"spki" doc:"SHA-256 of its public key, hexadecimal: TLSA x 1 1"`
}

// soon is how long before its end a certificate is remarked on.
const soon = 14 * 24 * time.Hour

// TLS looks at the certificates of the hosts that mail for a domain goes to, or
// of one host. Every address is called, EHLO and STARTTLS said, and no mail.
func (t *Tools) TLS(ctx context.Context, sc scope.Scope, o TLSOrder) ([]TLSReport, error) {
	const verb = lifecycle.SMTPTest
	if err := may(sc, verb); err != nil {
		return nil, err
	}
	var x trip
	switch {
	case o.Host != "" && o.Domain == "":
		if !sc.Everything() {
			return nil, &lifecycle.Refusal{Verb: verb, Reason: "hosts are chosen by administrators; name one of your domains"}
		}
		x.route = hostRoute(deliver.Route{}, o.Host, o.Port)
	case o.Domain != "" && o.Host == "":
		a, err := address("postmaster@" + o.Domain)
		if err != nil {
			return nil, wrong("write it as example.com", "%.100q is no domain", o.Domain)
		}
		if !t.owns(sc, a.Domain()) {
			return nil, elsewhere(verb, a.Domain())
		}
		x = t.trip(mail.Address{}, a)
	default:
		return nil, wrong("", "name a domain or a host")
	}
	if x.refused != nil {
		return nil, wrong("", "%s", x.refused.Text)
	}
	if err := t.rations.call.take(sc.Actor, 1); err != nil {
		return nil, err
	}
	done, err := t.turn(ctx, sc)
	if err != nil {
		return nil, err
	}
	defer done()
	hosts, reply := t.hosts(ctx, x.route, o.Host != "")
	if reply != nil {
		return nil, wrong("", "%s", reply.Text)
	}
	out := []TLSReport{}
	for _, h := range hosts {
		c := t.channel(ctx, x.route, h)
		if o.Host != "" && h.Network != "unix" && h.Reply == nil { // nobody demands it here, but it is of interest
			t.lookDANE(ctx, h, &c)
		}
		if h.Reply != nil {
			out = append(out, TLSReport{Host: h.Host, Channel: &c, Wrong: []string{h.Reply.Text}})
			continue
		}
		if err := t.rations.host.take(h.Host, 1); err != nil {
			return nil, err
		}
		for _, addr := range h.Addrs {
			out = append(out, t.tlsOf(ctx, x.route, h, addr, &c))
			t.said("TLS check", sc, "host", h.Host, "addr", addr, "wrong", fmt.Sprint(out[len(out)-1].Wrong))
		}
	}
	return out, nil
}

func (t *Tools) tlsOf(ctx context.Context, r deliver.Route, h deliver.HostView, addr string, c *Channel) TLSReport {
	rep := TLSReport{Host: h.Host, Addr: addr, Channel: c}
	o := t.dial(r, h, addr)
	o.TLS, o.Auth = smtpc.TLSRequired, nil
	if n := names(c); len(n) > 0 { // the first goes into SNI
		o.Verify = &smtpc.Verify{Names: n}
	}
	conn, err := smtpc.Dial(ctx, o)
	if err != nil {
		stage, s := stageOf(err)
		rep.reached = stage == string(smtpc.StageStartTLS) || stage == string(smtpc.StageAuth)
		if smtpc.TLSResult(err) == smtpc.ResultNotOffered {
			rep.Wrong = append(rep.Wrong, "the host does not offer STARTTLS")
		} else {
			rep.Wrong = append(rep.Wrong, s.String())
		}
	} else {
		rep.Offered = true
		t.certificates(conn, c, &rep)
		conn.Quit()
	}
	if c.Wrong != "" {
		rep.Wrong = append(rep.Wrong, c.Wrong)
	}
	rep.Usable = rep.usable()
	rep.Dialogue = o.Transcript.String()
	return rep
}

func (t *Tools) certificates(conn *smtpc.Conn, c *Channel, rep *TLSReport) {
	st := conn.TLSState()
	rep.Version, rep.Cipher = conn.TLSVersion(), tls.CipherSuiteName(st.CipherSuite)
	rep.Verified = conn.Verified()
	if err := conn.Unverified(); err != nil {
		rep.Wrong = append(rep.Wrong, err.Error())
	}
	now := t.Now()
	for i, cert := range st.PeerCertificates {
		rep.Certificates = append(rep.Certificates, certificate(cert, now))
		if left := cert.NotAfter.Sub(now); left > 0 && left < soon {
			which := "the host's certificate"
			if i > 0 {
				which = "the intermediate certificate of " + cert.Subject.CommonName
			}
			rep.Wrong = append(rep.Wrong, fmt.Sprintf("%s expires in %d days", which, int(left/(24*time.Hour))))
		}
	}
	if len(c.found.TLSA) == 0 {
		return
	}
	if err := dane.Verify(c.found.TLSA, st.PeerCertificates, names(c), now); err != nil {
		rep.Wrong = append(rep.Wrong, "DANE: "+err.Error())
	} else {
		rep.DANEMatch = true
	}
}

// names are what a host's certificate may be for: those that are demanded, else
// where its TLSA records were found; none: the host's own.
func names(c *Channel) []string {
	if c.verify != nil && len(c.verify.Names) > 0 {
		return c.verify.Names
	}
	return c.found.Names
}

// usable reports whether mail would go there.
func (rep *TLSReport) usable() bool {
	c := rep.Channel
	switch {
	case c.Wrong != "":
		return false
	case c.Demand == smtpc.TLSDANE:
		also := c.verify == nil || len(c.verify.Also) == 0 || rep.Verified // an MTA-STS policy holds too
		return also && (rep.DANEMatch || rep.Offered && c.DANE == dane.Unusable.String())
	case c.Demand == smtpc.TLSVerified:
		return rep.Offered && rep.Verified
	case c.Demand == smtpc.TLSRequired:
		return rep.Offered
	}
	return rep.Offered || rep.reached
}

func certificate(c *x509.Certificate, now time.Time) Certificate {
	whole, key := sha256.Sum256(c.Raw), sha256.Sum256(c.RawSubjectPublicKeyInfo)
	out := Certificate{
		Subject: c.Subject.String(), Issuer: c.Issuer.String(), Names: c.DNSNames, NotBefore: c.NotBefore, NotAfter: c.NotAfter,
		Days: int(c.NotAfter.Sub(now).Hours() / 24), Key: keyOf(c), SHA256: hex.EncodeToString(whole[:]), SPKI: hex.EncodeToString(key[:]),
	}
	for _, ip := range c.IPAddresses {
		out.Names = append(out.Names, ip.String())
	}
	return out
}

func keyOf(c *x509.Certificate) string {
	switch k := c.PublicKey.(type) {
	case *rsa.PublicKey:
		return fmt.Sprintf("RSA %d", k.N.BitLen())
	case *ecdsa.PublicKey:
		return "ECDSA " + k.Curve.Params().Name
	case ed25519.PublicKey:
		return "Ed25519"
	}
	return c.PublicKeyAlgorithm.String()
}
