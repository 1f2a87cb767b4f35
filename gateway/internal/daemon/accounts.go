package daemon

import (
	"path/filepath"

	"github.com/mailweir/weir/gateway/internal/accounts"
	"github.com/mailweir/weir/gateway/internal/api"
	"github.com/mailweir/weir/gateway/internal/audit"
	"github.com/mailweir/weir/gateway/internal/signed"
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
		URL:       func() string { return d.snaps.policy().Admin().URL },
	})
	return err
}

func (d *Daemon) openAudit(dir string) (*audit.Log, error) {
	key, err := signed.LoadOrCreateKey(dir, auditKey)
	if err != nil {
		return nil, err
	}
	return audit.Open(audit.Options{Dir: filepath.Join(dir, auditDir), Key: key, Clock: d.o.Now, Logger: d.log, NoSync: d.o.NoSync})
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
