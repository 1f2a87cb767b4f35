package daemon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"time"

	"github.com/mailweir/weir/gateway/internal/atomicfile"
	"github.com/mailweir/weir/policy"
)

// selfSignedFor is how long a self-signed certificate is made for; it is made
// anew when less than a month is left.
const (
	selfSignedFor = 2 * 365 * 24 * time.Hour
	renewBefore   = 30 * 24 * time.Hour
)

// serverTLS is the TLS configuration of a listener, nil where it has none.
func serverTLS(l policy.Listener, dataDir, hostname string, now time.Time) (*tls.Config, error) {
	if l.TLS == nil {
		return nil, nil
	}
	var cert tls.Certificate
	var err error
	if l.TLS.Auto == "self-signed" {
		cert, err = selfSigned(filepath.Join(dataDir, "tls"), hostname, now)
	} else {
		cert, err = tls.LoadX509KeyPair(l.TLS.Cert, l.TLS.Key)
	}
	if err != nil {
		return nil, fmt.Errorf("listener %q: its TLS certificate: %w", l.Name, err)
	}
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: tls.VersionTLS12}, nil
}

// selfSigned loads, or makes and keeps, a certificate for hostname.
func selfSigned(dir, hostname string, now time.Time) (tls.Certificate, error) {
	certFile, keyFile := filepath.Join(dir, hostname+".crt"), filepath.Join(dir, hostname+".key")
	if c, err := tls.LoadX509KeyPair(certFile, keyFile); err == nil && c.Leaf != nil && now.Before(c.Leaf.NotAfter.Add(-renewBefore)) {
		return c, nil
	} else if err != nil && !errors.Is(err, os.ErrNotExist) {
		return tls.Certificate{}, err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return tls.Certificate{}, err
	}
	t := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: hostname}, DNSNames: []string{hostname},
		NotBefore: now.Add(-time.Hour), NotAfter: now.Add(selfSignedFor),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, err
	}
	pk, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return tls.Certificate{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return tls.Certificate{}, err
	}
	if err := atomicfile.Write(keyFile, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pk}), atomicfile.Options{}); err != nil {
		return tls.Certificate{}, err
	}
	if err := atomicfile.Write(certFile, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), atomicfile.Options{Mode: 0o644}); err != nil {
		return tls.Certificate{}, err
	}
	return tls.LoadX509KeyPair(certFile, keyFile)
}
