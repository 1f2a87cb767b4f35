package smtptest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"
)

// CA is an authority made for one test.
type CA struct {
	Cert *x509.Certificate
	key  *ecdsa.PrivateKey
	up   []*CA // those above it, nearest first; empty for a root
}

// Leaf says what a certificate is like. The zero value but for Names is good.
type Leaf struct {
	Names      []string      // DNS names or IP addresses
	Expired    bool          // its time ended an hour ago
	Future     bool          // its time begins in an hour
	SelfSigned bool          // nobody else vouches for it
	Bare       bool          // the server sends no certificates but its own
	Root       bool          // the server sends the root's too, as DANE-TA wants it
	For        time.Duration // how long it is good from now; 0 an hour
}

// NewCA makes a root.
func NewCA(t testing.TB, name string) *CA {
	t.Helper()
	ca := &CA{key: newKey(t)}
	ca.Cert = sign(t, caTemplate(name), nil, ca.key, ca.key)
	return ca
}

// Below makes an authority that ca vouches for.
func (ca *CA) Below(t testing.TB, name string) *CA {
	t.Helper()
	b := &CA{key: newKey(t), up: append([]*CA{ca}, ca.up...)}
	b.Cert = sign(t, caTemplate(name), ca.Cert, b.key, ca.key)
	return b
}

// Pool trusts the authority.
func (ca *CA) Pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.Cert)
	return p
}

// Issue makes a server's certificate with its key, and tells what it is.
func (ca *CA) Issue(t testing.TB, l Leaf) (*tls.Config, *x509.Certificate) {
	t.Helper()
	key := newKey(t)
	life := l.For
	if life == 0 {
		life = time.Hour
	}
	tmpl := &x509.Certificate{
		SerialNumber: serial(t), Subject: pkix.Name{CommonName: "server"},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(life),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	if l.Expired {
		tmpl.NotAfter = time.Now().Add(-time.Hour)
	}
	if l.Future {
		tmpl.NotBefore = time.Now().Add(life / 2)
	}
	for _, n := range l.Names {
		if ip := net.ParseIP(n); ip != nil {
			tmpl.IPAddresses = append(tmpl.IPAddresses, ip)
		} else {
			tmpl.DNSNames = append(tmpl.DNSNames, n)
		}
	}
	var cert *x509.Certificate
	if l.SelfSigned {
		cert = sign(t, tmpl, nil, key, key)
	} else {
		cert = sign(t, tmpl, ca.Cert, key, ca.key)
	}
	chain := [][]byte{cert.Raw}
	if !l.SelfSigned && !l.Bare {
		for i, up := range append([]*CA{ca}, ca.up...) {
			if i < len(ca.up) || l.Root { // the last one is the root
				chain = append(chain, up.Cert.Raw)
			}
		}
	}
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: chain, PrivateKey: key}}}, cert
}

func caTemplate(name string) *x509.Certificate {
	return &x509.Certificate{
		Subject:   pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func serial(t testing.TB) *big.Int {
	t.Helper()
	n, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// sign makes a certificate for subject's key; parent nil is self-signed.
func sign(t testing.TB, tmpl, parent *x509.Certificate, subject, signer *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	if tmpl.SerialNumber == nil {
		tmpl.SerialNumber = serial(t)
	}
	if parent == nil {
		parent = tmpl
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, parent, &subject.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}
