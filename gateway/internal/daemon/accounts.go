package daemon

import (
	"crypto/tls"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/signed"
	"github.com/mailweir/weir/policy"
)

// The keys of accounts and of the audit log's head, in data_dir.
const (
	accountsKey = "accounts.key"
	auditKey    = "audit.key"
	auditDir    = "audit"
)

// people is who may use the gateway, and the record of what they did.
type people struct {
	accounts *accounts.Service
	audit    *audit.Log

	adminTLSConf *tls.Config // of the admin listener; nil: it has none
}

// openPeople opens the audit log and the accounts. It wants the store.
func (d *Daemon) openPeople(dir string) (err error) {
	if d.audit, err = d.openAudit(dir); err != nil {
		return err
	}
	key, err := signed.LoadOrCreateKey(dir, accountsKey)
	if err != nil {
		return err
	}
	d.accounts, err = accounts.New(accounts.Options{
		Docs: d.store, Tenants: tenants{d}, Key: key, Clock: d.o.Now, Logger: d.log,
		Bootstrap: func() string { return d.token },
		URL:       func() string { return d.adminBlock().URL },
		Providers: func() []accounts.Provider { return providersOf(d.adminBlock()) },
		Post:      post{d},
		Links:     func() bool { return d.adminBlock().Links },
		Proxies:   func() []netip.Prefix { return d.adminBlock().Proxies },
		Limits: func() (idle, longest time.Duration) {
			a := d.adminBlock()
			return a.SessionIdle, a.SessionLongest
		},
	})
	return err
}

func (d *Daemon) openAudit(dir string) (*audit.Log, error) {
	key, err := signed.LoadOrCreateKey(dir, auditKey)
	if err != nil {
		return nil, err
	}
	return audit.Open(audit.Options{
		Dir: filepath.Join(dir, auditDir), Key: key, Clock: d.o.Now, Logger: d.log, NoSync: d.o.NoSync,
		Keep: func() time.Duration { return d.adminBlock().KeepAudit },
	})
}

// adminBlock is the admin block of the policy of now; before there is one, an
// empty one.
func (d *Daemon) adminBlock() policy.Admin {
	if p := d.snaps.policy(); p != nil {
		return p.Admin()
	}
	return policy.Admin{}
}

// adminTLS is the TLS configuration of the admin listener, nil where it has none.
func (d *Daemon) adminTLS() (*tls.Config, error) {
	conf := func() (*tls.Config, error) {
		p := d.snaps.policy()
		return d.tls.get(policy.Listener{Name: "of the admin block", TLS: p.Admin().TLS}, p.Gateway().DataDir, p.Gateway().Hostname, d.o.Now())
	}
	first, err := conf()
	if first == nil {
		return nil, err
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		c, err := conf()
		if c == nil {
			return nil, err
		}
		if err != nil {
			d.log.Error("the admin listener's certificate cannot be read anew; the last one is used", "err", err)
		}
		c = c.Clone()
		c.NextProtos = []string{"h2", "http/1.1"}
		return c, nil
	}}, nil
}

// listenerAuth is who may use the admin listener.
func (d *Daemon) listenerAuth() api.Authenticator { return d.accounts }

// tenants are those of the policy of now, for accounts.
type tenants struct{ d *Daemon }

// Domains implements accounts.Tenants.
func (t tenants) Domains(tenant string) ([]string, bool) {
	p, ok := t.d.snaps.policy().Tenant(tenant)
	if !ok {
		return nil, false
	}
	return p.Domains, true
}

// TenantOf implements accounts.Tenants.
func (t tenants) TenantOf(domain string) (string, bool) {
	p, ok := t.d.snaps.policy().TenantOf(domain)
	if !ok {
		return "", false
	}
	return p.Name, true
}
